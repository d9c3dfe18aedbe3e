//! Epochs: batches in their order, steps, validation, a checkpoint after each.

use crate::dataset::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Head, Network, TensorMap, Trainable, load, save};
use crate::train::checkpoint::{self, State};
use crate::train::config::Layers;
use crate::train::evaluation::Evaluation;
use crate::train::event::{EpochRow, TrainEvent};
use crate::train::features::Features;
use crate::train::optimiser::{Optimiser, learning_rate};
use crate::train::sampler;
use crate::train::start::Start;
use crate::train::step::{Batch, Stage};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A training that is ready to begin.
pub(super) struct Training<'a> {
    pub stage: Stage<'a>,
    pub split: &'a Split,
    pub start: &'a Start,
}

impl Training<'_> {
    /// Checks that the folder has no checkpoint of another training.
    ///
    /// # Errors
    /// Those of [`checkpoint::load`].
    pub fn check_checkpoint(&self) -> Result<()> {
        if self.stage.config.layers == Layers::Head {
            return Ok(());
        }
        checkpoint::check(&self.stage.config.out, &self.digest())
    }

    /// All epochs that are not done yet; weights come back as the model is to have them.
    ///
    /// # Errors
    /// Those of [`train`](crate::train::train).
    pub fn run(&self, cancel: &AtomicBool, on_event: &mut dyn FnMut(TrainEvent)) -> Result<State> {
        let mut state = if self.stage.config.layers == Layers::Head {
            self.run_head(cancel, on_event)?
        } else {
            self.run_layers(cancel, on_event)?
        };
        if let Some(scale) = &self.stage.scale {
            scale.to_natural(&self.start.spec, &mut state.best)?;
        }
        Ok(state)
    }

    /// The last layer, over features that are computed once. It takes seconds, so nothing is saved on the way.
    fn run_head(&self, cancel: &AtomicBool, on_event: &mut dyn FnMut(TrainEvent)) -> Result<State> {
        let Stage { config, device, .. } = self.stage;
        let plain = load(self.start.spec.init(&device.device)?, &self.start.weights, Head::FromFile)?;
        let features = Features::gather(&self.stage, &plain, self.split, cancel, on_event)?;
        let mut weights = self.start.weights.clone();
        features.scale().to_features(&self.start.spec, &mut weights)?;
        let network = load(self.start.spec.init(&device.device.clone().autodiff())?, &weights, Head::FromFile)?;
        let network = network.freeze_but(Trainable::Stages(0));
        let mut state = self.begin();
        self.epochs(network, Optimiser::new(config), Some(&features), &mut state, cancel, on_event, &mut |_| Ok(()))?;
        features.scale().of_features(&self.start.spec, &mut state.best)?;
        Ok(state)
    }

    /// Any layers, with a checkpoint after each epoch.
    fn run_layers(&self, cancel: &AtomicBool, on_event: &mut dyn FnMut(TrainEvent)) -> Result<State> {
        let Stage { config, device, .. } = self.stage;
        let run = self.digest();
        let mut state = match checkpoint::load(&config.out, &run)? {
            Some(state) => {
                on_event(TrainEvent::Resumed { epochs: state.history.len() });
                state
            }
            None => self.begin(),
        };
        let network = load(self.start.spec.init(&device.device.clone().autodiff())?, &state.weights, Head::FromFile)?;
        let network = network.freeze_but(match config.layers {
            Layers::Last => Trainable::Stages(config.last_stages),
            Layers::All | Layers::Auto | Layers::Head => Trainable::All,
        });
        let mut optimiser = Optimiser::new(config);
        optimiser.restore(&network, std::mem::take(&mut state.moments), state.steps, &device.device)?;
        let mut save = |state: &State| checkpoint::save(&config.out, &run, config.seed, state);
        self.epochs(network, optimiser, None, &mut state, cancel, on_event, &mut save)?;
        Ok(state)
    }

    fn begin(&self) -> State {
        let (moments, best) = (TensorMap::default(), TensorMap::default());
        State { weights: self.start.weights.clone(), moments, steps: 0, best, history: Vec::new() }
    }

    #[expect(clippy::too_many_arguments, reason = "all that an epoch changes or asks for")]
    fn epochs(
        &self,
        mut network: Network,
        mut optimiser: Optimiser,
        features: Option<&Features>,
        state: &mut State,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(TrainEvent),
        keep: &mut dyn FnMut(&State) -> Result<()>,
    ) -> Result<()> {
        let config = self.stage.config;
        for epoch in state.history.len() + 1..=config.epochs() {
            if state.is_over(config.patience) {
                break;
            }
            let began = Instant::now();
            let (trained, loss, lr) = self.epoch(network, &mut optimiser, features, epoch, cancel, on_event)?;
            network = trained;
            let tiles_per_s = self.draws() as f64 / began.elapsed().as_secs_f64();
            let validation = self.validate(&network, features)?;
            let best = state.best_row().is_none_or(|row| validation.beats(&row.validation, config.select));
            // Only what changes must be read back; a frozen network is as it was.
            if features.is_none() || best {
                state.weights = save(&network)?;
            }
            if best {
                state.best = state.weights.clone();
            }
            (state.moments, state.steps) = optimiser.state()?;
            let seconds = began.elapsed().as_secs_f64();
            let row = EpochRow { epoch, lr, train_loss: loss, validation, tiles_per_s, seconds, best };
            state.history.push(row.clone());
            keep(state)?;
            on_event(TrainEvent::Epoch(row));
        }
        Ok(())
    }

    /// One epoch: the changed network, the mean loss and the last learning rate.
    fn epoch(
        &self,
        mut network: Network,
        optimiser: &mut Optimiser,
        features: Option<&Features>,
        epoch: usize,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(TrainEvent),
    ) -> Result<(Network, f64, f64)> {
        let Stage { config, set, .. } = self.stage;
        let order = sampler::epoch(set, &self.split.train, config.balance, self.draws(), config.seed, epoch as u64);
        let steps = order.len().div_ceil(config.batch());
        let (warmup, all) = (config.warmup_epochs * steps as f64, config.epochs() * steps);
        let (mut sum, mut lr) = (0.0, 0.0);
        for (at, tiles) in order.chunks(config.batch()).enumerate() {
            if cancel.load(Ordering::Relaxed) {
                let error = Error::new(ErrorKind::Interrupted, "TRN-0001", format!("stopped in epoch {epoch}"));
                return Err(error.with_advice(match (epoch, features) {
                    (1, _) | (_, Some(_)) => {
                        "nothing is kept of so short a training: the next run begins anew".to_owned()
                    }
                    _ => format!("go on after epoch {} with --resume", epoch - 1),
                }));
            }
            lr = learning_rate(config.lr(), (epoch - 1) * steps + at, warmup, all);
            let batch = Batch { epoch: epoch as u64, first: at * config.batch(), tiles };
            let (loss, gradients) = self.stage.gradients(&network, features, batch)?;
            network =
                optimiser.step(network, gradients, lr).map_err(|error| self.name_batch(&error, epoch, at, tiles))?;
            sum += loss * tiles.len() as f64;
            on_event(TrainEvent::Step { epoch, step: at + 1, steps, loss, lr });
        }
        Ok((network, sum / order.len().max(1) as f64, lr))
    }

    fn validate(&self, network: &Network, features: Option<&Features>) -> Result<Evaluation> {
        let tiles = &self.split.validation;
        let mut outputs = match features {
            Some(features) => self.stage.of_features(network, features, tiles)?,
            None => self.stage.outputs(network, tiles)?,
        };
        if let Some(scale) = &self.stage.scale {
            for row in &mut outputs {
                *row = scale.natural(row).collect();
            }
        }
        Ok(Evaluation::of(self.stage.set, tiles, &self.stage.scores(&outputs, 1.0)))
    }

    /// Adds to an error which tiles caused it.
    fn name_batch(&self, error: &Error, epoch: usize, at: usize, tiles: &[usize]) -> Error {
        let names: Vec<&str> = tiles.iter().map(|&tile| self.stage.set.tiles[tile].name.as_str()).collect();
        let message = format!("epoch {epoch}, batch {}: {}, tiles {}", at + 1, error.message(), names.join("; "));
        Error::new(error.kind(), error.code(), message)
    }

    fn draws(&self) -> usize {
        self.stage.config.epoch_tiles.unwrap_or(self.split.train.len())
    }

    /// Digest of all that decides the weights; a run may be resumed only with the same one.
    fn digest(&self) -> String {
        let Stage { config, set, device, .. } = self.stage;
        let Start { spec, digest, .. } = self.start;
        let program = env!("CARGO_PKG_VERSION");
        let parts = [
            config.digest(),
            set.digest(),
            format!("{spec:?} {digest:?} {} {} {program}", device.backend, device.kind),
        ];
        blake3::hash(parts.join("\n").as_bytes()).to_hex().to_string()
    }
}
