//! Truth and predictions of one model, prepared so that each sample of the bootstrap is cheap.

use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::Ranking;

/// The name of a figure and the column it is of.
pub(super) type RowName = (&'static str, Option<String>);

/// What is told of a model's predictions under any draws.
///
/// Invariant: names and values are equally many and in the same order.
pub(super) trait Judged: Sync {
    /// All figures.
    fn rows(&self) -> Vec<RowName>;
    /// Their values.
    fn values(&self, draws: &[u32]) -> Vec<Option<f64>>;
    /// The figures of each site.
    fn site_rows(&self) -> Vec<RowName>;
    /// Their values.
    fn site_values(&self, draws: &[u32]) -> Vec<Option<f64>>;
    /// The scores of a column, where they rank tiles.
    fn ranking(&self, _column: &str) -> Option<&Ranking> {
        None
    }
}

/// The names of a set of figures, of one column or of all.
pub(super) fn named<'a>(names: &'a [&'static str], column: Option<&'a str>) -> impl Iterator<Item = RowName> + 'a {
    names.iter().map(move |name| (*name, column.map(str::to_owned)))
}

/// Some of a list.
pub(super) fn pick<T: Clone>(values: &[T], at: &[usize]) -> Vec<T> {
    at.iter().map(|&at| values[at].clone()).collect()
}

/// Sorts one column of rows that were checked.
///
/// # Errors
/// `Usage` when a score is not a number.
pub(super) fn rank(scores: &[Vec<f32>], column: usize, positive: &[bool]) -> Result<Ranking> {
    let scores: Vec<f64> = scores.iter().map(|row| f64::from(row[column])).collect();
    Ranking::of(&scores, positive).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "EVA-0003",
            format!("expected numbers in column {column}, found some that are none"),
        )
    })
}
