//! Survival figures against lifelines 0.30.3 and statsmodels 0.15.0 on the same patients
//! (`parity/statistics/survival.json`).

use crate::shared::shared;
use eosin::evaluate::survival::{
    Association, Cox, KaplanMeier, MedianSplit, Outcomes, Ties, Weighting, concordance, logrank,
};
use serde_json::Value;

/// Relative to the reference; both sides compute in f64, and the fits stop at steps this small or smaller.
const TOLERANCE: f64 = 1e-6;
/// Numbers below this are held to it as they are.
const SMALLEST: f64 = 1e-9;

fn reals(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn near(found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    let allowed = (TOLERANCE * expected.abs()).max(SMALLEST);
    assert!((found - expected).abs() <= allowed, "{found} against {expected}");
}

fn all_near(found: &[f64], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(&found, expected)| near(found, expected));
}

/// The reference and a column of its data.
fn reference() -> Option<(Value, impl Fn(&str) -> Vec<f64>)> {
    let path = shared("parity/statistics/survival.json")?;
    let reference: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let data = reference["data"].clone();
    Some((reference, move |name: &str| reals(&data[name])))
}

fn outcomes(column: impl Fn(&str) -> Vec<f64>, keep: impl Fn(usize) -> bool) -> Outcomes {
    let kept = |name: &str| -> Vec<f64> {
        column(name).into_iter().enumerate().filter(|row| keep(row.0)).map(|row| row.1).collect()
    };
    Outcomes::new(&kept("week"), &kept("arrest").iter().map(|&event| event > 0.5).collect::<Vec<_>>()).unwrap()
}

#[test]
fn curves_are_those_of_lifelines() {
    let Some((reference, column)) = reference() else { return };
    let fin = column("fin");
    for (name, group) in [("all", None), ("fin0", Some(0.0)), ("fin1", Some(1.0))] {
        let expected = &reference["kaplan_meier"][name];
        let curve = KaplanMeier::of(&outcomes(&column, |row| {
            group.is_none_or(|group: f64| fin[row].total_cmp(&group).is_eq())
        }));
        let steps = |of: fn(&eosin::evaluate::survival::SurvivalStep) -> f64| -> Vec<f64> {
            curve.steps.iter().map(of).collect()
        };
        all_near(&steps(|step| step.time), &expected["time"]);
        all_near(&steps(|step| step.at_risk as f64), &expected["at_risk"]);
        all_near(&steps(|step| step.events as f64), &expected["events"]);
        all_near(&steps(|step| step.censored as f64), &expected["censored"]);
        all_near(&steps(|step| step.survival), &expected["survival"]);
        all_near(&steps(|step| step.variance.unwrap()), &expected["greenwood_variance"]);
        all_near(&steps(|step| step.interval.unwrap().0), &expected["lower95_loglog"]);
        all_near(&steps(|step| step.interval.unwrap().1), &expected["upper95_loglog"]);
        near(curve.time_of(0.8).unwrap(), &expected["percentile_80_time"]);
    }
}

#[test]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
fn tests_between_groups_are_those_of_lifelines() {
    let Some((reference, column)) = reference() else { return };
    let everyone = outcomes(&column, |_| true);
    let expected = &reference["logrank_fin0_fin1"];
    let groups = |name: &str| -> Vec<usize> { column(name).into_iter().map(|value| value.min(3.0) as usize).collect() };
    for (name, weighting) in [
        ("logrank", Weighting::Equal),
        ("wilcoxon", Weighting::AtRisk),
        ("tarone-ware", Weighting::RootAtRisk),
        ("peto", Weighting::Survival),
    ] {
        let found = logrank(&everyone, &groups("fin"), weighting).unwrap();
        near(found.test.value, &expected[name]["chi2"]);
        near(found.test.p, &expected[name]["p"]);
        assert_eq!(found.groups.iter().map(|group| group.observed).sum::<usize>(), everyone.events());
        let all: f64 = found.groups.iter().map(|group| group.expected).sum();
        assert!((all - everyone.events() as f64).abs() < 1e-9, "{all}");
    }
    let found = logrank(&everyone, &groups("prio"), Weighting::Equal).unwrap();
    let expected = &expected["logrank_4_groups_min_prio_3"];
    near(found.test.value, &expected["chi2"]);
    near(found.test.p, &expected["p"]);
    assert_eq!(found.test.degrees as u64, expected["df"].as_u64().unwrap());
}

