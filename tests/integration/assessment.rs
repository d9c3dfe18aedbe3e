//! Whole assessments: figures against each other and against known truths, faults by table, what is written and read back.

use eosin::Error;
use eosin::evaluate::{
    Agreement, Assessment, Bootstrap, ClassInput, Confusion, EstimateInput, Figure, FindingInput, Groups, Partition,
    Unit, assess_classes, assess_estimates, assess_findings, compare_classes, compare_estimates, compare_findings,
    macro_auroc, once,
};
use eosin::tile::arg_max;

const BOOTSTRAP: Bootstrap = Bootstrap { replicates: 200, seed: 5 };

/// Tiles of 20 patients at two sites, with a hash in place of chance.
struct Cohort {
    names: Vec<String>,
    truth: Vec<usize>,
    scores: Vec<Vec<f32>>,
    patients: Vec<usize>,
    sites: Vec<String>,
}

/// From 0 to below 1.
#[expect(clippy::cast_precision_loss, reason = "24 bits")]
fn noise(a: usize, b: usize) -> f32 {
    let mixed = (a as u64 * 0x9E37_79B9 + b as u64 * 0x85EB_CA6B + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 40) as f32 / 16_777_216.0
}

/// `skill` is how much the true class stands out.
fn cohort(tiles: usize, classes: usize, skill: f32) -> Cohort {
    let truth: Vec<usize> = (0..tiles).map(|tile| tile * 7 % classes).collect();
    let row = |tile: usize| {
        let lift = |class: usize| if class == truth[tile] { skill * (0.5 + noise(tile / 20, 99)) } else { 0.0 };
        let raw: Vec<f32> = (0..classes).map(|class| (2.0 * noise(tile, class) + lift(class)).exp()).collect();
        let sum: f32 = raw.iter().sum();
        raw.into_iter().map(|value| value / sum).collect()
    };
    Cohort {
        names: (0..classes).map(|class| format!("class {class}")).collect(),
        scores: (0..tiles).map(row).collect(),
        patients: (0..tiles).map(|tile| tile / 20).collect(),
        sites: (0..tiles).map(|tile| if tile < tiles / 4 { "north" } else { "south" }.to_owned()).collect(),
        truth,
    }
}

impl Cohort {
    fn classes(&self) -> ClassInput<'_> {
        ClassInput { names: &self.names, truth: &self.truth, scores: &self.scores, ordered: false }
    }

    fn groups(&self) -> Groups<'_> {
        Groups { unit: Unit::Patient, clusters: Partition::by(&self.patients), sites: Some(&self.sites) }
    }

    fn flags(&self) -> Vec<Vec<bool>> {
        self.truth.iter().map(|&truth| (0..self.names.len()).map(|class| class == truth).collect()).collect()
    }
}

fn holds(figure: Figure) -> bool {
    figure.low.zip(figure.high).zip(figure.value).is_some_and(|((low, high), value)| low <= value && value <= high)
}

fn same(found: Option<f64>, expected: Option<f64>) {
    assert!((found.unwrap() - expected.unwrap()).abs() < 1e-12, "{found:?} against {expected:?}");
}

#[test]
fn the_figures_of_an_assessment_are_those_of_its_parts() {
    let cohort = cohort(400, 3, 1.0);
    let found = assess_classes(&cohort.classes(), &cohort.groups(), BOOTSTRAP).unwrap();
    let predicted = cohort.scores.iter().map(|row| arg_max(row).unwrap());
    let table = Confusion::of(3, cohort.truth.iter().copied().zip(predicted));
    same(found.overall.balanced_accuracy.value, table.balanced_accuracy());
    same(found.overall.macro_auroc.value, macro_auroc(&cohort.scores, &cohort.truth));
    assert_eq!(found.confusion, table.rows());
    assert_eq!(found.reliability.bins.iter().map(|bin| bin.count).sum::<u64>(), 400);
    same(found.reliability.ece(), found.overall.ece.value);
    // Its classes have no order.
    assert_eq!(found.overall.quadratic_kappa, Figure::default());
    for figure in [found.overall.accuracy, found.overall.macro_auroc, found.overall.log_loss, found.overall.mcc] {
        assert!(holds(figure), "{figure:?}");
    }
    for (at, class) in found.classes.iter().enumerate() {
        assert_eq!((class.name.as_str(), class.support), (cohort.names[at].as_str(), table.support(at)));
        same(class.figures.recall.value, table.recall(at));
        assert!(holds(class.figures.auroc) && holds(class.figures.auprc));
        assert!(class.curves.roc.len() > 50 && class.curves.roc.len() <= 200);
    }
    let sites: Vec<_> = found.sites.iter().map(|site| (site.site.as_str(), site.tiles, site.clusters)).collect();
    assert_eq!(sites, [("north", 100, 5), ("south", 300, 15)]);
    assert!(found.sites.iter().flat_map(|site| &site.figures).all(|row| holds(row.figure)));
    assert_eq!(found.auroc_delong, None);
}

