//! Which tiles train and which validate.
//!
//! Invariant: no pixel of a slide, and no copy of an image, is on both sides; each class has at least one tile on each.
//! Tiles of a slide are divided in blocks, because neighbours look alike.

use crate::dataset::config::SplitConfig;
use crate::dataset::tiles::{Tile, TileSet};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::random::Random;
use std::collections::{BTreeMap, HashMap};

/// Keeps this file's random numbers apart from those of other uses of the seed.
const STREAM: u64 = 0x5117;

/// Indices of a set's tiles on both sides, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Tiles that change the weights.
    pub train: Vec<usize>,
    /// Tiles that decide which epoch is best.
    pub validation: Vec<usize>,
    /// Tiles that are looked at once, in the end.
    pub test: Vec<usize>,
    /// Tiles on neither side: they would train, but share pixels with a validation tile.
    pub dropped: usize,
}

/// Divides tiles: those of a slide in blocks, image files one by one (copies together).
///
/// # Errors
/// [`ErrorKind::Usage`] (`TRN-0303`) when a class would be missing on one side; those of [`check_leak`].
pub fn split(set: &TileSet, config: &SplitConfig, seed: u64) -> Result<Split> {
    let rects = set.tiles.iter().map(|tile| tile.rect_l0).collect::<Option<Vec<Rect>>>();
    let shuffled = |mut groups: Vec<Vec<usize>>| {
        Random::of(&[STREAM, seed]).shuffle(&mut groups);
        groups
    };
    let mut validation = match rects {
        Some(rects) => choose_blocks(set, &shuffled(blocks(&rects, config.block_tiles)), config.validation),
        None => choose_images(set, &shuffled(copies(&set.tiles)), config.validation),
    };
    validation.sort_unstable();
    let places = Places::of(set, &validation);
    let candidates = (0..set.tiles.len()).filter(|index| validation.binary_search(index).is_err());
    let (mut train, mut dropped) = (Vec::new(), 0);
    for index in candidates {
        if places.touches(&set.tiles[index]) { dropped += 1 } else { train.push(index) }
    }
    for (side, tiles) in [("training", &train), ("validation", &validation)] {
        if let Some(class) = set.counts(tiles).iter().position(|&count| count == 0) {
            let message = format!("expected {side} tiles of every class, found none of {}", set.targets.names()[class]);
            return Err(Error::new(ErrorKind::Usage, "TRN-0303", message)
                .with_advice("make `validation.block_tiles` smaller, or list the class in `exclude`"));
        }
    }
    let split = Split { train, validation, test: Vec::new(), dropped };
    check_leak(set, &split)?;
    Ok(split)
}

/// Checks that nothing is on both sides.
///
/// # Errors
/// [`ErrorKind::Usage`]: `TRN-0301` a tile or a copy of it is on both sides, `TRN-0302` tiles of both sides share pixels.
pub fn check_leak(set: &TileSet, split: &Split) -> Result<()> {
    let digests: HashMap<_, usize> = split.validation.iter().map(|&index| (set.tiles[index].digest, index)).collect();
    let places = Places::of(set, &split.validation);
    for &index in &split.train {
        let tile = &set.tiles[index];
        let twin = match tile.rect_l0 {
            // Different places may look the same: empty glass does.
            Some(_) => split.validation.contains(&index).then_some(index),
            None => digests.get(&tile.digest).copied(),
        };
        if let Some(twin) = twin {
            let message = format!("expected no tile on both sides, found {} and {}", tile.name, set.tiles[twin].name);
            return Err(Error::new(ErrorKind::Usage, "TRN-0301", message));
        }
        if places.touches(tile) {
            let message =
                format!("expected no pixel on both sides, found the tile at {} on a validation tile", tile.name);
            return Err(Error::new(ErrorKind::Usage, "TRN-0302", message));
        }
    }
    Ok(())
}

/// Tiles of a slide by square blocks of `block_tiles` tiles a side; a tile belongs to the block of its corner.
fn blocks(rects: &[Rect], block_tiles: u32) -> Vec<Vec<usize>> {
    let mut blocks: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (index, rect) in rects.iter().enumerate() {
        let side = i64::from(rect.w.max(1)) * i64::from(block_tiles);
        blocks.entry((rect.x.div_euclid(side), rect.y.div_euclid(side))).or_default().push(index);
    }
    blocks.into_values().collect()
}

