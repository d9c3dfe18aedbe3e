//! The measured process: a [`Job`] and requests in, answers out.
//!
//! It runs the very [`Predictor`] and loader that score slides, so what is measured is what a run does.

use super::feed::MemoryFeed;
use super::memory::peak_bytes;
use super::protocol::{
    Answer, Job, LineAnswer, MemoryAnswer, OpenAnswer, Request, RoundAnswer, StagesAnswer, WarmAnswer,
};
use crate::device::{DeviceSpec, OpenDevice, cache, open_in};
use crate::error::{Error, ErrorKind, Result};
use crate::infer::{Predictor, PredictorConfig, Scored, StageTimes};
use crate::nn::Bundle;
use crate::pipeline::{Prepared, ScoreConfig, lay_map, prepare, score_tiles};
use crate::units::Mpp;
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Passes until a network that does not become steady is taken as it is.
const MOST_PASSES: usize = 12;
/// How far two passes may lie apart, as a share of the shorter one, when the network is steady.
const STEADY: f64 = 0.1;
/// Passes in flight on a GPU, so that one computes while the other is read back.
const GPU_PASS: usize = 2;

/// Answers requests until there are no more.
///
/// # Errors
/// [`ErrorKind::Io`] when the other side is gone; [`ErrorKind::Usage`] (`BCH-0001`) when the first line is no job. What a
/// request meets with is an answer.
pub fn work(requests: impl BufRead, mut answers: impl Write) -> Result<()> {
    let gone = |error: std::io::Error| Error::new(ErrorKind::Io, "BCH-0002", format!("a bench went away: {error}"));
    let mut lines = requests.lines();
    let first = lines.next().transpose().map_err(gone)?.unwrap_or_default();
    let job: Job = serde_json::from_str(&first)
        .map_err(|error| Error::new(ErrorKind::Usage, "BCH-0001", format!("expected a job, found: {error}")))?;
    let mut worker = Worker { job, engine: None };
    for line in lines {
        let line = line.map_err(gone)?;
        let answer = match serde_json::from_str::<Request>(&line) {
            Ok(request) => worker.answer(&request).unwrap_or_else(|error| Answer::Failed { why: error.without_path() }),
            Err(error) => Answer::Failed { why: format!("expected a request, found: {error}") },
        };
        let text = serde_json::to_string(&answer).unwrap_or_default();
        writeln!(answers, "{text}").and_then(|()| answers.flush()).map_err(gone)?;
    }
    Ok(())
}

struct Worker {
    job: Job,
    engine: Option<Engine>,
}

/// A model on a device.
struct Engine {
    bundle: Bundle,
    device: OpenDevice,
    predictor: Predictor,
    tiles: Vec<u8>,
    /// Whole passes of each batch size in a round, by what a pass takes.
    pass_s: HashMap<usize, f64>,
    /// What was in the cache of kernels when batches of a new size began.
    known: u64,
    slide: Option<Prepared>,
}

impl Worker {
    fn answer(&mut self, request: &Request) -> Result<Answer> {
        if matches!(request, Request::Open) {
            return self.open().map(Answer::Open);
        }
        let Self { job, engine } = self;
        let Some(engine) = engine else {
            return Err(Error::new(ErrorKind::Usage, "BCH-0003", "expected a model to be opened first"));
        };
        match request {
            Request::Open => Ok(Answer::Done),
            Request::First { batch } => engine.first(job, *batch).map(Answer::Round),
            Request::Warm { batch } => engine.warm(job, *batch).map(Answer::Warm),
            Request::Round { batch, seconds } => engine.round(job, *batch, *seconds).map(Answer::Round),
            Request::Outputs { batch, into } => {
                let bytes: Vec<u8> =
                    engine.outputs(job, *batch)?.iter().flat_map(|value| value.to_le_bytes()).collect();
                std::fs::write(into, bytes).map_err(|error| Error::io(into, "write scores", error))?;
                Ok(Answer::Done)
            }
            Request::Line { batch, tiles } => engine.line(job, *batch, *tiles).map(Answer::Line),
            Request::Stages { batch, seconds } => engine.stages(job, *batch, *seconds).map(Answer::Stages),
            Request::Memory => Ok(Answer::Memory(MemoryAnswer {
                host_bytes: peak_bytes(),
                device_bytes: engine.device.reserved_bytes(),
            })),
        }
    }

