//! Numbers and names of figures as they are read in a report.

use crate::evaluate::Figure;

/// What is said where there is no value.
pub(super) const UNDEFINED: &str = "not defined";

/// Names of figures as they stand in results, as they are read, and what they say.
const FIGURES: [(&str, &str, &str); 24] = [
    ("accuracy", "Accuracy", "Share of tiles that are recognised"),
    ("balanced_accuracy", "Balanced accuracy", "Mean recall of the classes"),
    ("macro_f1", "Macro F1", "Mean F1 of the classes"),
    ("kappa", "Cohen's kappa", "Agreement beyond chance: 0 is chance, 1 is perfect"),
    ("quadratic_kappa", "Quadratic kappa", "As kappa, far misses counting more; for ordered classes only"),
    ("mcc", "Matthews correlation", "From -1 through 0 (chance) to 1"),
    ("macro_auroc", "Macro AUROC", "Mean area under the ROC curve, one class against the rest"),
    ("macro_auprc", "Macro average precision", "Mean over the classes, one against the rest"),
    ("log_loss", "Log loss", "Mean cross-entropy, natural logarithm; lower is better"),
    ("brier", "Brier score", "Squared distance of the probabilities from the truth; lower is better"),
    ("ece", "Calibration error", "Mean gap between confidence and share that is right; lower is better"),
    ("recall", "Recall", "Share of its tiles that are found"),
    ("precision", "Precision", "Share of the tiles taken for it that are of it"),
    ("specificity", "Specificity", "Share of the tiles without it for which that is said"),
    ("f1", "F1", "Harmonic mean of precision and recall"),
    ("auroc", "AUROC", "Area under the ROC curve"),
    ("auprc", "Average precision", "Area under the precision-recall curve"),
    ("r2", "R\u{b2}", "Share of the variance that is explained"),
    ("mean_r2", "Mean R\u{b2}", "Mean of the quantities that have one"),
    ("pearson", "Pearson correlation", "How far truth and estimate lie on a line"),
    ("spearman", "Spearman correlation", "How far their order agrees"),
    ("mae", "Mean absolute error", "In the quantity's unit"),
    ("concordance", "Concordance", "Lin's: 1 only where every estimate is the truth"),
    ("rmse", "Root mean squared error", "In the quantity's unit"),
];

/// How the name of a figure is read; others as they are, with spaces.
pub(super) fn label(name: &str) -> String {
    FIGURES.iter().find(|row| row.0 == name).map_or_else(|| name.replace('_', " "), |row| row.1.to_owned())
}

/// What a figure says; empty for others.
pub(super) fn meaning(name: &str) -> &'static str {
    FIGURES.iter().find(|row| row.0 == name).map_or("", |row| row.2)
}

/// `0.912`; errors in units keep three digits that count.
pub(super) fn number(value: Option<f64>) -> String {
    number_of(value, None)
}

/// A number with so many decimals, or as many as tell something.
pub(super) fn number_of(value: Option<f64>, places: Option<usize>) -> String {
    value.map_or_else(|| UNDEFINED.to_owned(), |value| fixed(value, places.unwrap_or_else(|| decimals(value))))
}

/// `(0.871 to 0.943)`, or nothing where there is no interval.
pub(super) fn interval(figure: Figure) -> Option<String> {
    interval_of(figure, None)
}

/// An interval with so many decimals, or as many as the figure has.
pub(super) fn interval_of(figure: Figure, places: Option<usize>) -> Option<String> {
    let (value, low, high) = (figure.value?, figure.low?, figure.high?);
    let decimals = places.unwrap_or_else(|| decimals(value));
    Some(format!("({} to {})", fixed(low, decimals), fixed(high, decimals)))
}

/// Three decimals up to 10, then four digits; three digits that count for what is smaller than a hundredth.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 12 places")]
fn decimals(value: f64) -> usize {
    let size = value.abs();
    match size {
        _ if !size.is_normal() || (0.01..10.0).contains(&size) => 3,
        _ => (if size < 1.0 { 2.0 } else { 3.0 } - size.log10().floor()).clamp(0.0, 12.0) as usize,
    }
}

/// A number with this many decimals, and never `-0`.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|sign| matches!(sign, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

/// `12,345`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 tile`, `1,200 tiles`.
pub(super) fn counted(value: usize, one: &str) -> String {
    format!("{} {one}{}", count(value as u64), if value == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_the_digits_that_tell_something() {
        let read = |value: f64| number(Some(value));
        assert_eq!(
            [read(0.912_34), read(0.0), read(-0.000_000_1), read(1.0)],
            ["0.912", "0.000", "-0.000000100", "1.000"]
        );
        assert_eq!([read(12.345), read(1234.5), read(98_765.4), read(0.004_21)], ["12.35", "1234", "98765", "0.00421"]);
        assert_eq!(read(f64::INFINITY), "inf");
        assert_eq!(fixed(-0.000_4, 3), "0.000");
        assert_eq!(number(None), "not defined");
        let figure = Figure { value: Some(0.912), low: Some(0.871), high: Some(0.943) };
        assert_eq!(interval(figure).as_deref(), Some("(0.871 to 0.943)"));
        assert_eq!(interval(Figure { low: None, ..figure }), None);
        assert_eq!(interval(Figure { value: None, ..figure }), None);
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "tile"), counted(1200, "patient")], ["1 tile", "1,200 patients"]);
    }

    #[test]
    fn every_figure_of_an_assessment_has_words() {
        use crate::evaluate::{ClassFigures, EstimateFigures, FindingFigures, OverallFigures};
        let names = [
            OverallFigures::<()>::NAMES,
            ClassFigures::<()>::NAMES,
            FindingFigures::<()>::NAMES,
            EstimateFigures::<()>::NAMES,
        ];
        for name in names.concat() {
            assert!(!meaning(name).is_empty(), "{name}");
        }
        assert_eq!((label("seconds_per_slide"), meaning("seconds_per_slide")), ("seconds per slide".to_owned(), ""));
    }
}
