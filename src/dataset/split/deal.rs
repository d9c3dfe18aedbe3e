//! Whole groups → sides or folds that are alike.
//!
//! Groups are dealt out one by one, those with the rarest classes first and of these the largest, each to where it brings
//! the counts nearest to what is wanted: the sum over strata and parts of `((dealt - wanted) / all)^2`, all three being
//! tiles of the stratum. Then each may go on as long as that makes the sum smaller. The last stratum is all tiles, so that
//! parts are of equal size, too.

use crate::dataset::tiles::{Targets, TileSet};
use crate::random::Random;
use std::collections::BTreeMap;

/// Keeps this file's random numbers apart from those of other uses of the seed.
const STREAM: u64 = 0x5117;
/// Rounds in which groups may go on to another part.
const MAX_ROUNDS: usize = 50;
/// Less is rounding.
const LEAST_GAIN: f64 = 1e-9;
/// Strata of numbers: as many tiles in each.
const QUARTERS: usize = 4;

/// The strata of tiles: their classes; of numbers the quarters of the tiles by their mean rank.
pub(super) struct Strata {
    of: Vec<usize>,
    count: usize,
}

impl Strata {
    pub fn new(set: &TileSet) -> Self {
        let count = match &set.targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Numbers(_) => QUARTERS,
        };
        let of = match &set.targets {
            Targets::Classes(_) => set.tiles.iter().map(|tile| tile.truth.class().unwrap_or_default()).collect(),
            Targets::Numbers(names) => {
                let mut sums = vec![0.0; set.tiles.len()];
                for column in 0..names.len() {
                    let value = |tile: usize| set.tiles[tile].truth.numbers().get(column).copied().unwrap_or_default();
                    let ranks = ranks(set.tiles.len(), |a, b| value(a).total_cmp(&value(b)));
                    sums.iter_mut().zip(ranks).for_each(|(sum, rank)| *sum += rank as f64);
                }
                let ranks = ranks(sums.len(), |a, b| sums[a].total_cmp(&sums[b]));
                ranks.into_iter().map(|rank| rank * QUARTERS / set.tiles.len()).collect()
            }
        };
        Self { of, count }
    }

    /// Tiles of each stratum among some, and of all together last; strata without any are not named.
    fn count(&self, tiles: &[usize]) -> Vec<(usize, usize)> {
        let mut counts = BTreeMap::from([(self.count, tiles.len())]);
        for &tile in tiles {
            *counts.entry(self.of[tile]).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    fn totals(&self, groups: &[&[usize]]) -> Vec<f64> {
        let mut totals = vec![0.0; self.count + 1];
        for (stratum, count) in groups.iter().flat_map(|group| self.count(group)) {
            totals[stratum] += count as f64;
        }
        totals
    }

    /// The part of each group. Parts after the first get these shares of what all `groups` have, and if that can be `least`
    /// tiles of each stratum; the first gets the rest.
    pub fn deal(&self, groups: &[&[usize]], shares: &[f64], least: f64, seed: u64) -> Vec<usize> {
        let totals = self.totals(groups);
        let mut wanted = vec![totals.clone()];
        for share in shares {
            let part: Vec<f64> = totals.iter().map(|total| (share * total).max(least)).collect();
            wanted[0].iter_mut().zip(&part).for_each(|(rest, part)| *rest -= part);
            wanted.push(part);
        }
        let counts: Vec<Vec<(usize, usize)>> = groups.iter().map(|group| self.count(group)).collect();
        let rarest = |group: usize| counts[group].iter().map(|&(stratum, _)| totals[stratum]).fold(f64::MAX, f64::min);
        let mut order: Vec<usize> = (0..groups.len()).collect();
        Random::of(&[STREAM, seed]).shuffle(&mut order);
        order.sort_by(|&a, &b| rarest(a).total_cmp(&rarest(b)).then(groups[b].len().cmp(&groups[a].len())));
        let mut parts = vec![0; groups.len()];
        // `wanted` is what is still missing, so this is how the sum of squares changes when a group comes to a part (sign
        // -1) or leaves it (sign 1).
        let change = |group: usize, missing: &[f64], sign: f64| -> f64 {
            let squares = |&(stratum, count): &(usize, usize)| {
                count as f64 * (count as f64 + sign * 2.0 * missing[stratum]) / totals[stratum].powi(2)
            };
            counts[group].iter().map(squares).sum()
        };
        let put = |group: usize, missing: &mut [f64], sign: f64| {
            counts[group].iter().for_each(|&(stratum, count)| missing[stratum] += sign * count as f64);
        };
        let mut sizes = vec![0; wanted.len()];
        for &group in &order {
            let costs = wanted.iter().map(|missing| change(group, missing, -1.0)).enumerate();
            let part = costs.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(part, _)| part);
            put(group, &mut wanted[part], -1.0);
            sizes[part] += 1;
            parts[group] = part;
        }
        // What was dealt early did not know what came late: groups go on to where they fit better.
        for _ in 0..MAX_ROUNDS {
            let mut moved = false;
            for &group in &order {
                let from = parts[group];
                let gain = change(group, &wanted[from], 1.0);
                let others = (0..wanted.len()).filter(|&part| part != from);
                let costs = others.map(|part| (part, gain + change(group, &wanted[part], -1.0)));
                let best = costs.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, cost)| *cost < -LEAST_GAIN);
                if let Some((part, _)) = best.filter(|_| sizes[from] > 1) {
                    put(group, &mut wanted[from], 1.0);
                    put(group, &mut wanted[part], -1.0);
                    (sizes[from], sizes[part], parts[group], moved) = (sizes[from] - 1, sizes[part] + 1, part, true);
                }
            }
            if !moved {
                break;
            }
        }
        parts
    }
}

/// The place of each of `count` things in their order.
fn ranks(count: usize, compare: impl Fn(usize, usize) -> std::cmp::Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| compare(a, b));
    let mut ranks = vec![0; count];
    order.into_iter().enumerate().for_each(|(rank, at)| ranks[at] = rank);
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tiles::Truth;
    use crate::dataset::tiles::tests::set;

    #[test]
    fn numbers_are_divided_by_their_quarters() {
        let mut files = set((0..40).map(|_| (0, None)).collect(), 1);
        files.targets = Targets::Numbers(vec!["a".to_owned(), "b".to_owned()]);
        for (at, tile) in files.tiles.iter_mut().enumerate() {
            // The second number has another scale, and the same order.
            tile.truth = Truth::Numbers(vec![(at * 7 % 40) as f32, (at * 7 % 40) as f32 * 1e6]);
        }
        let strata = Strata::new(&files);
        assert!(strata.of.iter().enumerate().all(|(at, &stratum)| stratum == at * 7 % 40 / 10));
        let groups: Vec<[usize; 1]> = (0..40).map(|at| [at]).collect();
        let groups: Vec<&[usize]> = groups.iter().map(<[usize; 1]>::as_slice).collect();
        let parts = strata.deal(&groups, &[0.2, 0.2], 1.0, 1);
        for quarter in 0..4 {
            let in_part = |part| (0..40).filter(|&at| strata.of[at] == quarter && parts[at] == part).count();
            assert_eq!([0, 1, 2].map(in_part), [6, 2, 2]);
        }
    }
}