/// Image files, copies together.
fn copies(tiles: &[Tile]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (index, tile) in tiles.iter().enumerate() {
        groups.entry(tile.digest).or_default().push(index);
    }
    groups.into_values().collect()
}

/// What validation should have of each class, and what it has.
struct Quota {
    totals: Vec<usize>,
    targets: Vec<f64>,
    chosen: Vec<usize>,
}

impl Quota {
    fn new(set: &TileSet, fraction: f64) -> Self {
        let totals = set.counts(&(0..set.tiles.len()).collect::<Vec<_>>());
        let targets = totals.iter().map(|&total| (fraction * total as f64).max(1.0)).collect();
        Self { chosen: vec![0; totals.len()], totals, targets }
    }

    /// Whether a class would still be short with `more` tiles.
    fn short(&self, class: usize, more: usize) -> bool {
        ((self.chosen[class] + more) as f64) < self.targets[class] - 0.5
    }

    /// Whether a group leaves each of its classes a training tile.
    fn leaves_some(&self, group: &[usize]) -> bool {
        group.iter().enumerate().all(|(class, &count)| count == 0 || self.chosen[class] + count < self.totals[class])
    }

    /// How far beyond their shares a group would bring the classes.
    fn overshoot(&self, group: &[usize]) -> f64 {
        let beyond = |(class, &count): (usize, &usize)| {
            let over = (self.chosen[class] + count) as f64 - self.targets[class];
            (over.max(0.0) / self.totals[class] as f64).powi(2)
        };
        group.iter().enumerate().map(beyond).sum()
    }

    fn take(&mut self, group: &[usize]) {
        for (chosen, count) in self.chosen.iter_mut().zip(group) {
            *chosen += count;
        }
    }
}

/// Picks whole blocks until every class has its share, rare classes first; among the blocks that bring the class to its
/// share, the one that overshoots least.
fn choose_blocks(set: &TileSet, blocks: &[Vec<usize>], fraction: f64) -> Vec<usize> {
    let mut quota = Quota::new(set, fraction);
    let mut free: Vec<(Vec<usize>, &Vec<usize>)> = blocks.iter().map(|block| (set.counts(block), block)).collect();
    let mut classes: Vec<usize> = (0..quota.totals.len()).collect();
    classes.sort_by_key(|&class| quota.totals[class]);
    let mut validation = Vec::new();
    for class in classes {
        while quota.short(class, 0) {
            let fits = |(_, (counts, _)): &(usize, &(Vec<usize>, _))| counts[class] > 0 && quota.leaves_some(counts);
            let cost = |(at, (counts, _)): (usize, &(Vec<usize>, _))| {
                (quota.short(class, counts[class]), quota.overshoot(counts), at)
            };
            let costs = free.iter().enumerate().filter(fits).map(cost);
            let best = costs.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let Some((_, _, at)) = best else { break };
            let (counts, block) = free.remove(at);
            quota.take(&counts);
            validation.extend_from_slice(block);
        }
    }
    validation
}

/// Picks images in their order as long as their class is short.
fn choose_images(set: &TileSet, groups: &[Vec<usize>], fraction: f64) -> Vec<usize> {
    let mut quota = Quota::new(set, fraction);
    let mut validation = Vec::new();
    for group in groups {
        let counts = set.counts(group);
        let wanted = (0..counts.len()).any(|class| counts[class] > 0 && quota.short(class, 0));
        if wanted && quota.leaves_some(&counts) {
            quota.take(&counts);
            validation.extend_from_slice(group);
        }
    }
    validation
}

/// Validation tiles by the cell of their corner, so that a neighbour is found without asking all.
struct Places {
    side: i64,
    cells: HashMap<(i64, i64), Vec<Rect>>,
}

