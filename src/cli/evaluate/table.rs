//! An evaluation as lines for a terminal: the figures that tell most; all are in the files.

use crate::cli::text::short;
use eosin::assess::{ComparisonRecord, EvaluationRecord};
use eosin::evaluate::{Assessment, Basis, Difference, Figure, LEAST_CLUSTERS, NamedFigure, Unit};

/// Characters of a name of a class; longer ones are cut.
const NAME: usize = 24;
/// Characters of a figure with its interval, and what stands between two.
const FIGURE: usize = 23;

/// The figures of one model.
pub(super) fn lines(record: &EvaluationRecord) -> Vec<String> {
    let basis = record.assessment.basis();
    let side = record.tiles.side.as_ref().map_or(String::new(), |side| format!("{side} "));
    let mut lines = vec![format!("{} on {} {side}tiles", record.model.name, basis.tiles), String::new()];
    let figures = record.assessment.figures();
    let overall: Vec<&NamedFigure> = figures.iter().filter(|row| row.column.is_none()).collect();
    for row in overall.iter().filter(|row| row.figure.value.is_some()) {
        lines.push(format!("{:<NAME$}  {}", spoken(&row.name), cell(row.figure).trim_end()));
    }
    if !overall.is_empty() {
        lines.push(String::new());
    }
    lines.extend(columns(&record.assessment));
    let sites = match &record.assessment {
        Assessment::Classes(found) => &found.sites,
        Assessment::Findings(found) => &found.sites,
        Assessment::Estimates(found) => &found.sites,
    };
    for site in sites {
        lines.push(format!("site {}: {} tiles of {}", site.site, site.tiles, counted(site.clusters, basis.unit)));
        let rows: Vec<&NamedFigure> = site.figures.iter().filter(|row| row.figure.value.is_some()).collect();
        let titles: Vec<String> = rows.iter().map(|row| titled(&row.name, row.column.as_deref())).collect();
        let width = longest(&titles);
        lines.extend(rows.iter().zip(&titles).map(|(row, title)| format!("  {title:<width$}  {}", cell(row.figure))));
        lines.push(String::new());
    }
    lines.extend(about(basis));
    lines
}

/// How far two models differ.
pub(super) fn comparison_lines(record: &ComparisonRecord) -> Vec<String> {
    // The rest is in the file; of single columns the areas tell most, since no threshold is in them.
    let shown = |row: &&Difference| {
        row.difference.value.is_some() && (row.column.is_none() || ["auroc", "r2"].contains(&&*row.name))
    };
    let rows: Vec<&Difference> = record.comparison.differences.iter().filter(shown).collect();
    let titles: Vec<String> = rows.iter().map(|row| titled(&row.name, row.column.as_deref())).collect();
    let width = longest(&titles);
    let (first, second) = (&record.first.name, &record.second.name);
    let mut lines = vec![String::new(), format!("{second} less {first}"), String::new()];
    lines.push(format!("{:width$}  {:>8}  {:>8}  difference", "", "first", "second"));
    for (row, title) in rows.iter().zip(titles) {
        let test = row.delong.map_or(String::new(), |test| format!("  DeLong's p {}", p_value(test.p)));
        let (first, second) = (number(row.first), number(row.second));
        let line = format!("{title:<width$}  {first:>8}  {second:>8}  {:<FIGURE$}{test}", cell(row.difference));
        lines.push(line.trim_end().to_owned());
    }
    lines.push(String::new());
    lines.push(
        "differences are drawn in pairs, from the same samples; DeLong's test takes tiles for independent".to_owned(),
    );
    lines
}

