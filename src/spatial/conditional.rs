//! For one cell at a time: is the sum of its neighbours' values unusual among sums of as many other cells at random?
//!
//! All cells share the same draws, so each p-value is that of its own permutations, but their errors go together: a draw
//! costs once and not once per cell, and sorted sums are counted by bisection. A draw that holds the cell itself takes its
//! spare cell instead, so the cell stays where it is.
//!
//! # Source
//! Conditional permutation: Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x.

use super::neighbours::MOST;
use super::significance::Permutations;
use crate::random::Random;
use rayon::prelude::*;

const STREAM: u64 = 0x5a04;
/// Sums that differ by less than this share of the largest value are ties.
const TIE: f64 = 1e-12;

/// Sums of cells drawn at random.
pub(super) struct Draws<'a> {
    values: &'a [f64],
    /// Each draw: the most neighbours that a cell has, and a spare cell.
    drawn: Vec<Vec<u32>>,
    /// For each number of neighbours the sums of all draws, smallest first.
    sorted: Vec<Vec<f64>>,
    /// Which cell stands in which draw at which place, by cell.
    holders: Vec<(u32, u32, u32)>,
    slack: f64,
}

impl<'a> Draws<'a> {
    /// `values` are deviations from their mean; `most` neighbours has a cell, fewer than there are values.
    pub fn of(permutations: Permutations, values: &'a [f64], most: usize) -> Self {
        let most = most.min(MOST);
        let draw = |number: usize| {
            let mut random = Random::of(&[STREAM, permutations.seed, number as u64]);
            let mut drawn: Vec<u32> = Vec::with_capacity(most + 1);
            while drawn.len() < values.len().min(most + 1) {
                let cell = u32::try_from(random.below(values.len())).unwrap_or(u32::MAX);
                if !drawn.contains(&cell) {
                    drawn.push(cell);
                }
            }
            drawn
        };
        let drawn: Vec<Vec<u32>> = (0..permutations.count).into_par_iter().map(draw).collect();
        let sorted = (0..=most).map(|count| {
            let mut sums: Vec<f64> = drawn.iter().map(|draw| total(&draw[..count], values)).collect();
            sums.sort_unstable_by(f64::total_cmp);
            sums
        });
        let sorted = sorted.collect();
        let mut holders = Vec::new();
        for (draw, number) in drawn.iter().zip(0_u32..) {
            holders.extend(draw.iter().zip(0_u32..).map(|(&cell, place)| (cell, place, number)));
        }
        holders.sort_unstable();
        let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        Self { values, drawn, sorted, holders, slack: TIE * largest }
    }

    /// The p-value, either way, of a cell whose `count` neighbours sum to `sum`; `None` without draws.
    pub fn p(&self, cell: usize, count: usize, sum: f64) -> Option<f64> {
        let sums = self.sorted.get(count).filter(|sums| !sums.is_empty())?;
        // All deviations sum to 0, so the others have this mean.
        let centre = -self.values[cell] * count as f64 / (self.values.len() - 1) as f64;
        let reach = (sum - centre).abs() - self.slack;
        if reach <= 0.0 {
            return Some(1.0);
        }
        let is_hit = |sum: f64| sum <= centre - reach || sum >= centre + reach;
        let low = sums.partition_point(|&sum| sum <= centre - reach);
        let high = sums.len() - sums.partition_point(|&sum| sum < centre + reach);
        let mut hits = low + high;
        let from = self.holders.partition_point(|holder| (holder.0 as usize) < cell);
        let own = self.holders[from..].iter().take_while(|holder| holder.0 as usize == cell);
        for &(_, _, draw) in own.filter(|holder| (holder.1 as usize) < count) {
            let draw = &self.drawn[draw as usize];
            hits -= usize::from(is_hit(total(&draw[..count], self.values)));
            hits += usize::from(is_hit(total(&draw[..=count], self.values) - self.values[cell]));
        }
        Some((1 + hits) as f64 / (1 + sums.len()) as f64)
    }
}

fn total(cells: &[u32], values: &[f64]) -> f64 {
    super::neighbours::sum(cells, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p_value_is_that_of_drawing_from_the_others_one_by_one() {
        let values: Vec<f64> = (0..12).map(|at| f64::from(at * at % 11) - 4.0).collect();
        let mean = values.iter().sum::<f64>() / 12.0;
        let values: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let draws = Draws::of(Permutations { count: 20_000, seed: 1 }, &values, 8);
        for (cell, count, sum) in [(0, 3, 6.0), (5, 8, -4.0), (11, 1, 2.0)] {
            // All ways to choose `count` of the other 11, by bits.
            let others: Vec<f64> = (0..12).filter(|&at| at != cell).map(|at| values[at]).collect();
            let chosen = (0_u32..1 << 11).filter(|bits| bits.count_ones() as usize == count);
            let total =
                |bits: u32| -> f64 { others.iter().zip(0..).map(|(v, at)| v * f64::from(bits >> at & 1)).sum() };
            let sums: Vec<f64> = chosen.map(total).collect();
            let centre = sums.iter().sum::<f64>() / sums.len() as f64;
            let hits = sums.iter().filter(|&&other| (other - centre).abs() >= (sum - centre).abs() - 1e-9).count();
            let exact = hits as f64 / sums.len() as f64;
            let found = draws.p(cell, count, sum).unwrap();
            // Four standard errors of 20,000 draws.
            assert!((found - exact).abs() < 4.0 * (exact * (1.0 - exact) / 2e4).sqrt() + 1e-4, "{found} {exact}");
        }
    }

    #[test]
    fn a_sum_at_its_centre_is_no_surprise_and_without_draws_there_is_no_p() {
        let values = [-1.0, 0.0, 1.0];
        assert_eq!(Draws::of(Permutations { count: 99, seed: 0 }, &values, 2).p(1, 1, 0.0), Some(1.0));
        assert_eq!(Draws::of(Permutations { count: 0, seed: 0 }, &values, 2).p(1, 1, 0.0), None);
    }
}
