//! `eosin score`.

use super::args::{RunArgs, ScoreArgs};
use super::progress::Progress;
use super::{exit, interrupt, models};
use eosin::device::{OpenDevice, open};
use eosin::nn::Bundle;
use eosin::pipeline::{RunOutcome, ScoreConfig, find_slides, score};
use eosin::tissue::TissueConfig;
use eosin::units::Mpp;
use eosin::{Error, ErrorKind, Result};
use std::process::ExitCode;

pub(crate) fn run(args: &ScoreArgs) -> Result<ExitCode> {
    let mpp = args
        .mpp
        .map(Mpp::new)
        .transpose()
        .map_err(|error| Error::new(ErrorKind::Usage, "RUN-0005", format!("--mpp: {}", error.message())))?;
    check_fraction("--overlap", args.overlap, args.overlap >= 0.0 && args.overlap < 1.0)?;
    check_fraction("--min-tissue", args.min_tissue, (0.0..=1.0).contains(&args.min_tissue))?;
    let config = ScoreConfig {
        slides: find_slides(&args.slides)?,
        out: args.out.clone(),
        grid: args.grid.into(),
        overlap: args.overlap,
        min_tissue: args.min_tissue,
        mpp,
        tissue: TissueConfig::default(),
        memory_bytes: u64::from(args.run.memory_mb) << 20,
        workers: args.run.workers,
        overwrite: args.overwrite,
    };
    let (bundle, device) = prepare(&args.run)?;
    let outcome = run_with_progress(&config, &bundle, &device, &args.run)?;
    if !args.run.quiet {
        let done = outcome.records.len() - outcome.failed();
        eprintln!(
            "{done} of {} slides done; {} is the table of all",
            config.slides.len(),
            config.out.join("summary.csv").display()
        );
    }
    Ok(ExitCode::from(code(&outcome)))
}

/// Opens model and device and says which they really are.
pub(crate) fn prepare(args: &RunArgs) -> Result<(Bundle, OpenDevice)> {
    let bundle = models::find(&args.model)?;
    let device = open(args.device)?;
    if !args.quiet {
        eprintln!("model    {}", bundle.name());
        eprintln!("device   {} ({}, {})", device.name, device.kind, device.backend);
        eprintln!("note     research use only, not for diagnosis");
    }
    Ok((bundle, device))
}

/// Scores with bars on the terminal, until done or interrupted.
pub(crate) fn run_with_progress(
    config: &ScoreConfig,
    bundle: &Bundle,
    device: &OpenDevice,
    args: &RunArgs,
) -> Result<RunOutcome> {
    let progress = Progress::new(config.slides.len(), args.quiet);
    let cancel = interrupt::flag();
    let batch = args.batch_size.map(usize::from);
    let outcome = score(config, bundle, device, batch, &cancel, &|event| progress.show(&event));
    progress.finish();
    outcome
}

/// The exit code of a run.
pub(crate) fn code(outcome: &RunOutcome) -> u8 {
    if outcome.interrupted {
        interrupt::exit_code()
    } else if outcome.failed() > 0 {
        exit::SOME_FAILED
    } else {
        exit::DONE
    }
}

fn check_fraction(flag: &str, found: f64, fits: bool) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "RUN-0005", format!("{flag}: expected a fraction from 0 to 1, found {found}")))
}
