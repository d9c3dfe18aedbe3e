//! A record → a table for spreadsheets: a row for each cell, and one for each thing that could not be measured.
//!
//! Invariant: a figure is its median with the lowest and the highest round; what was not measured is empty. A row whose last
//! column says something has no figures: it says why. Machine, date and version stand in each row, so that tables of several
//! machines can be put below each other.

use super::record::{BenchRecord, Cell, Parity, Stage};
use super::samples::Samples;
use crate::export::{cell_of_number, cell_of_text};

/// What a row is of.
const OF: [&str; 14] = [
    "date",
    "machine",
    "eosin",
    "program",
    "model",
    "architecture",
    "input_px",
    "device",
    "device_name",
    "backend",
    "dtype",
    "batch",
    "setting",
    "what",
];

/// What a whole program is called in place of a cell; its rate stands in the columns of the line.
const WHOLE_RUN: &str = "whole run";

/// A figure of several rounds; none where it was not measured.
type Sampled = fn(&Cell) -> Option<&Samples>;
/// A figure that was measured once; none where it was not.
type Single = fn(&Cell) -> Option<f64>;

/// Figures of several rounds: three columns each.
const SAMPLED: [(&str, Sampled); 5] = [
    ("network_tiles_per_s", |cell| Some(&cell.network)),
    ("ratio_to_first", |cell| cell.ratio.as_ref()),
    ("line_tiles_per_s", |cell| Some(&cell.line.as_ref()?.rate)),
    ("start_again_s", |cell| Some(&cell.start.again_s)),
    ("joules_per_tile", |cell| Some(&cell.energy.as_ref()?.joules_per_tile)),
];

/// Figures that were measured once: a column each.
const SINGLE: [(&str, Single); 14] = [
    ("rounds", |cell| Some(cell.network.rounds.len() as f64)),
    ("cold_start_s", |cell| Some(cell.start.cold_s)),
    ("open_s", |cell| Some(cell.start.open_s)),
    ("load_s", |cell| Some(cell.start.load_s)),
    ("first_batch_s", |cell| Some(cell.start.first_s)),
    ("warm_up_s", |cell| Some(cell.start.warm_up_s)),
    ("line_tiles", |cell| Some(cell.line.as_ref()?.tiles as f64)),
    ("line_workers", |cell| Some(cell.line.as_ref()?.workers as f64)),
    ("host_bytes", |cell| Some(cell.memory.host_bytes? as f64)),
    ("device_bytes", |cell| Some(cell.memory.device_bytes? as f64)),
    ("parity_tiles", |cell| parity(cell, |parity| Some(parity.tiles as f64))),
    ("parity_max", |cell| parity(cell, |parity| Some(parity.max))),
    ("parity_median", |cell| parity(cell, |parity| Some(parity.median))),
    ("parity_flips", |cell| parity(cell, |parity| Some(parity.flips? as f64))),
];

fn parity(cell: &Cell, take: impl Fn(&Parity) -> Option<f64>) -> Option<f64> {
    cell.parity.as_ref().and_then(take)
}

