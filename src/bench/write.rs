//! A record → the files that a user keeps.

use super::csv::csv;
use super::page::page;
use super::record::BenchRecord;
use crate::error::{Error, ErrorKind, Result};
use crate::export::write_text;
use std::path::Path;

/// File of the record in a folder of results.
pub const RECORD: &str = "bench.json";

/// Writes `bench.json`, `bench.csv` and `bench.html` into a folder, which is made when it does not exist; each is whole or
/// absent.
///
/// # Errors
/// [`ErrorKind::Io`].
pub fn write_bench(folder: &Path, record: &BenchRecord) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, "make the results folder", error))?;
    let json = serde_json::to_string_pretty(record).map_err(|error| {
        Error::new(ErrorKind::Io, "BCH-0020", format!("expected a record that can be written, found: {error}"))
    })?;
    write_text(folder, RECORD, &format!("{json}\n"))?;
    write_text(folder, "bench.csv", &csv(record))?;
    write_text(folder, "bench.html", &page(record)?)?;
    Ok(())
}
