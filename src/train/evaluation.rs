//! Scores of the validation tiles → the figures of an epoch or of a card.

use crate::evaluate::{Confusion, macro_auroc};
use crate::tile::arg_max;

/// How well the validation tiles are recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Truth against the class with the highest score.
    pub confusion: Confusion,
    /// Mean cross-entropy, natural logarithm.
    pub loss: f64,
    /// Mean area under the curve of one class against the rest.
    pub auroc: Option<f64>,
}

/// A probability below this counts as this, so that one tile cannot make a loss infinite.
const LEAST: f32 = 1e-7;

impl Evaluation {
    /// Evaluates probabilities `[K]` of each tile against its label.
    pub(super) fn of(classes: usize, labels: &[usize], scores: &[Vec<f32>]) -> Self {
        let predicted = scores.iter().map(|row| arg_max(row).unwrap_or_default());
        let confusion = Confusion::of(classes, labels.iter().copied().zip(predicted));
        let losses = labels.iter().zip(scores).map(|(&label, row)| -f64::from(row[label].max(LEAST)).ln());
        let loss = losses.sum::<f64>() / labels.len().max(1) as f64;
        Self { confusion, loss, auroc: macro_auroc(scores, labels) }
    }

    /// Mean recall of the classes; 0 without tiles.
    pub fn balanced_accuracy(&self) -> f64 {
        self.confusion.balanced_accuracy().unwrap_or(0.0)
    }

    /// Whether this is better than figures reached before: more balanced accuracy, or as much with less loss.
    pub(super) fn beats(&self, balanced_accuracy: f64, loss: f64) -> bool {
        let ours = self.balanced_accuracy();
        ours > balanced_accuracy || (ours.to_bits() == balanced_accuracy.to_bits() && self.loss < loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_mean_cross_entropy_and_decides_between_equals() {
        let scores = [vec![0.5, 0.5], vec![0.25, 0.75]];
        let evaluation = Evaluation::of(2, &[0, 1], &scores);
        assert!((evaluation.loss - f64::midpoint(2.0_f64.ln(), (4.0_f64 / 3.0).ln())).abs() < 1e-6);
        assert!((evaluation.balanced_accuracy() - 1.0).abs() < 1e-12);
        assert!(evaluation.beats(1.0, 0.6) && !evaluation.beats(1.0, 0.4) && evaluation.beats(0.9, 0.4));
    }
}
