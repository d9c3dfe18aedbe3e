//! `eosin explain`.

pub(crate) mod args;

use super::text::tell;
use super::{exit, interrupt, models};
use args::ExplainArgs;
use eosin::Result;
use eosin::device::open;
use eosin::nn::Bundle;
use eosin::pipeline::{ExplainConfig, ExplainEvent, ExplainOutcome, TileSource, explain};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::process::ExitCode;

pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let tiles = match &args.slide {
        Some(slide) => TileSource::Places { slide: slide.clone(), origins_l0: args.at.clone(), mpp: args.mpp },
        None => TileSource::Files(args.tiles.clone()),
    };
    let config = ExplainConfig { tiles, class: args.class.clone(), out: args.out.clone() };
    let bundle = models::find(&args.model)?;
    let device = open(args.device)?;
    if !args.quiet {
        tell!("model    {}", bundle.name());
        tell!("device   {} ({}, {})", device.name, device.kind, device.backend);
        tell!("note     research use only, not for diagnosis: what speaks for a score need not be a reason for it");
    }
    let target = if args.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template("tiles {wide_bar:.cyan} {pos}/{len}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let outcome = explain(&config, &bundle, &device, &interrupt::flag(), &mut |event| {
        bar.set_length(event.total as u64);
        bar.set_position(event.done as u64);
        // A failure is said even when quiet.
        if !args.quiet || event.row.found.is_err() {
            bar.suspend(|| tell!("{}", line(&event)));
        }
    });
    bar.finish_and_clear();
    let outcome = outcome?;
    if !args.quiet {
        last_lines(args, &bundle, &outcome);
    }
    Ok(ExitCode::from(if outcome.interrupted {
        interrupt::exit_code()
    } else if outcome.failed() > 0 {
        exit::SOME_FAILED
    } else {
        exit::DONE
    }))
}

/// How a tile ended.
fn line(event: &ExplainEvent<'_>) -> String {
    let id = &event.row.id;
    match &event.row.found {
        Ok(found) => format!("done     {id}: {} {:.4}, maximum {:.4}", found.class, found.score, found.maximum),
        Err(error) => {
            let file = event.file.map(|file| format!(" ({})", file.display())).unwrap_or_default();
            format!("failed   {id}{file}: {} [{}]", error.message, error.code)
        }
    }
}

fn last_lines(args: &ExplainArgs, bundle: &Bundle, outcome: &ExplainOutcome) {
    let (done, failed) = (outcome.rows.len() - outcome.failed(), outcome.failed());
    let tile_px = bundle.preprocess().tile_px;
    let others = outcome.rows.iter().filter_map(|row| row.found.as_ref().ok()).filter(|found| found.side_px != tile_px);
    let others = if args.slide.is_none() { others.count() } else { 0 };
    if others > 0 {
        tell!("note     {others} tiles are not of the model's {tile_px} px; it is meant for {} um/px", bundle.mpp());
    }
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let stopped = if outcome.interrupted { "stopped: " } else { "" };
    tell!("{stopped}{done} tiles explained{failed}; {} is the table of all", args.out.join("explain.csv").display());
}
