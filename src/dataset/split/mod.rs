//! Which tiles train, which validate and which test.
//!
//! Invariant: no patient (slide, site: see [`Grouping`]), no pixel of a slide and no copy of an image file is on two sides,
//! unless a finer division was asked for by name; each class has tiles that train and tiles that validate.

mod deal;
mod groups;
mod leak;
#[cfg(test)]
mod tests;
mod words;

pub use groups::Grouping;
pub use leak::check_leak;

use crate::dataset::config::{Duplicates, SplitConfig};
use crate::dataset::tiles::{Side, TileSet};
use crate::error::{Error, ErrorKind, Result};
use deal::Strata;
use leak::Places;
use std::collections::{BTreeSet, HashMap};

/// Indices of a set's tiles on each side, ascending, and how they came there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Tiles that change the weights.
    pub train: Vec<usize>,
    /// Tiles that decide which epoch is best.
    pub validation: Vec<usize>,
    /// Tiles that are looked at once, in the end.
    pub test: Vec<usize>,
    /// Tiles on no side: they would train or validate, but share pixels with a tile that is held out from it.
    pub dropped: usize,
    /// Tiles on no side: they would train or validate, but are copies of one that is held out from it.
    pub copies_dropped: usize,
    /// What was kept on one side.
    pub by: Grouping,
    /// Whether the data said which tile is for what.
    pub given: bool,
    /// Which fold tests, from 1, and how many there are.
    pub fold: Option<(usize, usize)>,
    /// Groups that train, validate and test.
    pub groups: [usize; 3],
    /// What a reader of the results must know of the division.
    pub notes: Vec<String>,
}

impl Split {
    /// The tiles of each side.
    pub fn sides(&self) -> [(Side, &[usize]); 3] {
        [(Side::Train, &self.train), (Side::Validation, &self.validation), (Side::Test, &self.test)]
    }
}

/// Divides tiles as the data say, else whole groups at random, classes in equal shares.
///
/// # Errors
/// [`ErrorKind::Usage`]: those of [`SplitConfig::check`]; `TRN-0303` when a class would not train or not validate; `TRN-0305` for copies in two groups;
/// `TRN-0306` for too few groups; `TRN-0307` for folds of data that are divided already; `TRN-0308` when what is to be
/// kept whole is not known; those of [`check_leak`].
pub fn split(set: &TileSet, config: &SplitConfig, seed: u64) -> Result<Split> {
    config.check()?;
    if config.folds.is_some() && config.fold.is_none() {
        let message = "split.fold: expected which of the folds tests, found none";
        return Err(Error::new(ErrorKind::Usage, "TRN-0102", message));
    }
    let by = Grouping::of(set, config)?;
    let groups = by.groups(set, config.block_tiles);
    let given: Option<Vec<Side>> = set.tiles.iter().map(|tile| tile.side).collect();
    if given.is_some() && config.folds.is_some() {
        let message = "expected tiles that are not divided yet for `folds`, found sides in the data";
        return Err(Error::new(ErrorKind::Usage, "TRN-0307", message)
            .with_advice("do not use the column (`split_column = \"\"`), or do not ask for folds"));
    }
    if given.is_none() && config.duplicates == Duplicates::Refuse {
        check_copies(set, by, &groups)?;
    }
    let named = given.is_some();
    let sides = given.map_or_else(|| deal(set, &groups, config, by, seed), Ok)?;
    let mut sides: Vec<Option<Side>> = sides.into_iter().map(Some).collect();
    let copies_dropped = if config.duplicates == Duplicates::Drop { drop_copies(set, &mut sides) } else { 0 };
    let dropped = if named { 0 } else { drop_overlaps(set, &mut sides) };
    let of = |side: Side| (0..sides.len()).filter(|&tile| sides[tile] == Some(side)).collect::<Vec<usize>>();
    let [train, validation, test] = Side::ALL.map(of);
    let distinct = |tiles: &[usize]| tiles.iter().map(|&tile| groups[tile]).collect::<BTreeSet<_>>().len();
    let mut split = Split {
        groups: [distinct(&train), distinct(&validation), distinct(&test)],
        train,
        validation,
        test,
        dropped,
        copies_dropped,
        by,
        given: named,
        fold: config.fold.zip(config.folds),
        notes: Vec::new(),
    };
    check_classes(set, &split)?;
    split.notes = words::notes(set, &split);
    check_leak(set, &split)?;
    Ok(split)
}

