//! Whole runs against those of WSInfer 0.6.1 with the same models, on the CPU.

use crate::shared::shared;
use crate::wsinfer_cases::{Case, Row, read_table};
use eosin::device::{DeviceSpec, open};
use eosin::export::SlideStatus;
use eosin::nn::Bundle;
use eosin::pipeline::{ScoreConfig, score};
use eosin::tile::GridRule;
use eosin::tissue::TissueConfig;
use eosin::units::Mpp;
use flate2::read::GzDecoder;
use safetensors::tensor::{SafeTensors, TensorView};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What probabilities may differ by: 8-bit pixels that are off by one move them so much. Mostly they differ by 1e-6.
const WORST: f64 = 0.01;
const MEDIAN: f64 = 0.001;

/// A run with WSInfer's rule.
fn usual(slide: PathBuf) -> ScoreConfig {
    ScoreConfig {
        slides: vec![slide],
        out: PathBuf::new(),
        grid: GridRule::WsInfer,
        spacing: None,
        tile_px: None,
        overlap: 0.0,
        min_tissue: 0.0,
        mpp: None,
        tissue: TissueConfig::default(),
        memory_bytes: 512 << 20,
        workers: 0,
        overwrite: false,
        maps: eosin::pipeline::MapSettings::usual(),
    }
}

/// Scores a slide and gives its table.
fn run(config: &Path, weights: &Path, run: ScoreConfig) -> Vec<Row> {
    run_and(config, weights, run, |_| {})
}

/// [`run`], with a look at the results.
fn run_and(config: &Path, weights: &Path, run: ScoreConfig, look: impl FnOnce(&Path)) -> Vec<Row> {
    let stem = run.slides[0].file_stem().unwrap().to_str().unwrap().to_string();
    let out = tempfile::tempdir().unwrap();
    let run = ScoreConfig { out: out.path().into(), ..run };
    let bundle = Bundle::open_wsinfer(config, weights).unwrap();
    let outcome =
        score(&run, &bundle, &open(DeviceSpec::Cpu).unwrap(), None, &AtomicBool::new(false), &|_| {}).unwrap();
    assert_eq!(outcome.records[0].status, SlideStatus::Scored);
    look(out.path());
    read_table(File::open(out.path().join(format!("model-outputs-csv/{stem}.csv"))).unwrap())
}

/// Holds our table against theirs: the same tiles in the same order, and the same probabilities where theirs has any.
fn agree(case: &str, ours: &[Row], theirs: &[Row]) {
    assert!(ours.iter().map(|row| row.0).eq(theirs.iter().map(|row| row.0)), "{case}: other tiles or another order");
    let theirs: BTreeMap<_, _> = theirs.iter().cloned().collect();
    let pairs = ours.iter().flat_map(|(place, scores)| scores.iter().zip(&theirs[place]));
    let mut all: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
    all.sort_by(f64::total_cmp);
    let (worst, median) = (all[all.len() - 1], all[all.len() / 2]);
    println!("{case}: {} tiles, {} scores, worst {worst:.6}, median {median:.7}", ours.len(), all.len());
    assert!(worst <= WORST && median <= MEDIAN, "{case}: worst {worst}, median {median}");
}

fn as_in_shared(case: &str, model: &str, slide: &str) {
    let Some(weights) = shared(&format!("parity/models/{model}/model.safetensors")) else { return };
    let Some(config) = shared(&format!("parity/wsinfer/{case}/config.json")) else { return };
    let Some(slide) = shared(&format!("data/wsi/{slide}")) else { return };
    let stem = slide.file_stem().unwrap().to_str().unwrap();
    let Some(table) = shared(&format!("parity/wsinfer/{case}/{stem}.csv.gz")) else { return };
    let theirs = read_table(GzDecoder::new(File::open(table).unwrap()));
    let Some(places) = shared(&format!("parity/wsinfer/{case}/{stem}.patches.h5")) else { return };
    let same_places =
        |out: &Path| assert_eq!(read_places(&out.join(format!("patches/{stem}.h5"))), read_places(&places));
    agree(case, &run_and(&config, &weights, usual(slide.clone()), same_places), &theirs);
}

