//! `eosin score`.

use super::args::{RunArgs, ScoreArgs};
use super::progress::Progress;

use super::text::tell;
use super::{exit, interrupt, models};
use eosin::Result;
use eosin::device::OpenDevice;
use eosin::nn::Bundle;
use eosin::pipeline::{RunOutcome, ScoreConfig, find_slides, score};
use std::process::ExitCode;

pub(crate) fn run(args: &ScoreArgs) -> Result<ExitCode> {
    let config = ScoreConfig {
        slides: find_slides(&args.slides)?,
        out: args.out.clone(),
        grid: args.grid.into(),
        spacing: args.spacing_um,
        tile_px: args.tile_px,
        overlap: args.overlap,
        min_tissue: args.min_tissue,
        mpp: args.mpp,
        tissue: args.seg.tissue(args.grid)?,
        memory_bytes: u64::from(args.run.memory_mb) << 20,
        workers: args.run.workers,
        overwrite: args.overwrite,
        maps: args.maps.settings(),
    };
    config.check()?;
    let (bundle, device) = prepare(&args.run)?;
    let outcome = run_with_progress(&config, &bundle, &device, &args.run)?;
    if !args.run.quiet {
        tell!("{}", last_line(&config, &outcome));
    }
    Ok(ExitCode::from(code(&outcome)))
}

/// How many slides are done, and where to read on or how to go on.
fn last_line(config: &ScoreConfig, outcome: &RunOutcome) -> String {
    let (all, failed) = (config.slides.len(), outcome.failed());
    let done = outcome.records.len() - failed;
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    if outcome.interrupted {
        let again = if config.overwrite { " without --overwrite" } else { "" };
        return format!("stopped: {done} of {all} slides done{failed}; run again{again} to go on with the others");
    }
    format!("{done} of {all} slides done{failed}; {} is the table of all", config.out.join("summary.csv").display())
}

/// Opens model and device and says which they really are.
pub(crate) fn prepare(args: &RunArgs) -> Result<(Bundle, OpenDevice)> {
    let bundle = models::open(&args.model)?;
    let device = args.device.open_for(&bundle)?;
    if !args.quiet {
        tell!("model    {}", bundle.name());
        tell!("device   {} ({}, {}, {})", device.name, device.kind, device.backend, device.arithmetic);
        tell!("note     research use only, not for diagnosis");
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
    let progress = Progress::new(&config.slides, args.quiet);
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
    } else if outcome.failed() > 0 || outcome.unmapped > 0 {
        exit::SOME_FAILED
    } else {
        exit::DONE
    }
}
