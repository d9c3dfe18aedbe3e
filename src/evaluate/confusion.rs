//! Truth against prediction, counted, and what follows from the counts.
//!
//! Invariant: a figure that the counts do not define (a recall of a class without tiles) is `None`, never 0 or 1.

use super::draws::mean;

/// How often each class was taken for which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[K, K]`, row = truth, column = prediction.
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty table of `classes` rows and columns.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts pairs of (truth, prediction).
    ///
    /// # Panics
    /// When a pair has a class beyond the table.
    pub fn of(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut table = Self::new(classes);
        pairs.into_iter().for_each(|(truth, predicted)| table.add(truth, predicted));
        table
    }

    /// Counts truths and predictions as often as their tiles were drawn.
    ///
    /// # Panics
    /// When a drawn tile has a class beyond the table.
    pub fn drawn(classes: usize, truth: &[usize], predicted: &[usize], draws: &[u32]) -> Self {
        let mut table = Self::new(classes);
        for ((&truth, &predicted), &times) in truth.iter().zip(predicted).zip(draws).filter(|tile| *tile.1 > 0) {
            *table.cell(truth, predicted) += u64::from(times);
        }
        table
    }

    /// Counts one tile.
    ///
    /// # Panics
    /// When a class is beyond the table.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        *self.cell(truth, predicted) += 1;
    }

    fn cell(&mut self, truth: usize, predicted: usize) -> &mut u64 {
        assert!(truth < self.classes && predicted < self.classes, "class beyond the table");
        &mut self.counts[truth * self.classes + predicted]
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Tiles of class `truth` that were taken for `predicted`.
    ///
    /// # Panics
    /// When a class is beyond the table.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.classes + predicted]
    }

    /// The counts: a row for each truth, a column for each prediction.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts.chunks(self.classes.max(1)).map(<[u64]>::to_vec).collect()
    }

    /// All tiles.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Tiles of a class.
    pub fn support(&self, class: usize) -> u64 {
        (0..self.classes).map(|predicted| self.count(class, predicted)).sum()
    }

    /// Tiles that were taken for a class.
    pub fn predicted(&self, class: usize) -> u64 {
        (0..self.classes).map(|truth| self.count(truth, class)).sum()
    }

    fn hits(&self) -> u64 {
        (0..self.classes).map(|class| self.count(class, class)).sum()
    }

    /// Share of the tiles that were recognised; `None` without tiles.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.hits(), self.total())
    }

    /// Share of a class's tiles that were recognised; `None` when it has none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.count(class, class), self.support(class))
    }

    /// Share of the tiles taken for a class that are of it; `None` when none was.
    pub fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.count(class, class), self.predicted(class))
    }

    /// Harmonic mean of precision and recall, `2 TP / (2 TP + FP + FN)`; `None` for a class that is neither there nor
    /// predicted.
    pub fn f1(&self, class: usize) -> Option<f64> {
        ratio(2 * self.count(class, class), self.support(class) + self.predicted(class))
    }

    /// Mean recall of the classes that have tiles; `None` without tiles.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean((0..self.classes).filter_map(|class| self.recall(class)))
    }

    /// Mean F1 of the classes that are there or predicted; `None` without tiles.
    pub fn macro_f1(&self) -> Option<f64> {
        mean((0..self.classes).filter_map(|class| self.f1(class)))
    }

    /// Agreement beyond chance; `None` when chance alone agrees wholly.
    ///
    /// # Source
    /// Cohen 1960, doi:10.1177/001316446002000104.
    pub fn kappa(&self) -> Option<f64> {
        self.weighted_kappa(|truth, predicted| f64::from(u8::from(truth != predicted)))
    }

    /// Agreement of ordered classes, where a miss counts by its distance.
    ///
    /// # Source
    /// Cohen 1968, doi:10.1037/h0026256.
    pub fn linear_kappa(&self) -> Option<f64> {
        self.weighted_kappa(|truth, predicted| truth.abs_diff(predicted) as f64)
    }

    /// Agreement of ordered classes, where a miss counts by the square of its distance.
    ///
    /// # Source
    /// Cohen 1968, doi:10.1037/h0026256.
    pub fn quadratic_kappa(&self) -> Option<f64> {
        self.weighted_kappa(|truth, predicted| (truth.abs_diff(predicted) as f64).powi(2))
    }

    /// Matthews' correlation of truth and prediction, for any number of classes; `None` when either is of one class only.
    ///
    /// # Source
    /// Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006, equation 8 (`R_K`).
    pub fn mcc(&self) -> Option<f64> {
        let total = self.total() as f64;
        let sum = |of: &dyn Fn(usize) -> f64| (0..self.classes).map(of).sum::<f64>();
        let (support, predicted) = (|class| self.support(class) as f64, |class| self.predicted(class) as f64);
        let together = self.hits() as f64 * total - sum(&|class| support(class) * predicted(class));
        let of_truth = total * total - sum(&|class| support(class).powi(2));
        let of_prediction = total * total - sum(&|class| predicted(class).powi(2));
        let whole = of_truth.sqrt() * of_prediction.sqrt();
        (whole > 0.0).then(|| together / whole)
    }

    /// `1 - sum w O / sum w E`, with the observed counts O and those expected by chance E.
    fn weighted_kappa(&self, weight: impl Fn(usize, usize) -> f64) -> Option<f64> {
        let total = self.total() as f64;
        let (mut observed, mut by_chance) = (0.0, 0.0);
        for truth in 0..self.classes {
            for predicted in 0..self.classes {
                let weight = weight(truth, predicted);
                observed += weight * self.count(truth, predicted) as f64;
                by_chance += weight * self.support(truth) as f64 * self.predicted(predicted) as f64 / total;
            }
        }
        (by_chance > 0.0).then(|| 1.0 - observed / by_chance)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes, 10 tiles: truth 0 0 0 0 1 1 1 2 2 2, predicted 0 0 0 1 1 1 2 2 2 0.
    fn table() -> Confusion {
        Confusion::of(3, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2].into_iter().zip([0, 0, 0, 1, 1, 1, 2, 2, 2, 0]))
    }

    fn near(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} against {expected}");
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let table = table();
        near(table.accuracy(), 0.7);
        near(table.recall(0), 0.75);
        near(table.precision(1), 2.0 / 3.0);
        near(table.balanced_accuracy(), (0.75 + 2.0 / 3.0 + 2.0 / 3.0) / 3.0);
        near(table.macro_f1(), (0.75 + 2.0 / 3.0 + 2.0 / 3.0) / 3.0);
        // Chance agrees on (4*4 + 3*3 + 3*3) / 100 = 0.34.
        near(table.kappa(), (0.7 - 0.34) / (1.0 - 0.34));
        // (7 * 10 - 34) / (100 - 34), as truth and prediction have the same counts.
        near(table.mcc(), 36.0 / 66.0);
        assert_eq!(table.rows(), [[3, 1, 0], [0, 2, 1], [1, 0, 2]]);
    }

    #[test]
    fn a_tile_counts_as_often_as_it_was_drawn() {
        let drawn = Confusion::drawn(2, &[0, 1, 9], &[1, 1, 9], &[2, 1, 0]);
        assert_eq!(drawn, Confusion::of(2, [(0, 1), (0, 1), (1, 1)]));
    }

    #[test]
    fn what_the_counts_do_not_define_is_none() {
        let empty = Confusion::new(2);
        assert_eq!(
            (empty.accuracy(), empty.balanced_accuracy(), empty.macro_f1(), empty.kappa()),
            (None, None, None, None)
        );
        let one = Confusion::of(2, [(0, 0), (0, 0)]);
        assert_eq!((one.recall(1), one.f1(1), one.kappa(), one.mcc()), (None, None, None, None));
        near(one.balanced_accuracy(), 1.0);
    }
}
