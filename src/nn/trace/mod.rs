//! A network written down as a graph for the CPU engine, by flowing through it once.
//!
//! What it says is inference, on whatever device the network lies: batch normalisation by its running statistics, folded
//! into the convolution before it as [`fold`](crate::nn::fold) does. A fault, such as a device that does not give its
//! weights, ends the writing, and is handed out in the graph's place.

#[cfg(test)]
mod tests;

use crate::cpu::{self, Act, Conv, Graph, Value, Window};
use crate::error::{Error, Result};
use crate::nn::blocks::{ConvNorm, Norm};
use crate::nn::dense::Dense;
use crate::nn::flow::{Flow, Perceptron};
use crate::nn::fold::{Line, narrowed};
use crate::nn::layers::read;
use burn::module::Param;
use burn::nn::{BatchNorm, LayerNorm, PaddingConfig2d};
use burn::tensor::Tensor;
use std::cell::RefCell;
use std::rc::Rc;

/// What a fault calls the layer; a flow knows no names.
const LAYER: &str = "a layer of the graph";

/// Where traces write.
pub(super) struct Writer(Rc<RefCell<Notes>>);

struct Notes {
    graph: Graph,
    /// What layer normalisation adds to variances; burn's own layer does not say.
    epsilon: f64,
    /// The first one; nothing is written after it.
    fault: Option<Error>,
}

/// A value of the graph that is being written.
#[derive(Clone)]
pub(super) struct Trace {
    value: Value,
    notes: Rc<RefCell<Notes>>,
}

impl Writer {
    /// A graph and the tile that enters it. `epsilon` is what the network's layer normalisations add to variances.
    pub fn start(epsilon: f64) -> (Self, Trace) {
        let (graph, value) = Graph::new();
        let notes = Rc::new(RefCell::new(Notes { graph, epsilon, fault: None }));
        (Self(Rc::clone(&notes)), Trace { value, notes })
    }

    /// The graph, which gives these values in this order.
    ///
    /// # Errors
    /// The first fault: [`Device`](crate::ErrorKind::Device) (`DEV-0110`) when the device cannot give weights,
    /// [`Model`](crate::ErrorKind::Model) (`MOD-0103`) when folded ones do not fit f32.
    pub fn graph(self, outputs: &[Trace]) -> Result<Graph> {
        let mut notes = self.0.borrow_mut();
        if let Some(fault) = notes.fault.take() {
            return Err(fault);
        }
        let mut graph = std::mem::replace(&mut notes.graph, Graph::new().0);
        for output in outputs {
            graph.give(output.value);
        }
        Ok(graph)
    }
}

impl Trace {
    /// Adds an operation; after a fault it does nothing.
    fn write(mut self, operation: impl FnOnce(&mut Graph, Value) -> Result<Value>) -> Self {
        let mut notes = self.notes.borrow_mut();
        if notes.fault.is_none() {
            match operation(&mut notes.graph, self.value) {
                Ok(value) => self.value = value,
                Err(fault) => notes.fault = Some(fault),
            }
        }
        drop(notes);
        self
    }

    fn act(self, act: Act) -> Self {
        if act == Act::None { self } else { self.write(|graph, input| Ok(graph.act(input, act))) }
    }

    fn convolve(self, layer: &ConvNorm) -> Self {
        self.write(|graph, input| Ok(graph.conv(input, conv(layer)?)))
    }

    fn add_to(self, shortcut: &Self) -> Self {
        self.write(|graph, input| Ok(graph.add(input, shortcut.value)))
    }

    /// A linear layer over the channels of each place.
    pub fn linear(self, layer: &Dense) -> Self {
        self.write(|graph, input| {
            let (weight, bias) = linear(layer)?;
            Ok(graph.linear(input, weight, bias))
        })
    }
}

impl Flow for Trace {
    fn channels(&self) -> usize {
        self.notes.borrow().graph.channels(self.value)
    }

    fn conv(self, layer: &ConvNorm, act: Act) -> Self {
        self.convolve(layer).act(act)
    }

    fn conv_onto(self, layer: &ConvNorm, shortcut: Self, act: Act) -> Self {
        self.convolve(layer).add_to(&shortcut).act(act)
    }

    fn norm(self, layer: &Norm, act: Act) -> Self {
        let normal = self.write(|graph, input| {
            let (scale, shift) = match layer {
                Norm { batch: Some(batch), .. } => {
                    let line = line(batch)?;
                    (narrowed(LAYER, line.scale.into_iter())?, narrowed(LAYER, line.shift.into_iter())?)
                }
                Norm { affine: Some([scale, shift]), .. } => (read(scale.val())?, read(shift.val())?),
                Norm { .. } => return Ok(input),
            };
            Ok(graph.affine(input, scale, shift))
        });
        normal.act(act)
    }

