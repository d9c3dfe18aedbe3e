//! `eosin train`.

use super::args::TrainArgs;
use super::text::{say, tell};
use super::{exit, interrupt};
use eosin::dataset::ReadEvent;
use eosin::device::open;
use eosin::train::{TrainConfig, TrainEvent, train};
use eosin::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::process::ExitCode;

pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let text =
        std::fs::read_to_string(&args.config).map_err(|error| Error::io(&args.config, "read the file", error))?;
    let mut config = TrainConfig::from_toml(&text).map_err(|error| error.at_path(&args.config))?;
    config.resume |= args.resume;
    if let Some(out) = &args.out {
        config.out.clone_from(out);
    }
    if let Some(epochs) = args.epochs {
        config.epochs = epochs;
    }
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    config.check().map_err(|error| error.at_path(&args.config))?;
    let device = open(args.device)?;
    let target = if args.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template("{msg} {wide_bar:.cyan} {pos}/{len}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let line = |text: String| {
        if !args.quiet {
            bar.suspend(|| tell!("{text}"));
        }
    };
    line(format!("device   {} ({}, {})", device.name, device.kind, device.backend));
    let cancel = interrupt::flag();
    let outcome = train(&config, &device, &cancel, &mut |event| match event {
        TrainEvent::Data(ReadEvent::Reading { done, total }) => show(&bar, "reading", done, total),
        TrainEvent::Data(ReadEvent::Skipped { tile, reason }) => line(format!("skipped  {tile}: {reason}")),
        TrainEvent::Prepared { classes, dropped, notes } => {
            for class in classes {
                line(format!(
                    "class    {}: {} training, {} validation tiles",
                    class.name, class.train, class.validation
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
        TrainEvent::Epoch(row) => line(format!(
            "epoch    {}: training loss {:.3}, validation loss {:.3}, balanced accuracy {:.3}{}, {:.1} tiles/s",
            row.epoch,
            row.train_loss,
            row.validation_loss,
            row.balanced_accuracy,
            if row.best { " (best)" } else { "" },
            row.tiles_per_s
        )),
        TrainEvent::Written { dir } => line(format!("model    {}", dir.display())),
        _ => {}
    });
    bar.finish_and_clear();
    let report = outcome?;
    say!("best epoch {}, on the validation tiles with the weights as stored:", report.best_epoch);
    for (name, value) in &report.card.metrics {
        say!("  {name:<32} {value:.4}");
    }
    Ok(ExitCode::from(exit::DONE))
}

fn show(bar: &ProgressBar, message: &str, done: usize, total: usize) {
    bar.set_length(total as u64);
    bar.set_position(done as u64);
    bar.set_message(message.to_string());
}
