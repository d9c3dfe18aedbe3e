//! What a training may be besides all layers on classes: the last layer alone, the last stages, numbers, folds, other
//! rules. Tiles of 32 px whose colour says what they are.

use eosin::assess::{assess, predict, read_csv};
use eosin::dataset::{DataSource, InputConfig, ManifestSource, SplitConfig, TileSet, read};
use eosin::device::{DeviceSpec, open};
use eosin::evaluate::{Assessment, Bootstrap};
use eosin::nn::{Architecture, Bundle, NetworkSpec, Precision, Stain, save};
use eosin::tile::Meaning;
use eosin::train::{
    Balance, CardConfig, Compute, Layers, LossKind, Rule, Select, TrainConfig, TrainEvent, TrainReport, cross_validate,
    train,
};
use image::RgbImage;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const SIDE_PX: u32 = 32;
/// Weights are stored in half precision before both sides of a comparison read them; what is left is the order of sums.
const SAME: f32 = 1e-4;

/// 96 speckled tiles of 12 patients, each from blue to red; `red` says how much, `label` which of both is more.
fn tiles(dir: &Path) -> PathBuf {
    let mut table = "file,label,red,patient\n".to_owned();
    for number in 0..96_u32 {
        let red = (number * 37) % 97;
        let speckle = |x: u32, y: u32| u8::try_from((x * 31 + y * 17 + number * 7 + x * y) % 61).unwrap();
        let level = |part: u32| u8::try_from(60 + part).unwrap();
        let pixel = |x, y| image::Rgb([level(red), 90, level(97 - red)].map(|level| level + speckle(x, y)));
        RgbImage::from_fn(SIDE_PX, SIDE_PX, pixel).save(dir.join(format!("{number}.png"))).unwrap();
        let label = if red > 48 { "red" } else { "blue" };
        writeln!(table, "{number}.png,{label},{},p{}", f64::from(red) * 10.0, number % 12).unwrap();
    }
    fs::write(dir.join("labels.csv"), table).unwrap();
    dir.join("labels.csv")
}

/// A start that knows nothing yet, without batch normalisation.
fn start(dir: &Path) -> PathBuf {
    let init = dir.join("start.safetensors");
    let device = open(DeviceSpec::Cpu).unwrap().device;
    let spec = NetworkSpec::torch(Architecture::ResNet18, 2).folded();
    let weights = save(&spec.init(&device).unwrap()).unwrap();
    fs::write(&init, weights.to_safetensors(Precision::F32).unwrap()).unwrap();
    init
}

fn config(dir: &Path, out: &str) -> TrainConfig {
    TrainConfig {
        out: dir.join(out),
        init: Some(start(dir)),
        architecture: Architecture::ResNet18,
        batch: Some(8),
        data: DataSource::Manifest(ManifestSource { path: tiles(dir), ..ManifestSource::default() }),
        input: InputConfig { tile_px: SIDE_PX, input_px: SIDE_PX, ..InputConfig::default() },
        split: SplitConfig { validation: 0.25, test: 0.25, ..SplitConfig::default() },
        card: CardConfig { name: "toy".to_owned(), ..CardConfig::default() },
        ..TrainConfig::default()
    }
}

fn run(config: &TrainConfig) -> TrainReport {
    train(config, &open(DeviceSpec::Cpu).unwrap(), &AtomicBool::new(false), &mut |_| ()).unwrap()
}

fn set(config: &TrainConfig) -> TileSet {
    read(config.request(), &AtomicBool::new(false), &mut |_| ()).unwrap()
}

