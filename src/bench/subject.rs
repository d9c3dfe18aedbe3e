//! A model and a slide → everything that measured processes share: the same weights in two forms, and the same tiles.

use super::protocol::Job;
use super::record::InputFacts;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::nn::{
    Activation, Architecture, Bundle, Card, CardArchitecture, Class, Input, Metrics, NetworkSpec, Precision,
    WeightsFile, fresh, write_bundle,
};
use crate::pipeline::Prepared;
use crate::synthetic::{SyntheticConfig, SyntheticSlide};
use crate::tiling::loader::{Loaded, LoaderConfig, load};
use crate::units::Mpp;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Side of the synthetic slide, in tiles: a thousand of them, of which glass takes some.
const SYNTHETIC_TILES: u32 = 32;
/// Resolution that networks with random weights ask for, that of most slides of 20x.
const RANDOM_MPP: f64 = 0.5;
/// Memory for reading the tiles.
const MEMORY_BYTES: u64 = 512 << 20;

/// A model to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelChoice {
    /// A model on disk.
    Folder(PathBuf),
    /// A network with random weights: what it says has no meaning; how fast it says it has.
    Random(Architecture),
}

/// Where tiles come from.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// The slide; without one it is synthetic.
    pub(super) slide: Option<PathBuf>,
    /// The slide's resolution where its file does not state it, um/px.
    pub(super) mpp: Option<f64>,
    /// Tiles in memory.
    pub(super) tiles: usize,
    /// What a synthetic slide and random weights follow from.
    pub(super) seed: u64,
}

impl ModelChoice {
    /// What it is called where it cannot be opened: a folder's own name, without those above it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Random(architecture) => architecture.name().to_owned(),
        }
    }
}

/// What all processes of a model have in common.
pub(super) struct Subject {
    pub(super) bundle: Bundle,
    /// What they are told, but for device and dtype.
    pub(super) job: Job,
    pub(super) input: InputFacts,
}

/// Lays out weights and tiles of a model in a folder.
///
/// # Errors
/// Those of opening model and slide; [`ErrorKind::Format`] `BCH-0004` when the slide has no tissue; [`ErrorKind::Io`].
pub(super) fn lay_out(choice: &ModelChoice, source: &Source, folder: &Path, cancel: &AtomicBool) -> Result<Subject> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, "make a folder", error))?;
    let model = match choice {
        ModelChoice::Folder(folder) => folder.clone(),
        ModelChoice::Random(architecture) => random_model(&folder.join("model"), *architecture, source.seed)?,
    };
    let whole = |path: &Path| path.canonicalize().map_err(|error| Error::io(path, "open", error));
    let model = whole(&model)?;
    let bundle = Bundle::open(&model)?;
    let preprocess = bundle.preprocess();
    let slide = match &source.slide {
        Some(slide) => whole(slide)?,
        None => synthetic_slide(folder, &bundle, source.seed)?,
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| Error::io(&path, "write", error))?;
        Ok::<_, Error>(path)
    };
    let mut job = Job {
        weights: write("weights.safetensors", &bundle.weights().to_safetensors(Precision::F32)?)?,
        model,
        timm_name: bundle.spec().timm_name(),
        folded: true,
        outputs: bundle.spec().outputs(),
        activation: match bundle.activation() {
            Activation::Softmax => "softmax",
            Activation::Sigmoid => "sigmoid",
            Activation::Identity => "none",
        }
        .to_owned(),
        temperature: bundle.temperature(),
        mean: preprocess.mean,
        std: preprocess.std,
        input_px: preprocess.input_px as usize,
        um_per_px: bundle.mpp(),
        tile_px: preprocess.tile_px as usize,
        slide,
        mpp: source.mpp,
        ..Job::default()
    };
    let prepared = job.prepare(cancel)?;
    let (pixels, count) = read_tiles(&prepared, preprocess.input_px, source.tiles, cancel)?;
    job.tiles = write("tiles.rgb", &pixels)?;
    job.tile_count = count;
    let size = prepared.slide.size();
    let input = InputFacts {
        kind: if source.slide.is_some() { "slide" } else { "synthetic" }.to_owned(),
        fingerprint: prepared.fingerprint.clone(),
        format: prepared.slide.format_name().to_owned(),
        width: size.w,
        height: size.h,
        mpp: prepared.mpp.get(),
    };
    Ok(Subject { bundle, job, input })
}