/// The table.
pub fn csv(record: &BenchRecord) -> String {
    let stages = stage_names(record);
    let mut table = csv::Writer::from_writer(Vec::new());
    let sampled = SAMPLED.iter().flat_map(|(name, _)| ["", "_low", "_high"].map(|end| format!("{name}{end}")));
    let single = SINGLE.iter().map(|(name, _)| (*name).to_owned());
    let staged = stages.iter().flat_map(|name| [format!("{name}_ms_per_tile"), format!("{name}_utilisation")]);
    let head = OF.iter().map(|name| (*name).to_owned()).chain(sampled).chain(single).chain(staged);
    // Writing to memory does not fail.
    let _ = table.write_record(head.chain(["energy_source", "absent_because"].map(str::to_owned)));
    let three = |of: Option<&Samples>| [of.map(|of| of.median), of.map(|of| of.low), of.map(|of| of.high)];
    for cell in &record.cells {
        let sampled = SAMPLED.iter().flat_map(|(_, take)| three(take(cell)));
        let single = SINGLE.iter().map(|(_, take)| take(cell));
        let staged = stages.iter().flat_map(|name| {
            let stage = cell.stages.iter().find(|stage| stage.name == *name);
            let told = |take: fn(&Stage) -> f64| stage.map(take);
            [told(|stage| stage.ms_per_tile.median), told(|stage| stage.utilisation)]
        });
        let figures = sampled.chain(single).chain(staged).map(cell_of_number);
        let source = cell.energy.as_ref().map(|energy| cell_of_text(&energy.source)).unwrap_or_default();
        let row = of_all(record).into_iter().chain(of_cell(cell)).chain(figures);
        let _ = table.write_record(row.chain([source, String::new()]));
    }
    for run in &record.runs {
        let names = [&run.program, &run.model, "", "", &run.device, "", "", &run.dtype, "", &run.setting, WHOLE_RUN];
        let sampled = SAMPLED.iter().flat_map(|(name, _)| {
            three(match *name {
                "ratio_to_first" => run.ratio.as_ref(),
                "line_tiles_per_s" => Some(&run.rate),
                _ => None,
            })
        });
        let single = SINGLE.iter().map(|(name, _)| match *name {
            "rounds" => Some(run.rate.rounds.len() as f64),
            "line_tiles" => Some(run.tiles as f64),
            _ => None,
        });
        let figures = sampled.chain(single).chain(std::iter::repeat_n(None, stages.len() * 2)).map(cell_of_number);
        let row = of_all(record).into_iter().chain(names.map(cell_of_text)).chain(figures);
        let _ = table.write_record(row.chain([String::new(), String::new()]));
    }
    for absent in &record.absent {
        let between = std::iter::repeat_n(String::new(), OF.len() - 4);
        let figures = std::iter::repeat_n(String::new(), SAMPLED.len() * 3 + SINGLE.len() + stages.len() * 2 + 1);
        let row = of_all(record).into_iter().chain(between).chain([cell_of_text(&absent.what)]);
        let _ = table.write_record(row.chain(figures).chain([cell_of_text(&absent.why)]));
    }
    table.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// What is the same in each row.
fn of_all(record: &BenchRecord) -> [String; 3] {
    [&record.date, &record.machine.cpu, &record.eosin].map(|text| cell_of_text(text))
}

fn of_cell(cell: &Cell) -> [String; OF.len() - 3] {
    [
        cell_of_text(&cell.program),
        cell_of_text(&cell.model),
        cell_of_text(&cell.architecture),
        cell.input_px.to_string(),
        cell_of_text(&cell.device),
        cell_of_text(&cell.device_name),
        cell_of_text(&cell.backend),
        cell_of_text(&cell.dtype),
        cell.batch.to_string(),
        cell_of_text(&cell.setting),
        cell_of_text(&cell.name()),
    ]
}

/// Names of the stages of any cell, each once, in the order in which they come first.
fn stage_names(record: &BenchRecord) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for stage in record.cells.iter().flat_map(|cell| &cell.stages) {
        if !names.contains(&stage.name.as_str()) {
            names.push(&stage.name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample_record::{ODD, record};

    #[test]
    fn every_cell_and_every_absent_thing_has_a_row_that_reads_back() {
        let record = record();
        let text = csv(&record);
        let mut table = ::csv::Reader::from_reader(text.as_bytes());
        let head: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<::csv::StringRecord> = table.records().map(Result::unwrap).collect();
        let (cells, runs) = (record.cells.len(), record.runs.len());
        assert_eq!(rows.len(), cells + runs + record.absent.len());
        let at = |row: usize, name: &str| rows[row][head.iter().position(|column| column == name).unwrap()].to_owned();
        let number = |row: usize, name: &str| at(row, name).parse::<f64>().ok();
        for (row, cell) in record.cells.iter().enumerate() {
            assert_eq!([at(row, "model"), at(row, "what")], [cell.model.clone(), cell.name()]);
            assert_eq!(number(row, "batch"), Some(cell.batch as f64));
            let rate = &cell.network;
            let told = ["", "_low", "_high"].map(|end| number(row, &format!("network_tiles_per_s{end}")));
            assert_eq!(told, [rate.median, rate.low, rate.high].map(Some));
            assert_eq!(number(row, "line_tiles_per_s"), cell.line.as_ref().map(|line| line.rate.median));
            assert_eq!(number(row, "device_bytes"), cell.memory.device_bytes.map(|bytes| bytes as f64));
            assert_eq!(number(row, "parity_max"), cell.parity.map(|parity| parity.max));
            let decode = cell.stages.iter().find(|stage| stage.name == "decode");
            assert_eq!(number(row, "decode_utilisation"), decode.map(|stage| stage.utilisation));
            assert_eq!(at(row, "absent_because"), "");
        }
        for (row, run) in (cells..).zip(&record.runs) {
            assert_eq!([at(row, "program"), at(row, "what")], [run.program.clone(), WHOLE_RUN.to_owned()]);
            assert_eq!(number(row, "line_tiles_per_s_low"), Some(run.rate.low));
            assert_eq!(number(row, "ratio_to_first"), run.ratio.as_ref().map(|ratio| ratio.median));
        }
        for (row, absent) in (cells + runs..).zip(&record.absent) {
            assert_eq!([at(row, "what"), at(row, "absent_because")], [absent.what.clone(), format!("'{}", absent.why)]);
            assert_eq!([at(row, "model"), at(row, "batch"), at(row, "network_tiles_per_s")], [""; 3]);
        }
        assert!(text.contains(&ODD.replace('"', "\"\"")), "what looks like a formula is text");
    }
}
