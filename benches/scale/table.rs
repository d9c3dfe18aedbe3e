//! Outcomes as a table for people, and all rounds as CSV.

use crate::cases::Outcome;
use crate::child::STAGES;
use eosin::bench::Samples;
use std::path::Path;

/// Prints medians, with lowest and highest round.
pub(crate) fn print(outcomes: &[Outcome]) {
    println!(
        "{:<10} {:<28} {:>8} {:>25} {:>27} {:>25}  stages, s",
        "varied", "case", "tiles", "program, s", "tiles/s", "peak memory, MiB"
    );
    for outcome in outcomes {
        let stages = STAGES.map(|stage| {
            let seconds = outcome.samples(|run| Some(run.stage(stage))).map_or(f64::NAN, |found| found.median);
            format!("{stage} {seconds:.2}")
        });
        println!(
            "{:<10} {:<28} {:>8} {:>25} {:>27} {:>25}  {}",
            outcome.case.experiment,
            outcome.case.name,
            outcome.case.tiles,
            told(outcome.samples(|run| Some(run.wall_s)), 2),
            told(outcome.rate(), 0),
            told(outcome.memory_mib(), 0),
            stages.join(", "),
        );
    }
}

/// Median, lowest and highest.
fn told(samples: Option<Samples>, decimals: usize) -> String {
    let text = |found: Samples| {
        let [median, low, high] = [found.median, found.low, found.high].map(|value| format!("{value:.decimals$}"));
        format!("{median} ({low} to {high})")
    };
    samples.map_or_else(|| "not told".to_owned(), text)
}

/// Writes a row for each round of each case; what is not told is empty.
pub(crate) fn write_csv(path: &Path, outcomes: &[Outcome]) {
    let mut table = csv::Writer::from_path(path).unwrap();
    let head = ["varied", "case", "round", "processes", "slides", "cores", "tiles", "seconds", "tiles_per_s"];
    let stages = STAGES.map(|stage| format!("{stage}_s"));
    table
        .write_record(head.into_iter().chain(["peak_bytes", "rest_s"]).chain(stages.iter().map(String::as_str)))
        .unwrap();
    for Outcome { case, runs } in outcomes {
        let slides: usize = case.processes.iter().map(Vec::len).sum();
        let cores = case.cores.as_ref().map_or_else(String::new, |cores| cores.len().to_string());
        for (round, run) in (1_usize..).zip(runs) {
            let mut row = vec![case.experiment.to_owned(), case.name.clone(), round.to_string()];
            row.extend([case.processes.len(), slides].map(|count| count.to_string()));
            row.extend([cores.clone(), case.tiles.to_string(), format!("{:.4}", run.wall_s)]);
            row.push(format!("{:.1}", case.tiles as f64 / run.wall_s));
            row.push(run.peak_bytes.map_or_else(String::new, |bytes| bytes.to_string()));
            // Processes side by side have no common rest.
            row.push(if case.processes.len() == 1 { format!("{:.4}", run.rest_s()) } else { String::new() });
            row.extend(run.stage_s.map(|seconds| format!("{seconds:.4}")));
            table.write_record(row).unwrap();
        }
    }
    table.flush().unwrap();
}