    fn open(&mut self) -> Result<OpenAnswer> {
        let job = &self.job;
        let started = Instant::now();
        let spec: DeviceSpec = job.device.parse()?;
        let device = open_in(spec, job.dtype.parse()?)?;
        let open_s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let bundle = Bundle::open(&job.model)?;
        let predictor = Predictor::new(&bundle, &device, PredictorConfig { batch: 1, lanes: 1 })?;
        let load_s = started.elapsed().as_secs_f64();
        let tiles = std::fs::read(&job.tiles).map_err(|error| Error::io(&job.tiles, "read tiles", error))?;
        let expected = job.tile_count * job.tile_bytes();
        if tiles.len() != expected || tiles.is_empty() {
            let message = format!("expected {expected} bytes of tiles, found {}", tiles.len());
            return Err(Error::new(ErrorKind::Usage, "BCH-0001", message));
        }
        let answer = OpenAnswer {
            program: format!("eosin {}", env!("CARGO_PKG_VERSION")),
            device_name: device.name.clone(),
            backend: match predictor.engine() {
                engine if engine == "burn" => format!("burn {}", device.backend),
                engine => engine,
            },
            setting: setting(lanes(job, &device), &device, &bundle),
            usual_batch: PredictorConfig::for_device(&device, None).batch,
            open_s,
            load_s,
            aside_s: 0.0,
        };
        let (pass_s, known, slide) = (HashMap::new(), cache::entries(), None);
        self.engine = Some(Engine { bundle, device, predictor, tiles, pass_s, known, slide });
        Ok(answer)
    }
}

/// What else is set.
fn setting(lanes: usize, device: &OpenDevice, bundle: &Bundle) -> String {
    let at_once =
        if device.is_cpu { format!("{lanes} lanes, a batch in each") } else { "1 submission thread".to_owned() };
    // What other programs do not compute.
    let besides = if bundle.feature_model().is_some() { ", with distances to the training tiles" } else { "" };
    at_once + besides
}

/// Batches at once: on the CPU one on each thread, as a run does.
fn lanes(job: &Job, device: &OpenDevice) -> usize {
    if device.is_cpu { job.threads.max(1) } else { 1 }
}

impl Engine {
    /// The predictor in the sizes that are asked for.
    fn sized(&mut self, job: &Job, batch: usize) -> &Predictor {
        self.predictor.resize(PredictorConfig { batch: batch.max(1), lanes: lanes(job, &self.device) });
        &self.predictor
    }

    /// Scores so many batches, and says how long it took, seconds.
    fn pass(&mut self, job: &Job, batch: usize, batches: usize) -> Result<f64> {
        // Laid out before the clock starts: a loader fills its buffers while the device computes.
        let feed = MemoryFeed::new(&self.tiles, job.tile_bytes(), batch, batches, lanes(job, &self.device));
        let predictor = self.sized(job, batch);
        let started = Instant::now();
        predictor.run(&feed, &|_| {})?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Batches that are computed side by side.
    fn side_by_side(&self, job: &Job) -> usize {
        if self.device.is_cpu { lanes(job, &self.device) } else { GPU_PASS }
    }

    fn first(&mut self, job: &Job, batch: usize) -> Result<RoundAnswer> {
        self.known = cache::entries();
        Ok(RoundAnswer { tiles: batch, seconds: self.pass(job, batch, 1)? })
    }

    fn warm(&mut self, job: &Job, batch: usize) -> Result<WarmAnswer> {
        let started = Instant::now();
        let side_by_side = self.side_by_side(job);
        let mut last = self.pass(job, batch, side_by_side)?;
        let mut steady = false;
        for _ in 1..MOST_PASSES {
            let next = self.pass(job, batch, side_by_side)?;
            steady = (next - last).abs() <= STEADY * next.min(last);
            last = next;
            if steady {
                break;
            }
        }
        self.pass_s.insert(batch, last);
        let (warm_up_s, lanes) = (started.elapsed().as_secs_f64(), lanes(job, &self.device));
        Ok(WarmAnswer { warm_up_s, steady, lanes, learnt: cache::entries().saturating_sub(self.known) })
    }

    /// Whole passes that take about so long, so that no lane waits at the end for the others.
    fn passes(&self, batch: usize, seconds: f64) -> usize {
        let pass_s = self.pass_s.get(&batch).copied().unwrap_or(f64::INFINITY);
        // Not a number or endless becomes 0, and then 1.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
        let passes = (seconds / pass_s).round() as usize;
        passes.max(1)
    }

    fn round(&mut self, job: &Job, batch: usize, seconds: f64) -> Result<RoundAnswer> {
        let batches = self.passes(batch, seconds) * self.side_by_side(job);
        let seconds = self.pass(job, batch, batches)?;
        Ok(RoundAnswer { tiles: batches * batch, seconds })
    }

    /// Scores `[N, K]` of all tiles in memory, in order.
    fn outputs(&mut self, job: &Job, batch: usize) -> Result<Vec<f32>> {
        let feed = MemoryFeed::once(&self.tiles, job.tile_bytes(), batch);
        let rows = Mutex::new(vec![Vec::new(); job.tile_count]);
        self.sized(job, batch).run(&feed, &|scored: Scored| {
            let mut rows = rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (tile, scores) in scored.tiles.into_iter().zip(scored.scores) {
                if let Some(row) = rows.get_mut(tile as usize) {
                    *row = scores;
                }
            }
        })?;
        Ok(rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).concat())
    }

