//! Networks: from a model bundle or a WSInfer model to a loaded burn module, and back to a bundle after training.
//!
//! Invariant: weights are used only after every tensor's name, shape and value was checked against the network, and only
//! from the bytes whose digest was taken. Knows nothing of slides, and of devices only what burn shows.

mod activate;
mod attention;
mod backbone;
mod bf16;
mod blocks;
mod bundle;
mod calibration;
mod card;
mod convnext;
mod dense;
mod densenet;
mod familiarity;
mod flow;
mod fold;
mod freeze;
mod fresh;
mod fused;
mod import;
mod inception;
mod inverted;
mod layers;
mod mobilenet;
mod names;
mod network;
mod pool;
mod preact;
mod product;
mod registry;
mod resnet;
mod shufflenet;
mod spec;
mod squeezenet;
mod tensor_map;
mod torch_file;
mod trace;
mod vit;
mod vit_shape;
mod weights;
mod write_bundle;
mod wsinfer_config;

pub use bf16::Bf16Difference;
pub use bundle::{Bundle, Preprocess, zoo_files};
pub use calibration::Calibration;
pub use card::{Activation, Card, CardArchitecture, Class, Input, Metrics, Stain, WeightsFile};
pub use dense::Dense;
pub(crate) use familiarity::FamiliarityLayer;
pub use familiarity::{Familiarity, FeatureModel};
pub use freeze::Trainable;
pub use fresh::fresh;
pub use import::Imported;
pub use network::Network;
pub use registry::Architecture;
pub use spec::{NetworkSpec, Padding, Variant};
pub use tensor_map::{Precision, TensorMap, Weight};
pub use torch_file::read_weights;
pub use vit_shape::{VitMlp, VitPool, VitPositions, VitShape};
pub use weights::{Head, load, save};
pub use write_bundle::{
    card_text, familiarised_bundle, recarded_bundle, write_bundle, write_familiar_bundle, write_proven_bundle,
};
pub use wsinfer_config::WsinferConfig;
