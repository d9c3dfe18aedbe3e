//! Figures of each site by itself.

use super::{figure, figure_table, section};
use crate::evaluate::SiteRow;
use crate::report::figure::{ForestPanel, ForestPlot, forest_plot};
use crate::report::page::{Part, Section};
use crate::report::words::label;

/// A table and a plot for each column; nothing where sites are not known. `whole` gives the figure of all tiles by its name
/// and column.
pub(super) fn sites(rows: &[SiteRow], whole: impl Fn(&str, Option<&str>) -> Option<f64>) -> Option<Section> {
    let first = rows.first()?;
    let mut columns: Vec<Option<&str>> = first.figures.iter().map(|figure| figure.column.as_deref()).collect();
    columns.dedup();
    let mut parts = Vec::new();
    for column in columns {
        let of = |row: &SiteRow| {
            row.figures.iter().filter(|figure| figure.column.as_deref() == column).cloned().collect::<Vec<_>>()
        };
        let names: Vec<String> = of(first).into_iter().map(|figure| figure.name).collect();
        let title = column.map_or_else(|| "Each site".to_owned(), |column| format!("{column} at each site"));
        let heads: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = rows.iter().map(|row| {
            (row.site.clone(), Some(row.tiles as u64), of(row).into_iter().map(|named| named.figure).collect())
        });
        parts.push(figure_table(&title, "Site", &heads, table));
        let panel = |(at, name): (usize, &String)| ForestPanel {
            name: label(name),
            figures: rows.iter().map(|row| of(row).get(at).map(|named| named.figure).unwrap_or_default()).collect(),
            reference: whole(name, column),
        };
        let plot = ForestPlot {
            about: format!("{title}: figures with their intervals"),
            rows: rows.iter().map(|row| row.site.clone()).collect(),
            panels: names.iter().enumerate().map(panel).collect(),
        };
        parts.push(Part::Figures(vec![figure(forest_plot(&plot), "The dashed line is the figure of all tiles.")]));
    }
    Some(section("Sites", parts))
}
