//! How sure a figure is: the same statistic over many samples, each drawn anew from the groups of tiles that depend on each
//! other.
//!
//! Invariant: a replicate follows from seed and number alone, so the intervals are the same to the bit on any number of
//! threads. Whole clusters are drawn: tiles of one patient resemble each other, and drawing single tiles would take them
//! for so many patients. There is no interval rather than a wrong one: none with fewer than [`LEAST_CLUSTERS`] clusters,
//! and none for a statistic that is undefined in more than a tenth of the replicates, since those that are left are not a
//! fair choice of them.
//!
//! # Source
//! Efron 1979, doi:10.1214/aos/1176344552; whole clusters: Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x.

use super::draws::once;
use crate::random::Random;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// Fewer groups than these cannot tell how much groups differ.
pub const LEAST_CLUSTERS: usize = 5;
/// The share of all intervals that should hold the true value.
pub const LEVEL: f64 = 0.95;

/// Kept apart from the random numbers of other purposes.
const STREAM: u64 = 0xb007;

/// A figure, with its interval of [`LEVEL`] where there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure of all tiles; `None` when they do not define it.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

/// Tiles in groups, such as patients, slides or sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The group of each tile, numbered as they first appear.
    groups: Vec<usize>,
    count: usize,
}

impl Partition {
    /// Tiles with equal keys belong together.
    pub fn by<K: Eq + Hash>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut numbers = HashMap::new();
        let mut number = |key| {
            let next = numbers.len();
            *numbers.entry(key).or_insert(next)
        };
        let groups = keys.into_iter().map(&mut number).collect();
        Self { groups, count: numbers.len() }
    }

    /// Every tile by itself.
    pub fn singles(tiles: usize) -> Self {
        Self { groups: (0..tiles).collect(), count: tiles }
    }

    /// The number of groups.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of tiles.
    pub fn tiles(&self) -> usize {
        self.groups.len()
    }

    /// The tiles of each group, groups in the order in which they first appear.
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.count];
        self.groups.iter().enumerate().for_each(|(tile, &group)| members[group].push(tile));
        members
    }

    /// The groups of some tiles only.
    ///
    /// # Panics
    /// When there is no such tile.
    #[must_use]
    pub fn at(&self, tiles: &[usize]) -> Self {
        Self::by(tiles.iter().map(|&tile| self.groups[tile]))
    }
}

/// How often samples are drawn anew, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The number of samples.
    pub replicates: usize,
    /// What the samples follow from.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { replicates: 1000, seed: 0 }
    }
}

impl Bootstrap {
    /// Values and percentile intervals of several statistics, all from the same samples.
    ///
    /// `statistics` gets how often each tile was drawn and gives equally many values each time; it may give `None` for a
    /// sample that does not define one.
    pub fn figures<F>(&self, clusters: &Partition, statistics: F) -> Vec<Figure>
    where
        F: Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    {
        let values = statistics(&once(clusters.tiles()));
        let replicates = if clusters.count() < LEAST_CLUSTERS { 0 } else { self.replicates };
        let samples: Vec<Vec<Option<f64>>> =
            (0..replicates).into_par_iter().map(|at| statistics(&self.draw(clusters, at))).collect();
        let figure = |(at, value): (usize, Option<f64>)| {
            let found: Vec<f64> = samples.iter().filter_map(|sample| *sample.get(at)?).collect();
            let sound = value.is_some() && found.len() * 10 >= samples.len() * 9;
            let ends = sound.then(|| interval(found)).flatten();
            Figure { value, low: ends.map(|ends| ends.0), high: ends.map(|ends| ends.1) }
        };
        values.into_iter().enumerate().map(figure).collect()
    }

    /// As many clusters as there are, with replacement → how often each tile is drawn.
    fn draw(&self, clusters: &Partition, replicate: usize) -> Vec<u32> {
        let mut random = Random::of(&[STREAM, self.seed, replicate as u64]);
        let mut times = vec![0_u32; clusters.count];
        (0..clusters.count).for_each(|_| times[random.below(clusters.count)] += 1);
        clusters.groups.iter().map(|&group| times[group]).collect()
    }
}

