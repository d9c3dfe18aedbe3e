//! MAPS.md says what the program says: every measure and every format, word for word.

use eosin::export::map_formats;
use eosin::measure::Measure;
use std::path::Path;

fn maps_md() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("MAPS.md")).unwrap()
}

#[test]
fn every_measure_is_defined_as_reports_define_it() {
    let text = maps_md();
    for &measure in Measure::ALL {
        let of = measure.definition();
        let cells = [of.title, &format!("`{}`", measure.name()), of.unit, of.text, of.source];
        let cells = cells.map(|cell| if cell.is_empty() { " ".to_owned() } else { format!(" {cell} ") });
        let row = format!("|{}|", cells.join("|"));
        assert!(text.contains(&row), "expected this row in MAPS.md:\n{row}");
    }
}

#[test]
fn every_format_is_listed() {
    let text = maps_md();
    for format in map_formats() {
        assert!(text.contains(&format!("`{format}`")), "{format}");
    }
}