impl Places {
    fn of(set: &TileSet, indices: &[usize]) -> Self {
        let rects: Vec<Rect> = indices.iter().filter_map(|&index| set.tiles[index].rect_l0).collect();
        let side = rects.iter().map(|rect| i64::from(rect.w.max(rect.h))).max().unwrap_or(1).max(1);
        let mut cells: HashMap<(i64, i64), Vec<Rect>> = HashMap::new();
        for rect in rects {
            cells.entry((rect.x.div_euclid(side), rect.y.div_euclid(side))).or_default().push(rect);
        }
        Self { side, cells }
    }

    fn touches(&self, tile: &Tile) -> bool {
        let Some(rect) = tile.rect_l0 else { return false };
        let cells = |from: i64, to: i64| from.div_euclid(self.side) - 1..=to.div_euclid(self.side);
        let shares = |cell: (i64, i64)| {
            self.cells.get(&cell).is_some_and(|rects| rects.iter().any(|other| other.intersect(rect).is_some()))
        };
        cells(rect.x, rect.right()).any(|col| cells(rect.y, rect.bottom()).any(|row| shares((col, row))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tiles::tests::set;

    /// 20 x 20 places every `step` pixels; class 1 in one corner, class 2 only at two places.
    fn slide(step: i64) -> TileSet {
        let places = (0..20).flat_map(|x| (0..20).map(move |y| (x, y)));
        let label = |x: i64, y: i64| match (x, y) {
            (0, 19) | (19, 0) => 2,
            _ => usize::from(x + y < 12),
        };
        set(places.map(|(x, y)| (label(x, y), Some(Rect::new(x * step, y * step, 100, 100)))).collect(), 3)
    }

    const CONFIG: SplitConfig = SplitConfig {
        validation: 0.25,
        test: 0.0,
        block_tiles: 4,
        by: None,
        folds: None,
        fold: None,
        duplicates: crate::dataset::Duplicates::Refuse,
    };

    #[test]
    fn blocks_stay_whole_and_every_class_is_on_both_sides() {
        let set = slide(100);
        let divided = split(&set, &CONFIG, 1).unwrap();
        let block = |index: usize| set.tiles[index].rect_l0.map(|rect| (rect.x / 400, rect.y / 400));
        for &index in &divided.train {
            assert!(divided.validation.iter().all(|&other| block(other) != block(index)));
        }
        assert_eq!((divided.train.len() + divided.validation.len(), divided.dropped), (400, 0));
        let counts = set.counts(&divided.validation);
        assert_eq!(counts[2], 1);
        for class in [0, 1] {
            let share = counts[class] as f64 / set.counts(&(0..400).collect::<Vec<_>>())[class] as f64;
            assert!((0.15..0.45).contains(&share), "class {class}: {share}");
        }
        assert_eq!(divided, split(&set, &CONFIG, 1).unwrap());
        assert_ne!(divided, split(&set, &CONFIG, 2).unwrap());
    }

    #[test]
    fn tiles_that_overlap_a_validation_tile_do_not_train() {
        let set = slide(50);
        let divided = split(&set, &CONFIG, 1).unwrap();
        assert!(divided.dropped > 0);
        check_leak(&set, &divided).unwrap();
    }

    #[test]
    fn leaks_are_refused() {
        let set = slide(50);
        let same = Split { train: vec![0, 1], validation: vec![1], dropped: 0, ..Split::default() };
        assert_eq!(check_leak(&set, &same).unwrap_err().code(), "TRN-0302");
        let far = slide(100);
        assert_eq!(check_leak(&far, &same).unwrap_err().code(), "TRN-0301");
        let touching = Split { train: vec![0], validation: vec![1], dropped: 0, ..Split::default() };
        assert_eq!(check_leak(&set, &touching).unwrap_err().code(), "TRN-0302");
        check_leak(&far, &touching).unwrap();
    }

    #[test]
    fn copies_of_an_image_stay_together() {
        let mut files = set((0..40).map(|at| (at % 2, None)).collect(), 2);
        for at in 0..20 {
            files.tiles[at + 20].digest = files.tiles[at].digest;
        }
        let divided = split(&files, &CONFIG, 3).unwrap();
        assert!(divided.train.iter().all(|&at| !divided.validation.contains(&((at + 20) % 40))));
        let leak = Split { train: vec![0], validation: vec![20], dropped: 0, ..Split::default() };
        assert_eq!(check_leak(&files, &leak).unwrap_err().code(), "TRN-0301");
    }
}