/// Name, standard deviation, hazard ratio for each deviation more with its interval, p, concordance; median, log-rank p of
/// those above it against the others, and how many are above: of lifelines 0.30.3, fitted to each column alone;
/// to nine digits.
const ALONE: [(&str, [f64; 6], [f64; 2], usize); 2] = [
    (
        "age",
        [6.113_375_22, 0.640_611_971, 0.499_353_774, 0.821_829_571, 0.000_458_635_810_9, 0.613_639_566],
        [23.0, 0.000_211_090_819_5],
        191,
    ),
    (
        "prio",
        [2.896_067_65, 1.339_645_78, 1.151_253_53, 1.558_866_72, 0.000_155_874_661_0, 0.587_936_217],
        [2.0, 0.000_424_616_171_8],
        181,
    ),
];

#[test]
fn one_number_alone_goes_with_outcomes_as_lifelines_says() {
    let Some((_, column)) = reference() else { return };
    let everyone = outcomes(&column, |_| true);
    for (name, expected, [median, logrank_p], above) in ALONE {
        let values = column(name);
        let found = Association::of(&everyone, &values).unwrap();
        let [low, ratio, high] = found.effect.hazard_ratio;
        let figures = [found.deviation, ratio, low, high, found.effect.p, found.concordance.unwrap()];
        all_near(&figures, &serde_json::json!(expected));
        let split = MedianSplit::of(&everyone, &values).unwrap();
        near(split.median, &median.into());
        near(split.logrank.unwrap().test.p, &logrank_p.into());
        assert_eq!(split.patients, [everyone.len() - above, above]);
    }
}

