//! Progress on a terminal; one line for each slide also without one.

use super::text::{short, tell};
use eosin::Error;
use eosin::export::{SlideRecord, SlideStatus, assign_ids};
use eosin::pipeline::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Characters of a slide's name beside its bar: enough to tell it, and the bar still fits into 80 columns.
const NAME_CHARS: usize = 24;
const SLIDES: &str = "slides {wide_bar:.magenta} {pos}/{len}  {elapsed_precise}";
const LOOKING: &str = "{msg:.bold} looking for tissue";
const TILES: &str = "{msg:.bold} {wide_bar:.cyan} {pos}/{len} tiles  {rate}  {eta} left";

/// A slide's name as it stands beside a bar.
pub(crate) fn short_name(id: &str) -> String {
    short(id, NAME_CHARS)
}

/// Two bars: slides of the run, tiles of the slide.
pub(crate) struct Progress {
    bars: MultiProgress,
    slides: ProgressBar,
    tiles: ProgressBar,
    /// Files by the ids of their outputs.
    files: HashMap<String, PathBuf>,
    quiet: bool,
}

impl Progress {
    /// Bars for some slides, drawn on standard error when that is a terminal.
    pub(crate) fn new(slides: &[PathBuf], quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(target);
        let all = bars.add(ProgressBar::new(slides.len() as u64).with_style(style(SLIDES)));
        let tiles = bars.add(ProgressBar::new(0).with_style(style(LOOKING)));
        for bar in [&all, &tiles] {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let files = assign_ids(slides).into_iter().zip(slides.iter().cloned()).collect();
        Self { bars, slides: all, tiles, files, quiet }
    }

    /// Draws one event.
    pub(crate) fn show(&self, event: &Event<'_>) {
        match event {
            Event::SlideStarted { id } => {
                self.tiles.reset();
                self.tiles.set_style(style(LOOKING));
                self.tiles.set_message(short_name(id));
            }
            Event::TilesPlanned { tiles } => {
                self.tiles.set_length(*tiles as u64);
                self.tiles.reset_elapsed();
                self.tiles.reset_eta();
                self.tiles.set_style(style(TILES));
            }
            Event::Mapped { id, error, .. } => self.tell_mapped(id, *error),
            Event::TilesDone { tiles } => self.tiles.inc(*tiles as u64),
            Event::SlideDone { record, reused, advice } => {
                self.slides.inc(1);
                // A failure is said even when quiet.
                if !self.quiet || record.error.is_some() {
                    let line = self.line(record, *reused, *advice);
                    // Taken away while the line is printed, the bars are not torn.
                    self.bars.suspend(|| tell!("{line}"));
                }
            }
        }
    }

    /// One line on maps that could not be made; of those that were, the scoring said enough.
    fn tell_mapped(&self, id: &str, error: Option<&Error>) {
        if let Some(error) = error {
            let advice = error.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
            self.bars.suspend(|| tell!("no maps  {id}: {}{advice}", error.without_path()));
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        self.tiles.finish_and_clear();
        self.slides.finish_and_clear();
    }

    /// How a slide ended.
    fn line(&self, record: &SlideRecord, reused: bool, advice: Option<&str>) -> String {
        let name = self.name(record);
        if let Some(error) = &record.error {
            let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
            return format!("failed   {name}: {} [{}]{advice}", error.message, error.code);
        }
        if reused {
            return format!("kept     {name}: done by an earlier run");
        }
        if record.status == SlideStatus::NoTissue {
            return format!("empty    {name}: no tissue found");
        }
        let (tiles, seconds) = (record.tiles, record.seconds);
        let rate = tiles.scored as f64 / seconds.network.max(1e-9);
        let lost = if tiles.lost > 0 { format!(", {} lost to damage", tiles.lost) } else { String::new() };
        format!("scored   {name}: {} tiles{lost} in {:.1} s ({rate:.1} tiles/s)", tiles.scored, seconds.total)
    }

    /// The slide's name in all outputs, and the file where that is not plain from it, or where something is wrong with it.
    fn name(&self, record: &SlideRecord) -> String {
        let id = &record.slide.id;
        match self.files.get(id) {
            Some(file) if record.error.is_some() || file.file_stem().is_none_or(|stem| stem != id.as_str()) => {
                format!("{id} ({})", file.display())
            }
            _ => id.clone(),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        // A terminal that is gone is no reason to stop scoring.
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate)
}
