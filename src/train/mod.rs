//! Labelled tiles → a model bundle, by changing the last layer, the last stages or all of a network.
//!
//! [`train`] reads the tiles once, divides them, and after each epoch saves all that is needed to go on (`run.rs` is the whole
//! way, `learn.rs` the epochs, `step.rs` a batch, `finish.rs` what is known in the end); [`cross_validate`] does it for each
//! fold, [`familiarise`] measures what the training tiles of a finished model look like to it. Invariant: the same configuration gives the same weights to the bit; nothing is printed, progress
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
mod familiarise;
mod familiarity;
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
pub use familiarise::familiarise;
pub use run::{TrainReport, train};
