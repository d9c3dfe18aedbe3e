//! How well findings are recognised, each for itself.

use super::sites::sites;
use super::{Calibration, figure, figure_table, reliability, section, with_area};
use crate::evaluate::{Figure, FindingAssessment, FindingFigures, FindingRow};
use crate::report::figure::{ForestPanel, ForestPlot, confusion_matrix, curve_plots, forest_plot};
use crate::report::page::{Part, Section};
use crate::report::words::label;

/// The figures that go into the first table: one of all twelve would be too wide for paper.
const FIRST: [&str; 6] = ["recall", "specificity", "precision", "f1", "auroc", "auprc"];

pub(super) fn sections(found: &FindingAssessment, calibration: Option<Calibration<'_>>) -> Vec<Section> {
    let findings = &found.findings;
    let matrices = findings.iter().map(|row| {
        let names = [format!("no {}", row.name), row.name.clone()];
        let about = format!("Tiles with and without {}, by what was predicted", row.name);
        figure(confusion_matrix(&about, &names, &row.confusion), "Share of the true state, and tiles.")
    });
    let named: Vec<_> = findings.iter().map(|row| (with_area(&row.name, row.figures.auroc), &row.curves)).collect();
    let plots = curve_plots("ROC and precision-recall curves of each finding", &named);
    let curves = plots.into_iter().map(|svg| figure(svg, "The dashed line is what chance gives."));
    let calibrations = findings.iter().enumerate().map(|(at, row)| {
        let title = format!("Probability of {}", row.name);
        reliability(&title, &row.reliability, calibration.and_then(|calibration| calibration.of(at)))
    });
    let mut all = vec![
        section("Each finding", tables(findings)),
        section("What is taken for what", vec![Part::Figures(matrices.collect())]),
        section("Curves", vec![Part::Figures(curves.collect())]),
        section("Calibration", vec![Part::Figures(calibrations.collect())]),
    ];
    all.extend(sites(&found.sites, |name, column| {
        let row = findings.iter().find(|row| Some(row.name.as_str()) == column)?;
        value_of(row, name).value
    }));
    all
}

fn tables(findings: &[FindingRow]) -> Vec<Part> {
    let rest: Vec<&str> = FindingFigures::<()>::NAMES.iter().copied().filter(|name| !FIRST.contains(name)).collect();
    let table = |caption: &str, names: &[&str], support: bool| {
        let row = |row: &FindingRow| {
            let figures = names.iter().map(|name| value_of(row, name)).collect();
            (row.name.clone(), support.then_some(row.support), figures)
        };
        figure_table(caption, "Finding", names, findings.iter().map(row))
    };
    let panel = |name: &str| ForestPanel {
        name: label(name),
        figures: findings.iter().map(|row| value_of(row, name)).collect(),
        reference: None,
    };
    let plot = ForestPlot {
        about: "Recall, specificity and AUROC of each finding with their intervals".to_owned(),
        rows: findings.iter().map(|row| row.name.clone()).collect(),
        panels: ["recall", "specificity", "auroc"].map(panel).to_vec(),
    };
    vec![
        table("Each finding, present from probability 0.5 on; tiles are those that have it", &FIRST, true),
        table("Further figures of each finding", &rest, false),
        Part::Figures(vec![figure(forest_plot(&plot), "Figures of each finding with their intervals.")]),
    ]
}

fn value_of(row: &FindingRow, name: &str) -> Figure {
    let at = FindingFigures::<()>::NAMES.iter().position(|known| *known == name);
    at.and_then(|at| row.figures.into_values().get(at).copied()).unwrap_or_default()
}
