//! The whole training: data, split, epochs, checkpoints, and the model at the end.

use crate::dataset::{self, Split, TileSet, split};
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Card, Head, Network, Precision, TensorMap, load, save, write_bundle};
use crate::train::checkpoint::{self, State};
use crate::train::config::TrainConfig;
use crate::train::evaluation::Evaluation;
use crate::train::event::{ClassCount, EpochRow, TrainEvent};
use crate::train::names;
use crate::train::optimiser::{Optimiser, learning_rate};
use crate::train::report::Material;
use crate::train::sampler;
use crate::train::start::{Start, start};
use crate::train::step::{Batch, Stage};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What a training gave.
#[derive(Debug, Clone)]
pub struct TrainReport {
    /// The model's folder.
    pub dir: PathBuf,
    /// Its card.
    pub card: Card,
    /// Its figures on the validation tiles, with the weights as stored.
    pub evaluation: Evaluation,
    /// The epoch that it comes from.
    pub best_epoch: usize,
    /// One row per epoch.
    pub history: Vec<EpochRow>,
}

/// Trains a network and writes the model of its best epoch to `out/<name>`.
///
/// The same configuration, data, program and kind of device give the same weights to the bit, also when the run was
/// interrupted and resumed.
///
/// # Errors
/// [`ErrorKind::Usage`] for a configuration or data that make no sense, a leak between both sides, or `out` with another
/// run in it (`TRN-0501`, `TRN-0502`); [`ErrorKind::Model`] when loss or gradient is not finite, with the tiles of the
/// batch; [`ErrorKind::Interrupted`] (`TRN-0001`) when `cancel` became true: resume goes on after the last complete epoch;
/// those of reading data and weights and of writing files.
pub fn train(
    config: &TrainConfig,
    device: &OpenDevice,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<TrainReport> {
    config.check()?;
    let dir = config.out.join(&config.card.name);
    if dir.exists() {
        let message = "expected no model of this name yet, found one";
        return Err(Error::new(ErrorKind::Usage, "TRN-0501", message)
            .at_path(&dir)
            .with_advice("choose another `card.name` or another folder (--out)"));
    }
    if !config.resume && config.out.join(checkpoint::MANIFEST).exists() {
        let message = "expected a new folder, found the checkpoint of another run";
        return Err(Error::new(ErrorKind::Usage, "TRN-0501", message)
            .at_path(&config.out)
            .with_advice("go on with it (--resume), or choose another folder (--out)"));
    }
    std::fs::create_dir_all(&config.out).map_err(|error| Error::io(&config.out, "make the folder", error))?;
    let set = dataset::read(config.request(), cancel, &mut |event| on_event(TrainEvent::Data(event)))?;
    names::check_colors(config, set.targets.names())?;
    let split = split(&set, &config.split, config.seed)?;
    let counts = counts(&set, &split);
    let (classes, notes) = (counts.clone(), set.notes.clone());
    on_event(TrainEvent::Prepared { classes, dropped: split.dropped, notes });

    let start = start(config, set.targets.names())?;
    let weights = sampler::loss_weights(&set, &split.train, config.balance);
    let training = Training { stage: Stage { set: &set, config, device, weights }, split: &split, start: &start };
    let state = training.run(cancel, on_event)?;

    let rounded = rounded(&state.best)?;
    let network = load(start.spec.init(&device.device)?, &rounded, Head::FromFile)?;
    let evaluation = training.evaluate(&network)?;
    let best_epoch = state.history.iter().rfind(|row| row.best).map_or(0, |row| row.epoch);
    let material = Material {
        config,
        spec: start.spec,
        origin: &start.origin,
        counts: &counts,
        dropped: split.dropped,
        notes: &set.notes,
        evaluation: &evaluation,
        best_epoch,
        device: &device.name,
    };
    let card = write_bundle(&dir, &material.card(), &rounded, &material.text())?;
    on_event(TrainEvent::Written { dir: dir.clone() });
    Ok(TrainReport { dir, card, evaluation, best_epoch, history: state.history })
}

struct Training<'a> {
    stage: Stage<'a>,
    split: &'a Split,
    start: &'a Start,
}

