//! A ranking → its receiver operating characteristic and its precision-recall curve, thinned for figures.

use super::draws::once;
use super::ranking::Ranking;
use serde::{Deserialize, Serialize};

/// What is found when all tiles that score at least `threshold` are taken for positive.
///
/// # Coordinates
/// Receiver operating characteristic: `x` false positive rate, `y` true positive rate. Precision-recall: `x` recall, `y`
/// precision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The lowest score taken; `None` at the start, where no tile is taken.
    pub threshold: Option<f64>,
    /// Along the curve's first axis, 0 to 1.
    pub x: f64,
    /// Along its second axis, 0 to 1.
    pub y: f64,
}

/// Both curves of one column of scores; empty where they are not defined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// From (0, 0) to (1, 1); empty unless there are positives and negatives.
    pub roc: Vec<CurvePoint>,
    /// From (0, 1), as is the custom, to recall 1; empty without positives.
    pub precision_recall: Vec<CurvePoint>,
}

impl Ranking {
    /// The curves of all tiles with at most `points` points each: points close to each other are left out, first and last
    /// stay.
    pub fn curves(&self, points: usize) -> Curves {
        let every = once(self.scores.len());
        let positives = self.positive.iter().filter(|&&positive| positive).count() as f64;
        let negatives = self.positive.len() as f64 - positives;
        let mut roc = vec![CurvePoint { threshold: None, x: 0.0, y: 0.0 }];
        let mut precision_recall = vec![CurvePoint { threshold: None, x: 0.0, y: 1.0 }];
        let (mut hits, mut misses) = (0.0, 0.0);
        for (tile, right, wrong) in self.falling(&every) {
            (hits, misses) = (hits + right, misses + wrong);
            let threshold = Some(self.scores[tile]);
            roc.push(CurvePoint { threshold, x: misses / negatives, y: hits / positives });
            precision_recall.push(CurvePoint { threshold, x: hits / positives, y: hits / (hits + misses) });
        }
        Curves {
            roc: if positives > 0.0 && negatives > 0.0 { thin(&roc, points) } else { Vec::new() },
            precision_recall: if positives > 0.0 { thin(&precision_recall, points) } else { Vec::new() },
        }
    }
}

/// Keeps the first point after each equal step along the curve. Steps of its length and not of its thresholds: with few
/// positives nearly all of the curve lies between a few thresholds.
fn thin(curve: &[CurvePoint], points: usize) -> Vec<CurvePoint> {
    if curve.len() <= points.max(2) {
        return curve.to_vec();
    }
    let along: Vec<f64> = curve
        .windows(2)
        .scan(0.0, |length, pair| {
            *length += (pair[1].x - pair[0].x).abs() + (pair[1].y - pair[0].y).abs();
            Some(*length)
        })
        .collect();
    let step = along[along.len() - 1] / (points.max(2) - 1) as f64;
    let mut kept = vec![curve[0]];
    for (point, &length) in curve[1..curve.len() - 1].iter().zip(&along) {
        if kept.len() < points.max(2) - 1 && length >= step * kept.len() as f64 {
            kept.push(*point);
        }
    }
    kept.push(curve[curve.len() - 1]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2,000 tiles, every 20th positive and scoring somewhat higher.
    fn ranking() -> Ranking {
        let positive: Vec<bool> = (0..2000).map(|tile| tile % 20 == 0).collect();
        let scores: Vec<f64> = (0..2000_u32)
            .map(|tile| f64::from(tile * 7919 % 2000) / 2000.0 + if tile % 20 == 0 { 0.3 } else { 0.0 })
            .collect();
        Ranking::of(&scores, &positive).unwrap()
    }

    fn area(curve: &[CurvePoint]) -> f64 {
        curve.windows(2).map(|pair| (pair[1].x - pair[0].x) * f64::midpoint(pair[0].y, pair[1].y)).sum()
    }

    #[test]
    fn the_whole_curve_holds_the_area() {
        let ranking = ranking();
        let curves = ranking.curves(usize::MAX);
        let expected = ranking.auroc(&once(2000)).unwrap();
        assert!((area(&curves.roc) - expected).abs() < 1e-12);
        let steps = curves.precision_recall.windows(2).map(|pair| (pair[1].x - pair[0].x) * pair[1].y);
        assert!((steps.sum::<f64>() - ranking.average_precision(&once(2000)).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends_and_nearly_its_area() {
        let ranking = ranking();
        let (whole, thinned) = (ranking.curves(usize::MAX), ranking.curves(100));
        for (whole, thinned) in [(&whole.roc, &thinned.roc), (&whole.precision_recall, &thinned.precision_recall)] {
            assert!((50..=100).contains(&thinned.len()), "{}", thinned.len());
            assert_eq!((whole.first(), whole.last()), (thinned.first(), thinned.last()));
        }
        assert!((area(&whole.roc) - area(&thinned.roc)).abs() < 0.01);
        assert_eq!(ranking.curves(0).roc.len(), 2);
    }

    #[test]
    fn one_sided_truth_has_no_receiver_operating_characteristic() {
        let curves = |positive: bool| Ranking::of(&[0.1, 0.9], &[positive; 2]).unwrap().curves(10);
        assert_eq!(curves(false), Curves::default());
        assert!(curves(true).roc.is_empty());
        assert_eq!(curves(true).precision_recall.last().map(|point| (point.x, point.y)), Some((1.0, 1.0)));
        assert_eq!(Ranking::of(&[], &[]).unwrap().curves(10), Curves::default());
    }
}
