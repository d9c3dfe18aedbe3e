//! The layers of a network that own weights, in network order, each with its names and its tensors.
//!
//! This is the one walk over a network: loading, saving, folding and renaming all go through it, so a tensor cannot be
//! known to one of them and forgotten by another.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::blocks::ConvNorm;
use crate::nn::tensor_map::Weight;
use burn::module::{Param, RunningState};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

/// A layer with the names of its parts; `norm` is empty for a linear layer.
pub(super) struct Layer<'a> {
    pub name: String,
    pub norm: String,
    pub part: Part<'a>,
}

/// What a layer is.
pub(super) enum Part<'a> {
    Conv(&'a mut ConvNorm),
    Linear(&'a mut Linear),
}

/// Where one tensor of a weights file goes.
pub(super) enum Slot<'a> {
    Kernel(&'a mut Param<Tensor<4>>),
    Vector(&'a mut Param<Tensor<1>>),
    Running(&'a mut RunningState<Tensor<1>>),
    /// burn stores `[in, out]`, weights files `[out, in]`.
    Matrix(&'a mut Param<Tensor<2>>),
}

impl<'a> Layer<'a> {
    pub fn conv(name: impl Into<String>, norm: impl Into<String>, part: &'a mut ConvNorm) -> Self {
        Self { name: name.into(), norm: norm.into(), part: Part::Conv(part) }
    }

    pub fn linear(name: impl Into<String>, part: &'a mut Linear) -> Self {
        Self { name: name.into(), norm: String::new(), part: Part::Linear(part) }
    }

    pub fn is_linear(&self) -> bool {
        matches!(self.part, Part::Linear(_))
    }

    /// Groups of channels that a convolution keeps apart.
    pub fn groups(&self) -> usize {
        match &self.part {
            Part::Conv(conv) => conv.conv.groups,
            Part::Linear(_) => 1,
        }
    }

    /// True for a convolution that filters each channel alone.
    pub fn is_depthwise(&self) -> bool {
        self.groups() > 1
    }

    /// The tensors of the layer with their full names.
    pub fn slots(self) -> Vec<(String, Slot<'a>)> {
        let (name, norm) = (self.name, self.norm);
        match self.part {
            Part::Linear(Linear { weight, bias }) => {
                let mut slots = vec![(format!("{name}.weight"), Slot::Matrix(weight))];
                slots.extend(bias.as_mut().map(|bias| (format!("{name}.bias"), Slot::Vector(bias))));
                slots
            }
            Part::Conv(ConvNorm { conv, norm: batch_norm, shift }) => {
                let mut slots = vec![(format!("{name}.weight"), Slot::Kernel(&mut conv.weight))];
                let bias = conv.bias.as_mut().or(shift.as_mut());
                slots.extend(bias.map(|bias| (format!("{name}.bias"), Slot::Vector(bias))));
                if let Some(batch_norm) = batch_norm {
                    slots.push((format!("{norm}.weight"), Slot::Vector(&mut batch_norm.gamma)));
                    slots.push((format!("{norm}.bias"), Slot::Vector(&mut batch_norm.beta)));
                    slots.push((format!("{norm}.running_mean"), Slot::Running(&mut batch_norm.running_mean)));
                    slots.push((format!("{norm}.running_var"), Slot::Running(&mut batch_norm.running_var)));
                }
                slots
            }
        }
    }
}

impl Slot<'_> {
    /// The shape of the tensor in a weights file; draws no fresh values.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Kernel(param) => param.lazy_shape().to_vec(),
            Self::Vector(param) => param.lazy_shape().to_vec(),
            Self::Running(state) => state.value().shape().to_vec(),
            Self::Matrix(param) => param.lazy_shape().iter().rev().copied().collect(),
        }
    }

    /// The device on which the tensor lives or will live.
    pub fn device(&self) -> Device {
        match self {
            Self::Kernel(param) => param.lazy_device(),
            Self::Vector(param) => param.lazy_device(),
            Self::Running(state) => state.value().device(),
            Self::Matrix(param) => param.lazy_device(),
        }
    }

    /// Replaces the tensor, on the same device; the shape must be [`Slot::shape`].
    pub fn set(self, weight: &Weight) {
        let device = self.device();
        let data = || TensorData::new(weight.data.clone(), weight.shape.clone());
        match self {
            Self::Kernel(param) => *param = Param::from_data(data(), &device),
            Self::Vector(param) => *param = Param::from_data(data(), &device),
            Self::Running(state) => *state = RunningState::new(Tensor::from_data(data(), &device)),
            Self::Matrix(param) => {
                let [out, inner] = [weight.shape[0], weight.shape[1]];
                *param = Param::from_data(TensorData::new(transpose(&weight.data, out), [inner, out]), &device);
            }
        }
    }

    /// Reads the tensor back.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] when the device cannot give it.
    pub fn get(&self) -> Result<Weight> {
        let shape = self.shape();
        let data = match self {
            Self::Kernel(param) => read(param.val())?,
            Self::Vector(param) => read(param.val())?,
            Self::Running(state) => read(state.value_sync())?,
            Self::Matrix(param) => transpose(&read(param.val())?, shape[1]),
        };
        Ok(Weight { shape, data })
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Device, "DEV-0110", format!("cannot read weights from the device: {error}"))
    };
    let data = tensor.try_into_data().map_err(|error| failed(&error))?;
    Ok(data.iter::<f32>().collect())
}

/// Turns a row-major matrix of `rows` rows around.
fn transpose(data: &[f32], rows: usize) -> Vec<f32> {
    let columns = data.len() / rows.max(1);
    (0..columns).flat_map(|column| (0..rows).map(move |row| data[row * columns + column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_turned_twice_is_itself() {
        let data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(transpose(&data, 2), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(transpose(&transpose(&data, 2), 3), data);
    }
}
