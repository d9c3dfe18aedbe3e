//! Progress of a training as values; drawing them is the command line's work.

use crate::dataset::ReadEvent;
use crate::train::config::TrainConfig;
use crate::train::evaluation::Evaluation;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TrainEvent {
    /// Tiles are being read.
    Data(ReadEvent),
    /// A fold of a cross-validation begins.
    Fold {
        /// From 1.
        fold: usize,
        /// How many there are.
        folds: usize,
        /// Whether an earlier run has finished it.
        done: bool,
    },
    /// A network that does not change describes tiles: before the last layer is trained, or when all is done.
    Features {
        /// Tiles described so far, each of their variants counted.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// Tiles are read and divided.
    Prepared {
        /// The configuration with every choice made.
        config: Box<TrainConfig>,
        /// One per class, in the order of the logits.
        classes: Vec<ClassCount>,
        /// Training tiles left out because they share pixels with a validation tile.
        dropped: usize,
        /// What a reader of the results must know.
        notes: Vec<String>,
    },
    /// An interrupted training goes on.
    Resumed {
        /// Epochs that are done.
        epochs: usize,
    },
    /// The weights were changed once.
    Step {
        /// From 1.
        epoch: usize,
        /// From 1.
        step: usize,
        /// Steps of this epoch.
        steps: usize,
        /// Loss of this batch.
        loss: f64,
        /// Learning rate of this step.
        lr: f64,
    },
    /// An epoch is done, validated and saved.
    Epoch(EpochRow),
    /// The model is on disk.
    Written {
        /// Its folder.
        dir: PathBuf,
    },
}

/// Tiles of a class, or with a number, on each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// Training tiles.
    pub train: usize,
    /// Validation tiles.
    pub validation: usize,
    /// Test tiles.
    pub test: usize,
}

/// One row of `curves.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRow {
    /// From 1.
    pub epoch: usize,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Mean loss of the training batches, with their weights, smoothing and augmentation.
    pub train_loss: f64,
    /// On the validation tiles, each counted once.
    pub validation: Evaluation,
    /// Training tiles per second.
    pub tiles_per_s: f64,
    /// Duration with validation, seconds.
    pub seconds: f64,
    /// Whether it is the best so far.
    pub best: bool,
}
