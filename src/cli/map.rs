//! `eosin map`.

use super::map_args::MapSettingArgs;
use super::progress::short_name;
use super::text::tell;
use super::{exit, interrupt};
use clap::Args as ClapArgs;
use eosin::Result;
use eosin::pipeline::{Event, MapOutcome, map_results};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const BAR: &str = "{wide_bar:.magenta} {pos} mapped  {elapsed_precise}  {msg}";

/// What is mapped again.
#[derive(Debug, ClapArgs)]
pub(crate) struct MapArgs {
    /// A results folder of `eosin score`.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,

    /// Make again what is there already with the same settings.
    #[arg(long)]
    overwrite: bool,

    /// Show errors only.
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    maps: MapSettingArgs,
}

pub(crate) fn run(args: &MapArgs) -> Result<ExitCode> {
    let settings = args.maps.settings();
    let target = if args.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let cancel = interrupt::flag();
    let outcome =
        map_results(&args.results, &settings, args.overwrite, &cancel, &|event| show(&bar, &event, args.quiet));
    bar.finish_and_clear();
    let outcome = outcome?;
    if !args.quiet {
        tell!("{}", last_line(&args.results, &outcome));
    }
    Ok(ExitCode::from(if outcome.interrupted {
        interrupt::exit_code()
    } else if outcome.failed > 0 {
        exit::SOME_FAILED
    } else {
        exit::DONE
    }))
}

fn show(bar: &ProgressBar, event: &Event<'_>, quiet: bool) {
    match event {
        Event::SlideStarted { id } => bar.set_message(short_name(id)),
        Event::Mapped { id, seconds, reused, error } => {
            bar.inc(1);
            let line = match error {
                Some(error) => {
                    let advice = error.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
                    format!("no maps  {id}: {}{advice}", error.without_path())
                }
                None if *reused => format!("kept     {id}: made before with the same settings"),
                None => format!("mapped   {id} in {seconds:.1} s"),
            };
            // A failure is said even when quiet.
            if !quiet || error.is_some() {
                bar.suspend(|| tell!("{line}"));
            }
        }
        _ => {}
    }
}

fn last_line(results: &Path, outcome: &MapOutcome) -> String {
    let MapOutcome { slides, mapped, failed, interrupted } = outcome;
    let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
    if *interrupted {
        return format!("stopped: {mapped} of {slides} slides mapped{failed}; run again to go on with the others");
    }
    format!(
        "{mapped} of {slides} slides mapped{failed}; {} is the report of all",
        results.join("report.html").display()
    )
}
