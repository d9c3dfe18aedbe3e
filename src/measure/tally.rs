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
use crate::evaluate::{Bootstrap, Figure, Partition};
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

type Statistic<'f> = Box<dyn Fn(&Sums<'_>) -> Option<f64> + Sync + 'f>;

/// Sums, and what is worked out from them; each statistic has a key by which it is known afterwards.
pub(super) struct Tally<'f, K = Readout> {
    field: &'f Field<'f>,
    /// For each sum its part of every square.
    parts: Vec<Vec<f64>>,
    statistics: Vec<(K, Statistic<'f>)>,
}

impl<'f, K> Tally<'f, K> {
    pub fn new(field: &'f Field<'f>) -> Self {
        Self { field, parts: Vec::new(), statistics: Vec::new() }
    }

    /// The sum of a value of each cell; the value gets the cell's place in the list, too.
    pub fn sum(&mut self, value: impl Fn(usize, &Place<'_>) -> f64) -> Sum {
        let mut parts = vec![0.0; self.field.blocks];
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

    /// Adds a statistic.
    pub fn read(&mut self, key: K, statistic: impl Fn(&Sums<'_>) -> Option<f64> + Sync + 'f) {
        self.statistics.push((key, Box::new(statistic)));
    }

    /// Works out all statistics with their intervals.
    pub fn figures(self, bootstrap: &Bootstrap) -> Vec<(K, Figure)> {
        let Self { field, parts, statistics } = self;
        let (keys, statistics): (Vec<K>, Vec<Statistic<'f>>) = statistics.into_iter().unzip();
        let all = |draws: &[u32]| {
            let total = |parts: &Vec<f64>| parts.iter().zip(draws).map(|(part, &times)| part * f64::from(times)).sum();
            let sums: Vec<f64> = parts.iter().map(total).collect();
            statistics.iter().map(|statistic| statistic(&Sums(&sums)).filter(|value| value.is_finite())).collect()
        };
        keys.into_iter().zip(bootstrap.figures(&Partition::singles(field.blocks), all)).collect()
    }
}

impl Tally<'_> {
    /// Works out all read-outs with their intervals.
    pub fn readouts(self, bootstrap: &Bootstrap) -> Vec<Readout> {
        self.figures(bootstrap).into_iter().map(|(readout, figure)| Readout { figure, ..readout }).collect()
    }
}