    fn line(&mut self, job: &Job, batch: usize, tiles: usize) -> Result<LineAnswer> {
        let never = AtomicBool::new(false);
        self.sized(job, batch);
        let Self { bundle, predictor, slide, .. } = self;
        let prepared = match slide.take() {
            Some(prepared) => prepared,
            None => job.prepare(&never)?,
        };
        let Prepared { slide, plan, .. } = slide.insert(prepared);
        let config = ScoreConfig { workers: job.threads, ..job.settings()? };
        let mut sum = LineAnswer::default();
        // A fast device is through with a slide before the clock has ticked often enough.
        let mut left = tiles.max(1);
        while left > 0 {
            let mut part = plan.clone();
            part.origins_l0.truncate(left);
            left -= part.len().clamp(1, left);
            let started = Instant::now();
            let (predictions, report) = score_tiles(&config, (&*bundle, &*predictor), slide, &part, &never, &|_| {})?;
            let scored_s = started.elapsed().as_secs_f64();
            lay_map(&part, &predictions)?;
            let seconds = started.elapsed().as_secs_f64();
            let Some(report) = report else {
                return Err(Error::new(ErrorKind::Usage, "BCH-0004", "expected tissue on the slide, found none"));
            };
            sum = LineAnswer {
                tiles: sum.tiles + predictions.scored(),
                seconds: sum.seconds + seconds,
                workers: report.workers,
                read_s: sum.read_s + report.read_s,
                decode_s: sum.decode_s + report.decode_s,
                assemble_s: sum.assemble_s + report.assemble_s,
                aggregate_s: sum.aggregate_s + seconds - scored_s,
            };
        }
        Ok(sum)
    }

    fn stages(&mut self, job: &Job, batch: usize, seconds: f64) -> Result<StagesAnswer> {
        let passes = self.passes(batch, seconds);
        let lanes = lanes(job, &self.device);
        let bytes: Vec<u8> = self.tiles.iter().copied().cycle().take(batch * job.tile_bytes()).collect();
        let predictor = self.sized(job, batch);
        let lane = || -> Result<StageTimes> {
            (0..passes).try_fold(StageTimes::default(), |sum, _| Ok(sum.plus(predictor.time_stages(&bytes)?)))
        };
        // All lanes at once, as in a run: alone, one would have caches and clock to itself.
        let times = std::thread::scope(|scope| {
            let others: Vec<_> = (1..lanes).map(|_| scope.spawn(lane)).collect();
            let panicked = || Error::new(ErrorKind::Device, "DEV-0003", "expected scores, found a panic");
            let first = lane();
            others.into_iter().try_fold(first?, |sum, other| {
                Ok::<_, Error>(sum.plus(other.join().unwrap_or_else(|_| Err(panicked()))?))
            })
        })?;
        Ok(StagesAnswer {
            tiles: passes * lanes * batch,
            lanes,
            upload_s: times.upload.as_secs_f64(),
            preprocess_s: times.preprocess.as_secs_f64(),
            network_s: times.network.as_secs_f64(),
            readback_s: times.readback.as_secs_f64(),
        })
    }
}

impl Job {
    /// Bytes of a tile.
    fn tile_bytes(&self) -> usize {
        self.input_px * self.input_px * 3
    }

    /// The settings of a run, as usual.
    fn settings(&self) -> Result<ScoreConfig> {
        let mpp = self.mpp.map(Mpp::new).transpose()?;
        Ok(ScoreConfig { mpp, ..ScoreConfig::usual(Vec::new(), PathBuf::new()) })
    }

    /// Opens and plans the slide as a run does.
    ///
    /// # Errors
    /// Those of [`prepare`].
    pub(super) fn prepare(&self, cancel: &AtomicBool) -> Result<Prepared> {
        let tile_px = u32::try_from(self.tile_px).unwrap_or(u32::MAX);
        prepare(&self.settings()?, &self.slide, tile_px, Mpp::new(self.um_per_px)?, cancel)
    }
}
