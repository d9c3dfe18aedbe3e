//! Labelled tiles as values: what is asked of them, what is known of each, and their pixels.
//!
//! Says nothing of where they come from, nor which of them train.

use crate::dataset::store::Store;
use crate::error::Result;
use crate::geometry::Rect;
use std::sync::Arc;

/// What is asked of each tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Which of these classes it is.
    Classes(Vec<String>),
    /// How much of each of these there is.
    Numbers(Vec<String>),
}

impl Targets {
    /// Names of the classes or numbers, in the order of the model's outputs.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Numbers(names) => names,
        }
    }
}

/// What is known of a tile.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// Index of its class.
    Class(usize),
    /// One number per target.
    Numbers(Vec<f32>),
}

impl Truth {
    /// Its class, where there are classes.
    pub fn class(&self) -> Option<usize> {
        if let Self::Class(class) = self { Some(*class) } else { None }
    }

    /// Its numbers, where there are numbers.
    pub fn numbers(&self) -> &[f32] {
        if let Self::Numbers(numbers) = self { numbers } else { &[] }
    }
}

/// What a tile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It changes the weights.
    Train,
    /// It decides which epoch is best.
    Validation,
    /// It is looked at once, in the end.
    Test,
}

impl Side {
    /// All sides, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `training`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// One labelled tile. Patients, slides and sites say what belongs together; they must not go into any output.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    /// What it shows.
    pub truth: Truth,
    /// How much it counts in the loss, beside what is done about rare classes; 1 unless the data say otherwise.
    pub weight: f32,
    /// Its file below the folder, or its place on the slide.
    pub name: String,
    /// Its place in level-0 pixels; `None` for an image file.
    pub rect_l0: Option<Rect>,
    /// Whom it is of, where that is known.
    pub patient: Option<String>,
    /// The slide it is of, where that is known.
    pub slide: Option<String>,
    /// Where it was made, where that is known.
    pub site: Option<String>,
    /// The side that the data say it is on; all tiles of a set have one, or none has.
    pub side: Option<Side>,
    /// Digest of its pixels: equal ones are copies of each other.
    pub digest: [u8; 32],
}

impl Tile {
    /// A tile of which no more is known, and which is not read yet.
    pub(super) fn new(truth: Truth, name: String) -> Self {
        Self {
            truth,
            weight: 1.0,
            name,
            rect_l0: None,
            patient: None,
            slide: None,
            site: None,
            side: None,
            digest: [0; 32],
        }
    }
}

/// All tiles of a training with their pixels.
#[derive(Debug, Clone)]
pub struct TileSet {
    /// What is asked of each tile.
    pub targets: Targets,
    /// Whether classes are grades, in their order; nobody but the user knows.
    pub ordered: bool,
    /// Side of every tile, pixels.
    pub side_px: u32,
    /// The tiles that could be read.
    pub tiles: Vec<Tile>,
    /// What a reader of the results must know of these data.
    pub notes: Vec<String>,
    /// Of each tile `[side_px, side_px, 3]` u8, RGB.
    pub(super) pixels: Arc<Store>,
}

impl TileSet {
    /// The pixels of a tile, `[side_px, side_px, 3]` u8, RGB.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`] (`TRN-0211`) when they are in a file that cannot be read.
    ///
    /// # Panics
    /// When there is no tile `index`.
    pub fn pixels(&self, index: usize) -> Result<Vec<u8>> {
        self.pixels.get(index)
    }

    /// Tiles of each class among some; where there are no classes, of all.
    pub fn counts(&self, indices: &[usize]) -> Vec<usize> {
        let Targets::Classes(classes) = &self.targets else { return vec![indices.len()] };
        let mut counts = vec![0; classes.len()];
        for class in indices.iter().filter_map(|&index| self.tiles[index].truth.class()) {
            counts[class] += 1;
        }
        counts
    }

    /// Digest of all pixels, labels, names and places, in order.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?}\n", self.targets).as_bytes());
        for tile in &self.tiles {
            hasher.update(format!("{tile:?}\n").as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Bytes of a tile.
    pub fn tile_bytes(&self) -> usize {
        self.side_px as usize * self.side_px as usize * 3
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Tiles without pixels to speak of, for what asks only for labels and places.
    pub(crate) fn set(tiles: Vec<(usize, Option<Rect>)>, classes: usize) -> TileSet {
        let pixels = Store::Memory { tile_bytes: 3, pixels: vec![0; tiles.len() * 3] };
        let tile = |(at, (class, rect_l0)): (usize, (usize, Option<Rect>))| Tile {
            rect_l0,
            digest: *blake3::hash(at.to_string().as_bytes()).as_bytes(),
            ..Tile::new(Truth::Class(class), at.to_string())
        };
        TileSet {
            targets: Targets::Classes((0..classes).map(|class| class.to_string()).collect()),
            ordered: false,
            side_px: 1,
            pixels: Arc::new(pixels),
            tiles: tiles.into_iter().enumerate().map(tile).collect(),
            notes: Vec::new(),
        }
    }
}
