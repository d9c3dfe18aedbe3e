//! How well scores put one kind of tiles above another.

use super::draws::{mean, once};
use super::order::Order;

/// Scores of tiles, sorted, with which of them are positive.
#[derive(Debug, Clone)]
pub struct Ranking {
    pub(super) scores: Vec<f64>,
    pub(super) positive: Vec<bool>,
    pub(super) order: Order,
}

impl Ranking {
    /// `None` when there are not as many scores as truths, or when a score is not a number.
    pub fn of(scores: &[f64], positive: &[bool]) -> Option<Self> {
        let order = Order::of(scores).filter(|_| scores.len() == positive.len())?;
        Some(Self { scores: scores.to_vec(), positive: positive.to_vec(), order })
    }

    /// For each distinct score, from the highest down: a tile that has it, and the drawn positives and negatives there.
    pub(super) fn falling(&self, draws: &[u32]) -> impl Iterator<Item = (usize, f64, f64)> {
        self.order.rising().rev().map(move |ties| {
            let (mut positives, mut negatives) = (0_u64, 0_u64);
            for &tile in ties {
                let times = u64::from(draws[tile as usize]);
                *(if self.positive[tile as usize] { &mut positives } else { &mut negatives }) += times;
            }
            (ties[0] as usize, positives as f64, negatives as f64)
        })
    }

    /// Area under the receiver operating characteristic: the chance that a positive scores above a negative, ties counted
    /// half. `None` unless both are drawn.
    ///
    /// # Source
    /// Hanley and `McNeil` 1982, doi:10.1148/radiology.143.1.7063747 (Mann-Whitney U).
    ///
    /// # Panics
    /// When `draws` is not one number per tile.
    pub fn auroc(&self, draws: &[u32]) -> Option<f64> {
        let (mut wins, mut above, mut passed) = (0.0, 0.0, 0.0);
        for (_, positives, negatives) in self.falling(draws) {
            wins += negatives * (above + positives / 2.0);
            above += positives;
            passed += negatives;
        }
        (above > 0.0 && passed > 0.0).then(|| wins / (above * passed))
    }

    /// Average precision: precision at each distinct score, weighed by the recall it adds. `None` unless a positive is
    /// drawn.
    ///
    /// # Source
    /// `sum_n (R_n - R_(n-1)) P_n` over falling thresholds, without interpolation, as in scikit-learn.
    ///
    /// # Panics
    /// When `draws` is not one number per tile.
    pub fn average_precision(&self, draws: &[u32]) -> Option<f64> {
        let (mut sum, mut above, mut taken) = (0.0, 0.0, 0.0);
        for (_, positives, negatives) in self.falling(draws) {
            above += positives;
            taken += positives + negatives;
            if positives > 0.0 {
                sum += positives * above / taken;
            }
        }
        (above > 0.0).then(|| sum / above)
    }
}

/// [`Ranking::auroc`] of all tiles; `None` also when a score is not a number.
pub fn auroc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    Ranking::of(scores, positive)?.auroc(&once(scores.len()))
}

/// Mean over the classes of the area of one class against the rest; classes without an area are left out.
///
/// # Shapes
/// `scores`: one row `[K]` for each of `labels`.
pub fn macro_auroc(scores: &[Vec<f32>], labels: &[usize]) -> Option<f64> {
    let classes = scores.first()?.len();
    let of = |class: usize| {
        let column: Option<Vec<f64>> = scores.iter().map(|row| row.get(class).map(|&score| f64::from(score))).collect();
        auroc(&column?, &labels.iter().map(|&label| label == class).collect::<Vec<_>>())
    };
    mean((0..classes).filter_map(of))
}

/// Mean over all pairs of classes of how well their own scores tell these two apart, each pair seen from both sides; how
/// many tiles a class has does not count. Pairs of which one class has no tiles are left out. `None` also when a score is
/// not a number.
///
/// # Shapes
/// `scores`: one row `[K]` for each of `labels`.
///
/// # Source
/// Hand and Till 2001, doi:10.1023/A:1010920819831, equation 7.
pub fn one_against_one_auroc(scores: &[Vec<f32>], labels: &[usize]) -> Option<f64> {
    let classes = scores.first().filter(|_| scores.len() == labels.len())?.len();
    if scores.iter().any(|row| row.len() != classes || row.iter().any(|score| score.is_nan())) {
        return None;
    }
    // The chance that a tile of `class` has more of its score than one of `other`.
    let of = |class: usize, other: usize| {
        let both = || scores.iter().zip(labels).filter(|tile| *tile.1 == class || *tile.1 == other);
        let column: Vec<f64> = both().map(|(row, _)| f64::from(row[class])).collect();
        auroc(&column, &both().map(|(_, &label)| label == class).collect::<Vec<_>>())
    };
    let pairs = (0..classes).flat_map(|a| (0..a).map(move |b| (a, b)));
    mean(pairs.filter_map(|(a, b)| Some(f64::midpoint(of(a, b)?, of(b, a)?))))
}