/// The side of each tile, groups whole.
fn deal(set: &TileSet, groups: &[usize], config: &SplitConfig, by: Grouping, seed: u64) -> Result<Vec<Side>> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.iter().max().map_or(0, |last| last + 1)];
    groups.iter().enumerate().for_each(|(tile, &group)| members[group].push(tile));
    let members: Vec<&[usize]> = members.iter().map(Vec::as_slice).collect();
    // Of the folds that do not test, one group has to train and one to validate.
    let needed = config.folds.map_or(if config.test > 0.0 { 3 } else { 2 }, |folds| folds.max(3));
    if members.len() < needed {
        let message = format!("expected at least {needed} {} to divide, found {}", by.plural(), members.len());
        return Err(Error::new(ErrorKind::Usage, "TRN-0306", message)
            .with_advice("add data, ask for fewer parts, or divide by something finer (`by = \"tile\"` in [split])"));
    }
    let strata = Strata::new(set);
    let side_of_group: Vec<Side> = match config.fold.zip(config.folds) {
        None => {
            let shares = [config.validation, config.test];
            let shares = if config.test > 0.0 { &shares[..] } else { &shares[..1] };
            strata.deal(&members, shares, 1.0, seed).into_iter().map(|part| Side::ALL[part]).collect()
        }
        Some((fold, folds)) => {
            // Which fold tests must not change the folds.
            let parts = strata.deal(&members, &vec![1.0 / folds as f64; folds - 1], 0.0, seed);
            let rest: Vec<usize> = (0..members.len()).filter(|&group| parts[group] != fold - 1).collect();
            let tiles: Vec<&[usize]> = rest.iter().map(|&group| members[group]).collect();
            let share = config.validation * folds as f64 / (folds as f64 - 1.0);
            let mut sides = vec![Side::Test; members.len()];
            for (&group, part) in rest.iter().zip(strata.deal(&tiles, &[share], 1.0, seed)) {
                sides[group] = Side::ALL[part];
            }
            sides
        }
    };
    Ok(groups.iter().map(|&group| side_of_group[group]).collect())
}

/// Refuses copies of an image file in two groups: which of them it belongs to nobody knows.
fn check_copies(set: &TileSet, by: Grouping, groups: &[usize]) -> Result<()> {
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    for (index, tile) in set.tiles.iter().enumerate().filter(|(_, tile)| tile.rect_l0.is_none()) {
        let other = *first.entry(tile.digest).or_insert(index);
        if groups[other] != groups[index] {
            let name = by.singular();
            let message = format!(
                "expected copies of an image to be of one {name}, found {} and {} of different ones",
                set.tiles[other].name, tile.name
            );
            return Err(Error::new(ErrorKind::Usage, "TRN-0305", message).with_advice(
                "look whether the table is right; `duplicates = \"drop\"` in [split] leaves copies on another side out",
            ));
        }
    }
    Ok(())
}

/// Takes copies of held-out image files from the sides that they are held out from.
fn drop_copies(set: &TileSet, sides: &mut [Option<Side>]) -> usize {
    let mut last: HashMap<[u8; 32], Side> = HashMap::new();
    let files = || set.tiles.iter().enumerate().filter(|(_, tile)| tile.rect_l0.is_none());
    for (index, tile) in files() {
        if let Some(side) = sides[index] {
            let held = last.entry(tile.digest).or_insert(side);
            *held = side.max(*held);
        }
    }
    let mut dropped = 0;
    for (index, tile) in files() {
        if sides[index] < last.get(&tile.digest).copied() && sides[index].take().is_some() {
            dropped += 1;
        }
    }
    dropped
}

/// Takes tiles that overlap held-out ones from the sides that these are held out from.
fn drop_overlaps(set: &TileSet, sides: &mut [Option<Side>]) -> usize {
    let mut dropped = 0;
    for held in [Side::Test, Side::Validation] {
        let tiles: Vec<usize> = (0..sides.len()).filter(|&tile| sides[tile] == Some(held)).collect();
        let places = Places::of(set, &tiles);
        for (tile, side) in set.tiles.iter().zip(&mut *sides) {
            if side.is_some_and(|side| side < held) && places.touched(tile).is_some() {
                *side = None;
                dropped += 1;
            }
        }
    }
    dropped
}

/// Refuses sides without tiles, and a class that does not train or does not validate.
fn check_classes(set: &TileSet, split: &Split) -> Result<()> {
    for (side, tiles) in &split.sides()[..2] {
        if let Some(class) = set.counts(tiles).iter().position(|&count| count == 0) {
            let name = set.targets.names().get(class).map_or("", String::as_str);
            let message = format!("expected {} tiles of every class, found none of {name}", side.name());
            return Err(Error::new(ErrorKind::Usage, "TRN-0303", message).with_advice(match split.by {
                Grouping::Block => "make `block_tiles` in [split] smaller, or list the class in `exclude`".to_owned(),
                Grouping::Image => "add tiles of it, or list the class in `exclude`".to_owned(),
                by => format!("it is of too few {}: add data, or list the class in `exclude`", by.plural()),
            }));
        }
    }
    Ok(())
}