/// Checks that a bundle says of tiles what the training wrote down, and gives the figures of that.
fn judged_again(config: &TrainConfig, report: &TrainReport) -> Assessment {
    let (set, bundle) = (set(config), Bundle::open(&report.dir).unwrap());
    let (tiles, said) = read_csv(&set, &fs::read(config.out.join("predictions.csv")).unwrap()).unwrap();
    let device = open(DeviceSpec::Cpu).unwrap();
    let scores = predict(&bundle, &device, &set, &tiles, &AtomicBool::new(false), &|_| ()).unwrap();
    let scale = said.iter().flatten().fold(1.0, |most: f32, score| most.max(score.abs()));
    for (ours, theirs) in scores.iter().flatten().zip(said.iter().flatten()) {
        assert!((ours - theirs).abs() <= SAME * scale, "{ours} against {theirs}");
    }
    let bootstrap = Bootstrap { seed: config.seed, ..Bootstrap::default() };
    assess(&set, &tiles, &scores, &bundle.meaning(), bootstrap).unwrap()
}

fn figure(assessment: &Assessment, name: &str) -> f64 {
    let rows = assessment.figures();
    rows.iter().find(|row| row.name == name).and_then(|row| row.figure.value).unwrap()
}

#[test]
fn the_last_layer_alone_learns_from_features_and_its_bundle_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig { epochs: Some(30), ..config(dir.path(), "out") };
    let mut resolved = None;
    let report = train(&config, &open(DeviceSpec::Cpu).unwrap(), &AtomicBool::new(false), &mut |event| {
        if let TrainEvent::Prepared { config, .. } = event {
            resolved = Some(config);
        }
    });
    let report = report.unwrap();
    assert_eq!(resolved.unwrap().layers, Layers::Head, "few tiles");
    assert_eq!(report.side, "test");
    assert!(figure(&report.assessment, "macro_auroc") > 0.9, "{:?}", report.card.metrics);
    assert!(matches!(judged_again(&config, &report), Assessment::Classes(_)));
    // The body is as it was: nothing but the last layer differs from the start, which is stored in half precision.
    let start = eosin::nn::TensorMap::from_safetensors(&fs::read(config.init.as_ref().unwrap()).unwrap()).unwrap().0;
    let bundle = Bundle::open(&report.dir).unwrap();
    for (name, weight) in bundle.weights().iter().filter(|(name, _)| !name.starts_with("fc.")) {
        let before = start.get(name).unwrap();
        assert!(weight.data.iter().zip(&before.data).all(|(a, b)| (a - b).abs() <= b.abs() * 1e-3 + 1e-7), "{name}");
    }
    let card = fs::read_to_string(report.dir.join("CARD.md")).unwrap();
    assert!(card.contains("All tiles of a patient are on one side") && !card.contains("p11"), "{card}");
}

#[test]
fn the_last_stages_change_and_those_in_front_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        layers: Layers::Last,
        last_stages: 1,
        epochs: Some(1),
        lr: Some(1e-3),
        loss: LossKind::Focal,
        optimiser: Rule::Sgd,
        balance: Balance::Equal,
        stain: Some(Stain::Macenko),
        ..config(dir.path(), "out")
    };
    let report = run(&config);
    let start = eosin::nn::TensorMap::from_safetensors(&fs::read(config.init.as_ref().unwrap()).unwrap()).unwrap().0;
    let bundle = Bundle::open(&report.dir).unwrap();
    let changed = |name: &str| {
        let (now, before) = (bundle.weights().get(name).unwrap(), start.get(name).unwrap());
        now.data.iter().zip(&before.data).any(|(a, b)| (a - b).abs() > b.abs() * 2e-3 + 1e-6)
    };
    assert!(changed("layer4.1.conv2.weight") && changed("fc.weight"));
    assert!(!changed("layer3.1.conv2.weight") && !changed("conv1.weight"));
    // Training and scoring see the same colours.
    assert_eq!(bundle.preprocess().stain, Some(Stain::Macenko));
    judged_again(&config, &report);
}