#[test]
fn a_finding_is_judged_as_one_of_two_classes_is() {
    let cohort = cohort(400, 2, 1.0);
    let classes = assess_classes(&cohort.classes(), &cohort.groups(), BOOTSTRAP).unwrap();
    let flags = cohort.flags();
    let input = FindingInput { names: &cohort.names, truth: &flags, scores: &cohort.scores };
    let findings = assess_findings(&input, &cohort.groups(), BOOTSTRAP).unwrap();
    let (class, finding) = (&classes.classes[1], &findings.findings[1]);
    assert_eq!(finding.figures.auroc, class.figures.auroc);
    assert_eq!(finding.figures.recall, class.figures.recall);
    assert_eq!(finding.figures.specificity, classes.classes[0].figures.recall);
    assert_eq!(finding.curves, class.curves);
    assert_eq!(finding.auroc_delong, classes.auroc_delong);
    assert!(holds(finding.auroc_delong.unwrap()));
    assert_eq!(findings.sites[0].figures[0].name, "accuracy");
}

#[test]
fn estimates_have_their_agreement_and_a_scatter_of_at_most_2000_tiles() {
    let truth: Vec<Vec<f32>> = (0..3000).map(|tile| vec![noise(tile, 1), 1.0]).collect();
    let estimates: Vec<Vec<f32>> =
        truth.iter().enumerate().map(|(tile, row)| vec![row[0] + 0.2 * noise(tile, 2), 1.0]).collect();
    let names = ["Ki67".to_owned(), "constant".to_owned()];
    let input = EstimateInput { names: &names, truth: &truth, estimates: &estimates };
    let groups = Groups { unit: Unit::Block, clusters: Partition::by((0..3000).map(|tile| tile / 100)), sites: None };
    let found = assess_estimates(&input, &groups, BOOTSTRAP).unwrap();
    let column = |rows: &[Vec<f32>]| rows.iter().map(|row| f64::from(row[0])).collect::<Vec<_>>();
    let agreement = Agreement::of(&column(&truth), &column(&estimates)).unwrap();
    same(found.outputs[0].figures.r2.value, agreement.r2(&once(3000)));
    // A quantity without variance has no R2 and is not in the mean.
    assert_eq!(found.outputs[1].figures.r2, Figure::default());
    assert_eq!(found.mean_r2, found.outputs[0].figures.r2);
    assert!(holds(found.mean_r2) && holds(found.outputs[0].figures.spearman));
    assert_eq!(found.outputs[0].scatter.len(), 2000);
    assert!(found.sites.is_empty());
}

#[test]
fn comparing_tells_a_better_model_from_a_worse_one_and_a_model_from_itself_not_at_all() {
    let (worse, better) = (cohort(400, 2, 0.3), cohort(400, 2, 1.5));
    let groups = worse.groups();
    let found = compare_classes([&worse.classes(), &better.classes()], &groups, BOOTSTRAP).unwrap();
    let row = |name: &str| found.differences.iter().find(|row| row.name == name).unwrap();
    for name in ["balanced_accuracy", "macro_auroc", "auroc"] {
        assert!(row(name).difference.low.unwrap() > 0.0, "{:?}", row(name));
    }
    let test = row("auroc").delong.unwrap();
    assert!(test.p < 0.01 && test.z > 0.0, "{test:?}");
    same(Some(test.difference), row("auroc").difference.value);
    let itself = compare_classes([&worse.classes(), &worse.classes()], &groups, BOOTSTRAP).unwrap();
    for row in &itself.differences {
        assert_eq!(row.delong, None);
        assert!([row.difference.low, row.difference.high].into_iter().flatten().all(|end| end.abs() <= 0.0));
    }

    let flags = worse.flags();
    let finding = |scores| FindingInput { names: &worse.names, truth: &flags, scores };
    let found = compare_findings([&finding(&worse.scores), &finding(&better.scores)], &groups, BOOTSTRAP).unwrap();
    assert!(found.differences.iter().filter(|row| row.name == "auroc").all(|row| row.delong.unwrap().p < 0.01));

    let estimate = |estimates| EstimateInput { names: &worse.names, truth: &better.scores, estimates };
    let found = compare_estimates([&estimate(&worse.scores), &estimate(&better.scores)], &groups, BOOTSTRAP).unwrap();
    assert_eq!((found.differences[0].name.as_str(), found.differences[0].second), ("mean_r2", Some(1.0)));
}