/// Writes the slide that is used when none is given: one at the model's own resolution.
fn synthetic_slide(folder: &Path, bundle: &Bundle, seed: u64) -> Result<PathBuf> {
    let path = folder.join("synthetic.svs");
    let side = bundle.preprocess().tile_px.saturating_mul(SYNTHETIC_TILES);
    let config = SyntheticConfig { seed, size: Size::new(side, side), mpp: Mpp::new(bundle.mpp())? };
    SyntheticSlide::new(config).write_svs(&path, &|_, _| {})?;
    Ok(path)
}

/// Tiles from all over the tissue, in the order of the plan: `[N, S, S, 3]` u8, and how many there are.
fn read_tiles(prepared: &Prepared, input_px: u32, wanted: usize, cancel: &AtomicBool) -> Result<(Vec<u8>, usize)> {
    let mut plan = prepared.plan.clone();
    let count = wanted.min(plan.len());
    if count == 0 {
        return Err(Error::new(ErrorKind::Format, "BCH-0004", "expected tissue on the slide, found none")
            .with_advice("give another slide, or none for a synthetic one"));
    }
    plan.origins_l0 = (0..count).map(|at| plan.origins_l0[at * plan.len() / count]).collect();
    let tile_bytes = (input_px as usize).pow(2) * 3;
    let mut tiles: Vec<Option<Vec<u8>>> = vec![None; count];
    let config = LoaderConfig { input_px, batch: 1, workers: 0, memory_bytes: MEMORY_BYTES };
    load(&prepared.slide, &plan, &config, cancel, |source| {
        while let Some(loaded) = source.next() {
            if let Loaded::Batch(batch) = loaded {
                for (tile, pixels) in batch.tiles.iter().zip(batch.pixels.chunks(tile_bytes)) {
                    tiles[*tile as usize] = Some(pixels.to_vec());
                }
                source.recycle(batch);
            }
        }
    })?;
    let read: Vec<Vec<u8>> = tiles.into_iter().flatten().collect();
    if read.is_empty() {
        return Err(Error::new(ErrorKind::Format, "BCH-0004", "expected tiles that can be decoded, found none"));
    }
    Ok((read.concat(), read.len()))
}

/// A bundle that sees tiles as the network's authors did.
fn random_model(folder: &Path, architecture: Architecture, seed: u64) -> Result<PathBuf> {
    let (mean, std) = architecture.colours().unwrap_or(([0.5; 3], [0.5; 3]));
    let input = Input { mpp: RANDOM_MPP, tile_px: architecture.input_px(), input_px: None, mean, std, stain: None };
    write_random_model(folder, architecture.name(), architecture, input, seed)?;
    Ok(folder.to_path_buf())
}

/// Writes a bundle of two classes with random weights: what it says of a tile has no meaning; whether, where and how fast
/// it says so has.
///
/// # Errors
/// Those of [`write_bundle`].
pub fn write_random_model(
    folder: &Path,
    name: &str,
    architecture: Architecture,
    input: Input,
    seed: u64,
) -> Result<()> {
    let spec = NetworkSpec::torch(architecture, 2).folded();
    let card = Card {
        schema: 1,
        name: name.to_owned(),
        task: "none".to_owned(),
        version: "1".to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        attribution: "random weights".to_owned(),
        intended_use: "research use only: benches and tests, scores have no meaning".to_owned(),
        training_data: "none".to_owned(),
        activation: Activation::Softmax,
        classes: vec![Class::named("a"), Class::named("b")],
        input,
        architecture: CardArchitecture::from(&spec),
        weights: WeightsFile { file: String::new(), blake3: "0".repeat(64), dtype: Precision::F32 },
        calibration: None,
        bf16: None,
        familiarity: None,
        metrics: Metrics::new(),
    };
    write_bundle(folder, &card, &fresh(&spec, seed)?, "random weights, for benches and tests\n").map(drop)
}