#[test]
fn numbers_are_estimated_in_their_own_unit_and_a_model_of_them_is_trained_further() {
    let dir = tempfile::tempdir().unwrap();
    let base = config(dir.path(), "out");
    let values = vec!["red".to_owned()];
    let data = DataSource::Manifest(ManifestSource {
        path: dir.path().join("labels.csv"),
        values,
        ..ManifestSource::default()
    });
    let config = TrainConfig { data, layers: Layers::Head, epochs: Some(60), ..base };
    let report = run(&config);
    assert!(figure(&report.assessment, "r2") > 0.6, "{:?}", report.card.metrics);
    assert!(matches!(judged_again(&config, &report), Assessment::Estimates(_)));
    let bundle = Bundle::open(&report.dir).unwrap();
    assert_eq!(bundle.meaning(), Meaning::Estimates(vec![None]));

    // Its own last layer is the start of the next training: after one tiny step it is as good as it was.
    let next = TrainConfig {
        out: dir.path().join("next"),
        init: Some(report.dir.clone()),
        layers: Layers::All,
        epochs: Some(1),
        lr: Some(1e-7),
        loss: LossKind::Squared,
        select: Select::Loss,
        ..config
    };
    let further = run(&next);
    let (before, after) = (figure(&report.assessment, "r2"), figure(&further.assessment, "r2"));
    assert!((before - after).abs() < 0.01, "{before} and {after}");
}

#[test]
fn every_tile_is_tested_once_over_the_folds_and_a_fold_that_is_done_stays() {
    let dir = tempfile::tempdir().unwrap();
    let split = SplitConfig { folds: Some(3), ..SplitConfig::default() };
    let config = TrainConfig { split, epochs: Some(5), ..config(dir.path(), "out") };
    let device = open(DeviceSpec::Cpu).unwrap();
    let run = |config: &TrainConfig| {
        let mut done = Vec::new();
        let report = cross_validate(config, &device, &AtomicBool::new(false), &mut |event| {
            if let TrainEvent::Fold { done: before, .. } = event {
                done.push(before);
            }
        });
        (report, done)
    };
    let (report, done) = run(&config);
    let report = report.unwrap();
    assert_eq!((done, report.assessment.basis().tiles, report.assessment.basis().clusters), (vec![false; 3], 96, 12));
    let (mut tiles, _) = read_csv(&set(&config), &fs::read(config.out.join("predictions.csv")).unwrap()).unwrap();
    tiles.sort_unstable();
    assert_eq!(tiles, (0..96).collect::<Vec<_>>());
    assert!(report.dirs.iter().all(|dir| Bundle::open(dir).is_ok()));
    assert_eq!(run(&config).0.unwrap_err().code(), "TRN-0501");
    fs::remove_dir_all(config.out.join("fold-2")).unwrap();
    let (again, done) = run(&TrainConfig { resume: true, ..config });
    assert_eq!((again.unwrap().assessment, done), (report.assessment, vec![true, false, true]));
}

#[test]
fn what_cannot_be_trained_is_refused_before_the_first_step() {
    let dir = tempfile::tempdir().unwrap();
    let good = config(dir.path(), "out");
    for (config, code) in [
        (TrainConfig { loss: LossKind::Huber, ..good.clone() }, "TRN-0105"),
        (TrainConfig { init: None, layers: Layers::Head, ..good.clone() }, "TRN-0102"),
        (TrainConfig { init: None, compute: Compute::Bf16, ..good.clone() }, "TRN-0108"),
        (TrainConfig { stain: Some(Stain::Reinhard), ..good.clone() }, "TRN-0102"),
        (TrainConfig { init: None, architecture: Architecture::SqueezeNet, layers: Layers::Head, ..good }, "TRN-0102"),
    ] {
        let device = open(DeviceSpec::Cpu).unwrap();
        let mut steps = 0;
        let error = train(&config, &device, &AtomicBool::new(false), &mut |event| {
            steps += usize::from(matches!(event, TrainEvent::Step { .. }));
        });
        assert_eq!((error.unwrap_err().code(), steps), (code, 0));
    }
}
