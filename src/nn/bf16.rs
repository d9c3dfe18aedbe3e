//! How far a model's scores move when its convolutions are computed in bf16, and how far they may.
//!
//! Rounding to 8 bits moves some networks more than others, so it is measured for each with its own weights: without this
//! table nobody has, and nothing but an explicit wish computes the model so.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The table `[bf16]` of a card: differences of scores from those in f32, as scores come out at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bf16Difference {
    /// The largest difference of any score of any tile.
    pub max: f64,
    /// The median over tiles of the largest difference of each.
    pub median: f64,
    /// Tiles whose decision changed.
    pub flips: u64,
    /// Tiles that were measured.
    pub tiles: u64,
    /// How far a score may move; only with `max` below it are scores taken in bf16 without being asked for.
    pub bound: f64,
    /// What it was measured on and what computed, such as `test tiles, the twin of AMX`.
    pub measured_on: String,
}

impl Bf16Difference {
    /// How far scores in bf16 are from those in f32. The largest difference is rounded up and the median to the nearest,
    /// both to three digits: others are gone with the next order of sums.
    ///
    /// # Shapes
    /// `exact`, `rounded`: a row `[K]` for each tile, the same tiles in the same order. `decision`: what a row decides.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0211` when there are no tiles, rows do not fit or a score is no number; `MOD-0204` for a bound
    /// that is none, or without words for what was measured.
    pub fn between<D: PartialEq>(
        exact: &[Vec<f32>],
        rounded: &[Vec<f32>],
        decision: impl Fn(&[f32]) -> D,
        bound: f64,
        measured_on: String,
    ) -> Result<Self> {
        let fault = |found: &str| {
            Error::new(ErrorKind::Model, "MOD-0211", format!("expected scores of the same tiles twice, found {found}"))
        };
        let fits = exact.len() == rounded.len() && exact.iter().zip(rounded).all(|(a, b)| a.len() == b.len());
        if exact.is_empty() || !fits {
            return Err(fault(if exact.is_empty() { "no tiles" } else { "others" }));
        }
        if exact.iter().chain(rounded).flatten().any(|score| !score.is_finite()) {
            return Err(fault("one that is no finite number"));
        }
        let mut of_tiles = Self::of_tiles(exact, rounded);
        of_tiles.sort_by(f64::total_cmp);
        let (middle, last) = (of_tiles.len() / 2, of_tiles.len() - 1);
        let median = f64::midpoint(of_tiles[last - middle], of_tiles[middle]);
        let max = to_three_digits(of_tiles[last], f64::ceil);
        let flips = exact.iter().zip(rounded).filter(|(a, b)| decision(a) != decision(b)).count();
        let found = Self {
            max,
            median: to_three_digits(median, f64::round).min(max),
            flips: flips as u64,
            tiles: of_tiles.len() as u64,
            bound,
            measured_on,
        };
        found.check()?;
        Ok(found)
    }

    /// The largest difference of each tile's scores.
    ///
    /// # Shapes
    /// A row `[K]` for each tile, the same tiles in the same order.
    pub fn of_tiles(exact: &[Vec<f32>], rounded: &[Vec<f32>]) -> Vec<f64> {
        let apart = |(a, b): (&Vec<f32>, &Vec<f32>)| {
            a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs()).fold(0.0, f64::max)
        };
        exact.iter().zip(rounded).map(apart).collect()
    }

    /// What it means, for a card.
    pub fn describe(&self) -> String {
        let Self { max, median, flips, tiles, bound, measured_on } = self;
        let verdict = if self.is_within_bound() {
            "They do, so that `eosin score` takes bf16 unasked where the processor has it."
        } else {
            "They do not, so that nothing takes bf16 unless it is asked for (`--precision bf16`)."
        };
        format!(
            "Where convolutions multiply in bf16, scores differ from those in f32: on {tiles} tiles by {max} at most, in the \
             middle of the tiles by {median}; decisions that change: {flips}. Scores are to move by less than {bound}. \
             {verdict} Measured on {measured_on}."
        )
    }

    /// Whether scores in bf16 are as good as the card wants them.
    pub fn is_within_bound(&self) -> bool {
        self.max < self.bound
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] `MOD-0204` for a value out of range and for words that are missing.
    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::new(ErrorKind::Model, "MOD-0204", format!("bf16.{message}")));
        for (name, value) in [("max", self.max), ("median", self.median), ("bound", self.bound)] {
            if !(value.is_finite() && value >= 0.0) {
                return fault(format!("{name}: expected a number of 0 or more, found {value}"));
            }
        }
        if self.median > self.max {
            return fault(format!(
                "median: expected {} at most, which is the largest, found {}",
                self.max, self.median
            ));
        }
        if self.tiles == 0 || self.flips > self.tiles {
            return fault(format!("flips: expected some of the tiles, found {} of {}", self.flips, self.tiles));
        }
        if self.measured_on.trim().is_empty() {
            return fault("measured_on: expected what it was measured on, found nothing".to_owned());
        }
        Ok(())
    }
}

