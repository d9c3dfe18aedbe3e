//! Figures against scikit-learn 1.9.1 on the same labels and scores (`parity/statistics/metrics.json`).

use crate::shared::shared;
use eosin::evaluate::{
    Agreement, Confusion, Delong, Ranking, Reliability, auroc, binary_brier, brier, cross_entropy, macro_auroc, once,
    one_against_one_auroc, top_accuracy,
};
use eosin::tile::arg_max;
use serde_json::Value;

/// Both sides compute in f64, and sum a few hundred terms.
const TOLERANCE: f64 = 1e-12;
/// Our rows of scores are f32, but only their order matters, so the area is the same.
const AREA_TOLERANCE: f64 = 1e-12;
/// Probabilities of several classes are f32 here and f64 there: 3e-8 each, and more in a logarithm.
const F32_TOLERANCE: f64 = 2e-7;

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

fn reference() -> Option<Value> {
    let path = shared("parity/statistics/metrics.json")?;
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

#[test]
fn figures_are_those_of_scikit_learn() {
    let Some(reference) = reference() else { return };

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
        near(table.mcc(), &expected["mcc"], TOLERANCE);

        let expected = &binary["results"][score];
        let draws = once(scores.len());
        let ranking = Ranking::of(&scores, &positive).unwrap();
        near(ranking.average_precision(&draws), &expected["average_precision"], TOLERANCE);
        let pairs = || scores.iter().zip(&positive).map(|(&score, &truth)| (score, truth));
        near(mean(pairs().map(|(score, truth)| binary_brier(score, truth))), &expected["brier"], TOLERANCE);
        let losses = pairs().map(|(score, truth)| cross_entropy(if truth { score } else { 1.0 - score }));
        near(mean(losses), &expected["log_loss_clip_1e-7"], TOLERANCE);
        for bins in [10, 15] {
            let table = Reliability::of(bins, &scores, &positive, &draws);
            near(table.ece(), &expected[format!("ece_{bins}")], TOLERANCE);
            near(table.mce(), &expected[format!("mce_{bins}")], TOLERANCE);
        }
    }

    let raters = &reference["ordinal"];
    let table = Confusion::of(5, whole(&raters["rater1"]).into_iter().zip(whole(&raters["rater2"])));
    near(table.kappa(), &raters["results"]["kappa_unweighted"], TOLERANCE);
    near(table.linear_kappa(), &raters["results"]["kappa_linear"], TOLERANCE);
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
    near(one_against_one_auroc(&scores, &labels), &many["results"]["auroc_ovo_macro"], AREA_TOLERANCE);
    near(top_accuracy(2, &scores, &labels), &many["results"]["top2_accuracy"], TOLERANCE);
    assert_eq!(top_accuracy(1, &scores, &labels), table.accuracy());

    let pairs = || scores.iter().zip(&labels);
    near(
        mean(pairs().map(|(row, &label)| brier(row, label))),
        &many["results"]["brier_sum_over_classes"],
        F32_TOLERANCE,
    );
    let losses = pairs().map(|(row, &label)| cross_entropy(f64::from(row[label])));
    near(mean(losses), &many["results"]["log_loss"], F32_TOLERANCE);
    let confidence: Vec<f64> = scores.iter().map(|row| f64::from(row.iter().copied().fold(0.0, f32::max))).collect();
    let right: Vec<bool> = pairs().map(|(row, &label)| arg_max(row) == Some(label)).collect();
    for bins in [10, 15] {
        let table = Reliability::of(bins, &confidence, &right, &once(labels.len()));
        near(table.ece(), &many["results"][format!("ece_{bins}_top_label")], F32_TOLERANCE);
    }
}

#[test]
fn areas_have_the_covariance_and_the_paired_test_of_delong() {
    let Some(reference) = reference() else { return };
    let binary = &reference["binary"];
    let positive: Vec<bool> = whole(&binary["label"]).into_iter().map(|label| label == 1).collect();
    let [first, second] = ["score1", "score2"].map(|score| Ranking::of(&real(&binary[score]), &positive).unwrap());
    let delong = Delong::of([&first, &second]).unwrap();
    let expected = &binary["results"];
    for (at, score) in ["score1", "score2"].into_iter().enumerate() {
        near(Some(delong.areas[at]), &expected["auroc"][at], TOLERANCE);
        for other in 0..2 {
            near(Some(delong.covariance[at][other]), &expected["delong_covariance"][at][other], TOLERANCE);
        }
        let figure = delong.figure(at);
        near(figure.low, &expected[score]["auroc_ci95_normal"][0], TOLERANCE);
        near(figure.high, &expected[score]["auroc_ci95_normal"][1], TOLERANCE);
    }
    let test = delong.test().unwrap();
    // Theirs is the first area less the second.
    near(Some(-test.z), &expected["delong_difference_z"], 1e-10);
    near(Some(test.p), &expected["delong_difference_p_two_sided"], TOLERANCE);
}

#[test]
fn agreement_of_estimates_is_that_of_scipy_and_scikit_learn() {
    let Some(reference) = reference() else { return };
    let regression = &reference["regression"];
    let agreement = Agreement::of(&real(&regression["truth"]), &real(&regression["prediction"])).unwrap();
    let (draws, expected) = (once(120), &regression["results"]);
    near(agreement.r2(&draws), &expected["r2"], TOLERANCE);
    near(agreement.mae(&draws), &expected["mae"], TOLERANCE);
    near(agreement.rmse(&draws), &expected["rmse"], TOLERANCE);
    near(agreement.pearson(&draws), &expected["pearson"], TOLERANCE);
    near(agreement.spearman(&draws), &expected["spearman"], TOLERANCE);
    near(agreement.kendall(&draws), &expected["kendall_tau_b"], TOLERANCE);
}
