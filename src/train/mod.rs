//! Labelled tiles → a model bundle, by changing the last layer, the last stages or all of a network.
//!
//! [`train`] reads the tiles once, divides them, and after each epoch saves all that is needed to go on (`run.rs` is the whole
//! way, `learn.rs` the epochs, `step.rs` a batch, `finish.rs` what is known in the end); [`cross_validate`] does it for each
//! fold, [`familiarise`] measures what the training tiles of a finished model look like to it, [`measure_bf16`] how far its
//! scores move in bf16. Invariant: the same configuration gives the same weights to the bit; nothing is printed, progress
//! comes as [`TrainEvent`]s. Maps and exports are none of its business.

mod augment;
mod bf16;
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
mod section;
mod start;
mod step;
mod trial;

pub use bf16::{Bf16Config, Bf16Event, Bf16Report, PROBABILITY_BOUND, measure_bf16};
pub use config::{AugmentConfig, Balance, CardConfig, Compute, Layers, LossKind, Rule, Select, TrainConfig};
pub use cross::{CrossReport, cross_validate};
pub use evaluation::Evaluation;
pub use event::{ClassCount, EpochRow, TrainEvent};
pub use familiarise::familiarise;
pub use run::{TrainReport, train};
