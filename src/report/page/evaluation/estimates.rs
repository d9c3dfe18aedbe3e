//! How well quantities are estimated.

use super::sites::sites;
use super::{figure, figure_table, section};
use crate::evaluate::{EstimateAssessment, EstimateFigures};
use crate::report::figure::{ScatterPlot, scatter_plot};
use crate::report::page::{Cell, Part, Section, Table};
use crate::report::words::{counted, label, meaning};
use crate::tile::Meaning;

pub(super) fn sections(found: &EstimateAssessment, units: &Meaning) -> Vec<Section> {
    let titles: Vec<String> = found.outputs.iter().enumerate().map(|(at, row)| units.titled(&row.name, at)).collect();
    let rows = found.outputs.iter().zip(&titles).map(|(row, title)| (title.clone(), None, row.figures.into_values()));
    let table = figure_table("Each quantity against its true values", "Quantity", EstimateFigures::<()>::NAMES, rows);
    let overall = Table {
        caption: "Figures of all quantities together".to_owned(),
        head: ["Figure", "Value", "What it says"].map(str::to_owned).to_vec(),
        rows: vec![(Cell::text(label("mean_r2")), vec![Cell::figure(found.mean_r2), Cell::text(meaning("mean_r2"))])],
        ..Table::default()
    };
    let plots = found.outputs.iter().zip(&titles).map(|(row, title)| {
        let about = format!("Estimated against true {}", row.name);
        let plot = ScatterPlot { about: &about, name: title, points: &row.scatter };
        let caption = format!("{}; on the dashed line the estimate is right.", counted(row.scatter.len(), "tile"));
        figure(scatter_plot(&plot), caption)
    });
    let mut all = vec![
        section("Each quantity", vec![table, Part::Table(overall)]),
        section("Truth and estimate", vec![Part::Figures(plots.collect())]),
    ];
    all.extend(sites(&found.sites, |name, column| {
        let row = found.outputs.iter().find(|row| Some(row.name.as_str()) == column)?;
        let at = EstimateFigures::<()>::NAMES.iter().position(|known| *known == name)?;
        row.figures.into_values().get(at)?.value
    }));
    all
}
