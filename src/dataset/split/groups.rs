//! Which tiles belong together.
//!
//! Invariant: every tile is in one group, and groups are numbered by their first tile, so that they depend on the data
//! alone.

use crate::dataset::config::{SplitBy, SplitConfig};
use crate::dataset::tiles::{Tile, TileSet};
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::hash::Hash;

/// What the tiles of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// The patient.
    #[default]
    Patient,
    /// The slide.
    Slide,
    /// The site; patients of several sites join these.
    Site,
    /// A square of a slide.
    Block,
    /// Every pixel: copies of an image.
    Image,
}

impl Grouping {
    /// `patients`, `slides`, `sites`, `blocks` or `images`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Patient => "patients",
            Self::Slide => "slides",
            Self::Site => "sites",
            Self::Block => "blocks",
            Self::Image => "images",
        }
    }

    /// `patient`, `slide`, `site`, `block` or `image`.
    pub fn singular(self) -> &'static str {
        self.plural().trim_end_matches('s')
    }

    /// The coarsest that is known of a set: patients, several slides, blocks of one slide, images.
    pub(super) fn usual(set: &TileSet) -> Self {
        let mut slides = set.tiles.iter().map(|tile| &tile.slide);
        let first = slides.next();
        match () {
            () if Self::Patient.is_known(set) => Self::Patient,
            () if Self::Slide.is_known(set) && slides.any(|slide| Some(slide) != first) => Self::Slide,
            () => Self::finest(set),
        }
    }

    fn finest(set: &TileSet) -> Self {
        if set.tiles.iter().all(|tile| tile.rect_l0.is_some()) { Self::Block } else { Self::Image }
    }

    /// What a configuration asks for.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`TRN-0308`) when the data do not have it.
    pub(super) fn of(set: &TileSet, config: &SplitConfig) -> Result<Self> {
        let found = match config.by {
            None => Self::usual(set),
            Some(SplitBy::Patient) => Self::Patient,
            Some(SplitBy::Slide) => Self::Slide,
            Some(SplitBy::Site) => Self::Site,
            Some(SplitBy::Tile) => Self::finest(set),
        };
        if found.is_known(set) {
            return Ok(found);
        }
        let name = found.singular();
        let message = format!("split.by: expected data that name the {name} of each tile, found none");
        Err(Error::new(ErrorKind::Usage, "TRN-0308", message)
            .with_advice(format!("add a column to the table and name it with `{name}_column`, or divide by another")))
    }

    pub(super) fn is_known(self, set: &TileSet) -> bool {
        let known = |id: fn(&Tile) -> bool| !set.tiles.is_empty() && set.tiles.iter().all(id);
        match self {
            Self::Patient => known(|tile| tile.patient.is_some()),
            Self::Slide => known(|tile| tile.slide.is_some()),
            Self::Site => known(|tile| tile.site.is_some()),
            Self::Block | Self::Image => true,
        }
    }

    /// The group of each tile.
    pub(super) fn groups(self, set: &TileSet, block_tiles: u32) -> Vec<usize> {
        let tiles = &set.tiles;
        match self {
            Self::Patient => numbered(tiles.iter().map(|tile| &tile.patient)),
            Self::Slide => numbered(tiles.iter().map(|tile| &tile.slide)),
            Self::Site if Self::Patient.is_known(set) => {
                let sites = numbered(tiles.iter().map(|tile| &tile.site));
                numbered(joined(&sites, &Self::Patient.groups(set, block_tiles)).into_iter())
            }
            Self::Site => numbered(tiles.iter().map(|tile| &tile.site)),
            Self::Block => numbered(tiles.iter().map(|tile| block(tile, block_tiles))),
            Self::Image => numbered(tiles.iter().map(|tile| tile.digest)),
        }
    }
}

/// The square of its slide in which a tile's corner lies.
fn block(tile: &Tile, block_tiles: u32) -> (Option<&str>, i64, i64) {
    let Some(rect) = tile.rect_l0 else { return (None, 0, 0) };
    let side = i64::from(rect.w.max(1)) * i64::from(block_tiles);
    (tile.slide.as_deref(), rect.x.div_euclid(side), rect.y.div_euclid(side))
}

/// Numbers in the order in which keys first come.
fn numbered<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}

/// Groups of which those that share a member of another grouping are one.
fn joined(groups: &[usize], others: &[usize]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..groups.len()).collect();
    fn root(parent: &mut [usize], mut group: usize) -> usize {
        while parent[group] != group {
            parent[group] = parent[parent[group]];
            group = parent[group];
        }
        group
    }
    let mut first: HashMap<usize, usize> = HashMap::new();
    for (&group, &other) in groups.iter().zip(others) {
        let earlier = *first.entry(other).or_insert(group);
        let (a, b) = (root(&mut parent, earlier), root(&mut parent, group));
        parent[a.max(b)] = a.min(b);
    }
    groups.iter().map(|&group| root(&mut parent, group)).collect()
}

impl TileSet {
    /// What should be drawn as one when intervals are estimated: the grouping, and of each tile the number of its group.
    /// Patients where they are known, else slides when there are several, else blocks of a slide, else copies.
    pub fn clusters(&self) -> (Grouping, Vec<usize>) {
        let grouping = Grouping::usual(self);
        (grouping, grouping.groups(self, SplitConfig::default().block_tiles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tiles::tests::set;
    use crate::geometry::Rect;

    #[test]
    fn the_coarsest_that_is_known_is_a_cluster() {
        let mut files = set((0..6).map(|at| (at % 2, None)).collect(), 2);
        files.tiles[5].digest = files.tiles[0].digest;
        assert_eq!(files.clusters(), (Grouping::Image, vec![0, 1, 2, 3, 4, 0]));
        let name = |at: usize| Some((at / 2).to_string());
        files.tiles.iter_mut().enumerate().for_each(|(at, tile)| tile.slide = name(at));
        assert_eq!(files.clusters(), (Grouping::Slide, vec![0, 0, 1, 1, 2, 2]));
        files.tiles.iter_mut().enumerate().for_each(|(at, tile)| tile.patient = name(at + 1));
        assert_eq!(files.clusters(), (Grouping::Patient, vec![0, 1, 1, 2, 2, 3]));
        let place = |at: i64| (0, Some(Rect::new(at * 500, 0, 100, 100)));
        assert_eq!(set((0..3).map(place).collect(), 1).clusters(), (Grouping::Block, vec![0, 1, 2]));
    }

    #[test]
    fn a_patient_of_two_sites_joins_them() {
        let mut files = set((0..4).map(|at| (at % 2, None)).collect(), 2);
        for (tile, (site, patient)) in files.tiles.iter_mut().zip([("a", "1"), ("b", "2"), ("c", "1"), ("b", "3")]) {
            (tile.site, tile.patient) = (Some(site.to_owned()), Some(patient.to_owned()));
        }
        assert_eq!(Grouping::Site.groups(&files, 4), [0, 1, 0, 1]);
    }

    #[test]
    fn what_is_not_known_cannot_be_kept_whole() {
        let files = set((0..4).map(|at| (at % 2, None)).collect(), 2);
        for by in [SplitBy::Patient, SplitBy::Slide, SplitBy::Site] {
            let config = SplitConfig { by: Some(by), ..SplitConfig::default() };
            assert_eq!(Grouping::of(&files, &config).unwrap_err().code(), "TRN-0308");
        }
    }
}
