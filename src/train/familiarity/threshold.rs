//! Distances of kept-apart tiles → from where on a tile is called unlike the training data.
//!
//! # Source
//! The rank is that of split conformal prediction, which counts the new tile as one more: Lei et al. 2018,
//! doi:10.1080/01621459.2017.1307116, section 2.2.

use std::collections::BTreeMap;

/// Share of tiles like the kept-apart ones that stays below the threshold.
const LEVEL: f64 = 0.99;

/// What kept-apart tiles say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    pub median: f64,
    /// The distance from which on a tile is unlike the training data.
    pub beyond: f64,
    /// [`LEVEL`], or what so few tiles can tell.
    pub level: f64,
    /// Share of the tiles beyond the threshold of all other groups; none where there is one group.
    pub flagged: Option<f64>,
}

impl Threshold {
    /// From the distance and the group of each tile; none without tiles.
    pub fn of(distances: &[f64], groups: &[usize]) -> Option<Self> {
        let mut order: Vec<usize> = (0..distances.len()).collect();
        order.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]));
        let median = distances[*order.get(order.len() / 2)?];
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        groups.iter().enumerate().for_each(|(tile, &group)| members.entry(group).or_default().push(tile));
        let flag = |(group, tiles): (&usize, &Vec<usize>)| {
            let others = || order.iter().filter(|&&tile| groups[tile] != *group);
            let threshold = others().nth(from_above(distances.len() - tiles.len())).map(|&tile| distances[tile]);
            tiles.iter().filter(|&&tile| threshold.is_some_and(|threshold| distances[tile] > threshold)).count()
        };
        let flagged =
            (members.len() > 1).then(|| members.iter().map(flag).sum::<usize>() as f64 / distances.len() as f64);
        let count = distances.len() as f64;
        let beyond = distances[*order.get(from_above(order.len()))?];
        Some(Self { median, beyond, level: LEVEL.min(count / (count + 1.0)), flagged })
    }
}

/// How many of so many tiles lie above the threshold; with few it is the farthest tile.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank from 0 to the number of tiles")]
fn from_above(tiles: usize) -> usize {
    let rank = ((tiles as f64 + 1.0) * LEVEL).ceil() as usize;
    tiles.saturating_sub(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_one_in_a_hundred_stay_below_and_few_tiles_claim_less() {
        let distances: Vec<f64> = (1..=999).map(f64::from).collect();
        let groups: Vec<usize> = (0..999).collect();
        let found = Threshold::of(&distances, &groups).unwrap();
        // Rank 990 of 999, so that a thousandth tile is beyond it with 1 %.
        assert_eq!((found.median, found.beyond, found.level), (500.0, 990.0, 0.99));
        // Without itself, 991 and those above it are beyond 990; 990 is not beyond 991.
        assert_eq!(found.flagged, Some(9.0 / 999.0));
        let few = Threshold::of(&distances[..19], &groups[..19]).unwrap();
        assert_eq!((few.beyond, few.level, few.flagged), (19.0, 0.95, Some(1.0 / 19.0)));
        assert_eq!(Threshold::of(&[], &[]), None);
    }

    #[test]
    fn a_group_is_held_against_the_others() {
        // Two patients, of whom one lies apart: all its tiles are unlike those of the other.
        let distances = [1.0, 2.0, 3.0, 11.0, 12.0, 13.0];
        assert_eq!(Threshold::of(&distances, &[0, 0, 0, 1, 1, 1]).unwrap().flagged, Some(0.5));
        assert_eq!(Threshold::of(&distances, &[7; 6]).unwrap().flagged, None);
    }
}
