//! `eosin bench`: how fast this computer is, and how right.

pub(crate) mod args;
mod compare;
mod progress;
mod table;

use super::text::{answer_json, say, tell, terminal_width};
use super::{exit, interrupt, models};
use args::{BenchArgs, BenchCommand};
use eosin::bench::{BenchConfig, BenchRecord, ModelChoice, RECORD, Settings, Target, bench, write_bench};
use eosin::nn::Architecture;
use eosin::{Error, ErrorKind, Result};
use progress::Progress;
use std::io::{BufWriter, stdin, stdout};
use std::process::ExitCode;

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode> {
    match &args.command {
        Some(BenchCommand::Compare(args)) => return compare::run(&args.a, &args.b, args.json),
        None if args.worker => {
            // Not locked for good: a driver may want to print, too.
            eosin::bench::work(stdin().lock(), BufWriter::new(stdout()))?;
            return Ok(ExitCode::from(exit::DONE));
        }
        None => {}
    }
    let config = config(args)?;
    // Before minutes are spent.
    if !args.overwrite && args.out.join(RECORD).exists() {
        let found = format!("expected a folder without results, found {RECORD} in {}", args.out.display());
        return Err(Error::new(ErrorKind::Usage, "BCH-0022", found).with_advice("give another --out, or --overwrite"));
    }
    std::fs::create_dir_all(&args.out).map_err(|error| Error::io(&args.out, "make the results folder", error))?;
    tempfile::tempfile_in(&args.out).map_err(|error| Error::io(&args.out, "write into the results folder", error))?;
    let cancel = interrupt::flag();
    if !args.quiet {
        tell!("note     research use only, not for diagnosis; leave the computer alone while it runs");
    }
    let progress = Progress::new(args.quiet);
    let record = bench(&config, &cancel, &|event| progress.show(&event));
    progress.finish();
    let record = record?;
    write_bench(&args.out, &record)?;
    show(args, &record)?;
    Ok(ExitCode::from(exit::DONE))
}

fn show(args: &BenchArgs, record: &BenchRecord) -> Result<()> {
    if args.json {
        answer_json(&serde_json::to_value(record).map_err(|error| {
            Error::new(ErrorKind::Io, "BCH-0020", format!("expected a record that can be written, found: {error}"))
        })?);
        return Ok(());
    }
    for line in table::lines(record, terminal_width()) {
        say!("{line}");
    }
    if !args.quiet {
        tell!("{} is the same with plots; bench.csv and bench.json beside it", args.out.join("bench.html").display());
    }
    Ok(())
}

fn config(args: &BenchArgs) -> Result<BenchConfig> {
    let program = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::Io, "BCH-0021", format!("expected to find this program's own file, found: {error}"))
    })?;
    let dtypes: Vec<String> = args.dtypes.iter().map(ToString::to_string).collect();
    let (mut targets, absent) = Target::ours(&args.devices, &dtypes);
    for peer in each_once(&args.against) {
        targets.extend(Target::peers(peer, &targets));
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(BenchConfig {
        program,
        slide: args.slide.clone(),
        mpp: args.mpp.map(eosin::units::Mpp::get),
        models: each_once(&args.models).iter().map(|name| model(name)).collect::<Result<_>>()?,
        targets,
        absent,
        batches: args.batches.iter().copied().map(usize::from).collect(),
        python: args
            .python
            .clone()
            .or_else(|| std::env::var("EOSIN_PYTHON").ok())
            .unwrap_or_else(|| "python3".to_owned()),
        threads: cores,
        whole_runs: args.against.contains(&eosin::bench::Peer::WsInfer),
        settings: Settings {
            starts: usize::from(args.starts),
            rounds: usize::from(args.rounds),
            seconds: args.seconds,
            tiles: usize::from(args.tiles),
            seed: args.seed,
            empty_caches: args.empty_caches,
        },
    })
}

/// What was given, without repetitions.
fn each_once<T: Clone + PartialEq>(given: &[T]) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for value in given {
        if !once.contains(value) {
            once.push(value.clone());
        }
    }
    once
}

/// A model by name or folder, or a network with random weights.
fn model(name: &str) -> Result<ModelChoice> {
    match (models::folder_of(name), Architecture::parse(name)) {
        (Ok(folder), _) => Ok(ModelChoice::Folder(folder)),
        (Err(_), Ok(architecture)) => Ok(ModelChoice::Random(architecture)),
        (Err(error), Err(_)) => Err(error),
    }
}

/// The record of the library's tests.
#[cfg(test)]
#[path = "../../bench/sample_record.rs"]
mod sample_record;
#[cfg(test)]
use eosin::bench::{
    Absent, AdapterFacts, Cell, Energy, InputFacts, Line, Machine, MemoryUse, ModelUsed, Pace, Parity, SCHEMA, Samples,
    Stage, Start, WholeRun,
};
