//! Plan and predictions become the rows of the tile tables, which `tiles_csv.rs` and `tiles_parquet.rs` write down.
//!
//! A row a tile, in the order of the plan: corner and side in level-0 pixels, origin top-left; centre and side in um from
//! the same origin; whether it was scored; a column a class. A lost tile has no scores.

use super::MapOutputs;
use crate::geometry::Rect;
use crate::map::finite_scores;

/// What stands before the columns of the classes.
pub(super) const HEADS: [&str; 7] = ["x_l0", "y_l0", "side_l0", "x_um", "y_um", "side_um", "state"];

/// One tile.
pub(super) struct TileRow<'a> {
    pub(super) rect_l0: Rect,
    /// The centre.
    pub(super) x_um: f64,
    pub(super) y_um: f64,
    pub(super) side_um: f64,
    /// Scores of all classes, finite.
    pub(super) scores: Option<&'a [f32]>,
}

impl TileRow<'_> {
    /// The state in one word.
    pub(super) fn state(&self) -> &'static str {
        if self.scores.is_some() { "scored" } else { "failed" }
    }
}

/// All tiles.
pub(super) fn rows<'a>(outputs: &MapOutputs<'a>) -> impl Iterator<Item = TileRow<'a>> {
    let plan = outputs.plan;
    let (mpp, half) = (plan.mpp.get(), f64::from(plan.side_l0) / 2.0);
    outputs.predictions.rows.iter().enumerate().map(move |(tile, row)| {
        let rect_l0 = plan.rect_l0(tile);
        let um = |corner: i64| (corner as f64 + half) * mpp;
        let (x_um, y_um, side_um) = (um(rect_l0.x), um(rect_l0.y), f64::from(plan.side_l0) * mpp);
        TileRow { rect_l0, x_um, y_um, side_um, scores: finite_scores(row.as_deref()) }
    })
}

/// Heads of the columns of the classes.
pub(super) fn class_heads(outputs: &MapOutputs<'_>) -> Vec<String> {
    let predictions = outputs.predictions;
    predictions.class_names.iter().zip(0..).map(|(name, at)| predictions.meaning.head(name, at)).collect()
}