/// The middle [`LEVEL`] of the values, quantiles interpolated between neighbours; `None` without values.
fn interval(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the last place")]
    let quantile = |share: f64| {
        let place = share * last as f64;
        let (below, part) = (place.floor() as usize, place.fract());
        values[below] + part * (values[(below + 1).min(last)] - values[below])
    };
    let tail = (1.0 - LEVEL) / 2.0;
    Some((quantile(tail), quantile(1.0 - tail)))
}

#[cfg(test)]
mod tests {
    use super::super::draws::drawn_mean;
    use super::*;

    /// 400 values in clusters of 8; half of each value is of the cluster and half of the tile.
    fn clustered(seed: u64) -> Vec<f64> {
        let of = |part: u64, number: usize| Random::of(&[seed, part, number as u64]).unit() - 0.5;
        (0..400).map(|tile| of(1, tile / 8) + of(2, tile)).collect()
    }

    fn mean_of(values: &[f64], clusters: &Partition, seed: u64) -> Figure {
        let bootstrap = Bootstrap { replicates: 400, seed };
        bootstrap.figures(clusters, |draws| vec![drawn_mean(values, draws)])[0]
    }

    #[test]
    fn about_95_of_100_intervals_hold_the_mean_when_clusters_are_drawn_and_far_fewer_when_tiles_are() {
        let holds = |figure: Figure| figure.low.unwrap() <= 0.0 && 0.0 <= figure.high.unwrap();
        let covered =
            |clusters: &Partition| (0..200).filter(|&seed| holds(mean_of(&clustered(seed), clusters, seed))).count();
        // 200 * 0.95 = 190, give or take 3 standard deviations of 3.1, and somewhat less by the percentile method.
        let whole = covered(&Partition::by((0..400).map(|tile| tile / 8)));
        assert!((176..=200).contains(&whole), "{whole} of 200");
        let single = covered(&Partition::singles(400));
        assert!(single < 150, "{single} of 200");
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        let values: Vec<f64> = (0..2000).map(|tile| Random::of(&[tile]).unit()).collect();
        let bootstrap = Bootstrap { replicates: 4000, seed: 1 };
        let figure = bootstrap.figures(&Partition::singles(2000), |draws| vec![drawn_mean(&values, draws)])[0];
        // Standard error sqrt(1 / 12 / 2000) = 0.00645; its interval from 4,000 samples is within some percent.
        let width = figure.high.unwrap() - figure.low.unwrap();
        assert!((width / (2.0 * 1.96 * 0.006_455) - 1.0).abs() < 0.06, "{width}");
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let values = clustered(3);
        let clusters = Partition::by((0..400).map(|tile| tile / 8));
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let figure = pool.install(|| mean_of(&values, &clusters, 7));
            [figure.value, figure.low, figure.high].map(|value| value.unwrap().to_bits())
        };
        assert_eq!(with(1), with(4));
    }

    #[test]
    fn there_is_no_interval_where_it_would_be_wrong() {
        let bootstrap = Bootstrap::default();
        let interval = |clusters: &Partition, defined: fn(&[u32]) -> bool| {
            let figure = bootstrap.figures(clusters, |draws| vec![defined(draws).then_some(1.0)])[0];
            assert_eq!(figure.low.is_some(), figure.high.is_some());
            figure.low.is_some()
        };
        assert!(!interval(&Partition::by((0..100).map(|tile| tile % 4)), |_| true));
        assert!(interval(&Partition::by((0..100).map(|tile| tile % 5)), |_| true));
        // A tile of 5 is missing in (4/5)^5 = 33 % of the samples, one of the first 3 of 5 in (2/5)^5 = 1 %.
        assert!(!interval(&Partition::singles(5), |draws| draws[0] > 0));
        assert!(interval(&Partition::singles(5), |draws| draws[..3].iter().any(|&times| times > 0)));
        assert!(!interval(&Partition::singles(5), |_| false));
        let none = Bootstrap { replicates: 0, seed: 0 };
        assert_eq!(none.figures(&Partition::singles(9), |_| vec![Some(1.0)])[0].low, None);
        assert!(bootstrap.figures(&Partition::singles(0), |_| vec![]).is_empty());
    }

    #[test]
    fn groups_are_numbered_as_they_appear() {
        let partition = Partition::by(["b", "a", "b", "c"]);
        assert_eq!(partition.members(), [vec![0, 2], vec![1], vec![3]]);
        let part = partition.at(&[3, 0, 2]);
        assert_eq!((part.count(), part.members()), (2, vec![vec![0], vec![1, 2]]));
    }
}
