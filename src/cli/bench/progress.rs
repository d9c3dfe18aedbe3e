//! Progress of a bench on a terminal; without one, what is absent is still said.

use crate::cli::text::tell;
use eosin::bench::BenchEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

const STEPS: &str = "{prefix:.bold} {wide_bar:.cyan} {pos}/{len}  {elapsed_precise}\n{wide_msg}";

/// A bar for the steps of a model.
pub(super) struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        // The template is a constant; a fault in it shows the plain bar.
        let style = ProgressStyle::with_template(STEPS).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, quiet }
    }

    pub(super) fn show(&self, event: &BenchEvent<'_>) {
        match event {
            BenchEvent::Model { name, steps } => {
                self.bar.set_length(*steps as u64);
                self.bar.set_position(0);
                self.bar.set_prefix((*name).to_owned());
            }
            BenchEvent::Step { what } => {
                self.bar.inc(1);
                self.bar.set_message((*what).to_owned());
            }
            BenchEvent::Absent { absent, last_words } => {
                if self.quiet {
                    return;
                }
                self.bar.suspend(|| {
                    tell!("left out {}: {}", absent.what, absent.why);
                    last_words.iter().for_each(|line| tell!("         {line}"));
                });
            }
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
