//! The whole line: slides in, results out, one record per slide.
//!
//! Invariant: a bad slide is one failed record and never stops the others; a bad tile is one empty cell. Progress leaves
//! as values; nothing here prints.

mod event;
mod explain;
mod inputs;
mod overview;
mod resume;
mod score;
mod slide_run;
mod survey;

pub use event::Event;
pub use explain::{ExplainConfig, ExplainEvent, ExplainOutcome, TileSource, explain};
pub use inputs::find_slides;
pub use score::{RunOutcome, ScoreConfig, score};
