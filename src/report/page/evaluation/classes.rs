//! How well classes are told apart.

use super::sites::sites;
use super::{Calibration, figure, figure_table, reliability, section, with_area};
use crate::evaluate::{ClassAssessment, ClassFigures, ClassRow, Figure, OverallFigures};
use crate::report::figure::{ForestPanel, ForestPlot, confusion_matrix, curve_plots, forest_plot};
use crate::report::page::{Cell, Note, Part, Section, Table};
use crate::report::words::{count, label, meaning};

/// From so many classes on the figure has shares only, and counts stand in a table.
const COUNTS_APART: usize = 11;
/// The most frequent mistakes that are listed.
const MISTAKES: usize = 10;

pub(super) fn sections(found: &ClassAssessment, calibration: Option<Calibration<'_>>) -> Vec<Section> {
    let names: Vec<String> = found.classes.iter().map(|class| class.name.clone()).collect();
    let mut all = vec![
        section("All classes together", vec![overall(found)]),
        section("Each class", each(found)),
        section("What is taken for what", taken(&names, &found.confusion)),
        section("Curves", vec![curves(&found.classes)]),
        section(
            "Calibration",
            vec![Part::Figures(vec![reliability(
                "Largest probability of a tile, and whether its class is the true one",
                &found.reliability,
                calibration.and_then(|calibration| calibration.of(0)),
            )])],
        ),
    ];
    all.extend(sites(&found.sites, |name, _| {
        let at = OverallFigures::<()>::NAMES.iter().position(|known| *known == name)?;
        found.overall.into_values().get(at)?.value
    }));
    all
}

fn overall(found: &ClassAssessment) -> Part {
    let row =
        |name: &str, figure: Figure| (Cell::text(label(name)), vec![Cell::figure(figure), Cell::text(meaning(name))]);
    let figures = OverallFigures::<()>::NAMES.iter().zip(found.overall.into_values());
    // Classes without order have no such kappa, and no need to be told so.
    let shown = figures.filter(|(name, figure)| **name != "quadratic_kappa" || figure.value.is_some());
    let mut rows: Vec<_> = shown.map(|(name, figure)| row(name, figure)).collect();
    if let Some((figure, class)) = found.auroc_delong.zip(found.classes.get(1)) {
        let says = "Its interval is DeLong's, which takes tiles for independent";
        rows.push((Cell::text(format!("AUROC of {}", class.name)), vec![Cell::figure(figure), Cell::text(says)]));
    }
    let head = ["Figure", "Value", "What it says"].map(str::to_owned).to_vec();
    Part::Table(Table { caption: "All figures with their intervals".to_owned(), head, rows, ..Table::default() })
}

fn each(found: &ClassAssessment) -> Vec<Part> {
    let rows = found.classes.iter().map(|class| (class.name.clone(), Some(class.support), class.figures.into_values()));
    let mut parts = vec![figure_table("Each class against the rest", "Class", ClassFigures::<()>::NAMES, rows)];
    let absent: Vec<&str> =
        found.classes.iter().filter(|class| class.support == 0).map(|class| class.name.as_str()).collect();
    if !absent.is_empty() {
        let text = format!("No tiles of {}: figures that need some are not defined.", absent.join(", "));
        parts.push(Part::Notes(vec![Note { text, warning: true }]));
    }
    let panel = |name: &str, of: fn(&ClassFigures) -> Figure| ForestPanel {
        name: label(name),
        figures: found.classes.iter().map(|class| of(&class.figures)).collect(),
        reference: None,
    };
    let plot = ForestPlot {
        about: "Recall, precision and AUROC of each class with their intervals".to_owned(),
        rows: found.classes.iter().map(|class| class.name.clone()).collect(),
        panels: vec![
            panel("recall", |figures| figures.recall),
            panel("precision", |figures| figures.precision),
            panel("auroc", |figures| figures.auroc),
        ],
    };
    parts.push(Part::Figures(vec![figure(forest_plot(&plot), "Figures of each class with their intervals.")]));
    parts
}

/// The matrix, the most frequent mistakes, and for many classes all counts.
fn taken(names: &[String], counts: &[Vec<u64>]) -> Vec<Part> {
    let svg = confusion_matrix("Tiles by true and predicted class", names, counts);
    let says =
        if names.len() < COUNTS_APART { "Share of the true class, and tiles." } else { "Percent of the true class." };
    let mut parts = vec![Part::Figures(vec![figure(svg, says)])];
    let mut mistakes: Vec<(usize, usize, u64, f64)> = Vec::new();
    for (truth, row) in counts.iter().enumerate() {
        let total: u64 = row.iter().sum();
        let wrong = row.iter().enumerate().filter(|(said, tiles)| *said != truth && **tiles > 0);
        mistakes.extend(wrong.map(|(said, &tiles)| (truth, said, tiles, tiles as f64 / total as f64)));
    }
    mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.2));
    if names.len() > 2 && !mistakes.is_empty() {
        let rows = mistakes.iter().take(MISTAKES).map(|&(truth, said, tiles, share)| {
            let share = Cell::number(format!("{:.1} %", share * 100.0));
            (Cell::text(&names[truth]), vec![Cell::text(&names[said]), Cell::count(tiles), share])
        });
        let head = ["True class", "Taken for", "Tiles", "Of the true class"].map(str::to_owned).to_vec();
        let caption = "The most frequent mistakes".to_owned();
        parts.push(Part::Table(Table { caption, head, rows: rows.collect(), ..Table::default() }));
    }
    if names.len() >= COUNTS_APART {
        parts.push(all_counts(names, counts));
    }
    parts
}

/// Columns have the numbers of the rows: names would make them too wide.
fn all_counts(names: &[String], counts: &[Vec<u64>]) -> Part {
    let head = std::iter::once("True class".to_owned()).chain((1..=names.len()).map(|at| at.to_string())).collect();
    let cell = |&tiles: &u64| Cell::number(if tiles == 0 { String::new() } else { count(tiles) });
    let rows = (1_usize..).zip(names).zip(counts);
    let rows =
        rows.map(|((at, name), row)| (Cell::text(format!("{at} {name}")), row.iter().map(cell).collect())).collect();
    Part::Table(Table {
        caption: "Tiles by true class (rows) and predicted class (columns, by number)".to_owned(),
        head,
        rows,
        dense: true,
        ..Table::default()
    })
}

fn curves(classes: &[ClassRow]) -> Part {
    let named: Vec<_> =
        classes.iter().map(|class| (with_area(&class.name, class.figures.auroc), &class.curves)).collect();
    let says = "Each class against the rest. The dashed line is what chance gives.";
    let plots = curve_plots("ROC and precision-recall curves of each class against the rest", &named);
    Part::Figures(plots.into_iter().map(|svg| figure(svg, says)).collect())
}
