//! What happens during a run, as values; whoever draws progress listens.

use crate::error::Error;
use crate::export::SlideRecord;

/// One thing that happened. Slides are told apart by their output id, never by a path.
#[derive(Debug)]
pub enum Event<'a> {
    /// Work on a slide began.
    SlideStarted {
        /// Its output id.
        id: &'a str,
    },
    /// Its tiles are known.
    TilesPlanned {
        /// How many there are.
        tiles: usize,
    },
    /// Tiles were scored or lost.
    TilesDone {
        /// How many, since the last event.
        tiles: usize,
    },
    /// A slide is through: scored, without tissue or failed.
    SlideDone {
        /// Its record.
        record: &'a SlideRecord,
        /// True when an earlier run's results are still good and nothing was done.
        reused: bool,
        /// What the user can do about its error; kept apart from the record, as advice is for the terminal only.
        advice: Option<&'a str>,
    },
    /// Maps and numbers of a slide are made.
    Mapped {
        /// Its output id.
        id: &'a str,
        /// How long it took.
        seconds: f64,
        /// True when an earlier run's files are still good and nothing was done.
        reused: bool,
        /// Why there are none.
        error: Option<&'a Error>,
    },
}
