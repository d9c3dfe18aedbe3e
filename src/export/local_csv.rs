//! What stands out where becomes `local/ID.csv`: a row for each class but background at each scored cell of tissue, on the
//! grid of the tiles, whatever the map's cells are.
//!
//! `x_l0`, `y_l0` are the cell's top-left corner in level-0 pixels. `quadrant` says on which side of the mean the cell and its
//! neighbours are, such as `high-low`. What is not defined is empty, and so are q-values where tiles overlap. Failed cells and
//! places without tissue have no row.

use super::MapOutputs;
use super::summary_csv::text;
use crate::measure::local_statistics;
use crate::spatial::Quadrant;
use std::io::{self, Write};

const COLUMNS: [&str; 10] =
    ["x_l0", "y_l0", "class", "score", "gi_star_z", "gi_star_q", "moran", "moran_quadrant", "moran_q", "geary"];

/// Writes the table.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let MapOutputs { plan, predictions, readings, measure, .. } = outputs;
    let rows = local_statistics(plan, predictions, readings, measure).map_err(io::Error::other)?;
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    let number = |value: Option<f64>| value.map(|value| format!("{value:?}")).unwrap_or_default();
    for row in rows {
        table.write_record([
            row.x_l0.to_string(),
            row.y_l0.to_string(),
            text(&predictions.class_names[row.class]),
            number(Some(row.score)),
            number(row.gi_star_z),
            number(row.gi_star_q),
            number(row.moran),
            row.moran_quadrant.map(quadrant).unwrap_or_default().to_owned(),
            number(row.moran_q),
            number(row.geary),
        ])?;
    }
    table.flush()
}

fn quadrant(of: Quadrant) -> &'static str {
    match of {
        Quadrant::HighHigh => "high-high",
        Quadrant::LowHigh => "low-high",
        Quadrant::LowLow => "low-low",
        Quadrant::HighLow => "high-low",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;
    use crate::map::BiomarkerMap;
    use crate::tile::{Reading, Role};

    fn rows(outputs: &MapOutputs<'_>) -> Vec<csv::StringRecord> {
        let mut bytes = Vec::new();
        write(outputs, &mut bytes).unwrap();
        csv::Reader::from_reader(&bytes[..]).records().map(Result::unwrap).collect()
    }

    #[test]
    fn each_class_has_a_row_at_each_cell_and_hot_ones_are_told_from_cold_ones() {
        let mut example = example(&["a", "b"], &[]);
        // Eight columns of five tiles; the first four have much of a, and one tile is lost.
        example.plan.origins_l0 = (0..40).map(|tile| (tile / 5 * 64, tile % 5 * 64)).collect();
        (example.plan.side_l0, example.plan.step_l0) = (64, 64);
        let score = |tile: i64| if tile < 20 { 0.9_f32 } else { 0.2 };
        let row = |tile: i64| (tile != 39).then(|| vec![score(tile), 1.0 - score(tile)]);
        example.predictions.rows = (0..40).map(row).collect();
        example.map = BiomarkerMap::new(&example.plan, &example.predictions).unwrap();
        let outputs = example.map_outputs();
        let found = rows(&outputs);
        assert_eq!(found.len(), 2 * 39);
        let cell = |x: &str, y: &str| found.iter().find(|row| [&row[0], &row[1], &row[2]] == [x, y, "a"]).unwrap();
        let number = |text: &str| text.parse::<f64>().unwrap();
        assert!(number(&cell("0", "128")[4]) > 2.0 && &cell("0", "128")[7] == "high-high");
        assert!(number(&cell("448", "128")[4]) < -2.0 && &cell("448", "128")[7] == "low-low");
        assert!(number(&cell("0", "128")[5]) < 0.05 && number(&cell("0", "128")[9]) < 1e-9);
        let background = [Reading { role: Some(Role::Background), threshold: None }, Reading::default()];
        assert!(rows(&MapOutputs { readings: &background, ..outputs }).iter().all(|row| &row[2] == "b"));
    }

    #[test]
    fn what_is_not_defined_is_empty() {
        let example = example(&["a", "b"], &[Some(&[0.25, 0.75]), None]);
        let found = rows(&example.map_outputs());
        assert_eq!(found.iter().map(|row| row.iter().skip(4).collect::<String>()).collect::<Vec<_>>(), ["", ""]);
    }
}
