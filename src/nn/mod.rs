//! Networks: from a model bundle or a WSInfer model to a loaded burn module, and back to a bundle after training.
//!
//! Invariant: weights are used only after every tensor's name, shape and value was checked against the network, and only
//! from the bytes whose digest was taken. Knows nothing of slides, and of devices only what burn shows.

mod blocks;
mod bundle;
mod card;
mod fold;
mod fresh;
mod layers;
mod mobilenet;
mod names;
mod network;
mod resnet;
mod spec;
mod tensor_map;
mod weights;
mod wsinfer_config;

pub use blocks::ConvNorm;
pub use bundle::{Bundle, Preprocess, write_bundle};
pub use card::{Activation, Card, CardArchitecture, Class, Input, Metrics, WeightsFile};
pub use fresh::fresh;
pub use mobilenet::MobileNetV2;
pub use network::Network;
pub use resnet::ResNet;
pub use spec::{Architecture, NetworkSpec, Padding};
pub use tensor_map::{Precision, TensorMap, Weight};
pub use weights::{Head, load, save};
