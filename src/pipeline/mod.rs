//! The whole line: slides in, results out, one record per slide.
//!
//! Invariant: a bad slide is one failed record and never stops the others; a bad tile is one empty cell. Progress leaves
//! as values; nothing here prints.

mod cohort;
mod cohort_outcomes;
mod event;
mod explain;
mod inputs;
mod map_settings;
mod maps;
mod outcome_table;
mod overview;
mod prepared;
mod resume;
mod score;
mod slide_facts;
mod slide_figures;
mod slide_layers;
mod slide_page;
mod slide_run;
mod slide_tables;
mod survey;

pub use event::Event;
pub use explain::{ExplainConfig, ExplainEvent, ExplainOutcome, TileSource, explain};
pub use inputs::find_slides;
pub use map_settings::{MapSettings, USUAL_FORMATS};
pub use maps::{MapOutcome, map_results, map_slide};
pub use outcome_table::OutcomeSource;
pub use prepared::{Prepared, prepare};
pub use score::{RunOutcome, ScoreConfig, score};
pub use slide_run::{lay_map, score_tiles};
