//! How numbers go with outcomes becomes `outcomes.csv`, a row for each number.
//!
//! Hazard ratios are for each `deviation` more of the number; what is not defined is empty, and `remark` says why. There is
//! nothing of a single patient in it.

use super::outputs::{WrittenFile, remove, write_atomically};
use super::summary_csv::{number, text};
use crate::error::Result;
use crate::measure::Readout;
use std::io::{self, Write};
use std::path::Path;

const FILE: &str = "outcomes.csv";

/// How one number of the slides goes with the outcomes of the patients.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeRow {
    /// Which number; its value is not told.
    pub readout: Readout,
    /// Patients who have it.
    pub patients: usize,
    /// How many of them had the event.
    pub events: usize,
    /// Its standard deviation, in its own unit.
    pub deviation: Option<f64>,
    /// The factor on the hazard for each deviation more, with its 95 % interval: lower end, factor, upper end.
    pub hazard_ratio: Option<[f64; 3]>,
    /// The chance of such a factor without an effect.
    pub p: Option<f64>,
    /// The same, adjusted for all numbers of the table.
    pub adjusted: Option<f64>,
    /// Concordance of the fitted risk.
    pub concordance: Option<f64>,
    /// The number's median.
    pub median: Option<f64>,
    /// The chance of curves so unlike each other of the halves up to the median and above it.
    pub logrank_p: Option<f64>,
    /// Why there is no hazard ratio; empty where there is one.
    pub remark: String,
}

/// Writes `outcomes.csv` into the output folder. `time_unit`: that of the times until an event.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_outcomes(dir: &Path, rows: &[OutcomeRow], time_unit: &str) -> Result<WrittenFile> {
    write_atomically(dir, FILE, |out| write(rows, time_unit, out))
}

/// Removes the table of an earlier run, if there is one.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn remove_outcomes(dir: &Path) -> Result<()> {
    remove(&dir.join(FILE))
}

fn write(rows: &[OutcomeRow], time_unit: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record([
        "measure",
        "of",
        "region",
        "unit",
        "patients",
        "events",
        "time_unit",
        "deviation",
        "hazard_ratio",
        "low",
        "high",
        "p",
        "p_adjusted",
        "concordance",
        "median",
        "logrank_p",
        "remark",
    ])?;
    for row in rows {
        let ratio = |at: usize| number(row.hazard_ratio.map(|ratio| ratio[at]));
        table.write_record([
            row.readout.measure.name().to_owned(),
            text(row.readout.of.as_deref().unwrap_or_default()),
            row.readout.region.name().to_owned(),
            text(row.readout.unit()),
            row.patients.to_string(),
            row.events.to_string(),
            text(time_unit),
            number(row.deviation),
            ratio(1),
            ratio(0),
            ratio(2),
            number(row.p),
            number(row.adjusted),
            number(row.concordance),
            number(row.median),
            number(row.logrank_p),
            text(&row.remark),
        ])?;
    }
    table.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measure;

    #[test]
    fn what_is_not_defined_is_empty_and_says_why() {
        let readout = |measure, of: Option<&str>| Readout { measure, of: of.map(str::to_owned), ..Readout::default() };
        let full = OutcomeRow {
            readout: readout(Measure::TissueArea, None),
            patients: 20,
            events: 12,
            deviation: Some(2.5),
            hazard_ratio: Some([0.5, 1.25, 3.125]),
            p: Some(0.25),
            adjusted: Some(0.5),
            concordance: Some(0.625),
            median: Some(4.0),
            logrank_p: Some(0.75),
            remark: String::new(),
        };
        let empty = OutcomeRow {
            readout: readout(Measure::ClassFraction, Some("=a")),
            deviation: None,
            hazard_ratio: None,
            p: None,
            adjusted: None,
            concordance: None,
            median: None,
            logrank_p: None,
            remark: "few, too few".to_owned(),
            ..full.clone()
        };
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(write_outcomes(dir.path(), &[full, empty], "=days").unwrap().name, FILE);
        let table = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        let lines: Vec<&str> = table.lines().skip(1).collect();
        assert_eq!(lines[0], "tissue_area,,tissue,mm²,20,12,'=days,2.5,1.25,0.5,3.125,0.25,0.5,0.625,4,0.75,");
        assert_eq!(lines[1], "class_fraction,'=a,tissue,,20,12,'=days,,,,,,,,,,\"few, too few\"");
        remove_outcomes(dir.path()).unwrap();
        remove_outcomes(dir.path()).unwrap();
        assert!(!dir.path().join(FILE).exists());
    }
}
