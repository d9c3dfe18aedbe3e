//! What a training can choose between.

use serde::{Deserialize, Serialize};

/// Which layers change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// The last layer alone for few tiles (fewer than 1000) and a network that was trained before; else all.
    Auto,
    /// The last layer alone: the others are run once over all tiles, and what they say of them is kept.
    Head,
    /// The last layer and the last stages of the network (`last_stages`).
    Last,
    /// All layers.
    All,
}

/// How gradients change weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// `AdamW`: steps that follow the size of each weight's own gradients, and a decay that does not pass through them.
    #[serde(rename = "adamw")]
    AdamW,
    /// Gradient descent with momentum; it wants rates some hundred times as high.
    Sgd,
}

/// What is made small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Cross-entropy for classes, Huber's loss for numbers.
    Auto,
    /// Cross-entropy, weighed by class with `balance = "loss"`.
    CrossEntropy,
    /// Cross-entropy in which tiles that are recognised count little (`focal_gamma`).
    Focal,
    /// Squares of small errors, sizes of large ones (`huber_delta`): outliers count less.
    Huber,
    /// Squares of errors.
    Squared,
}

impl LossKind {
    /// Whether it is of classes, not of numbers; of a resolved configuration.
    pub(in crate::train) fn is_of_classes(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::Focal)
    }
}

/// What the best epoch is best at, on the validation tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// Balanced accuracy for classes, R2 for numbers.
    Auto,
    /// The mean recall of the classes.
    BalancedAccuracy,
    /// The mean area under the curve of one class against the rest.
    Auroc,
    /// The mean coefficient of determination of the numbers.
    R2,
    /// The least loss.
    Loss,
}

impl Select {
    /// The figure that it goes by; none for the loss.
    pub fn figure(self) -> Option<&'static str> {
        match self {
            Self::BalancedAccuracy => Some("balanced_accuracy"),
            Self::Auroc => Some("macro_auroc"),
            Self::R2 => Some("r2"),
            Self::Auto | Self::Loss => None,
        }
    }
}

/// The numbers in which a network is run forth and back; weights, their changes and the loss are f32 always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compute {
    /// `bf16` on a GPU that multiplies with it, for networks without batch normalisation; else `f32`.
    Auto,
    /// 32 bits.
    F32,
    /// 16 bits with the range of 32, so that no gradient is lost to rounding to zero and the loss needs no scale.
    Bf16,
}

/// What is done about rare classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Nothing.
    None,
    /// A tile's loss is weighed by 1 / sqrt(tiles of its class).
    Loss,
    /// A class is drawn in proportion to sqrt(its tiles), rare tiles several times an epoch.
    Sampler,
    /// Each class is drawn equally often.
    Equal,
}
