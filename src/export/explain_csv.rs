//! Explained tiles become `explain.csv`: one row for each, those that could not be read included.
//!
//! `maximum` is the largest number of the heat map, before anything is scaled; `centre_x` and `centre_y` say where its
//! centre of mass lies, as parts of the tile's sides from its top-left corner, and are empty where nothing speaks for the
//! class. `x` and `y` are the tile's corner in level-0 pixels when it is of a slide. Text is guarded as in `summary.csv`.

use super::outputs::{WrittenFile, write_atomically};
use super::record::RecordedError;
use super::summary_csv::{number, text};
use crate::error::Result;
use std::io::{self, Write};
use std::path::Path;

const COLUMNS: [&str; 11] =
    ["tile", "x", "y", "side_px", "class", "score", "maximum", "centre_x", "centre_y", "error_code", "error"];

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainRow {
    /// Name of the tile's figure without its ending.
    pub id: String,
    /// Corner on its slide, level-0 pixels.
    pub place_l0: Option<(i64, i64)>,
    /// What was found, or why nothing was.
    pub found: Result<Explained, RecordedError>,
}

/// What a row says of a tile that was explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Side of the tile as it was read, pixels.
    pub side_px: u32,
    /// The class, finding or estimate, with its unit.
    pub class: String,
    /// Its score.
    pub score: f32,
    /// The largest number of the map.
    pub maximum: f32,
    /// Its centre of mass, as parts of the tile's sides.
    pub centre: Option<(f64, f64)>,
}

/// Writes the table into a folder, in the order of the rows.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_explain_table(dir: &Path, rows: &[ExplainRow]) -> Result<WrittenFile> {
    write_atomically(dir, "explain.csv", |out| write(rows, out))
}

fn write(rows: &[ExplainRow], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    for ExplainRow { id, place_l0, found } in rows {
        let place =
            |of: fn(&(i64, i64)) -> i64| place_l0.as_ref().map(|place| of(place).to_string()).unwrap_or_default();
        let cells = [text(id), place(|place| place.0), place(|place| place.1)];
        let rest = match found {
            Ok(Explained { side_px, class, score, maximum, centre }) => [
                side_px.to_string(),
                text(class),
                score.to_string(),
                maximum.to_string(),
                number(centre.map(|centre| centre.0)),
                number(centre.map(|centre| centre.1)),
                String::new(),
                String::new(),
            ],
            Err(error) => {
                let empty = String::new;
                [empty(), empty(), empty(), empty(), empty(), empty(), text(&error.code), text(&error.message)]
            }
        };
        table.write_record(cells.into_iter().chain(rest))?;
    }
    table.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_that_failed_have_their_row_and_formulas_are_inert() {
        let dir = tempfile::tempdir().unwrap();
        let found =
            Explained { side_px: 224, class: "=a".into(), score: 0.25, maximum: 1.5, centre: Some((0.5, 0.75)) };
        let nothing = Explained { centre: None, maximum: 0.0, ..found.clone() };
        let error =
            RecordedError { kind: "format".into(), code: "WSI-0401".into(), message: "expected a picture".into() };
        let rows = [
            ExplainRow { id: "a".into(), place_l0: None, found: Ok(found) },
            ExplainRow { id: "b".into(), place_l0: Some((-3, 9)), found: Ok(nothing) },
            ExplainRow { id: "c".into(), place_l0: None, found: Err(error) },
        ];
        write_explain_table(dir.path(), &rows).unwrap();
        let table = std::fs::read_to_string(dir.path().join("explain.csv")).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], COLUMNS.join(","));
        assert_eq!(lines[1], "a,,,224,'=a,0.25,1.5,0.5,0.75,,");
        assert_eq!(lines[2], "b,-3,9,224,'=a,0.25,0,,,,");
        assert_eq!(lines[3], "c,,,,,,,,,WSI-0401,expected a picture");
    }
}