/// Share of the tiles whose class is among their `k` highest scores; of equal scores the first class stands higher, as in
/// [`arg_max`](crate::tile::arg_max). A label beyond the scores is a miss. `None` without tiles.
///
/// # Shapes
/// `scores`: one row `[K]` for each of `labels`.
pub fn top_accuracy(k: usize, scores: &[Vec<f32>], labels: &[usize]) -> Option<f64> {
    let hit = |row: &[f32], label: usize| {
        let above = |own: f32| {
            row.iter().enumerate().filter(move |&(class, &score)| score > own || score >= own && class < label)
        };
        row.get(label).is_some_and(|&own| above(own).count() < k)
    };
    mean(scores.iter().zip(labels).map(|(row, &label)| f64::from(u8::from(hit(row, label)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_count_half_and_one_sided_labels_have_no_area() {
        // Pairs (0.8, 0.5), (0.8, 0.2), (0.5, 0.5), (0.5, 0.2): 1 + 1 + 1/2 + 1 of 4.
        let area = auroc(&[0.8, 0.5, 0.5, 0.2], &[true, true, false, false]);
        assert_eq!(area, Some(3.5 / 4.0));
        assert_eq!(auroc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auroc(&[f64::NAN, 0.2], &[true, false]), None);
        assert_eq!(auroc(&[0.1], &[true, false]), None);
    }

    #[test]
    fn average_precision_is_that_worked_out_by_hand() {
        // Thresholds 0.8, 0.5, 0.2: recall 1/2, 1, 1; precision 1, 2/3, 2/4.
        let ranking = Ranking::of(&[0.8, 0.5, 0.5, 0.2], &[true, true, false, false]).unwrap();
        let found = ranking.average_precision(&[1; 4]).unwrap();
        assert!((found - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-15, "{found}");
        assert_eq!(ranking.average_precision(&[0, 0, 1, 1]), None);
        assert_eq!(ranking.average_precision(&[1, 1, 0, 0]), Some(1.0));
    }

    #[test]
    fn pairs_of_classes_are_seen_from_both_sides_and_count_alike() {
        let scores = [vec![0.9_f32, 0.1, 0.0], vec![0.4, 0.6, 0.0], vec![0.5, 0.5, 0.0], vec![0.0, 0.2, 0.8]];
        // 0 against 1: 1/2 of the pairs right by either score; 0 against 2: all; 1 against 2: all.
        let found = one_against_one_auroc(&scores, &[0, 0, 1, 2]).unwrap();
        assert!((found - (0.5 + 1.0 + 1.0) / 3.0).abs() < 1e-15, "{found}");
        assert_eq!(one_against_one_auroc(&scores, &[0; 4]), None);
        assert_eq!(one_against_one_auroc(&[vec![f32::NAN, 0.5], vec![0.5, 0.5]], &[0, 1]), None);
        assert_eq!(one_against_one_auroc(&scores, &[0]), None);
    }

    #[test]
    fn the_first_of_equal_scores_stands_higher() {
        let scores = [vec![0.2_f32, 0.4, 0.4], vec![0.2, 0.4, 0.4], vec![0.2, 0.4, 0.4]];
        for (k, hits) in [(1, 1.0), (2, 2.0), (3, 3.0)] {
            assert_eq!(top_accuracy(k, &scores, &[1, 2, 0]), Some(hits / 3.0));
        }
        assert_eq!(top_accuracy(3, &scores, &[9; 3]), Some(0.0));
        assert_eq!(top_accuracy(1, &[], &[]), None);
    }

    proptest! {
        #[test]
        fn a_tile_drawn_twice_is_two_tiles(tiles in proptest::collection::vec((0_u8..6, any::<bool>(), 0_u32..4), 0..40)) {
            let (mut scores, mut positive, mut draws) = (vec![], vec![], vec![]);
            let (mut all_scores, mut all_positive) = (vec![], vec![]);
            for (score, truth, times) in tiles {
                scores.push(f64::from(score));
                positive.push(truth);
                draws.push(times);
                for _ in 0..times {
                    all_scores.push(f64::from(score));
                    all_positive.push(truth);
                }
            }
            let drawn = Ranking::of(&scores, &positive).unwrap();
            let copied = Ranking::of(&all_scores, &all_positive).unwrap();
            let every = once(all_scores.len());
            prop_assert_eq!(drawn.auroc(&draws), copied.auroc(&every));
            prop_assert_eq!(drawn.average_precision(&draws), copied.average_precision(&every));
            prop_assert!(drawn.auroc(&draws).is_none_or(|area| (0.0..=1.0).contains(&area)));
        }

        #[test]
        fn turning_the_scores_round_turns_the_area_round(tiles in proptest::collection::vec((0_u8..6, any::<bool>()), 2..40)) {
            let scores: Vec<f64> = tiles.iter().map(|tile| f64::from(tile.0)).collect();
            let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
            let positive: Vec<bool> = tiles.iter().map(|tile| tile.1).collect();
            let areas = auroc(&scores, &positive).zip(auroc(&turned, &positive));
            prop_assert!(areas.is_none_or(|(one, other)| (one + other - 1.0).abs() < 1e-12));
        }
    }
}
