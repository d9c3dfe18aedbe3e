//! Sums over squares of tissue → figures with intervals.
//!
//! Whatever is a function of sums over cells can be drawn anew for an interval without looking at any cell again: sums are
//! kept for each square of tissue, and a sample is how often each square was drawn. So a thousand samples of a hundred
//! figures cost as much as some passes over the cells.
//!
//! # Source
//! The bootstrap of blocks in the plane: Lahiri 2003, Resampling Methods for Dependent Data, chapter 12,
//! doi:10.1007/978-1-4757-3803-2.

use super::field::{Field, Place};
use super::readout::Readout;
use crate::evaluate::{Bootstrap, Figure, LEAST_CLUSTERS, Partition};
use std::ops::Index;

/// One sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum(usize);

/// All sums over the squares that were drawn.
pub(super) struct Sums<'a>(&'a [f64]);

impl Index<Sum> for Sums<'_> {
    type Output = f64;

    fn index(&self, sum: Sum) -> &f64 {
        &self.0[sum.0]
    }
}

impl Sums<'_> {
    /// One sum over another; none over nothing.
    pub fn ratio(&self, of: Sum, to: Sum) -> Option<f64> {
        (self[to] > 0.0).then(|| self[of] / self[to])
    }
}

/// A figure's key, the sum without which there is no figure, and the figure.
type Entry<'f, K> = (K, Sum, Statistic<'f>);
type Statistic<'f> = Box<dyn Fn(&Sums<'_>) -> Option<f64> + Sync + 'f>;

/// Sums, and what is worked out from them; each statistic has a key by which it is known afterwards.
pub(super) struct Tally<'f, K = Readout> {
    field: &'f Field<'f>,
    /// For each sum its part of every square, and last of background, which is not drawn.
    parts: Vec<Vec<f64>>,
    statistics: Vec<Entry<'f, K>>,
}

impl<'f, K> Tally<'f, K> {
    pub fn new(field: &'f Field<'f>) -> Self {
        Self { field, parts: Vec::new(), statistics: Vec::new() }
    }

    /// The sum of a value of each cell; the value gets the cell's place in the list, too.
    pub fn sum(&mut self, value: impl Fn(usize, &Place<'_>) -> f64) -> Sum {
        let mut parts = vec![0.0; self.field.blocks + 1];
        for (at, place) in self.field.places.iter().enumerate() {
            parts[place.block] += value(at, place);
        }
        self.parts.push(parts);
        Sum(self.parts.len() - 1)
    }

    /// The area of cells, mm².
    pub fn area(&mut self, holds: impl Fn(&Place<'_>) -> bool) -> Sum {
        self.sum(|_, place| if holds(place) { place.mm2 } else { 0.0 })
    }

    /// Adds a statistic. It has an interval when at least [`LEAST_CLUSTERS`] squares hold some of what it is `over`.
    pub fn read(&mut self, key: K, over: Sum, statistic: impl Fn(&Sums<'_>) -> Option<f64> + Sync + 'f) {
        self.statistics.push((key, over, Box::new(statistic)));
    }

    /// Works out all statistics with their intervals.
    pub fn figures(self, bootstrap: &Bootstrap) -> Vec<(K, Figure)> {
        let Self { field, parts, statistics } = self;
        let held = |over: Sum| parts[over.0][..field.blocks].iter().filter(|part| **part > 0.0).count();
        let (mut keys, mut enough, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (key, over, statistic) in statistics {
            keys.push(key);
            enough.push(held(over) >= LEAST_CLUSTERS);
            told.push(statistic);
        }
        let all = |draws: &[u32]| {
            let total = |parts: &Vec<f64>| {
                let drawn: f64 = parts.iter().zip(draws).map(|(part, &times)| part * f64::from(times)).sum();
                // An empty sum is -0.
                drawn + parts.last().copied().unwrap_or(0.0) + 0.0
            };
            let sums: Vec<f64> = parts.iter().map(total).collect();
            told.iter().map(|statistic| statistic(&Sums(&sums)).filter(|value| value.is_finite())).collect()
        };
        let figures = bootstrap.figures(&Partition::singles(field.blocks), all);
        let figure = |(figure, enough): (Figure, bool)| {
            if enough { figure } else { Figure { low: None, high: None, ..figure } }
        };
        keys.into_iter().zip(figures.into_iter().zip(enough).map(figure)).collect()
    }
}

impl Tally<'_> {
    /// Works out all read-outs with their intervals.
    pub fn readouts(self, bootstrap: &Bootstrap) -> Vec<Readout> {
        self.figures(bootstrap).into_iter().map(|(readout, figure)| Readout { figure, ..readout }).collect()
    }
}