/// One row for each class, finding or quantity.
fn columns(assessment: &Assessment) -> Vec<String> {
    // Name in the file and head of the column.
    let (shown, rows): (_, Vec<(&str, u64)>) = match assessment {
        Assessment::Classes(found) => (
            [("recall", "recall"), ("precision", "precision"), ("auroc", "AUROC")],
            found.classes.iter().map(|row| (&*row.name, row.support)).collect(),
        ),
        Assessment::Findings(found) => (
            [("recall", "recall"), ("specificity", "specificity"), ("auroc", "AUROC")],
            found.findings.iter().map(|row| (&*row.name, row.support)).collect(),
        ),
        Assessment::Estimates(found) => (
            [("r2", "R2"), ("spearman", "Spearman"), ("mae", "mean absolute error")],
            found.outputs.iter().map(|row| (&*row.name, found.basis.tiles as u64)).collect(),
        ),
    };
    let figures = assessment.figures();
    let figure = |name: &str, column: &str| {
        let found = figures.iter().find(|row| row.name == name && row.column.as_deref() == Some(column));
        found.map(|row| cell(row.figure)).unwrap_or_default()
    };
    let line = |name: &str, tiles: &str, cells: [String; 3]| {
        let line = format!("{:<NAME$}  {tiles:>7}  {:<FIGURE$}  {:<FIGURE$}  {}", name, cells[0], cells[1], cells[2]);
        line.trim_end().to_owned()
    };
    let mut lines = vec![line("", "tiles", shown.map(|(_, head)| head.to_owned()))];
    for (name, tiles) in rows {
        lines.push(line(&short(name, NAME), &tiles.to_string(), shown.map(|(figure_of, _)| figure(figure_of, name))));
    }
    lines.push(String::new());
    lines
}

/// What the intervals are.
fn about(basis: Basis) -> Vec<String> {
    let counted = counted(basis.clusters, basis.unit);
    if basis.clusters < LEAST_CLUSTERS {
        return vec![format!("no intervals: the tiles are of {counted}, and {LEAST_CLUSTERS} are needed")];
    }
    if basis.replicates == 0 {
        return vec![format!("no intervals were asked for; the tiles are of {counted}")];
    }
    let (percent, replicates) = (basis.level * 100.0, basis.replicates);
    let mut lines = vec![format!(
        "in brackets: {percent:.0} % intervals, from {replicates} samples of the {counted}, each drawn whole"
    )];
    lines.extend(match basis.unit {
        Unit::Site | Unit::Patient => None,
        Unit::Slide => Some("these are too narrow where several slides are of one patient".to_owned()),
        Unit::Block => Some("these are too narrow: blocks of one slide resemble each other".to_owned()),
        Unit::Tile => Some("these are too narrow where several tiles are of one patient or slide".to_owned()),
    });
    lines
}

fn counted(clusters: usize, unit: Unit) -> String {
    let name = match unit {
        Unit::Site => "site",
        Unit::Patient => "patient",
        Unit::Slide => "slide",
        Unit::Block => "block",
        Unit::Tile => "tile",
    };
    format!("{clusters} {name}{}", if clusters == 1 { "" } else { "s" })
}

/// A figure and its interval.
fn cell(figure: Figure) -> String {
    let interval = figure.low.zip(figure.high);
    let interval =
        interval.map_or(String::new(), |(low, high)| format!(" [{}, {}]", number(Some(low)), number(Some(high))));
    number(figure.value) + &interval
}

/// Three digits after the point, fewer for large numbers such as errors in a unit.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

fn titled(name: &str, column: Option<&str>) -> String {
    let column = column.map_or(String::new(), |column| format!(" {}", short(column, NAME)));
    spoken(name) + &column
}

fn longest(titles: &[String]) -> usize {
    titles.iter().map(|title| title.chars().count()).max().unwrap_or_default()
}

/// The name of a figure in words.
fn spoken(name: &str) -> String {
    let words = name.split('_').map(|word| match word {
        "auroc" => "AUROC",
        "auprc" => "AUPRC",
        "mcc" => "MCC",
        "ece" => "ECE",
        "f1" => "F1",
        "r2" => "R2",
        "brier" => "Brier score",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}
