//! Figures of a slide's report, from what was measured.

use super::slide_page::PageFacts;
use super::slide_tables::p_text;
use crate::evaluate::Figure;
use crate::measure::{ClusteringCurve, Measure, Measurements, PairTable, Region};
use crate::report::{BandChart, BandSeries, Captioned, PairMatrix, band_chart, pair_matrix};
use crate::tile::{Meaning, Role};

/// Lines that are told apart in one chart.
const LINES: usize = 6;
/// Curves of clustering that are shown; all are in the file of measurements.
const CURVES: usize = 6;

/// What changes with the distance to the tumour's border.
pub(super) fn profile_figure(measurements: &Measurements, facts: &PageFacts<'_>) -> Option<Captioned> {
    let profile = measurements.profile.as_ref()?;
    let shown = profile.series.iter().zip(facts.readings).filter(|(_, reading)| reading.role != Some(Role::Background));
    let shown = shown.map(|(series, _)| BandSeries {
        name: series.name.clone(),
        points: profile
            .steps
            .iter()
            .zip(&series.figures)
            .map(|(step, &figure)| (f64::midpoint(step.from_um, step.to_um), figure))
            .collect(),
    });
    let value = if matches!(facts.map.meaning(), Meaning::Estimates(_)) { "Mean" } else { "Share of the tissue" };
    let svg = band_chart(&BandChart {
        about: "What changes with the distance to the tumour's border".to_owned(),
        x_name: "Distance to the tumour's border [um]".to_owned(),
        y_name: value.to_owned(),
        series: shown.take(LINES).collect(),
        expected: None,
        sides: Some(["inside".to_owned(), "outside".to_owned()]),
    });
    let caption =
        format!("{value} by distance to the border of the tumour's region, with intervals (after Hendry et al. 2017).");
    Some(Captioned { svg, caption })
}

/// Which classes are beside each other.
pub(super) fn arrangement_figures(measurements: &Measurements) -> Vec<Captioned> {
    let caption = "Neighbouring cells of two classes against random places, in standard deviations (z).";
    matrices(measurements, &[(Measure::Interaction, 10.0, ["apart", "together"], caption)])
}

/// How estimated numbers go together.
pub(super) fn pair_figures(measurements: &Measurements) -> Vec<Captioned> {
    let ends = ["opposed", "together"];
    matrices(
        measurements,
        &[
            (Measure::Correlation, 1.0, ends, "Correlation of two maps, cell by cell (Pearson)."),
            (Measure::Lee, 1.0, ends, "Correlation of two maps, each averaged over the neighbouring cells (Lee's L)."),
        ],
    )
}

fn matrices(measurements: &Measurements, wanted: &[(Measure, f64, [&str; 2], &str)]) -> Vec<Captioned> {
    let figure = |(measure, limit, ends, caption): &(Measure, f64, [&str; 2], &str)| {
        let PairTable { names, values, .. } = measurements.pairs.iter().find(|table| table.measure == *measure)?;
        let svg = pair_matrix(&PairMatrix {
            about: measure.definition().title.to_owned(),
            row_title: String::new(),
            column_title: String::new(),
            rows: names.clone(),
            columns: names.clone(),
            values: values.clone(),
            name: measure.definition().title.to_owned(),
            ends: ends.map(str::to_owned),
            limit: *limit,
            bold: Vec::new(),
        });
        Some(Captioned { svg, caption: (*caption).to_owned() })
    };
    wanted.iter().filter_map(figure).collect()
}

/// How clustered classes are, those with the largest area first.
pub(super) fn curves(measurements: &Measurements) -> Vec<Captioned> {
    let area = |curve: &&ClusteringCurve| {
        let found = measurements.find(Measure::ClassArea, Some(&curve.of), Region::Tissue);
        found.and_then(|readout| readout.figure.value).unwrap_or(0.0)
    };
    let mut curves: Vec<&ClusteringCurve> = measurements.clustering.iter().collect();
    curves.sort_by(|a, b| area(b).total_cmp(&area(a)));
    curves.into_iter().take(CURVES).map(curve_figure).collect()
}

fn curve_figure(curve: &ClusteringCurve) -> Captioned {
    let excess = |value: Option<f64>, r: f64| value.map(|value| value - r);
    let found = curve
        .steps
        .iter()
        .map(|step| (step.r_um, Figure { value: excess(step.l_um, step.r_um), low: None, high: None }));
    let chance = curve.steps.iter().map(|step| {
        let (low, high) = (excess(step.low_um, step.r_um), excess(step.high_um, step.r_um));
        (step.r_um, Figure { value: Some(0.0), low, high })
    });
    let svg = band_chart(&BandChart {
        about: format!("How clustered {} is", curve.of),
        x_name: "Distance r [um]".to_owned(),
        y_name: "L(r) - r [um]".to_owned(),
        series: vec![BandSeries { name: curve.of.clone(), points: found.collect() }],
        expected: Some(BandSeries { name: "chance".to_owned(), points: chance.collect() }),
        sides: None,
    });
    let p = curve.p.map(|p| format!(" p of the whole curve {}.", p_text(p))).unwrap_or_default();
    let caption = format!(
        "{}: above the grey band it keeps together, below it apart, more than random places would.{p}",
        curve.of
    );
    Captioned { svg, caption }
}