#[test]
fn any_number_of_threads_gives_the_same_assessment_and_another_seed_another_one() {
    let cohort = cohort(200, 3, 1.0);
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bootstrap = Bootstrap { replicates: 100, seed };
        let found = pool.install(|| assess_classes(&cohort.classes(), &cohort.groups(), bootstrap)).unwrap();
        serde_json::to_string(&Assessment::Classes(Box::new(found))).unwrap()
    };
    assert_eq!(with(1, 1), with(4, 1));
    assert_ne!(with(4, 1), with(4, 2));
}

#[test]
fn an_assessment_that_was_written_is_read_back_as_it_was() {
    let cohort = cohort(200, 3, 1.0);
    let found = assess_classes(&cohort.classes(), &cohort.groups(), BOOTSTRAP).unwrap();
    let found = Assessment::Classes(Box::new(found));
    let text = serde_json::to_string(&found).unwrap();
    assert!(
        text.starts_with(r#"{"meaning":"classes","basis":{"tiles":200,"unit":"patient","clusters":10"#),
        "{text:.90}"
    );
    assert_eq!(serde_json::from_str::<Assessment>(&text).unwrap(), found);
}

#[test]
fn few_clusters_have_figures_without_intervals_and_no_tiles_have_none() {
    let cohort = cohort(80, 2, 1.0);
    let found = assess_classes(&cohort.classes(), &cohort.groups(), BOOTSTRAP).unwrap();
    assert_eq!(found.basis.clusters, 4);
    assert!(found.overall.accuracy.value.is_some() && found.overall.accuracy.low.is_none());
    let input = ClassInput { truth: &[], scores: &[], ..cohort.classes() };
    let groups = Groups { unit: Unit::Tile, clusters: Partition::singles(0), sites: Some(&[]) };
    let empty = assess_classes(&input, &groups, BOOTSTRAP).unwrap();
    assert_eq!(empty.overall, eosin::evaluate::OverallFigures::default());
    assert!(empty.sites.is_empty() && empty.classes.iter().all(|class| class.curves.roc.is_empty()));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let cohort = cohort(40, 2, 1.0);
    let (input, groups) = (cohort.classes(), cohort.groups());
    let code = |input: ClassInput<'_>, groups: &Groups<'_>| {
        assess_classes(&input, groups, BOOTSTRAP).map_err(|error: Error| error.code()).unwrap_err()
    };
    let changed = |tile: usize, row: Vec<f32>| {
        let mut scores = cohort.scores.clone();
        scores[tile] = row;
        scores
    };
    assert_eq!(code(ClassInput { scores: &cohort.scores[1..], ..input }, &groups), "EVA-0001");
    assert_eq!(code(input, &Groups { clusters: Partition::singles(39), ..groups.clone() }), "EVA-0001");
    assert_eq!(code(input, &Groups { sites: Some(&cohort.sites[1..]), ..groups.clone() }), "EVA-0001");
    assert_eq!(code(ClassInput { scores: &changed(3, vec![1.0]), ..input }, &groups), "EVA-0002");
    for value in [f32::NAN, f32::INFINITY, 1.1, -0.1] {
        assert_eq!(code(ClassInput { scores: &changed(3, vec![value, 0.5]), ..input }, &groups), "EVA-0003");
    }
    assert_eq!(
        code(ClassInput { names: &cohort.names[..1], scores: &vec![vec![1.0]; 40], ..input }, &groups),
        "EVA-0004"
    );
    assert_eq!(code(ClassInput { names: &[], scores: &vec![vec![]; 40], ..input }, &groups), "EVA-0004");
    let mut other = cohort.truth.clone();
    other[0] = 1;
    let refused = compare_classes([&input, &ClassInput { truth: &other, ..input }], &groups, BOOTSTRAP);
    assert_eq!(refused.unwrap_err().code(), "EVA-0005");
}
