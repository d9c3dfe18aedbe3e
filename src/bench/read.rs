//! A file → the record in it, or why there is none.
//!
//! Strict: another layout, an unknown field or a missing one is an error, so that no figure is taken for another.

use super::record::{BenchRecord, SCHEMA};
use crate::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Some thousand cells; a record has some kB for each.
const MAX_BYTES: u64 = 64 << 20;

impl BenchRecord {
    /// Reads a record of a bench.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be read; [`ErrorKind::Usage`] (`BCH-0101`) for a record of another layout than
    /// [`SCHEMA`]; [`ErrorKind::Format`] (`BCH-0102`) for what is no whole record.
    pub fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Ok(_) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(damaged("bytes that are no text")),
            Err(error) => Err(Error::io(path, "read the record of a bench", error)),
        }
        .map_err(|error| error.at_path(path))
    }

    fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Layout {
            schema: u32,
        }
        let Layout { schema } = serde_json::from_str(text).map_err(|error| damaged(&format!("an error: {error}")))?;
        if schema != SCHEMA {
            let message = format!("expected the record of a bench in layout {SCHEMA}, found layout {schema}");
            return Err(Error::new(ErrorKind::Usage, "BCH-0101", message)
                .with_advice("measure again with this version, or compare with the version that wrote it"));
        }
        serde_json::from_str(text).map_err(|error| damaged(&format!("an error: {error}")))
    }
}

fn damaged(found: &str) -> Error {
    Error::new(ErrorKind::Format, "BCH-0102", format!("expected the record of a bench, found {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample_record::record;

    #[test]
    fn a_record_comes_back_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        std::fs::write(&path, serde_json::to_vec_pretty(&record()).unwrap()).unwrap();
        assert_eq!(BenchRecord::read(&path).unwrap(), record());
        let code = |path: &Path| BenchRecord::read(path).unwrap_err().code();
        assert_eq!(code(&folder.path().join("none.json")), "IO-0001");
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(code(&path), "BCH-0102");
    }

    #[test]
    fn other_layouts_and_damage_are_told_apart() {
        let text = serde_json::to_string(&record()).unwrap();
        let cases = [
            (text.replacen("\"schema\":1", "\"schema\":2,\"later\":[]", 1), "BCH-0101"),
            (text.replacen("\"schema\":1", "\"schema\":-1", 1), "BCH-0102"),
            (text.replacen("\"schema\":1", "\"schema\":1,\"later\":[]", 1), "BCH-0102"),
            (text.replacen("\"cells\"", "\"calls\"", 1), "BCH-0102"),
            (text[..text.len() - 2].to_owned(), "BCH-0102"),
            (format!("{text}x"), "BCH-0102"),
            ("{}".to_owned(), "BCH-0102"),
            (String::new(), "BCH-0102"),
        ];
        for (text, code) in cases {
            assert_eq!(BenchRecord::parse(&text).unwrap_err().code(), code, "{text:.60}");
        }
    }
}
