//! The layers of a network that own weights, in network order, each with its names and its tensors.
//!
//! This is the one walk over a network: loading, saving, folding and renaming all go through it, so a tensor cannot be
//! known to one of them and forgotten by another.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::blocks::{ConvNorm, Norm};
use crate::nn::dense::Dense;
use crate::nn::tensor_map::Weight;
use burn::module::{Param, RunningState};
use burn::nn::{BatchNorm, LayerNorm};
use burn::tensor::{Tensor, TensorData};

/// A layer with the names of its parts.
pub(super) struct Layer<'a> {
    pub name: String,
    /// The name of the normalisation behind a convolution; empty for other layers.
    pub norm: String,
    pub part: Part<'a>,
    /// Whether it is the last layer, which another set of classes replaces.
    pub is_head: bool,
}

/// What a layer is.
pub(super) enum Part<'a> {
    Conv(&'a mut ConvNorm),
    /// Batch normalisation that follows no convolution.
    Norm(&'a mut Norm),
    Linear(&'a mut Dense),
    LayerNorm(&'a mut LayerNorm),
    /// One number per channel, without a layer around it.
    Vector(&'a mut Param<Tensor<1>>),
    /// Learnt tokens `[1, T, C]`.
    Tokens(&'a mut Param<Tensor<3>>),
}

/// Where one tensor of a weights file goes.
pub(super) enum Slot<'a> {
    Kernel(&'a mut Param<Tensor<4>>),
    Tokens(&'a mut Param<Tensor<3>>),
    Matrix(&'a mut Param<Tensor<2>>),
    Vector(&'a mut Param<Tensor<1>>),
    Running(&'a mut RunningState<Tensor<1>>),
}

impl<'a> Layer<'a> {
    fn new(name: impl Into<String>, part: Part<'a>) -> Self {
        Self { name: name.into(), norm: String::new(), part, is_head: false }
    }

    pub fn conv(name: impl Into<String>, norm: impl Into<String>, part: &'a mut ConvNorm) -> Self {
        Self { norm: norm.into(), ..Self::new(name, Part::Conv(part)) }
    }

    pub fn norm(name: impl Into<String>, part: &'a mut Norm) -> Self {
        Self::new(name, Part::Norm(part))
    }

    pub fn linear(name: impl Into<String>, part: &'a mut Dense) -> Self {
        Self::new(name, Part::Linear(part))
    }

    pub fn layer_norm(name: impl Into<String>, part: &'a mut LayerNorm) -> Self {
        Self::new(name, Part::LayerNorm(part))
    }

    pub fn vector(name: impl Into<String>, part: &'a mut Param<Tensor<1>>) -> Self {
        Self::new(name, Part::Vector(part))
    }

    pub fn tokens(name: impl Into<String>, part: &'a mut Param<Tensor<3>>) -> Self {
        Self::new(name, Part::Tokens(part))
    }

    /// The last layer.
    pub fn head(name: impl Into<String>, part: &'a mut Dense) -> Self {
        Self::linear(name, part).into_head()
    }

    pub fn into_head(self) -> Self {
        Self { is_head: true, ..self }
    }

    /// Groups of channels that a convolution keeps apart.
    pub fn groups(&self) -> usize {
        match &self.part {
            Part::Conv(conv) => conv.conv.groups,
            _ => 1,
        }
    }

    /// True for a convolution that filters each channel alone.
    pub fn is_depthwise(&self) -> bool {
        self.groups() > 1
    }

    /// What batch normalisation of this layer adds to the variance; none without one.
    pub fn epsilon(&self) -> Option<f64> {
        match &self.part {
            Part::Conv(ConvNorm { norm: Some(norm), .. }) | Part::Norm(Norm { batch: Some(norm), .. }) => {
                Some(norm.epsilon)
            }
            _ => None,
        }
    }

    /// The tensors of the layer with their full names.
    pub fn slots(self) -> Vec<(String, Slot<'a>)> {
        let (name, norm) = (self.name, self.norm);
        match self.part {
            Part::Vector(values) => vec![(name, Slot::Vector(values))],
            Part::Tokens(values) => vec![(name, Slot::Tokens(values))],
            Part::Linear(Dense { weight, bias }) => {
                let mut slots = vec![(format!("{name}.weight"), Slot::Matrix(weight))];
                slots.extend(bias.as_mut().map(|bias| (format!("{name}.bias"), Slot::Vector(bias))));
                slots
            }
            Part::LayerNorm(LayerNorm { gamma, beta, .. }) => {
                let mut slots = vec![(format!("{name}.weight"), Slot::Vector(gamma))];
                slots.extend(beta.as_mut().map(|beta| (format!("{name}.bias"), Slot::Vector(beta))));
                slots
            }
            Part::Norm(Norm { batch, affine }) => {
                let mut slots: Vec<_> =
                    batch.as_mut().map(|batch| batch_slots(&name, batch)).into_iter().flatten().collect();
                for (part, values) in ["weight", "bias"].into_iter().zip(affine.iter_mut().flatten()) {
                    slots.push((format!("{name}.{part}"), Slot::Vector(values)));
                }
                slots
            }
            Part::Conv(ConvNorm { conv, norm: batch, shift }) => {
                let mut slots = vec![(format!("{name}.weight"), Slot::Kernel(&mut conv.weight))];
                let bias = conv.bias.as_mut().or(shift.as_mut());
                slots.extend(bias.map(|bias| (format!("{name}.bias"), Slot::Vector(bias))));
                slots.extend(batch.as_mut().map(|batch| batch_slots(&norm, batch)).into_iter().flatten());
                slots
            }
        }
    }
}

fn batch_slots<'a>(name: &str, norm: &'a mut BatchNorm) -> [(String, Slot<'a>); 4] {
    let BatchNorm { gamma, beta, running_mean, running_var, .. } = norm;
    [
        (format!("{name}.weight"), Slot::Vector(gamma)),
        (format!("{name}.bias"), Slot::Vector(beta)),
        (format!("{name}.running_mean"), Slot::Running(running_mean)),
        (format!("{name}.running_var"), Slot::Running(running_var)),
    ]
}

impl Slot<'_> {
    /// The shape of the tensor in a weights file; draws no fresh values.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Kernel(param) => param.lazy_shape().to_vec(),
            Self::Tokens(param) => param.lazy_shape().to_vec(),
            Self::Matrix(param) => param.lazy_shape().to_vec(),
            Self::Vector(param) => param.lazy_shape().to_vec(),
            Self::Running(state) => state.value().shape().to_vec(),
        }
    }

    /// Replaces the tensor, on the same device; the shape must be [`Slot::shape`].
    pub fn set(self, weight: &Weight) {
        let data = || TensorData::new(weight.data.clone(), weight.shape.clone());
        match self {
            Self::Kernel(param) => *param = Param::from_data(data(), &param.lazy_device()),
            Self::Tokens(param) => *param = Param::from_data(data(), &param.lazy_device()),
            Self::Matrix(param) => *param = Param::from_data(data(), &param.lazy_device()),
            Self::Vector(param) => *param = Param::from_data(data(), &param.lazy_device()),
            Self::Running(state) => {
                let device = state.value().device();
                *state = RunningState::new(Tensor::from_data(data(), &device));
            }
        }
    }

    /// Reads the tensor back.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] when the device cannot give it.
    pub fn get(&self) -> Result<Weight> {
        let data = match self {
            Self::Kernel(param) => read(param.val())?,
            Self::Tokens(param) => read(param.val())?,
            Self::Matrix(param) => read(param.val())?,
            Self::Vector(param) => read(param.val())?,
            Self::Running(state) => read(state.value_sync())?,
        };
        Ok(Weight { shape: self.shape(), data })
    }
}

/// The numbers of a tensor, in f32.
///
/// # Errors
/// [`ErrorKind::Device`] (`DEV-0110`) when the device cannot give them.
pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Device, "DEV-0110", format!("cannot read weights from the device: {error}"))
    };
    let data = tensor.try_into_data().map_err(|error| failed(&error))?;
    Ok(data.iter::<f32>().collect())
}