    fn layer_norm(self, layer: &LayerNorm) -> Self {
        let epsilon = self.notes.borrow().epsilon;
        self.write(|graph, input| {
            let scale = read(layer.gamma.val())?;
            let shift = or_zeros(layer.beta.as_ref(), scale.len())?;
            #[expect(clippy::cast_possible_truncation, reason = "the engine adds it in f32")]
            Ok(graph.layer_norm(input, scale, shift, epsilon as f32))
        })
    }

    fn perceptron_onto(self, layer: &Perceptron<'_>, shortcut: Self) -> Self {
        let inner = self.layer_norm(layer.norm).linear(layer.fc1).act(Act::Gelu);
        let outer = inner.write(|graph, input| {
            let (weight, bias) = linear(layer.fc2)?;
            // A line through 0: the factor goes into the weights before it.
            let gamma = read(layer.gamma.val())?.into_iter().map(f64::from).collect();
            let line = Line { scale: gamma, shift: vec![0.0; bias.len()] };
            let weight = narrowed(LAYER, line.of_weights(&weight))?;
            let bias = narrowed(LAYER, line.of_weights(&bias))?;
            Ok(graph.linear(input, weight, bias))
        });
        outer.add_to(&shortcut)
    }

    fn join(parts: Vec<Self>) -> Self {
        let values = parts.iter().map(|part| part.value).collect();
        parts[0].clone().write(|graph, _| Ok(graph.join(values)))
    }

    fn part(self, start: usize, count: usize) -> Self {
        self.write(|graph, input| Ok(graph.pick(input, (start..start + count).collect())))
    }

    fn shuffle(self) -> Self {
        let half = self.channels() / 2;
        self.write(|graph, input| Ok(graph.pick(input, (0..half).flat_map(|at| [at, half + at]).collect())))
    }

    fn weigh(self, weights: Self) -> Self {
        self.write(|graph, input| Ok(graph.weigh(input, weights.value)))
    }

    fn max_pool(self, side: usize, stride: usize, padding: usize) -> Self {
        self.write(|graph, input| Ok(graph.max_pool(input, Window { side, stride, padding, ceil: false })))
    }

    fn max_pool_ceil(self, side: usize, stride: usize) -> Self {
        self.write(|graph, input| Ok(graph.max_pool(input, Window { side, stride, padding: 0, ceil: true })))
    }

    fn mean_pool(self, side: usize, stride: usize, padding: usize) -> Self {
        self.write(|graph, input| Ok(graph.mean_pool(input, Window { side, stride, padding, ceil: false })))
    }

    fn global_mean(self) -> Self {
        self.write(|graph, input| Ok(graph.global_mean(input)))
    }

    fn global_mean_of_few(self) -> Self {
        self.global_mean()
    }
}

/// A convolution with its bias, and with its normalisation folded in.
fn conv(layer: &ConvNorm) -> Result<Conv> {
    let ConvNorm { conv, norm, shift } = layer;
    let [channels_out, of_group, height, width] = conv.weight.lazy_shape().dims();
    let kernel = read(conv.weight.val())?;
    let (weight, bias) = if let Some(norm) = norm {
        let line = line(norm)?;
        (narrowed(LAYER, line.of_weights(&kernel))?, narrowed(LAYER, line.shift.into_iter())?)
    } else {
        (kernel, or_zeros(conv.bias.as_ref().or(shift.as_ref()), channels_out)?)
    };
    Ok(Conv {
        channels: [of_group * conv.groups, channels_out],
        kernel: [height, width],
        stride: conv.stride[0],
        padding: match conv.padding {
            PaddingConfig2d::Same => cpu::Padding::Same,
            PaddingConfig2d::Valid => cpu::Padding::Explicit([0; 2]),
            // Our networks pad no other way than the same at the end as at the start.
            PaddingConfig2d::Explicit(top, left, ..) => cpu::Padding::Explicit([top, left]),
        },
        groups: conv.groups,
        weight,
        bias,
    })
}

fn linear(layer: &Dense) -> Result<(Vec<f32>, Vec<f32>)> {
    let (_, outputs) = layer.sides();
    Ok((read(layer.weight.val())?, or_zeros(layer.bias.as_ref(), outputs)?))
}

fn line(norm: &BatchNorm) -> Result<Line> {
    let [gamma, beta] = [&norm.gamma, &norm.beta].map(|values| read(values.val()));
    let [mean, var] = [&norm.running_mean, &norm.running_var].map(|state| read(state.value_sync()));
    Ok(Line::of_norm([&gamma?, &beta?, &mean?, &var?], norm.epsilon))
}

fn or_zeros(values: Option<&Param<Tensor<1>>>, count: usize) -> Result<Vec<f32>> {
    values.map_or_else(|| Ok(vec![0.0; count]), |values| read(values.val()))
}
