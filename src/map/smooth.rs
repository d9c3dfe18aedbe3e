//! Scores of a map become smooth ones: each is the mean of the scored cells around it, weighed by a Gaussian.
//!
//! Invariant: only scored cells take part and only they are changed; neither glass nor failed cells pull a score down, none
//! is filled, and a constant stays that constant.
//!
//! # Source
//! Normalised convolution with the certainty 1 of scored cells and 0 of all others: Knutsson and Westin 1993,
//! doi:10.1109/CVPR.1993.341081. Sum of scores and sum of weights are convolved each for itself, first along rows, then along
//! columns, which for a Gaussian is the same as at once.

use super::lay::Laid;
use super::{FAILED, NO_TISSUE, rounded};
use crate::geometry::Size;
use rayon::prelude::*;

/// Cells farther away than this many standard deviations weigh less than 0.0004 of the cell itself and are left out.
const REACH_SIGMAS: f64 = 4.0;

/// Smooths all classes of a grid of `size` cells by a Gaussian of `sigma` cells.
pub(super) fn smooth(laid: &mut Laid, size: Size, classes: usize, sigma: f64) {
    let width = size.w as usize;
    if width == 0 || classes == 0 {
        return;
    }
    let kernel = Kernel::new(sigma);
    let scored: Vec<bool> = laid.cells.iter().map(|&cell| cell != NO_TISSUE && cell != FAILED).collect();
    let weights = kernel.blur(width, &scored, |_| 1.0);
    for class in 0..classes {
        let sums = kernel.blur(width, &scored, |at| {
            let row = laid.cells[at] as usize;
            f64::from(laid.scores[row * classes + class])
        });
        // Scored cells are numbered in the order of the grid.
        let means = sums.iter().zip(&weights).zip(&scored).filter(|(_, scored)| **scored);
        for (row, ((sum, weight), _)) in laid.scores.chunks_exact_mut(classes).zip(means) {
            row[class] = rounded(sum / weight);
        }
    }
}

/// Weights of a cell itself and of those 1, 2, ... cells away.
struct Kernel(Vec<f64>);

impl Kernel {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sigma is at most 64 cells")]
    fn new(sigma: f64) -> Self {
        let reach = (REACH_SIGMAS * sigma).ceil() as u32;
        Self((0..=reach).map(|cells| (-0.5 * (f64::from(cells) / sigma).powi(2)).exp()).collect())
    }

    /// The values of scored cells, convolved along both directions.
    fn blur(&self, width: usize, scored: &[bool], value: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
        let mut along = vec![0.0; scored.len()];
        along.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
            let values = (y * width..).zip(&scored[y * width..][..width]);
            let row: Vec<f64> = values.map(|(at, &scored)| if scored { value(at) } else { 0.0 }).collect();
            if !scored[y * width..][..width].contains(&true) {
                return;
            }
            add(out, &row, self.0[0]);
            for (shift, &weight) in self.0.iter().enumerate().take(width).skip(1) {
                add(&mut out[shift..], &row, weight);
                add(out, &row[shift..], weight);
            }
        });
        let height = scored.len() / width;
        let mut both = vec![0.0; scored.len()];
        both.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
            if !scored[y * width..][..width].contains(&true) {
                return;
            }
            let reach = self.0.len() - 1;
            for from in y.saturating_sub(reach)..(y + reach + 1).min(height) {
                add(out, &along[from * width..][..width], self.0[from.abs_diff(y)]);
            }
        });
        both
    }
}

/// Adds values times a weight, as far as both reach.
fn add(out: &mut [f64], values: &[f64], weight: f64) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += weight * value;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::super::{BiomarkerMap, Cell, MapConfig};
    use crate::random::Random;

    /// Tiles of 50 px at random places of a grid: glass, failed, or scores of two classes.
    fn maps(smooth_um: f64, score: impl Fn(&mut Random) -> f32) -> [BiomarkerMap; 2] {
        let mut random = Random::of(&[7]);
        let places = (0..20).flat_map(|x| (0..14).map(move |y| (x * 50, y * 50)));
        let origins: Vec<(i64, i64)> = places.filter(|_| random.unit() < 0.7).collect();
        let scores: Vec<[f32; 2]> = origins.iter().map(|_| [score(&mut random), score(&mut random)]).collect();
        let rows: Vec<Option<&[f32]>> =
            scores.iter().map(|scores| (random.unit() < 0.8).then_some(&scores[..])).collect();
        let (plan, predictions) = (plan(50, 50, &origins), predictions(&["a", "b"], &rows));
        [None, Some(smooth_um)].map(|smooth_um| {
            let config = MapConfig { smooth_um, ..MapConfig::default() };
            BiomarkerMap::with(&plan, &predictions, &config).unwrap()
        })
    }

    #[test]
    fn every_score_is_the_weighted_mean_of_the_scored_cells_around_it() {
        let [before, after] = maps(30.0, |random| random.within(1.0));
        let sigma = 30.0 / before.cell_um();
        for (col, row, cell) in after.cells() {
            let Cell::Scored(scores) = cell else {
                assert_eq!(cell, before.cell(col, row), "what was not scored is left as it is");
                continue;
            };
            let (mut weight, mut sums) = (0.0, [0.0; 2]);
            for (x, y, other) in before.cells() {
                let far = [x.abs_diff(col), y.abs_diff(row)];
                if let Cell::Scored(other) = other
                    && far.iter().all(|&cells| f64::from(cells) <= (4.0 * sigma).ceil())
                {
                    let here = far.map(|cells| (-0.5 * (f64::from(cells) / sigma).powi(2)).exp());
                    weight += here[0] * here[1];
                    for class in 0..2 {
                        sums[class] += here[0] * here[1] * f64::from(other[class]);
                    }
                }
            }
            for class in 0..2 {
                assert!(
                    (f64::from(scores[class]) - sums[class] / weight).abs() < 1e-6,
                    "class {class} of {col}, {row}"
                );
            }
        }
        assert_ne!(before, after);
    }

    #[test]
    fn a_constant_stays_that_constant_beside_glass_and_failed_cells() {
        for smooth_um in [1.0, 25.0, 400.0] {
            let [before, after] = maps(smooth_um, |_| 0.3);
            assert_eq!(before, after, "{smooth_um} um");
        }
    }
}
