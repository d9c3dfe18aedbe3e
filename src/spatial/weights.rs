//! Sums over the weights of neighbours, on which moments rest.
//!
//! # Source
//! Cliff and Ord 1981, Spatial Processes: Models and Applications.

use super::neighbours::Neighbours;

/// S0, S1 and S2 of Cliff and Ord.
pub(super) struct WeightSums {
    /// All weights.
    pub s0: f64,
    /// Half the squares of weight and weight back.
    pub s1: f64,
    /// The squares of what leads to a cell and from it.
    pub s2: f64,
}

/// What one neighbour of a cell weighs when all weigh the same and 1 together; 0 for an island.
pub(super) fn shares(neighbours: &Neighbours) -> Vec<f64> {
    let share = |near: &[u32]| if near.is_empty() { 0.0 } else { 1.0 / near.len() as f64 };
    neighbours.iter().map(share).collect()
}

/// What leads to each cell and from it, with row-standardised weights.
pub(super) fn both_ways(neighbours: &Neighbours, shares: &[f64]) -> Vec<f64> {
    let each = |near: &[u32]| super::neighbours::sum(near, shares) + f64::from(u8::from(!near.is_empty()));
    neighbours.iter().map(each).collect()
}

impl WeightSums {
    /// Of weights that sum to 1 for each cell that has neighbours.
    pub fn row_standardised(neighbours: &Neighbours, shares: &[f64], both_ways: &[f64]) -> Self {
        let pair = |(cell, near): (usize, &[u32])| -> f64 {
            near.iter().map(|&other| (shares[cell] + shares[other as usize]).powi(2)).sum()
        };
        Self {
            s0: neighbours.iter().filter(|near| !near.is_empty()).count() as f64,
            s1: neighbours.iter().enumerate().map(pair).sum::<f64>() / 2.0,
            s2: both_ways.iter().map(|both| both * both).sum(),
        }
    }

    /// Of weights that are 1 for each neighbour.
    pub fn binary(neighbours: &Neighbours) -> Self {
        let s0 = neighbours.links() as f64;
        let squares: f64 = neighbours.iter().map(|near| (near.len() as f64).powi(2)).sum();
        Self { s0, s1: 2.0 * s0, s2: 4.0 * squares }
    }
}
