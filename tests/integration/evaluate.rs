//! Figures against scikit-learn 1.9.1 on the same labels and scores (`parity/statistics/metrics.json`).

use crate::shared::shared;
use eosin::evaluate::{Confusion, auroc, macro_auroc};
use eosin::tile::arg_max;
use serde_json::Value;

/// Both sides compute in f64, and sum a few hundred terms.
const TOLERANCE: f64 = 1e-12;
/// Our rows of scores are f32, but only their order matters, so the area is the same.
const AREA_TOLERANCE: f64 = 1e-12;

fn whole(values: &Value) -> Vec<usize> {
    values.as_array().unwrap().iter().map(|value| usize::try_from(value.as_u64().unwrap()).unwrap()).collect()
}

fn real(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn near(found: Option<f64>, expected: &Value, tolerance: f64) {
    let (found, expected) = (found.unwrap(), expected.as_f64().unwrap());
    assert!((found - expected).abs() < tolerance, "{found} against {expected}");
}

#[test]
fn figures_are_those_of_scikit_learn() {
    let Some(path) = shared("parity/statistics/metrics.json") else { return };
    let reference: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();

    let binary = &reference["binary"];
    let positive: Vec<bool> = whole(&binary["label"]).into_iter().map(|label| label == 1).collect();
    for (score, at) in [("score1", 0), ("score2", 1)] {
        let scores = real(&binary[score]);
        near(auroc(&scores, &positive), &binary["results"]["auroc"][at], TOLERANCE);
        let expected = &binary["results"][score]["at_0.5"];
        let pairs =
            positive.iter().zip(&scores).map(|(&truth, &score)| (usize::from(truth), usize::from(score >= 0.5)));
        let table = Confusion::of(2, pairs);
        let counts = [table.count(0, 0), table.count(0, 1), table.count(1, 0), table.count(1, 1)];
        assert_eq!(
            counts.map(|count| usize::try_from(count).unwrap()).to_vec(),
            whole(&expected["confusion_tn_fp_fn_tp"])
        );
        near(table.accuracy(), &expected["accuracy"], TOLERANCE);
        near(table.balanced_accuracy(), &expected["balanced_accuracy"], TOLERANCE);
        near(table.f1(1), &expected["f1"], TOLERANCE);
        near(table.precision(1), &expected["precision"], TOLERANCE);
        near(table.recall(1), &expected["recall"], TOLERANCE);
    }

    let raters = &reference["ordinal"];
    let table = Confusion::of(5, whole(&raters["rater1"]).into_iter().zip(whole(&raters["rater2"])));
    near(table.kappa(), &raters["results"]["kappa_unweighted"], TOLERANCE);
    near(table.quadratic_kappa(), &raters["results"]["kappa_quadratic"], TOLERANCE);

    let many = &reference["multiclass"];
    let labels = whole(&many["label"]);
    let rows = many["probability"].as_array().unwrap().iter().map(real);
    #[expect(clippy::cast_possible_truncation, reason = "scores of a network are f32")]
    let scores: Vec<Vec<f32>> = rows.map(|row| row.into_iter().map(|score| score as f32).collect()).collect();
    let predicted = scores.iter().map(|row| arg_max(row).unwrap());
    let table = Confusion::of(5, labels.iter().copied().zip(predicted));
    near(table.accuracy(), &many["results"]["accuracy"], TOLERANCE);
    near(table.balanced_accuracy(), &many["results"]["balanced_accuracy"], TOLERANCE);
    near(table.macro_f1(), &many["results"]["macro_f1"], TOLERANCE);
    near(macro_auroc(&scores, &labels), &many["results"]["auroc_ovr_macro"], AREA_TOLERANCE);
}
