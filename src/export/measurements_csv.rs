//! What was measured of all slides becomes two tables: `measurements.csv`, a row for each number with its interval, for
//! statistics programs; `cohort.csv`, a row for each slide and a column for each number, for spreadsheets.
//!
//! Numbers are the shortest decimals that read back the same; what is not defined is empty. Columns of `cohort.csv` are named
//! `measure.class.region [unit]` and stand in the order of reports; regions are left out where they are all tissue.

use super::map_files::MapRecord;
use super::outputs::{WrittenFile, write_atomically};
use super::summary_csv::{number, text};
use crate::error::Result;
use crate::measure::{Phenotype, Readout};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

/// Writes both tables into the output folder.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_measurements(dir: &Path, records: &[MapRecord]) -> Result<[WrittenFile; 2]> {
    let long = write_atomically(dir, "measurements.csv", |out| write_long(records, out))?;
    let wide = write_atomically(dir, "cohort.csv", |out| write_wide(records, out))?;
    Ok([long, wide])
}

fn write_long(records: &[MapRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["id", "measure", "of", "region", "value", "low", "high", "p", "unit"])?;
    for record in records {
        for readout in &record.measurements.readouts {
            let figure = readout.figure;
            table.write_record([
                text(&record.id),
                readout.measure.name().to_owned(),
                text(readout.of.as_deref().unwrap_or_default()),
                readout.region.name().to_owned(),
                number(figure.value),
                number(figure.low),
                number(figure.high),
                readout.p.map(|p| format!("{p:?}")).unwrap_or_default(),
                text(readout.unit()),
            ])?;
        }
    }
    table.flush()
}

fn write_wide(records: &[MapRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut columns: Vec<(&Readout, String)> = Vec::new();
    let mut known = HashSet::new();
    for readout in records.iter().flat_map(|record| &record.measurements.readouts) {
        let head = titled(readout);
        if known.insert(head.clone()) {
            columns.push((readout, head));
        }
    }
    columns.sort_by_key(|(readout, _)| readout.measure);
    let mut table = csv::Writer::from_writer(out);
    let heads = columns.iter().map(|(_, head)| text(head));
    table.write_record(["id", "phenotype", "warnings"].map(str::to_owned).into_iter().chain(heads))?;
    for record in records {
        let measurements = &record.measurements;
        let values: HashMap<String, Option<f64>> =
            measurements.readouts.iter().map(|readout| (titled(readout), readout.figure.value)).collect();
        let phenotype = measurements.phenotype.map(|found| Phenotype::name(found.phenotype)).unwrap_or_default();
        let warnings = measurements.flags.iter().filter(|flag| flag.starts_with("WARNING: ")).count();
        let cells = columns.iter().map(|(_, head)| number(values.get(head).copied().flatten()));
        table.write_record([text(&record.id), phenotype.to_owned(), warnings.to_string()].into_iter().chain(cells))?;
    }
    table.flush()
}

fn titled(readout: &Readout) -> String {
    match readout.unit() {
        "" => readout.key(),
        unit => format!("{} [{unit}]", readout.key()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Figure;
    use crate::measure::{Measure, Measurements, Region};

    #[test]
    fn each_number_has_a_row_in_one_table_and_a_column_in_the_other() {
        let readout = |measure, of: Option<&str>, region, value| Readout {
            measure,
            of: of.map(str::to_owned),
            region,
            figure: Figure { value, low: None, high: value },
            ..Readout::default()
        };
        let record = |id: &str, readouts: Vec<Readout>| {
            let measurements = Measurements { readouts, flags: vec!["WARNING: few".into()], ..Measurements::default() };
            MapRecord::new(id, "key".into(), serde_json::json!({}), measurements)
        };
        let immune = readout(Measure::ClassFraction, Some("immune"), Region::Tumour, Some(0.25));
        let records = [
            record("one", vec![immune.clone(), readout(Measure::TissueArea, None, Region::Tissue, Some(1.5))]),
            record("=two", vec![readout(Measure::TissueArea, None, Region::Tissue, None)]),
        ];
        let dir = tempfile::tempdir().unwrap();
        write_measurements(dir.path(), &records).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            read("measurements.csv"),
            "id,measure,of,region,value,low,high,p,unit\none,class_fraction,immune,tumour,0.25,,0.25,,\n\
             one,tissue_area,,tissue,1.5,,1.5,,mm²\n'=two,tissue_area,,tissue,,,,,mm²\n"
        );
        assert_eq!(
            read("cohort.csv"),
            "id,phenotype,warnings,tissue_area [mm²],class_fraction.immune.tumour\none,,1,1.5,0.25\n'=two,,1,,\n"
        );
    }
}
