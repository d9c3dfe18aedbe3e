//! `eosin evaluate`.

pub(crate) mod args;
mod table;

use super::text::{answer_json, say, tell};
use super::{exit, interrupt, models};
use args::EvaluateArgs;
use eosin::assess::{EvaluateEvent, Evaluated, EvaluationFolder, Material, evaluate, page};
use eosin::dataset::ReadEvent;
use eosin::{Error, ErrorKind, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::process::ExitCode;

pub(crate) fn run(args: &EvaluateArgs) -> Result<ExitCode> {
    let config = args.config()?;
    let bundle = models::open(&args.model)?;
    let other = args.compare.as_deref().map(models::find).transpose()?;
    let other = other.map(|other| if args.model.uncalibrated { other.uncalibrated() } else { other });
    // Before there is anything that a signal could leave behind.
    let cancel = interrupt::flag();
    let folder = EvaluationFolder::new(&args.out)?;
    let device = args.device.open()?;
    if !args.quiet {
        tell!("model    {}", bundle.name());
        if let Some(other) = &other {
            tell!("compare  {}", other.name());
        }
        tell!("device   {} ({}, {}, {})", device.name, device.kind, device.backend, device.arithmetic);
        tell!("note     research use only, not for diagnosis");
    }
    let bar = bar(args.quiet);
    let evaluated = evaluate(&bundle, other.as_ref(), &device, &config, &cancel, &|event| match event {
        EvaluateEvent::Data(ReadEvent::Reading { done, total }) => show(&bar, "reading", done, total),
        EvaluateEvent::Scoring { done, total } => show(&bar, "scoring", done, total),
        EvaluateEvent::Judging => bar.set_message("figures"),
        // What is left out is said even when quiet.
        EvaluateEvent::Data(ReadEvent::Skipped { tile, reason }) => {
            bar.suspend(|| tell!("skipped  {tile}: {reason}"));
        }
        _ => {}
    });
    bar.finish_and_clear();
    let evaluated = evaluated?;
    let Evaluated { set, tiles, scores, record, .. } = &evaluated;
    let material = Material { bundle: &bundle, device: &device, set, tiles, scores, training: &[] };
    folder.write(&evaluated, &page(record, &material)?)?;
    if !args.quiet {
        let (notes, compared) = (&evaluated.record.notes, evaluated.comparison.as_ref());
        let more = compared.into_iter().flat_map(|compared| &compared.notes).filter(|note| !notes.contains(note));
        for note in notes.iter().chain(more) {
            tell!("note     {note}");
        }
        tell!("");
    }
    answer(args, &evaluated)?;
    if !args.quiet {
        tell!("written  {}", folder.path().display());
    }
    Ok(ExitCode::from(exit::DONE))
}

fn answer(args: &EvaluateArgs, evaluated: &Evaluated) -> Result<()> {
    let Evaluated { record, comparison, .. } = evaluated;
    if args.json {
        let json = serde_json::to_value(record)
            .map_err(|error| Error::new(ErrorKind::Io, "EVA-0010", format!("cannot write the figures: {error}")))?;
        answer_json(&json);
        return Ok(());
    }
    let compared = comparison.as_ref().map(table::comparison_lines).unwrap_or_default();
    for line in table::lines(record).into_iter().chain(compared) {
        say!("{line}");
    }
    say!("research use only, not for diagnosis");
    Ok(())
}

fn bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template("{msg:<8} {wide_bar:.cyan} {pos}/{len}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn show(bar: &ProgressBar, message: &'static str, done: usize, total: usize) {
    if bar.message() != message {
        // Another stage has another pace.
        bar.reset();
    }
    bar.set_length(total as u64);
    bar.set_position(done as u64);
    bar.set_message(message);
}
