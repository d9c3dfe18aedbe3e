//! A whole network gives the same probabilities on the GPU as on the CPU.

use eosin::device::{DeviceSpec, OpenDevice, open};
use eosin::geometry::Rect;
use eosin::infer::{BatchFeed, Predictor, PredictorConfig};
use eosin::nn::Bundle;
use eosin::slide::Slide;
use eosin::tile::Batch;
use std::path::PathBuf;
use std::sync::Mutex;

/// Agreement asked of every backend with f32 arithmetic.
const TOLERANCE: f32 = 1e-3;
/// A software adapter takes seconds for a tile.
const TILES: usize = 2;

struct Tiles(Mutex<Vec<Batch>>);

impl BatchFeed for Tiles {
    fn next_batch(&self) -> Option<Batch> {
        self.0.lock().unwrap().pop()
    }

    fn recycle(&self, _batch: Batch) {}
}

fn shared(rel: &str) -> Option<PathBuf> {
    let root = std::env::var_os("EOSIN_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let path = root.join(rel);
    if !path.exists() {
        assert!(std::env::var_os("EOSIN_REQUIRE_SHARED").is_none_or(|value| value != "1"), "missing: {rel}");
        eprintln!("skipped: {rel} is not here");
        return None;
    }
    Some(path)
}

fn score(bundle: &Bundle, device: &OpenDevice, pixels: &[Vec<u8>]) -> Vec<Vec<f32>> {
    let side_px = bundle.preprocess().input_px;
    let predictor = Predictor::new(bundle, device, PredictorConfig { batch: 1, lanes: 1 }).unwrap();
    let batches = pixels.iter().enumerate().map(|(index, pixels)| Batch {
        tiles: vec![u32::try_from(index).unwrap()],
        side_px,
        pixels: pixels.clone(),
    });
    let scores = Mutex::new(vec![Vec::new(); pixels.len()]);
    predictor
        .run(&Tiles(Mutex::new(batches.collect())), &|scored| {
            let mut scores = scores.lock().unwrap();
            for (tile, row) in scored.tiles.into_iter().zip(scored.scores) {
                scores[tile as usize] = row;
            }
        })
        .unwrap();
    scores.into_inner().unwrap()
}

/// The same pixels through the model on both devices; `None` when something is not here.
fn scores_of_both(model: &str, gpu: &OpenDevice) -> Option<[Vec<Vec<f32>>; 2]> {
    let slide = Slide::open(&shared("data/wsi/CMU-1-Small-Region.svs")?).unwrap();
    let bundle = Bundle::open(&shared(model)?).unwrap();
    let side = bundle.preprocess().input_px;
    let pixels: Vec<Vec<u8>> = (0..TILES)
        .map(|index| {
            let x = 500 + 300 * i64::try_from(index).unwrap();
            slide.read_region(0, Rect::new(x, 900, side, side), [255; 3]).unwrap().into_vec()
        })
        .collect();
    Some([gpu, &open(DeviceSpec::Cpu).unwrap()].map(|device| score(&bundle, device, &pixels)))
}

fn worst_difference([found, expected]: &[Vec<Vec<f32>>; 2]) -> f32 {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

#[test]
fn resnet18_scores_a_real_slide_as_on_the_cpu() {
    let Some(both) = super::device().and_then(|gpu| scores_of_both("parity/models/resnet18", gpu)) else { return };
    let worst = worst_difference(&both);
    assert!(worst <= TOLERANCE, "{worst}");
}

/// The depthwise convolutions of MobileNetV2 come out wrong on some software adapters; such a device must not score.
#[test]
fn a_device_computes_mobilenetv2_right_or_is_refused() {
    const MODEL: &str = "parity/models/mobilenetv2_100";
    let (Some(gpu), Some(path)) = (super::device(), shared(MODEL)) else { return };
    let bundle = Bundle::open(&path).unwrap();
    let predictor = Predictor::new(&bundle, gpu, PredictorConfig { batch: 1, lanes: 1 }).unwrap();
    match predictor.warm_up(&bundle) {
        Ok(()) => {
            let Some(both) = scores_of_both(MODEL, gpu) else { return };
            let worst = worst_difference(&both);
            assert!(worst <= TOLERANCE, "passed its own check and is still {worst} off");
        }
        Err(error) => {
            assert_eq!(error.code(), "DEV-0007", "{error}");
            eprintln!("{} is refused: {error}", gpu.name);
        }
    }
}
