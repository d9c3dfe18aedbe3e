//! A whole network gives the same probabilities on the GPU as on the CPU.

use crate::shared::shared;
use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor, Tolerance};
use eosin::device::{DeviceSpec, OpenDevice, open};
use eosin::geometry::Rect;
use eosin::infer::{BatchFeed, Explainer, Predictor, PredictorConfig};
use eosin::nn::{Bundle, Dense};
use eosin::slide::Slide;
use eosin::tile::Batch;
use std::path::{Path, PathBuf};
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

fn score(bundle: &Bundle, device: &OpenDevice, pixels: &[Vec<u8>], batch: usize) -> Vec<Vec<f32>> {
    let side_px = bundle.preprocess().input_px;
    let predictor = Predictor::new(bundle, device, PredictorConfig { batch, lanes: 1 }).unwrap();
    let tiles: Vec<u32> = (0..).take(pixels.len()).collect();
    let batches = tiles.chunks(batch).zip(pixels.chunks(batch)).map(|(tiles, pixels)| Batch {
        tiles: tiles.to_vec(),
        side_px,
        pixels: pixels.concat(),
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

/// The same pixels through the model on both devices; `None` when the slide is not here.
fn scores_of_both(model: &Path, gpu: &OpenDevice, tiles: usize, batch: usize) -> Option<[Vec<Vec<f32>>; 2]> {
    let slide = Slide::open(&shared("data/wsi/CMU-1-Small-Region.svs")?).unwrap();
    let bundle = Bundle::open(model).unwrap();
    let side = bundle.preprocess().input_px;
    let pixels: Vec<Vec<u8>> = (0..tiles)
        .map(|index| {
            let x = 500 + 300 * i64::try_from(index).unwrap();
            slide.read_region(0, Rect::new(x, 900, side, side), [255; 3]).unwrap().into_vec()
        })
        .collect();
    Some([gpu, &open(DeviceSpec::Cpu).unwrap()].map(|device| score(&bundle, device, &pixels, batch)))
}

fn worst_difference([found, expected]: &[Vec<Vec<f32>>; 2]) -> f32 {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

fn agrees(model: Option<PathBuf>, tiles: usize, batch: usize) {
    let (Some(gpu), Some(model)) = (super::device(), model) else { return };
    let Some(both) = scores_of_both(&model, gpu, tiles, batch) else { return };
    let worst = worst_difference(&both);
    assert!(both[0].iter().all(|row| !row.is_empty()) && worst <= TOLERANCE, "{worst}");
}

#[test]
fn resnet18_scores_a_real_slide_as_on_the_cpu() {
    agrees(shared("parity/models/resnet18"), TILES, 1);
}

#[test]
fn mobilenetv2_scores_a_real_slide_as_on_the_cpu() {
    agrees(shared("parity/models/mobilenetv2_100"), TILES, 1);
}

/// Two whole batches and one that is filled up.
#[test]
fn the_bundled_model_scores_batches_as_on_the_cpu() {
    agrees(Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tissue-mobilenetv2.crc01")), 7, 3);
}

/// Some widths are where burn's merged matrix products went wrong, see [`Dense`].
#[test]
fn a_linear_layer_is_right_at_every_width() {
    let Some(gpu) = super::device() else { return };
    let cpu = Device::flex();
    for outputs in [1, 2, 3, 4, 5, 8, 16] {
        let on_cpu = Dense::init(512, outputs, &cpu);
        let on_gpu = on_cpu.clone().fork(&gpu.device);
        for tiles in [1, 4] {
            let features = Tensor::<2>::random([tiles, 512], Distribution::Uniform(0.0, 1.0), &cpu);
            let data = features.clone().into_data();
            let expected = on_cpu.forward(features).into_data();
            let found = on_gpu.forward(Tensor::<2>::from_data(data, &gpu.device)).into_data();
            found.assert_approx_eq(&expected, Tolerance::<f32>::absolute(1e-4));
        }
    }
}

/// Another model in place of a driver that computes wrongly.
#[test]
fn a_device_whose_scores_are_not_the_cpus_is_refused() {
    let models = ["parity/models/resnet18", "parity/models/mobilenetv2_100"].map(shared);
    let (Some(gpu), [Some(found), Some(expected)]) = (super::device(), models) else { return };
    let [found, expected] = [found, expected].map(|model| Bundle::open(&model).unwrap());
    let predictor = Predictor::new(&found, gpu, PredictorConfig { batch: 1, lanes: 1 }).unwrap();
    predictor.warm_up(&found).unwrap();
    assert_eq!(predictor.warm_up(&expected).unwrap_err().code(), "DEV-0007");
}

#[test]
fn an_explanation_is_that_of_the_cpu() {
    let Some(gpu) = crate::device() else { return };
    let bundle = Bundle::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tissue-mobilenetv2.crc01")).unwrap();
    let side = bundle.preprocess().input_px;
    let pixels: Vec<u8> = (0..side * side * 3).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let cpu = open(DeviceSpec::Cpu).unwrap();
    let [expected, found] =
        [&cpu, gpu].map(|device| Explainer::new(&bundle, device).unwrap().explain(&pixels, None).unwrap().remove(0));
    assert_eq!(expected.output, found.output);
    let worst = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst(&expected.scores, &found.scores) <= TOLERANCE, "{expected:?} {found:?}");
    let (map, peak) = (expected.map.values(), expected.map.peak());
    assert!(peak > 0.0 && worst(map, found.map.values()) <= TOLERANCE * peak, "{expected:?} {found:?}");
}
