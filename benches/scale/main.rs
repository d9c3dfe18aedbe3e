//! How time and memory of `eosin score` grow: with the tiles of a slide, with the number of slides, with cores, and with
//! processes side by side.
//!
//! Memory is a process's, so the program itself is run, each time anew and into a folder of its own; what the kernel counts is
//! read until it ends. Cases that are compared are measured in turn, round by round. Slides are synthetic, large ones repeat a
//! piece, and every place of their grid is a tile, glass too. The network is a small one, at 32 px and with random weights, so
//! that it is not the only thing that is measured: rates are no promise for a real model, how they change is the result. CPU
//! only, f32.
//!
//! `cargo bench --bench scale`. `EOSIN_BENCH_SCALE_MAX` is the number of tiles of the largest slide (100000; with 1000000 it
//! takes minutes more, and 2 GB of the temporary folder); `EOSIN_BENCH_KEEP` a folder for `scale.csv` and plots.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and ends when something is not there")]

mod cases;
mod child;
mod material;
mod plots;
mod table;

use cases::{Case, Outcome};
use std::path::PathBuf;
use std::time::Instant;

fn main() {
    let max = std::env::var("EOSIN_BENCH_SCALE_MAX").map_or(100_000, |text| text.parse().unwrap());
    let keep = std::env::var_os("EOSIN_BENCH_KEEP").map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let started = Instant::now();
    println!("cores: {:?}; load before: {}", child::allowed_cores(), load());
    let cases = cases::all(scratch.path(), max);
    println!("slides and model made in {:.0} s", started.elapsed().as_secs_f64());
    let outcomes = measure(cases, &scratch.path().join("results"));
    table::print(&outcomes);
    println!("all in {:.0} s; load after: {}", started.elapsed().as_secs_f64(), load());
    if let Some(folder) = keep {
        std::fs::create_dir_all(&folder).unwrap();
        table::write_csv(&folder.join("scale.csv"), &outcomes);
        plots::write(&folder, &outcomes);
    }
}

/// Every case, the rounds of each experiment in turn.
fn measure(cases: Vec<Case>, results: &std::path::Path) -> Vec<Outcome> {
    let most = cases.iter().map(|case| case.rounds).max().unwrap_or(0);
    let mut outcomes: Vec<Outcome> = cases.into_iter().map(|case| Outcome { case, runs: Vec::new() }).collect();
    let mut experiments: Vec<&'static str> = outcomes.iter().map(|outcome| outcome.case.experiment).collect();
    experiments.dedup();
    for experiment in experiments {
        for round in 0..most {
            let due = |outcome: &&mut Outcome| outcome.case.experiment == experiment && round < outcome.case.rounds;
            for outcome in outcomes.iter_mut().filter(due) {
                outcome.runs.push(child::run(&outcome.case, results));
            }
        }
    }
    outcomes
}

/// Processes that ran or waited over the last minute, as the system averages them.
fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().filter(|first| !first.is_empty()).map_or_else(|| "not told".to_owned(), str::to_owned)
}
