//! The rows of all epochs → `curves.csv`.

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
