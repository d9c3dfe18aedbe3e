//! Outputs for the validation tiles → the figures of an epoch, and which epoch is best.

use crate::dataset::{Targets, TileSet, Truth};
use crate::evaluate::{Confusion, macro_auroc};
use crate::tile::arg_max;
use crate::train::config::Select;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A probability below this counts as this, so that one tile cannot make a loss infinite.
const LEAST: f64 = 1e-7;

/// How well the validation tiles are recognised or estimated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Mean cross-entropy (natural logarithm) of classes; of numbers the mean squared error in units of their variance, or as it is where
    /// none varies.
    pub loss: f64,
    /// By name; what the tiles do not define is left out.
    pub figures: BTreeMap<String, f64>,
}

impl Evaluation {
    /// Evaluates what a network gives for some tiles: probabilities `[K]`, or numbers in their own units.
    pub(super) fn of(set: &TileSet, tiles: &[usize], outputs: &[Vec<f32>]) -> Self {
        let truths = || tiles.iter().map(|&tile| &set.tiles[tile].truth);
        match &set.targets {
            Targets::Classes(names) => {
                let classes: Vec<usize> = truths().filter_map(Truth::class).collect();
                Self::of_classes(names.len(), &classes, outputs)
            }
            Targets::Numbers(names) => {
                let numbers: Vec<&[f32]> = truths().map(Truth::numbers).collect();
                Self::of_numbers(names, &numbers, outputs)
            }
        }
    }

    fn of_classes(classes: usize, truths: &[usize], probabilities: &[Vec<f32>]) -> Self {
        let predicted = probabilities.iter().map(|row| arg_max(row).unwrap_or_default());
        let confusion = Confusion::of(classes, truths.iter().copied().zip(predicted));
        let losses = truths.iter().zip(probabilities).map(|(&truth, row)| -f64::from(row[truth]).max(LEAST).ln());
        let loss = losses.sum::<f64>() / truths.len().max(1) as f64;
        let figures = [
            ("accuracy", confusion.accuracy()),
            ("balanced_accuracy", confusion.balanced_accuracy()),
            ("macro_f1", confusion.macro_f1()),
            ("macro_auroc", macro_auroc(probabilities, truths)),
        ];
        Self { loss, figures: named(figures) }
    }

    fn of_numbers(names: &[String], truths: &[&[f32]], estimates: &[Vec<f32>]) -> Self {
        let count = truths.len().max(1) as f64;
        // Squared error and variance of each number.
        let errors: Vec<(f64, f64)> = (0..names.len())
            .map(|column| {
                let truth = || truths.iter().map(|row| f64::from(row[column]));
                let mean = truth().sum::<f64>() / count;
                let error = truth().zip(estimates).map(|(truth, row)| (truth - f64::from(row[column])).powi(2));
                (error.sum(), truth().map(|truth| (truth - mean).powi(2)).sum())
            })
            .collect();
        let unexplained: Vec<Option<f64>> =
            errors.iter().map(|(error, variance)| (*variance > 0.0).then(|| error / variance)).collect();
        let defined: Vec<f64> = unexplained.iter().flatten().copied().collect();
        let unexplained_share = defined.iter().sum::<f64>() / defined.len().max(1) as f64;
        // Where nothing varies, less error is still better.
        let squared = errors.iter().map(|(error, _)| error / count).sum::<f64>() / errors.len().max(1) as f64;
        let loss = if defined.is_empty() { squared } else { unexplained_share };
        let mut figures = named([("r2", (!defined.is_empty()).then_some(1.0 - unexplained_share))]);
        for (name, unexplained) in names.iter().zip(unexplained) {
            figures.extend(unexplained.map(|unexplained| (format!("r2_{name}"), 1.0 - unexplained)));
        }
        Self { loss, figures }
    }

    /// Whether this is better than another: more of what is asked for, or as much with less loss.
    pub(super) fn beats(&self, other: &Self, select: Select) -> bool {
        let score = |evaluation: &Self| match select.figure() {
            Some(name) => evaluation.figures.get(name).copied().unwrap_or(f64::NEG_INFINITY),
            None => -evaluation.loss,
        };
        let (ours, theirs) = (score(self), score(other));
        ours > theirs || (ours.to_bits() == theirs.to_bits() && self.loss < other.loss)
    }
}

fn named<const N: usize>(figures: [(&str, Option<f64>); N]) -> BTreeMap<String, f64> {
    figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_mean_cross_entropy_and_decides_between_equals() {
        let probabilities = [vec![0.5, 0.5], vec![0.25, 0.75]];
        let evaluation = Evaluation::of_classes(2, &[0, 1], &probabilities);
        assert!((evaluation.loss - f64::midpoint(2.0_f64.ln(), (4.0_f64 / 3.0).ln())).abs() < 1e-6);
        assert!((evaluation.figures["balanced_accuracy"] - 1.0).abs() < 1e-12);
        let other =
            |accuracy: f64, loss: f64| Evaluation { loss, figures: named([("balanced_accuracy", Some(accuracy))]) };
        let beats = |accuracy, loss| evaluation.beats(&other(accuracy, loss), Select::BalancedAccuracy);
        assert!(beats(1.0, 0.6) && !beats(1.0, 0.4) && beats(0.9, 0.4));
        assert!(!evaluation.beats(&other(0.0, 0.4), Select::Loss));
    }

    #[test]
    fn numbers_are_judged_by_the_share_of_their_variance_that_is_explained() {
        let names = ["a", "b"].map(str::to_owned);
        let truths: [&[f32]; 3] = [&[0.0, 1.0], &[1.0, 1.0], &[2.0, 1.0]];
        let found = Evaluation::of_numbers(&names, &truths, &[vec![0.0, 0.0], vec![1.0, 0.0], vec![1.0, 0.0]]);
        // The second never varies, so nothing of it can be explained.
        assert_eq!(found.figures, named([("r2", Some(0.5)), ("r2_a", Some(0.5))]));
        assert!((found.loss - 0.5).abs() < 1e-12);
    }
}
