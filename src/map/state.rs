//! What is known about a cell, and how the tiles fared.
//!
//! Invariant: what was scored, what was lost and what was never looked at stay three things.

use serde::{Deserialize, Serialize};

/// What stands in the place of a row of scores where no tile was planned.
pub(super) const NO_TISSUE: u32 = u32::MAX;
/// What stands there where tiles were lost.
pub(super) const FAILED: u32 = u32::MAX - 1;

/// What is known about one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No tile was planned here, or too few for a large cell.
    NoTissue,
    /// The tiles planned here were lost; of a cell larger than the plan's step, most of them.
    Failed,
    /// Scores of all classes, `[K]`, finite.
    Scored(&'a [f32]),
}

/// How the tiles of a plan fared; `planned = scored + lost`, and `planned + skipped` are the places of the grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileCounts {
    /// Tiles of the plan.
    pub planned: usize,
    /// Tiles with finite scores.
    pub scored: usize,
    /// Tiles without scores, or with a score that is not finite.
    pub lost: usize,
    /// Places of the grid with too little tissue for a tile.
    pub skipped: usize,
}

/// The scores of a tile, unless it was lost or a score is not finite: such a tile counts as lost everywhere.
pub fn finite_scores(row: Option<&[f32]>) -> Option<&[f32]> {
    row.filter(|scores| scores.iter().all(|score| score.is_finite()))
}
