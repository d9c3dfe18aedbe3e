//! What must not be on two sides.

use crate::dataset::split::{Grouping, Split};
use crate::dataset::tiles::{Side, Tile, TileSet};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use std::collections::HashMap;

/// Checks that nothing is on two sides: no tile, no copy of an image file, no pixel of a slide, and none of the patients,
/// slides or sites by which the split was made (of unknown patients the slides, when there are several).
///
/// # Errors
/// [`ErrorKind::Usage`]: `TRN-0301` a tile or a copy of it is on two sides, `TRN-0302` tiles of two sides share pixels,
/// `TRN-0304` a patient, slide or site is on two sides.
pub fn check_leak(set: &TileSet, split: &Split) -> Result<()> {
    owners(set, split)?;
    for (held, tiles) in &split.sides()[1..] {
        let copies: HashMap<_, usize> = tiles.iter().map(|&index| (identity(set, index), index)).collect();
        let places = Places::of(set, tiles);
        let earlier = split.sides().into_iter().filter(|(side, _)| side < held);
        for (side, index) in earlier.flat_map(|(side, tiles)| tiles.iter().map(move |&index| (side, index))) {
            let tile = &set.tiles[index];
            if let Some(&twin) = copies.get(&identity(set, index)) {
                let message = format!(
                    "expected no tile on two sides, found {} for {} and its copy {} for {}",
                    tile.name,
                    side.name(),
                    set.tiles[twin].name,
                    held.name()
                );
                return Err(Error::new(ErrorKind::Usage, "TRN-0301", message).with_advice(
                    "take one out, or leave those that train out with `duplicates = \"drop\"` in [split]",
                ));
            }
            if let Some(other) = places.touched(tile) {
                let message = format!(
                    "expected no pixel on two sides, found the {} tile {} on the {} tile {}",
                    side.name(),
                    tile.name,
                    held.name(),
                    set.tiles[other].name
                );
                return Err(Error::new(ErrorKind::Usage, "TRN-0302", message));
            }
        }
    }
    Ok(())
}

/// What makes a tile the same as another. Different places may look alike: empty glass does.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Place(usize),
    File([u8; 32]),
}

fn identity(set: &TileSet, index: usize) -> Identity {
    let tile = &set.tiles[index];
    if tile.rect_l0.is_some() { Identity::Place(index) } else { Identity::File(tile.digest) }
}

/// Refuses a patient, slide or site on two sides.
fn owners(set: &TileSet, split: &Split) -> Result<()> {
    let kinds: &[Grouping] = match split.by {
        Grouping::Patient if !Grouping::Patient.is_known(set) => match Grouping::usual(set) {
            Grouping::Slide => &[Grouping::Slide],
            _ => &[],
        },
        Grouping::Patient => &[Grouping::Patient],
        Grouping::Slide => &[Grouping::Slide],
        Grouping::Site => &[Grouping::Site],
        Grouping::Block | Grouping::Image => &[],
    };
    for kind in kinds {
        let groups = kind.groups(set, 1);
        let mut first: HashMap<usize, (Side, usize)> = HashMap::new();
        let mut torn: HashMap<usize, (Side, usize)> = HashMap::new();
        for (side, tiles) in split.sides() {
            for &index in tiles {
                let (earlier, _) = *first.entry(groups[index]).or_insert((side, index));
                if earlier != side {
                    torn.entry(groups[index]).or_insert((side, index));
                }
            }
        }
        // The first in the order of the data, so that the message is always the same.
        let Some((group, &(side, index))) = torn.iter().min_by_key(|(_, (_, index))| *index) else { continue };
        let (other_side, other) = first[group];
        let name = kind.singular();
        // Whose they are is not said: ids may be of persons.
        let message = format!(
            "expected each {name} on one side, found {} on two, such as that of {} ({}) and {} ({})",
            torn.len(),
            set.tiles[other].name,
            other_side.name(),
            set.tiles[index].name,
            side.name()
        );
        return Err(Error::new(ErrorKind::Usage, "TRN-0304", message).with_advice(format!(
            "change the column, or let eosin divide the tiles (`split_column = \"\"`); `by = \"tile\"` in [split] takes it as it \
             is, with figures that say nothing about new {}",
            kind.plural()
        )));
    }
    Ok(())
}

/// A slide, and column and row on it.
type Cell<'a> = (Option<&'a str>, i64, i64);

/// Tiles by slide and by the cell of their corner, so that a neighbour is found without asking all.
pub(super) struct Places<'a> {
    side: i64,
    cells: HashMap<Cell<'a>, Vec<(Rect, usize)>>,
}

impl<'a> Places<'a> {
    pub fn of(set: &'a TileSet, indices: &[usize]) -> Self {
        let rects = || indices.iter().filter_map(|&index| set.tiles[index].rect_l0.map(|rect| (rect, index)));
        let side = rects().map(|(rect, _)| i64::from(rect.w.max(rect.h))).max().unwrap_or(1).max(1);
        let mut cells: HashMap<_, Vec<(Rect, usize)>> = HashMap::new();
        for (rect, index) in rects() {
            let slide = set.tiles[index].slide.as_deref();
            cells.entry((slide, rect.x.div_euclid(side), rect.y.div_euclid(side))).or_default().push((rect, index));
        }
        Self { side, cells }
    }

    /// A tile here that has a pixel in common with another.
    pub fn touched(&self, tile: &Tile) -> Option<usize> {
        let rect = tile.rect_l0?;
        let slide = tile.slide.as_deref();
        let cells = |from: i64, to: i64| from.div_euclid(self.side) - 1..=to.div_euclid(self.side);
        let shares = |cell: (i64, i64)| {
            let near = self.cells.get(&(slide, cell.0, cell.1))?;
            near.iter().find(|(other, _)| other.intersect(rect).is_some()).map(|&(_, index)| index)
        };
        let rows = || cells(rect.y, rect.bottom());
        cells(rect.x, rect.right()).find_map(|col| rows().find_map(|row| shares((col, row))))
    }
}
