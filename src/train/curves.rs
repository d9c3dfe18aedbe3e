//! The rows of all epochs → `curves.csv`, and figures of them.

use crate::report::{LineChart, Series};
use crate::train::event::EpochRow;

/// Its name beside the checkpoint.
pub(super) const CURVES: &str = "curves.csv";

/// The history as CSV; the figures are those of the first row, as every epoch has the same.
pub(super) fn csv(history: &[EpochRow]) -> String {
    let names: Vec<&String> = history.first().map(|row| row.validation.figures.keys().collect()).unwrap_or_default();
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["epoch", "lr", "train_loss", "validation_loss"].into_iter();
    let header = header.chain(names.iter().map(|name| name.as_str())).chain(["tiles_per_s", "seconds", "best"]);
    // Writing to memory does not fail.
    let _ = table.write_record(header);
    for row in history {
        let figures = names.iter().map(|name| row.validation.figures.get(*name));
        let figures = figures.map(|figure| figure.map_or(String::new(), |figure| format!("{figure:.5}")));
        let first = [
            row.epoch.to_string(),
            format!("{:.3e}", row.lr),
            format!("{:.5}", row.train_loss),
            format!("{:.5}", row.validation.loss),
        ];
        let last = [format!("{:.1}", row.tiles_per_s), format!("{:.1}", row.seconds), u8::from(row.best).to_string()];
        let _ = table.write_record(first.into_iter().chain(figures).chain(last));
    }
    table.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Figures of the losses and of what is better the larger it is, each with the name of its file.
pub(super) fn charts(history: &[EpochRow]) -> Vec<(&'static str, LineChart)> {
    let mark = history.iter().rfind(|row| row.best).map(|row| (row.epoch as f64, format!("best epoch {}", row.epoch)));
    let series = |name: &str, value: &dyn Fn(&EpochRow) -> Option<f64>| {
        let points = history.iter().filter_map(|row| Some([row.epoch as f64, value(row)?])).collect();
        Series { name: name.replace('_', " "), points }
    };
    let chart = |about: &str, y_name: &str, series| LineChart {
        about: about.to_owned(),
        x_name: "epoch".to_owned(),
        y_name: y_name.to_owned(),
        series,
        mark: mark.clone(),
        log: [false; 2],
    };
    let losses =
        vec![series("training", &|row| Some(row.train_loss)), series("validation", &|row| Some(row.validation.loss))];
    let names: Vec<&String> = history.first().map(|row| row.validation.figures.keys().collect()).unwrap_or_default();
    let figures = names.iter().map(|name| series(name, &|row| row.validation.figures.get(*name).copied())).collect();
    vec![
        ("loss.svg", chart("Loss over epochs", "loss", losses)),
        ("figures.svg", chart("Figures of the validation tiles over epochs", "figure", figures)),
    ]
}
