//! A run → a folder that can be kept: `stages.csv`, one row an id, and `README.md`, what it was measured on and how.
//!
//! Invariant: only what this very run measured is in it: criterion's own files go to a folder of their own, not to that of
//! earlier runs. No host name, user or path.

use crate::input::Input;
use crate::{STAGES, machine};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where a run is kept.
pub(crate) struct Keep {
    /// The folder.
    to: PathBuf,
    /// Where criterion leaves its estimates meanwhile.
    estimates: TempDir,
    /// Load of the machine at the start.
    load: String,
}

/// A row of `stages.csv`; times in nanoseconds.
#[derive(serde::Serialize)]
struct Row {
    id: String,
    samples: usize,
    median_ns: f64,
    /// Of the 95 % interval of the median.
    low_ns: f64,
    high_ns: f64,
    /// What one run works on, in `unit`.
    count: u64,
    unit: &'static str,
    /// By the median.
    units_per_s: f64,
}

/// The part of criterion's `benchmark.json` that is used.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Throughput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Throughput {
    elements: u64,
}

/// The part of criterion's `estimates.json` that is used.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// The part of criterion's `sample.json` that is used.
#[derive(Deserialize)]
struct Sample {
    times: Vec<f64>,
}

impl Keep {
    /// Where `EOSIN_BENCH_KEEP` says, a folder that is not there yet.
    pub(crate) fn from_env() -> Option<Self> {
        let to = PathBuf::from(std::env::var_os("EOSIN_BENCH_KEEP")?);
        assert!(!to.exists(), "EOSIN_BENCH_KEEP: expected a new folder, found {}", to.display());
        Some(Self { to, estimates: tempfile::tempdir().unwrap(), load: machine::load() })
    }

    /// Where criterion is to write.
    pub(crate) fn estimates(&self) -> &Path {
        self.estimates.path()
    }

    /// Writes the folder.
    pub(crate) fn write(self, input: &Input) {
        let mut rows = Vec::new();
        collect(self.estimates.path(), &mut rows);
        if rows.is_empty() {
            return println!("EOSIN_BENCH_KEEP: nothing was measured, so nothing is kept");
        }
        let stage = |row: &Row| STAGES.iter().position(|stage| stage.name == stage_of(&row.id));
        rows.sort_by(|a, b| stage(a).cmp(&stage(b)).then_with(|| a.id.cmp(&b.id)));
        fs::create_dir_all(&self.to).unwrap();
        let mut table = csv::Writer::from_path(self.to.join("stages.csv")).unwrap();
        for row in &rows {
            table.serialize(row).unwrap();
        }
        table.flush().unwrap();
        fs::write(self.to.join("README.md"), self.told(input)).unwrap();
        println!("kept {} rows in {}", rows.len(), self.to.display());
    }

    /// The text of `README.md`.
    fn told(&self, input: &Input) -> String {
        let title = self.to.file_name().unwrap_or_default().to_string_lossy();
        let device = match &input.device {
            Some(target) => format!("CPU; {}: {} ({})", target.name, target.open.name, target.open.kind),
            None => "CPU".to_owned(),
        };
        format!(
            "# {title}\n\n`stages.csv`: medians with 95 % intervals; benches/README.md says how to read it. Research use only.\n\n\
             ## Machine\n\n{}- devices: {device}\n- load over 1, 5 and 15 minutes: {} at the start, {} at the end\n\n\
             ## Run\n\n- command: `{}`\n- {}\n{}",
            machine::machine(),
            self.load,
            machine::load(),
            command(),
            input.described(),
            machine::versions(),
        )
    }
}

/// What was typed; a slide's path stays with the user.
fn command() -> String {
    let value = |name: &str| std::env::var(name).ok().map(|value| format!("{name}={value} "));
    let slide = std::env::var_os("EOSIN_BENCH_SLIDE").map(|_| "EOSIN_BENCH_SLIDE=SLIDE ".to_owned());
    let set = [value("EOSIN_BENCH_DEVICE"), value("EOSIN_BENCH_BATCH"), slide];
    let set: String = set.into_iter().flatten().collect();
    // Cargo adds `--bench` itself.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words = if words.is_empty() { String::new() } else { format!(" -- {}", words.join(" ")) };
    format!("{set}cargo bench --bench stages{words}")
}

/// The third part of an id.
fn stage_of(id: &str) -> &str {
    id.split('/').nth(2).unwrap_or_default()
}

/// Gathers what criterion wrote below a folder: a measurement is a folder `new`.
fn collect(folder: &Path, rows: &mut Vec<Row>) {
    if folder.join("benchmark.json").exists() {
        if folder.ends_with("new") {
            rows.push(row(folder));
        }
        return;
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, rows);
        }
    }
}

fn row(folder: &Path) -> Row {
    let Benchmark { full_id: id, throughput } = read(&folder.join("benchmark.json"));
    let Estimates { median } = read(&folder.join("estimates.json"));
    let Sample { times } = read(&folder.join("sample.json"));
    let unit = STAGES.iter().find(|stage| stage.name == stage_of(&id)).map_or("", |stage| stage.unit);
    Row {
        id,
        samples: times.len(),
        median_ns: median.point_estimate,
        low_ns: median.confidence_interval.lower_bound,
        high_ns: median.confidence_interval.upper_bound,
        count: throughput.elements,
        unit,
        units_per_s: throughput.elements as f64 / (median.point_estimate / 1e9),
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
