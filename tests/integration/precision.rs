//! Models in f16: the scores of f32 nearly, in every network, and a plain word where f16 is too small.

use crate::formula;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use eosin::ErrorKind;
use eosin::device::{Arithmetic, DeviceSpec, OpenDevice, open_in};
use eosin::infer::{PARITY, PARITY_BF16, PARITY_F16, Predictor, PredictorConfig};
use eosin::nn::{Architecture, Bundle, Head, NetworkSpec, fresh, load, write_bundle};
use std::path::{Path, PathBuf};

/// Largest difference of outputs relative to the largest one. Roundings to 11 bits (5e-4 each) of some 50 layers add up
/// like steps in any direction; the worst network was found at 3.2e-3.
const TOLERANCE: f32 = 1e-2;
const ONE: PredictorConfig = PredictorConfig { batch: 1, lanes: 1 };

fn cpu(arithmetic: Arithmetic) -> OpenDevice {
    open_in(DeviceSpec::Cpu, arithmetic).unwrap()
}

fn bundled() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    Bundle::names(&[folder]).into_iter().map(|(_, path)| path).collect()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_bundled_model_says_nearly_the_same_in_f16() {
    for path in bundled() {
        let bundle = Bundle::open(&path).unwrap();
        let [exact, half] = [Arithmetic::F32, Arithmetic::F16].map(|arithmetic| {
            let predictor = Predictor::new(&bundle, &cpu(arithmetic), ONE).unwrap();
            // In f16 this holds scores and distances against f32.
            predictor.warm_up(&bundle).unwrap();
            predictor.try_out().unwrap()
        });
        let worst = worst(&exact, &half);
        println!("{}: {worst:.1e}", bundle.name());
        assert!(worst > 0.0 && worst <= PARITY_F16 / 2.0, "{}: {worst}", bundle.name());
    }
}

/// What AMX gives but for the order of sums, so that every processor can tell.
#[test]
fn every_bundled_model_says_nearly_the_same_in_bf16() {
    for path in bundled() {
        let bundle = Bundle::open(&path).unwrap();
        let exact = Predictor::new(&bundle, &cpu(Arithmetic::F32), ONE).unwrap().try_out().unwrap();
        let rounded = Predictor::bf16_twin(&bundle, ONE).unwrap();
        assert_eq!(rounded.engine(), "eosin bf16-twin, bf16");
        rounded.warm_up(&bundle).unwrap();
        let worst = worst(&exact, &rounded.try_out().unwrap());
        println!("{}: {worst:.1e}", bundle.name());
        assert!(worst > 0.0 && worst <= PARITY_BF16 / 2.0, "{}: {worst}", bundle.name());
    }
}

#[test]
fn every_kind_of_network_computes_in_f16() {
    let device = Device::flex();
    let kinds = [
        (Architecture::ResNet18, 64),
        (Architecture::PreActResNet34, 64),
        (Architecture::MobileNetV2, 64),
        (Architecture::MobileNetV3Small, 64),
        (Architecture::EfficientNetB0, 64),
        (Architecture::DenseNet121, 64),
        (Architecture::SqueezeNet, 64),
        (Architecture::ShuffleNetV2, 64),
        (Architecture::InceptionV4, 96),
        (Architecture::ConvNeXtTiny, 64),
        (Architecture::VitSmall16, 224),
    ];
    for (architecture, side) in kinds {
        let spec = NetworkSpec::torch(architecture, 5).folded();
        let weights = fresh(&spec, 1).unwrap();
        let network = load(spec.init(&device).unwrap(), &weights, Head::FromFile).unwrap();
        let pixels = formula::tiles(side);
        let tiles = || Tensor::<4>::from_data(TensorData::new(pixels.clone(), [2, 3, side, side]), &device);
        let (exact, looks) = network.forward_and_looks(tiles());
        let network = network.cast(FloatDType::F16);
        let (half, half_looks) = network.forward_and_looks(tiles().cast(FloatDType::F16));
        assert_eq!(FloatDType::from(half.dtype()), FloatDType::F16, "{architecture}");
        assert_eq!(FloatDType::from(half_looks.dtype()), FloatDType::F32, "{architecture}");
        for (what, exact, half) in [("outputs", exact, half), ("looks", looks, half_looks)] {
            let [exact, half] = [exact, half].map(|values| values.into_data().iter::<f32>().collect::<Vec<_>>());
            let largest = exact.iter().fold(0.0, |max: f32, value| max.max(value.abs()));
            let worst = worst(&exact, &half) / largest;
            println!("{architecture} {what}: {worst:.1e}");
            assert!(worst <= TOLERANCE, "{architecture} {what}: {worst}");
        }
    }
}

#[test]
fn a_model_that_f16_cannot_hold_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::open(&bundled()[0]).unwrap();
    let mut card = bundle.card().unwrap().clone();
    (card.familiarity, card.weights.dtype) = (None, eosin::nn::Precision::F32);
    let spec = bundle.spec().folded();
    let mut weights = bundle.weights().clone();
    // In f32 nothing is lost.
    let mut scale = |name: &str, by: f32| {
        let mut weight = weights.remove(name).unwrap();
        weight.data.iter_mut().for_each(|value| *value *= by);
        weights.insert(name.to_owned(), weight);
    };
    scale("classifier.weight", 1e8);
    scale("classifier.bias", 1e8);
    card.architecture = (&spec).into();
    write_bundle(&folder.path().join("huge"), &card, &weights, "").unwrap();
    let bundle = Bundle::open(&folder.path().join("huge")).unwrap();

    assert!(Predictor::new(&bundle, &cpu(Arithmetic::F32), ONE).unwrap().try_out().is_ok());
    let half = Predictor::new(&bundle, &cpu(Arithmetic::F16), ONE).unwrap();
    let error = half.try_out().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Model, "INF-0001"), "{error}");
    assert!(error.advice().unwrap().contains("--precision f32"), "{error}");
    let error = half.warm_up(&bundle).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Device, "DEV-0007"), "{error}");
    assert!(error.advice().unwrap().contains("--precision f32"), "{error}");
}

#[test]
fn the_tolerance_of_f32_is_as_it_was() {
    const { assert!(PARITY <= 1e-2 && PARITY < PARITY_F16 && PARITY < PARITY_BF16) };
}