impl Training<'_> {
    /// All epochs that are not done yet.
    fn run(&self, cancel: &AtomicBool, on_event: &mut dyn FnMut(TrainEvent)) -> Result<State> {
        let (config, device) = (self.stage.config, &self.stage.device.device);
        let run = self.digest();
        let mut state = match checkpoint::load(&config.out, &run)? {
            Some(state) => {
                on_event(TrainEvent::Resumed { epochs: state.history.len() });
                state
            }
            None => State {
                weights: self.start.weights.clone(),
                moments: TensorMap::default(),
                steps: 0,
                best: TensorMap::default(),
                history: Vec::new(),
            },
        };
        let fresh = self.start.spec.init(&device.clone().autodiff())?;
        let mut network = load(fresh, &state.weights, Head::FromFile)?;
        let mut optimiser = Optimiser::new(config);
        optimiser.restore(&network, std::mem::take(&mut state.moments), state.steps, device)?;
        for epoch in state.history.len() + 1..=config.epochs {
            let began = Instant::now();
            let (trained, loss, lr) = self.epoch(network, &mut optimiser, epoch, cancel, on_event)?;
            network = trained;
            let draws = self.draws();
            let tiles_per_s = draws as f64 / began.elapsed().as_secs_f64();
            let evaluation = self.evaluate(&network)?;
            let best = match state.history.iter().rfind(|row| row.best) {
                Some(row) => evaluation.beats(row.balanced_accuracy, row.validation_loss),
                None => true,
            };
            state.weights = save(&network)?;
            if best {
                state.best = state.weights.clone();
            }
            (state.moments, state.steps) = optimiser.state()?;
            let row = EpochRow {
                epoch,
                lr,
                train_loss: loss,
                validation_loss: evaluation.loss,
                accuracy: evaluation.confusion.accuracy().unwrap_or(0.0),
                balanced_accuracy: evaluation.balanced_accuracy(),
                macro_f1: evaluation.confusion.macro_f1().unwrap_or(0.0),
                tiles_per_s,
                seconds: began.elapsed().as_secs_f64(),
                best,
            };
            state.history.push(row.clone());
            checkpoint::save(&config.out, &run, config.seed, &state)?;
            on_event(TrainEvent::Epoch(row));
        }
        Ok(state)
    }

    /// One epoch: the changed network, the mean loss and the last learning rate.
    fn epoch(
        &self,
        mut network: Network,
        optimiser: &mut Optimiser,
        epoch: usize,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(TrainEvent),
    ) -> Result<(Network, f64, f64)> {
        let Stage { config, set, .. } = self.stage;
        let order = sampler::epoch(set, &self.split.train, config.balance, self.draws(), config.seed, epoch as u64);
        let steps = order.len().div_ceil(config.batch);
        let (warmup, all) = (config.warmup_epochs * steps as f64, config.epochs * steps);
        let (mut sum, mut lr) = (0.0, 0.0);
        for (at, tiles) in order.chunks(config.batch).enumerate() {
            if cancel.load(Ordering::Relaxed) {
                let error = Error::new(ErrorKind::Interrupted, "TRN-0001", format!("stopped in epoch {epoch}"));
                return Err(error.with_advice(match epoch {
                    1 => "no epoch is complete, so the next run begins anew".to_owned(),
                    _ => format!("go on after epoch {} with --resume", epoch - 1),
                }));
            }
            lr = learning_rate(config.lr, (epoch - 1) * steps + at, warmup, all);
            let batch = Batch { epoch: epoch as u64, first: at * config.batch, tiles };
            let (loss, gradients) = self.stage.gradients(&network, batch)?;
            network =
                optimiser.step(network, gradients, lr).map_err(|error| self.name_batch(&error, epoch, at, tiles))?;
            sum += loss * tiles.len() as f64;
            on_event(TrainEvent::Step { epoch, step: at + 1, steps, loss, lr });
        }
        Ok((network, sum / order.len().max(1) as f64, lr))
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

    fn evaluate(&self, network: &Network) -> Result<Evaluation> {
        let set = self.stage.set;
        let scores = self.stage.score(network, &self.split.validation)?;
        let labels: Vec<usize> =
            self.split.validation.iter().map(|&tile| set.tiles[tile].truth.class().unwrap_or_default()).collect();
        Ok(Evaluation::of(set.targets.names().len(), &labels, &scores))
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

fn counts(set: &TileSet, split: &Split) -> Vec<ClassCount> {
    let (train, validation) = (set.counts(&split.train), set.counts(&split.validation));
    let row = |(class, name): (usize, &String)| ClassCount {
        name: name.clone(),
        train: train[class],
        validation: validation[class],
    };
    set.targets.names().iter().enumerate().map(row).collect()
}

/// Weights as they are after being stored in half precision.
fn rounded(weights: &TensorMap) -> Result<TensorMap> {
    Ok(TensorMap::from_safetensors(&weights.to_safetensors(Precision::F16)?)?.0)
}
