//! Labelled tiles → a model bundle, by changing all layers of a network.
//!
//! [`train`] reads the tiles once, keeps whole blocks of a slide apart for validation, and after each epoch saves all that
//! is needed to go on. Invariant: the same configuration gives the same weights to the bit; nothing is printed, progress
//! comes as [`TrainEvent`]s. Maps and exports are none of its business.

mod augment;
mod card;
mod card_text;
mod checkpoint;
mod config;
mod cross;
mod curves;
mod evaluation;
mod event;
mod features;
mod finish;
mod learn;
mod loss;
mod mixed;
mod names;
mod optimiser;
mod run;
mod sampler;
mod scale;
mod start;
mod step;
mod trial;

pub use config::{AugmentConfig, Balance, CardConfig, Compute, Layers, LossKind, Rule, Select, TrainConfig};
pub use cross::{CrossReport, cross_validate};
pub use evaluation::Evaluation;
pub use event::{ClassCount, EpochRow, TrainEvent};
pub use run::{TrainReport, train};