/// Shape, places, side, level and bits of the spacing in a file of the places of tiles, ours or h5py's.
fn read_places(path: &Path) -> (Vec<usize>, Vec<i64>, [i64; 2], u64) {
    let file = rust_hdf5::H5File::open(path).unwrap();
    let coords = file.dataset("coords").unwrap();
    let whole = |name: &str| coords.attr(name).unwrap().read_numeric::<i64>().unwrap();
    let spacing: f64 = coords.attr("patch_spacing_um_px").unwrap().read_numeric().unwrap();
    let numbers = [whole("patch_size"), whole("patch_level")];
    (coords.shape(), coords.read_raw().unwrap(), numbers, spacing.to_bits())
}

#[test]
fn resnet18_on_an_aperio_slide_without_resizing() {
    as_in_shared("a_cmu_resnet18_224px_0.5um", "resnet18", "CMU-1-Small-Region.svs");
}

#[test]
fn resnet18_on_a_generic_tiff_at_half_its_resolution() {
    as_in_shared("b_crc01dev_resnet18_224px_2.6um", "resnet18", "CRC01_HE_dev.tif");
}

#[test]
fn mobilenetv2_on_an_aperio_slide_enlarged() {
    as_in_shared("f_cmu_mobilenetv2_224px_0.4um", "mobilenetv2_100", "CMU-1-Small-Region.svs");
}

#[test]
fn other_overlaps_tile_sides_spacings_and_tissue_settings() {
    let folder = tempfile::tempdir().unwrap();
    for case in Case::all() {
        let Some(model) = &case.model else { continue };
        let Some(weights) = shared(&format!("parity/models/{model}/model.safetensors")) else { return };
        let Some(slide) = shared(&format!("data/wsi/{}", case.slide)) else { return };
        let config = folder.path().join("config.json");
        let weights = if case.classes == 1 { second_class(&weights, folder.path()) } else { weights };
        let tissue = TissueConfig { wsinfer: case.tissue(), ..TissueConfig::default() };
        let asked = ScoreConfig { overlap: case.overlap, tissue, ..usual(slide) };
        std::fs::write(&config, configuration(&case, model, case.tile_px, case.spacing_um_px)).unwrap();
        agree(&case.name, &run(&config, &weights, asked), &case.table());
    }
}

#[test]
fn a_side_and_a_spacing_given_in_place_of_the_models() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["breast_350px_0.25um", "lymphocytes_100px_0.5um"] {
        let case = Case::all().into_iter().find(|case| case.name == name).unwrap();
        let model = case.model.clone().unwrap();
        let Some(weights) = shared(&format!("parity/models/{model}/model.safetensors")) else { return };
        let Some(slide) = shared(&format!("data/wsi/{}", case.slide)) else { return };
        let config = folder.path().join("config.json");
        std::fs::write(&config, configuration(&case, &model, 224, 1.0)).unwrap();
        let spacing = Some(Mpp::new(case.spacing_um_px).unwrap());
        let asked = ScoreConfig { spacing, tile_px: Some(case.tile_px), ..usual(slide) };
        agree(name, &run(&config, &weights, asked), &case.table());
    }
}

/// Weights of a network whose head knows the second class only.
fn second_class(weights: &Path, folder: &Path) -> PathBuf {
    let bytes = std::fs::read(weights).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let cut = tensors.iter().map(|(name, tensor)| {
        let (mut shape, mut data) = (tensor.shape().to_vec(), tensor.data());
        if name.starts_with("fc.") {
            (shape[0], data) = (1, &data[data.len() / 2..]);
        }
        (name, TensorView::new(tensor.dtype(), shape, data).unwrap())
    });
    let path = folder.join("model.safetensors");
    safetensors::serialize_to_file(cut, None, &path).unwrap();
    path
}

/// A `config.json` as the case was run with, but for the side and the resolution of a tile.
fn configuration(case: &Case, model: &str, tile_px: u32, spacing_um_px: f64) -> String {
    json!({
        "spec_version": "1.0",
        "architecture": model,
        "num_classes": case.classes,
        "class_names": (&["class0", "class1"][2 - case.classes..]),
        "patch_size_pixels": tile_px,
        "spacing_um_px": spacing_um_px,
        "transform": [
            {"name": "Resize", "arguments": {"size": case.resize}},
            {"name": "ToTensor"},
            {"name": "Normalize", "arguments": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}},
        ],
    })
    .to_string()
}