#[test]
fn proportional_hazards_are_those_of_lifelines_and_statsmodels() {
    let Some((reference, column)) = reference() else { return };
    let everyone = outcomes(&column, |_| true);
    let expected = &reference["cox_efron"];
    let names: Vec<&str> =
        expected["covariates"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let columns: Vec<Vec<f64>> = names.iter().map(|name| column(name)).collect();
    let rows: Vec<Vec<f64>> =
        (0..everyone.len()).map(|row| columns.iter().map(|column| column[row]).collect()).collect();

    let cox = Cox::fit(&everyone, &rows, Ties::Efron).unwrap();
    let effects = cox.effects();
    let each = |of: fn(&eosin::evaluate::survival::Effect) -> f64| effects.iter().map(of).collect::<Vec<_>>();
    all_near(&cox.coefficients, &expected["coef"]);
    all_near(&each(|effect| effect.standard_error), &expected["se"]);
    all_near(&each(|effect| effect.z), &expected["z"]);
    all_near(&each(|effect| effect.p), &expected["p"]);
    let variance = expected["variance_matrix"].as_array().unwrap();
    cox.variance.iter().zip(variance).for_each(|(found, expected)| all_near(found, expected));
    near(cox.log_likelihood, &expected["log_likelihood"]);
    near(cox.log_likelihood_null, &expected["log_likelihood_null"]);
    near(cox.likelihood_ratio().value, &expected["likelihood_ratio_chi2"]);
    near(cox.concordance.unwrap(), &expected["concordance"]);
    let risks: Vec<f64> = rows.iter().map(|row| cox.risk(row)).collect();
    near(concordance(&everyone, &risks).unwrap(), &expected["concordance"]);
    let times: Vec<f64> = cox.baseline.iter().map(|step| step.time).collect();
    let hazards: Vec<f64> = cox.baseline.iter().map(|step| step.cumulative_hazard).collect();
    all_near(&times, &expected["baseline_cumulative_hazard_time"]);
    all_near(&hazards, &expected["baseline_cumulative_hazard_at_mean_covariates"]);

    for (name, ties) in [("cox_efron_statsmodels", Ties::Efron), ("cox_breslow_statsmodels", Ties::Breslow)] {
        let cox = Cox::fit(&everyone, &rows, ties).unwrap();
        let errors: Vec<f64> = cox.effects().iter().map(|effect| effect.standard_error).collect();
        all_near(&cox.coefficients, &reference[name]["coef"]);
        all_near(&errors, &reference[name]["se"]);
        near(cox.log_likelihood, &reference[name]["log_likelihood"]);
    }

    near(concordance(&everyone, &column("prio")).unwrap(), &reference["concordance_of_minus_prio"]);
}

#[test]
fn units_do_not_matter_and_both_ways_agree_without_ties() {
    let times = [3.0, 1.0, 7.0, 2.0, 9.0, 4.0, 6.0, 5.0];
    let outcomes = Outcomes::new(&times, &[true, true, false, true, true, false, true, true]).unwrap();
    let rows = |scale: f64, shift: f64| -> Vec<Vec<f64>> {
        [3.0, 5.0, 2.0, 1.0, 2.0, 4.0, 6.0, 1.0].iter().map(|value| vec![value * scale + shift]).collect()
    };
    let efron = Cox::fit(&outcomes, &rows(1.0, 0.0), Ties::Efron).unwrap();
    let breslow = Cox::fit(&outcomes, &rows(1.0, 0.0), Ties::Breslow).unwrap();
    assert_eq!(efron, breslow);
    let scaled = Cox::fit(&outcomes, &rows(1e6, -5e6), Ties::Efron).unwrap();
    assert!((scaled.coefficients[0] * 1e6 / efron.coefficients[0] - 1.0).abs() < 1e-9);
    assert!((scaled.effects()[0].z - efron.effects()[0].z).abs() < 1e-9);
    assert!((scaled.log_likelihood - efron.log_likelihood).abs() < 1e-9);
}

#[test]
fn what_cannot_be_estimated_is_an_error_that_says_why() {
    let times = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let some = Outcomes::new(&times, &[true, true, true, false, true, false]).unwrap();
    let none = Outcomes::new(&times, &[false; 6]).unwrap();
    let column = |values: [f64; 6]| values.map(|value| vec![value]).to_vec();
    let varied = column([1.0, 0.0, 2.0, 1.0, 0.0, 1.0]);
    let both = |first: [f64; 6], second: [f64; 6]| -> Vec<Vec<f64>> {
        first.iter().zip(second).map(|(&first, second)| vec![first, second]).collect()
    };

    let new = |times: &[f64], events: &[bool]| Outcomes::new(times, events).unwrap_err();
    let fit = |outcomes: &Outcomes, rows: &[Vec<f64>]| Cox::fit(outcomes, rows, Ties::Efron).unwrap_err();
    let test = |outcomes: &Outcomes, groups: &[usize]| logrank(outcomes, groups, Weighting::Equal).unwrap_err();
    let cases = [
        ("SUR-0001", new(&[], &[])),
        ("SUR-0001", new(&[1.0], &[])),
        ("SUR-0002", new(&[-1.0], &[true])),
        ("SUR-0002", new(&[f64::NAN], &[true])),
        ("SUR-0003", test(&some, &[0, 1])),
        ("SUR-0003", test(&some, &[0; 6])),
        ("SUR-0003", test(&some, &[0, 0, 2, 2, 0, 0])),
        ("SUR-0003", test(&some, &[0, 0, usize::MAX, 2, 0, 0])),
        ("SUR-0004", test(&none, &[0, 0, 0, 1, 1, 1])),
        ("SUR-0005", fit(&some, &varied[..5])),
        ("SUR-0005", fit(&some, &vec![vec![]; 6])),
        ("SUR-0005", fit(&some, &column([1.0, 2.0, f64::INFINITY, 1.0, 2.0, 1.0]))),
        ("SUR-0006", fit(&some, &column([0.1; 6]))),
        ("SUR-0006", fit(&some, &both([1.0, 0.0, 2.0, 1.0, 0.0, 1.0], [3.0, 1.0, 5.0, 3.0, 1.0, 3.0]))),
        ("SUR-0007", fit(&none, &varied)),
        // The higher, the earlier, without exception; and a mark that only those without an event have.
        ("SUR-0008", fit(&some, &column([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]))),
        ("SUR-0008", fit(&some, &column([0.0, 0.0, 0.0, 1.0, 0.0, 1.0]))),
    ];
    for (at, (code, error)) in cases.into_iter().enumerate() {
        assert_eq!(error.code(), code, "case {at}: {error}");
    }
    Cox::fit(&some, &varied, Ties::Efron).unwrap();
}
