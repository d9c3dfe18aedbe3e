//! Progress on a terminal; silent when there is none.

use eosin::export::SlideStatus;
use eosin::pipeline::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Two bars: slides of the run, tiles of the slide.
pub(crate) struct Progress {
    bars: MultiProgress,
    slides: ProgressBar,
    tiles: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// Bars for a number of slides, drawn on standard error when that is a terminal.
    pub(crate) fn new(slides: usize, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(target);
        let style =
            |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let all = bars.add(ProgressBar::new(slides as u64));
        all.set_style(style("slides {wide_bar:.magenta} {pos}/{len}  {elapsed_precise}"));
        let tiles = bars.add(ProgressBar::new(0));
        tiles.set_style(style("{msg:.bold} {wide_bar:.cyan} {pos}/{len} tiles  {per_sec}  {eta} left"));
        tiles.enable_steady_tick(Duration::from_millis(200));
        Self { bars, slides: all, tiles, quiet }
    }

    /// Draws one event.
    pub(crate) fn show(&self, event: &Event<'_>) {
        match event {
            Event::SlideStarted { id } => {
                self.tiles.reset();
                self.tiles.set_length(0);
                self.tiles.set_message((*id).to_string());
            }
            Event::TilesPlanned { tiles } => {
                self.tiles.set_length(*tiles as u64);
                self.tiles.reset_elapsed();
                self.tiles.reset_eta();
            }
            Event::TilesDone { tiles } => self.tiles.inc(*tiles as u64),
            Event::SlideDone { record, reused } => {
                self.slides.inc(1);
                let id = &record.slide.id;
                let line = match (&record.error, record.status) {
                    (Some(error), _) => format!("failed   {id}: {} [{}]", error.message, error.code),
                    (None, _) if *reused => format!("kept     {id}: done by an earlier run"),
                    (None, SlideStatus::NoTissue) => format!("empty    {id}: no tissue found"),
                    (None, _) => {
                        let (tiles, seconds) = (record.tiles, record.seconds);
                        let rate = tiles.scored as f64 / seconds.network.max(1e-9);
                        let lost = if tiles.lost > 0 { format!(", {} lost", tiles.lost) } else { String::new() };
                        format!(
                            "scored   {id}: {} tiles{lost} in {:.1} s ({rate:.1} tiles/s)",
                            tiles.scored, seconds.total
                        )
                    }
                };
                // A failure is said even when quiet.
                if !self.quiet || record.error.is_some() {
                    self.line(&line);
                }
            }
        }
    }

    /// Prints a line that does not tear the bars.
    fn line(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        self.tiles.finish_and_clear();
        self.slides.finish_and_clear();
    }
}
