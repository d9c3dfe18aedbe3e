//! Records become `summary.csv`: one row per slide of the run, failed ones included.
//!
//! A cell of text that a spreadsheet would take for a formula (it starts with `=`, `+`, `-`, `@`, a tab or a line
//! break) gets an apostrophe in front; ids made by `assign_ids` never need one. Unknown values are empty. `unfamiliar` is the
//! share of scored tiles that look unlike the model's training data, empty when the model cannot tell. Columns per
//! class are named `fraction_<class>` and `mm2_<class>`, those of estimated numbers `mean_<name> [<unit>]`, for every one of any
//! slide, in the order of first appearance.

use super::outputs::{WrittenFile, write_atomically};
use super::record::SlideRecord;
use crate::error::Result;
use crate::map::ClassSummary;
use std::io::{self, Write};
use std::path::Path;

const COLUMNS: [&str; 15] = [
    "id",
    "status",
    "error_code",
    "error",
    "mpp",
    "mpp_source",
    "tiles",
    "scored",
    "lost",
    "tissue_mm2",
    "scored_mm2",
    "failed_mm2",
    "unfamiliar",
    "seconds",
    "device",
];

/// Writes `summary.csv` into the output folder, in the order of the records.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_summary(dir: &Path, records: &[SlideRecord]) -> Result<WrittenFile> {
    write_atomically(dir, "summary.csv", |out| write(records, out))
}

fn write(records: &[SlideRecord], out: &mut dyn Write) -> io::Result<()> {
    let classes = classes(records);
    let per_class = classes.iter().flat_map(heads);
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS.map(String::from).into_iter().chain(per_class))?;
    for record in records {
        let of_class = classes.iter().flat_map(|&column| {
            let found = summaries(record).iter().find(|summary| key(summary) == column);
            if column.has_area {
                vec![found.and_then(|class| class.fraction), found.and_then(|class| class.area_mm2)]
            } else {
                vec![found.and_then(|class| class.mean)]
            }
        });
        let of_class = of_class.map(number);
        table.write_record(fixed_cells(record).into_iter().chain(of_class))?;
    }
    table.flush()
}

fn fixed_cells(record: &SlideRecord) -> [String; COLUMNS.len()] {
    let (error, summary) = (record.error.as_ref(), record.summary.as_ref());
    [
        text(&record.slide.id),
        record.status.as_str().into(),
        error.map(|error| text(&error.code)).unwrap_or_default(),
        error.map(|error| text(&error.message)).unwrap_or_default(),
        number(record.slide.mpp),
        record.slide.mpp_source.as_deref().map(text).unwrap_or_default(),
        record.tiles.planned.to_string(),
        record.tiles.scored.to_string(),
        record.tiles.lost.to_string(),
        number(record.tissue_mm2),
        number(summary.map(|summary| summary.scored_mm2)),
        number(summary.map(|summary| summary.failed_mm2)),
        number(record.familiarity.and_then(|familiarity| familiarity.share())),
        number(Some(record.seconds.total)),
        record.device.as_ref().map(|device| text(&device.name)).unwrap_or_default(),
    ]
}

fn summaries(record: &SlideRecord) -> &[ClassSummary] {
    record.summary.as_ref().map(|summary| &summary.classes[..]).unwrap_or_default()
}

/// What columns are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column<'a> {
    name: &'a str,
    unit: Option<&'a str>,
    has_area: bool,
}

/// All classes and estimates, each once.
fn classes(records: &[SlideRecord]) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for class in records.iter().flat_map(summaries) {
        if !columns.contains(&key(class)) {
            columns.push(key(class));
        }
    }
    columns
}

fn key(class: &ClassSummary) -> Column<'_> {
    Column { name: &class.name, unit: class.unit.as_deref(), has_area: class.area_mm2.is_some() }
}

fn heads(column: &Column<'_>) -> Vec<String> {
    let Column { name, unit, has_area } = column;
    match unit {
        _ if *has_area => vec![format!("fraction_{name}"), format!("mm2_{name}")],
        Some(unit) => vec![format!("mean_{name} [{unit}]")],
        None => vec![format!("mean_{name}")],
    }
}

/// A number, or nothing when it is unknown or not finite.
pub(crate) fn number(value: Option<f64>) -> String {
    // Adding 0 makes 0 of -0.
    value.filter(|value| value.is_finite()).map(|value| (value + 0.0).to_string()).unwrap_or_default()
}

/// Text that no spreadsheet takes for a formula.
pub(crate) fn text(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}") } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{failed, scored};
    use super::*;

    #[test]
    fn every_slide_has_a_row_and_formulas_are_inert() {
        let dir = tempfile::tempdir().unwrap();
        let records = [scored("one"), failed("two", "=cmd()|' /C calc'!A0"), failed("-three", "a, \"b\"\nc")];
        // The level in front of a message already disarms it; here it is at the start of the cell.
        let mut records = records.to_vec();
        records[1].error.as_mut().unwrap().message = "=cmd()".into();
        let written = write_summary(dir.path(), &records).unwrap();
        assert_eq!(written.name, "summary.csv");
        let mut table = csv::Reader::from_path(dir.path().join("summary.csv")).unwrap();
        let header: Vec<String> = table.headers().unwrap().iter().map(String::from).collect();
        assert_eq!(header[COLUMNS.len()..], ["fraction_a", "mm2_a", "fraction_b", "mm2_b"]);
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        let cell =
            |row: usize, name: &str| rows[row][header.iter().position(|column| column == name).unwrap()].to_string();
        let summary = records[0].summary.as_ref().unwrap();
        assert_eq!(cell(0, "status"), "scored");
        assert_eq!([cell(0, "tiles"), cell(0, "scored"), cell(0, "lost")], ["3", "2", "1"]);
        assert_eq!(cell(0, "mm2_b").parse::<f64>().unwrap().to_bits(), summary.classes[1].area_mm2.unwrap().to_bits());
        assert_eq!([cell(1, "status"), cell(1, "error_code"), cell(1, "error")], ["failed", "WSI-0103", "'=cmd()"]);
        assert_eq!([cell(1, "mpp"), cell(1, "fraction_a")], ["", ""]);
        assert_eq!([cell(0, "unfamiliar"), cell(1, "unfamiliar")], ["0.5", ""]);
        assert_eq!([cell(2, "id"), cell(2, "error")], ["'-three", "level 2: a, \"b\"\nc"]);
    }

    #[test]
    fn what_is_not_finite_is_left_empty() {
        assert_eq!([number(Some(f64::NAN)), number(None), number(Some(0.25))], ["", "", "0.25"]);
    }
}
