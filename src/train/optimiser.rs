//! Gradients → new weights: `AdamW` or momentum, one length limit for the whole gradient, and the learning rate's course.
//!
//! burn keeps the state of its own module optimiser by parameter ids that change with every load, and puts it on its
//! default device; here a tensor's state goes by its place in the network, so that a resumed run is the same run.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Network, TensorMap, Weight};
use crate::train::config::{Rule, TrainConfig};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

/// What is added to the root of the second moment; torch's default.
const EPSILON: f32 = 1e-8;
/// Share of the highest learning rate at the end.
const FLOOR: f64 = 0.01;

/// The rule for all tensors of a network.
///
/// # Source
/// `AdamW`: Loshchilov and Hutter 2017, arXiv:1711.05101, whose section 2 also takes the decay of gradient descent with
/// momentum out of its gradient; gradient clipping: Pascanu et al. 2012, arXiv:1211.5063.
pub(super) struct Optimiser {
    rule: Rule,
    /// With weight decay, for kernels and matrices.
    decaying: AdamW,
    /// Without, for biases and normalisation.
    plain: AdamW,
    weight_decay: f64,
    momentum: f64,
    clip_norm: f64,
    /// Moments of each tensor, flattened, in the order of a walk over the network.
    states: Vec<Option<Moments>>,
}

/// What is remembered of a tensor's gradients.
enum Moments {
    Adam(Box<AdamWState<1>>),
    /// The last change, before its rate.
    Velocity(Box<Tensor<1>>),
}

impl Optimiser {
    pub fn new(config: &TrainConfig) -> Self {
        let adam = AdamWConfig::new().with_epsilon(EPSILON);
        Self {
            rule: config.optimiser,
            decaying: adam.clone().with_weight_decay(config.weight_decay).build(),
            plain: adam.with_weight_decay(0.0).build(),
            weight_decay: f64::from(config.weight_decay),
            momentum: config.momentum,
            clip_norm: config.clip_norm,
            states: Vec::new(),
        }
    }

    /// One tensor's step: the new values and what is to be remembered.
    fn update(
        &self,
        lr: f64,
        decays: bool,
        values: Tensor<1>,
        gradient: Tensor<1>,
        state: Option<Moments>,
    ) -> (Tensor<1>, Option<Moments>) {
        match (self.rule, state) {
            (Rule::AdamW, state) => {
                let state = if let Some(Moments::Adam(state)) = state { Some(*state) } else { None };
                let rule = if decays { &self.decaying } else { &self.plain };
                let (values, state) = rule.step(lr, values, gradient, state);
                (values, state.map(|state| Moments::Adam(Box::new(state))))
            }
            (Rule::Sgd, state) => {
                let velocity = match state {
                    Some(Moments::Velocity(velocity)) => (*velocity).mul_scalar(self.momentum) + gradient,
                    _ => gradient,
                };
                let kept = if decays { 1.0 - lr * self.weight_decay } else { 1.0 };
                (values.mul_scalar(kept) - velocity.clone().mul_scalar(lr), Some(Moments::Velocity(Box::new(velocity))))
            }
        }
    }

    /// Changes the weights by the sum of some gradients, added in the order in which they are given.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`TRN-0402`) when the gradient is not finite: the network would be lost.
    pub fn step(&mut self, network: Network, parts: Vec<GradientsParams>, lr: f64) -> Result<Network> {
        let mut sum = Sum { parts, sums: Vec::new() };
        network.visit(&mut sum);
        let gradients = sum.sums;
        let norm = norm(&gradients)?;
        if !norm.is_finite() {
            return Err(Error::new(
                ErrorKind::Model,
                "TRN-0402",
                format!("expected a finite gradient, found length {norm}"),
            ));
        }
        let shorten = if norm > self.clip_norm { self.clip_norm / norm } else { 1.0 };
        self.states.resize_with(gradients.len(), || None);
        Ok(network.map(&mut Update { optimiser: self, gradients: gradients.into_iter(), shorten, lr, at: 0 }))
    }

    /// The moments as named tensors, and the number of steps they were gathered over.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] when the device cannot give them.
    pub fn state(&self) -> Result<(TensorMap, usize)> {
        let mut map = TensorMap::default();
        let mut steps = 0;
        for (at, state) in self.states.iter().enumerate() {
            match state {
                Some(Moments::Adam(state)) => {
                    let AdamWState { momentum } = &**state;
                    steps = momentum.time;
                    map.insert(moment_name(at, 1), read(&momentum.moment_1)?);
                    map.insert(moment_name(at, 2), read(&momentum.moment_2)?);
                }
                Some(Moments::Velocity(velocity)) => map.insert(moment_name(at, 1), read(velocity)?),
                None => {}
            }
        }
        Ok((map, steps))
    }

    /// Takes back what [`Optimiser::state`] gave.
    pub fn restore(&mut self, network: &Network, mut map: TensorMap, steps: usize, device: &Device) -> Result<()> {
        let mut count = Count(Vec::new());
        network.visit(&mut count);
        self.states = Vec::new();
        for (at, values) in count.0.into_iter().enumerate() {
            let mut moment = |order: u8| {
                let weight = map.remove(&moment_name(at, order)).filter(|weight| weight.shape == [values]);
                weight.map(|weight| Tensor::<1>::from_data(TensorData::new(weight.data, weight.shape), device))
            };
            let state = match (moment(1), moment(2)) {
                (Some(first), Some(second)) => {
                    Some(Moments::Adam(Box::new(AdamWState::new(AdaptiveMomentumState::new(steps, first, second)))))
                }
                (Some(velocity), None) => Some(Moments::Velocity(Box::new(velocity))),
                (None, _) => None,
            };
            self.states.push(state);
        }
        match map.names().next() {
            Some(name) => {
                let message = format!("expected a checkpoint of this network, found {name} of another shape");
                Err(Error::new(ErrorKind::Integrity, "TRN-0503", message))
            }
            None => Ok(()),
        }
    }
}