/// A number of 0 or more with three digits that count.
fn to_three_digits(value: f64, round: fn(f64) -> f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    // By way of its text, so that the card shows three digits and not those of a quotient.
    let exponent = value.log10().floor() - 2.0;
    let digits = round(value / 10_f64.powf(exponent));
    format!("{digits}e{exponent}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(exact: &[Vec<f32>], rounded: &[Vec<f32>], bound: f64) -> Result<Bf16Difference> {
        Bf16Difference::between(exact, rounded, |row| row[0] >= 0.5, bound, "three tiles".to_owned())
    }

    #[test]
    fn the_largest_difference_is_over_all_scores_and_the_median_over_tiles() {
        let exact = [vec![0.5, 0.5], vec![0.25, 0.75], vec![1.0, 0.0]];
        let rounded = [vec![0.49, 0.51], vec![0.25, 0.75], vec![0.998, 0.002]];
        let found = between(&exact, &rounded, 1e-2).unwrap();
        // 0.5 - 0.49 in f32 is 0.00999999..., which three digits make 0.01: not below the bound.
        assert_eq!((found.max, found.median, found.flips, found.tiles), (0.01, 0.002, 1, 3));
        assert!(!found.is_within_bound() && between(&exact, &rounded, 1.01e-2).unwrap().is_within_bound());
        assert!(found.describe().contains("on 3 tiles by 0.01 at most") && found.describe().contains("They do not"));
        assert!(!found.describe().contains("  "), "{}", found.describe());
        let even = between(&exact[1..], &rounded[1..], 1e-2).unwrap();
        // 0.002 in f32 is a little more, and the largest is rounded up.
        assert_eq!((even.max, even.median, even.flips), (0.00201, 0.001, 0));
        let same = between(&exact, &exact, 1e-9).unwrap();
        assert_eq!((same.max, same.median, same.flips), (0.0, 0.0, 0));
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        let row = |score: f32| vec![vec![score, 0.5]];
        for (exact, rounded, found) in [
            (Vec::new(), Vec::new(), "no tiles"),
            (row(0.5), Vec::new(), "others"),
            (row(0.5), vec![vec![0.5]], "others"),
            (row(f32::NAN), row(0.5), "no finite number"),
            (row(0.5), row(f32::INFINITY), "no finite number"),
        ] {
            let error = between(&exact, &rounded, 1e-2).unwrap_err();
            assert!(error.code() == "MOD-0211" && error.message().contains(found), "{error}");
        }
        assert_eq!(between(&row(0.5), &row(0.5), f64::NAN).unwrap_err().code(), "MOD-0204");
    }

    #[test]
    fn numbers_are_rounded_to_three_digits() {
        for (value, up, nearest) in
            [(0.0, 0.0, 0.0), (0.002_341_2, 0.002_35, 0.002_34), (9.991e-7, 1e-6, 9.99e-7), (123.4, 124.0, 123.0)]
        {
            let found = (to_three_digits(value, f64::ceil), to_three_digits(value, f64::round));
            assert_eq!(found, (up, nearest), "{value}");
        }
    }

    #[test]
    fn a_difference_counts_only_when_it_was_measured_and_is_below_its_bound() {
        let good = Bf16Difference {
            max: 8e-3,
            median: 1e-4,
            flips: 1,
            tiles: 900,
            bound: 1e-2,
            measured_on: "test tiles".to_owned(),
        };
        assert!(good.check().is_ok() && good.is_within_bound());
        assert!(!Bf16Difference { bound: 8e-3, ..good.clone() }.is_within_bound());
        for (word, bad) in [
            ("max", Bf16Difference { max: f64::NAN, ..good.clone() }),
            ("max", Bf16Difference { max: -1.0, ..good.clone() }),
            ("bound", Bf16Difference { bound: f64::INFINITY, ..good.clone() }),
            ("median", Bf16Difference { median: 9e-3, ..good.clone() }),
            ("flips", Bf16Difference { flips: 901, ..good.clone() }),
            ("flips", Bf16Difference { tiles: 0, flips: 0, ..good.clone() }),
            ("measured_on", Bf16Difference { measured_on: " ".to_owned(), ..good.clone() }),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.code(), "MOD-0204", "{word}");
            assert!(error.message().contains(&format!("bf16.{word}")), "{error}");
        }
    }
}
