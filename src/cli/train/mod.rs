//! `eosin train`.

pub(crate) mod args;

use super::text::{say, tell};
use super::{exit, interrupt, models};
use args::TrainArgs;
use eosin::dataset::ReadEvent;
use eosin::device::open;
use eosin::train::{EpochRow, Layers, Select, TrainConfig, TrainEvent, cross_validate, train};
use eosin::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let config = config(args)?;
    let device = open(args.device)?;
    let bar = progress_bar(args.quiet);
    let line = |text: String| {
        if !args.quiet {
            bar.suspend(|| tell!("{text}"));
        }
    };
    line(format!("device   {} ({}, {})", device.name, device.kind, device.backend));
    let cancel = interrupt::flag();
    let mut select = Select::Loss;
    let mut on_event = |event: TrainEvent| match event {
        TrainEvent::Data(ReadEvent::Reading { done, total }) => show(&bar, "reading", done, total),
        TrainEvent::Data(ReadEvent::Skipped { tile, reason }) => line(format!("skipped  {tile}: {reason}")),
        TrainEvent::Fold { fold, folds, done } => {
            line(format!("fold     {fold} of {folds}{}", if done { ", done before" } else { "" }));
        }
        TrainEvent::Features { done, total } => show(&bar, "features", done, total),
        TrainEvent::Prepared { config, classes, dropped, notes } => {
            select = config.select;
            line(format!("layers   {}", words(config.layers)));
            for class in classes {
                line(format!(
                    "class    {}: {} training, {} validation, {} test tiles",
                    class.name, class.train, class.validation, class.test
                ));
            }
            if dropped > 0 {
                line(format!("dropped  {dropped} training tiles that share pixels with validation tiles"));
            }
            for note in notes {
                line(format!("note     {note}"));
            }
        }
        TrainEvent::Resumed { epochs } => line(format!("resumed  after epoch {epochs}")),
        TrainEvent::Step { epoch, step, steps, loss, .. } => {
            show(&bar, &format!("epoch {epoch}, loss {loss:.3}"), step, steps);
        }
        TrainEvent::Epoch(row) => line(format!("epoch    {}", epoch(&row, select))),
        TrainEvent::Written { dir } => line(format!("model    {}", dir.display())),
        _ => {}
    };
    let crosses = config.split.folds.is_some() && config.split.fold.is_none();
    let outcome = if crosses {
        cross_validate(&config, &device, &cancel, &mut on_event)
            .map(|report| ("all tiles, each by the model that did not see its fold:".to_owned(), report.assessment))
    } else {
        train(&config, &device, &cancel, &mut on_event).map(|report| {
            let (epoch, side) = (report.best_epoch, report.side);
            (format!("best epoch {epoch}, on the {side} tiles with the weights as stored:"), report.assessment)
        })
    };
    bar.finish_and_clear();
    let (heading, assessment) = outcome?;
    say!("{heading}");
    for row in assessment.figures() {
        let Some(value) = row.figure.value else { continue };
        let name = row.column.map_or(row.name.clone(), |column| format!("{} {column}", row.name));
        let interval = row.figure.low.zip(row.figure.high);
        let interval = interval.map_or(String::new(), |(low, high)| format!("   {low:.4} to {high:.4}"));
        say!("  {name:<32} {value:.4}{interval}");
    }
    Ok(ExitCode::from(exit::DONE))
}

/// The file with the flags over it.
fn config(args: &TrainArgs) -> Result<TrainConfig> {
    let file = args.config.as_deref();
    let at_file = |error: Error| if let Some(file) = file { error.at_path(file) } else { error };
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| Error::io(file, "read the file", error))?,
        None => String::new(),
    };
    let init = match args.init() {
        // A file or a folder, else a model's name.
        Some(name) if !Path::new(name).exists() => Some(models::folder_of(name)?),
        name => name.map(PathBuf::from),
    };
    let config = TrainConfig::layered(&text, args.flags(init.as_deref())).map_err(at_file)?;
    config.check().map_err(at_file)?;
    Ok(config)
}

/// An epoch in a line.
fn epoch(row: &EpochRow, select: Select) -> String {
    let EpochRow { epoch, train_loss, validation, tiles_per_s, best, .. } = row;
    let figure = select.figure().and_then(|name| Some((name, validation.figures.get(name)?)));
    let figure = figure.map_or(String::new(), |(name, value)| format!(", {} {value:.3}", name.replace('_', " ")));
    let (loss, best) = (validation.loss, if *best { " (best)" } else { "" });
    format!("{epoch}: training loss {train_loss:.3}, validation loss {loss:.3}{figure}{best}, {tiles_per_s:.1} tiles/s")
}

fn words(layers: Layers) -> &'static str {
    match layers {
        Layers::Head => "the last one alone, over features computed once",
        Layers::Last => "the last stages",
        Layers::All | Layers::Auto => "all",
    }
}

pub(crate) fn progress_bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template("{msg} {wide_bar:.cyan} {pos}/{len}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

pub(crate) fn show(bar: &ProgressBar, message: &str, done: usize, total: usize) {
    bar.set_length(total as u64);
    bar.set_position(done as u64);
    bar.set_message(message.to_string());
}