fn moment_name(at: usize, order: u8) -> String {
    format!("{at:04}.moment_{order}")
}

fn read(tensor: &Tensor<1>) -> Result<Weight> {
    let data = tensor
        .clone()
        .try_into_data()
        .map_err(|error| Error::new(ErrorKind::Device, "TRN-0403", format!("cannot read from the device: {error}")))?;
    Ok(Weight { shape: tensor.dims().to_vec(), data: data.iter::<f32>().collect() })
}

/// The length of all gradients together; one read for all of them.
fn norm(gradients: &[Option<Tensor<1>>]) -> Result<f64> {
    let squares: Vec<Tensor<1>> = gradients.iter().flatten().map(|gradient| gradient.clone().square().sum()).collect();
    if squares.is_empty() {
        return Ok(0.0);
    }
    let squares = read(&Tensor::cat(squares, 0))?;
    Ok(squares.data.iter().map(|&square| f64::from(square)).sum::<f64>().sqrt())
}

/// Adds up gradients, flattened, tensor by tensor.
struct Sum {
    parts: Vec<GradientsParams>,
    sums: Vec<Option<Tensor<1>>>,
}

impl ModuleVisitor for Sum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let parts = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id));
        let sum = parts.reduce(|sum, part| sum + part);
        self.sums.push(sum.map(|sum| sum.flatten(0, D - 1)));
    }
}

/// Number of values of each tensor.
struct Count(Vec<usize>);

impl ModuleVisitor for Count {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.lazy_shape().num_elements());
    }
}

struct Update<'a> {
    optimiser: &'a mut Optimiser,
    gradients: std::vec::IntoIter<Option<Tensor<1>>>,
    shorten: f64,
    lr: f64,
    at: usize,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let at = self.at;
        self.at += 1;
        // Running statistics have no gradient and stay as the forward pass left them.
        let Some(gradient) = self.gradients.next().flatten() else { return param };
        param.map(|tensor| {
            let shape = tensor.shape();
            let state = self.optimiser.states[at].take();
            let flat = tensor.inner().flatten::<1>(0, D - 1);
            let gradient = gradient.mul_scalar(self.shorten);
            let (updated, state) = self.optimiser.update(self.lr, D > 1, flat, gradient, state);
            self.optimiser.states[at] = state;
            Tensor::from_inner(updated.reshape(shape)).require_grad()
        })
    }
}

/// The learning rate of a step: a rise from 0 over `warmup` steps, then half a cosine down to 1 % of `peak`.
///
/// # Source
/// Loshchilov and Hutter 2016, arXiv:1608.03983, equation 5, without restarts.
pub(super) fn learning_rate(peak: f64, step: usize, warmup: f64, steps: usize) -> f64 {
    let done = step as f64 + 1.0;
    if done < warmup {
        return peak * done / warmup;
    }
    let way = ((done - warmup) / (steps as f64 - warmup).max(1.0)).clamp(0.0, 1.0);
    peak * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + (std::f64::consts::PI * way).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls_to_its_floor() {
        let rate = |step| learning_rate(1.0, step, 10.0, 110);
        assert!((rate(0) - 0.1).abs() < 1e-12 && (rate(9) - 1.0).abs() < 1e-12);
        assert!((rate(59) - 0.505).abs() < 1e-12, "{}", rate(59));
        assert!((rate(109) - FLOOR).abs() < 1e-12);
        assert!((learning_rate(1.0, 0, 0.0, 1) - FLOOR).abs() < 1e-12);
    }

    fn steps(config: &TrainConfig, gradients: &[[f32; 2]]) -> Vec<f32> {
        let device = Device::flex();
        let optimiser = Optimiser::new(config);
        let (mut values, mut state) = (Tensor::<1>::from_floats([2.0, -1.0], &device), None);
        for &gradient in gradients {
            let gradient = Tensor::from_floats(gradient, &device);
            (values, state) = optimiser.update(0.01, true, values, gradient, state);
        }
        values.into_data().iter::<f32>().collect()
    }

    #[test]
    fn one_step_of_adamw_is_that_of_the_paper() {
        // Bias correction makes the first step lr * sign(gradient); decay takes lr * wd of the weight besides.
        let config = TrainConfig { weight_decay: 0.1, ..TrainConfig::default() };
        let found = steps(&config, &[[0.3, -7.0]]);
        assert!(
            (found[0] - (2.0 * 0.999 - 0.01)).abs() < 1e-6 && (found[1] - (-0.999 + 0.01)).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn momentum_adds_a_share_of_the_last_change() {
        let config = TrainConfig { optimiser: Rule::Sgd, momentum: 0.5, weight_decay: 0.1, ..TrainConfig::default() };
        let found = steps(&config, &[[1.0, 0.0], [3.0, 0.0]]);
        let after_one = 2.0 * 0.999 - 0.01;
        let expected = [after_one * 0.999 - 0.01 * (0.5 * 1.0 + 3.0), -0.999 * 0.999];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}
