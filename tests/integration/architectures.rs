//! Networks against torch: the same weights and tiles give the same features and logits, folded or not.

use crate::formula;
use crate::shared::shared;
use burn::tensor::{Device, Tensor, TensorData};
use eosin::cpu::{BF16_TWIN, Engine, Options, Sums, Tiles};
use eosin::nn::{Architecture, Head, Network, NetworkSpec, Padding, TensorMap, fresh, load};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::path::Path;

/// Largest difference from torch's float64 result, relative to the largest value; f32 sums of 4,608 terms in another order
/// stay an order of magnitude below it.
const TOLERANCE: f64 = 1e-4;

/// Largest difference of our own engine from burn on the CPU, relative to the largest logit: where sums are those of the
/// formula, and where they may go by way of transformed numbers.
const EXACT: f64 = 1e-5;
const FAST: f64 = 5e-5;

fn numbers(path: &Path, name: &str) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    match view.dtype() {
        safetensors::Dtype::F64 => {
            view.data().as_chunks::<8>().0.iter().map(|&word| f64::from_le_bytes(word)).collect()
        }
        _ => view.data().as_chunks::<4>().0.iter().map(|&word| f64::from(f32::from_le_bytes(word))).collect(),
    }
}

fn flat(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Fails with the worst element; gives the error relative to the largest expected value.
fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) -> f64 {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0, |max: f64, value| max.max(value.abs()));
    let errors = found.iter().zip(expected).map(|(&found, &expected)| (f64::from(found) - expected).abs() / scale);
    let (worst, error) = errors.enumerate().fold((0, 0.0), |max, next| if next.1 > max.1 { next } else { max });
    let (found, expected) = (found[worst], expected[worst]);
    assert!(error <= tolerance, "{what} [{worst}]: expected {expected}, found {found}, relative error {error:.2e}");
    error
}

fn check(name: &str, known_as: &str, side: usize) {
    let Some(json) = shared(&format!("parity/architectures/{name}.json")) else { return };
    let reference = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let outputs = json.with_extension("safetensors");
    let device = Device::flex();
    let spec = NetworkSpec::named(known_as, 10).unwrap();
    let network = load(spec.init(&device).unwrap(), &formula::weights(&reference), Head::FromFile).unwrap();
    let tiles = || Tensor::from_data(TensorData::new(formula::tiles(side), [2, 3, side, side]), &device);
    let compare = |network: &Network, how: &str| {
        let features = network.features(tiles());
        assert_eq!(features.dims(), [2, spec.features()]);
        let pooled = assert_close(how, &flat(features), &numbers(&outputs, "pre_logits"), TOLERANCE);
        let logits = flat(network.forward(tiles()));
        let logits = assert_close(how, &logits, &numbers(&outputs, "logits_f64"), TOLERANCE);
        println!("{name} {how}: relative error {pooled:.1e} of features, {logits:.1e} of logits");
    };
    compare(&network, "with batch normalisation");
    let folded = network.fold().unwrap();
    compare(&folded, "folded");
    engine_agrees(name, &folded, side);
}

/// Our own engine against burn, on all kernels of this processor, tiles of two kinds.
fn engine_agrees(name: &str, network: &Network, side: usize) {
    let Some(graph) = network.graph(false).unwrap() else {
        assert!(name.starts_with("vit"), "{name} is no transformer and should have a graph");
        return;
    };
    let numbers = formula::tiles(side);
    let tiles = Tensor::from_data(TensorData::new(numbers.clone(), [2, 3, side, side]), &Device::flex());
    let expected: Vec<f64> = flat(network.forward(tiles)).into_iter().map(f64::from).collect();
    for kernels in Engine::kernels() {
        for (sums, tolerance) in [(Sums::Exact, EXACT), (Sums::Fast, FAST)] {
            let engine = Engine::on(&graph, Options { side_px: side, sums }, Some(kernels)).unwrap();
            let mut found = vec![0.0; 2 * engine.outputs()];
            engine.run(&mut engine.workspace(), Tiles::Numbers(&numbers), 2, &mut found);
            let what = format!("{name} on {kernels}, {sums:?}");
            println!("{what}: relative error {:.1e}", assert_close(&what, &found, &expected, tolerance));
        }
    }
}

/// What is no number, or nearly none, comes out as burn has it: nothing is made finite, and nothing else is lost.
#[test]
fn infinite_and_tiny_numbers_pass_through_our_engine_as_through_burn() {
    let (device, side) = (Device::flex(), 64);
    for architecture in
        [Architecture::ResNet18, Architecture::MobileNetV2, Architecture::EfficientNetB0, Architecture::DenseNet121]
    {
        let spec = NetworkSpec::torch(architecture, 10);
        let network =
            load(spec.init(&device).unwrap(), &fresh(&spec, 3).unwrap(), Head::FromFile).unwrap().fold().unwrap();
        let graph = network.graph(false).unwrap().unwrap();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-41, -1e-41, 3e38] {
            let mut numbers = formula::tiles(side);
            numbers[side * 20 + 30] = value; // of the first of two tiles
            let tiles = Tensor::from_data(TensorData::new(numbers.clone(), [2, 3, side, side]), &device);
            let expected = flat(network.forward(tiles));
            for kernels in Engine::kernels() {
                let engine = Engine::on(&graph, Options { side_px: side, sums: Sums::Exact }, Some(kernels)).unwrap();
                let mut found = vec![0.0; 20];
                engine.run(&mut engine.workspace(), Tiles::Numbers(&numbers), 2, &mut found);
                let scale = expected
                    .iter()
                    .filter(|value| value.is_finite())
                    .fold(1e-3, |max: f32, value| max.max(value.abs()));
                for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let alike = (found.is_nan() && expected.is_nan())
                        || found.to_bits() == expected.to_bits()
                        || (found - expected).abs() <= 1e-4 * scale;
                    assert!(
                        alike,
                        "{architecture} on {kernels}, {value:e}, logit {at}: expected {expected}, found {found}"
                    );
                }
            }
        }
    }
}

/// How far the logits of one draw of weights are off in bf16, relative to their length: from those of burn in f32, which is a
/// thousand times as exact.
fn error_of_bf16(spec: &NetworkSpec, gain: f64, [side, count]: [usize; 2], kernels: &str) -> f64 {
    let weights = formula::weights_of(spec, gain);
    let network = load(spec.init(&Device::flex()).unwrap(), &weights, Head::FromFile).unwrap().fold().unwrap();
    let numbers = formula::many_tiles(side, count);
    let truth = flat(
        network.forward(Tensor::from_data(TensorData::new(numbers.clone(), [count, 3, side, side]), &Device::flex())),
    );
    let graph = network.graph(false).unwrap().unwrap();
    let engine = Engine::on(&graph, Options { side_px: side, sums: Sums::Bf16 }, Some(kernels)).unwrap();
    let mut found = vec![0.0; count * engine.outputs()];
    engine.run_all(Tiles::Numbers(&numbers), count, &mut found);
    let length = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>().sqrt();
    let off = length(&mut found.iter().zip(&truth).map(|(&found, &truth)| f64::from(found) - f64::from(truth)));
    off / length(&mut truth.iter().map(|&truth| f64::from(truth)))
}

/// Rounding to bf16 costs no more digits than PyTorch's bf16 does with the same weights and tiles, whose errors
/// `tests/reference/bf16.py` wrote; ours are those of the loops that round as a matrix unit does.
#[test]
fn bf16_is_at_least_as_near_to_the_truth_as_that_of_torch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bf16.json");
    let fixture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let whole = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let mut worse = Vec::new();
    for case in fixture["networks"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let spec = NetworkSpec::named(name, whole(&fixture["outputs"])).unwrap();
        let size = [whole(&case["side"]), whole(&fixture["tiles"])];
        for kernels in [BF16_TWIN].into_iter().chain(Engine::matrix_kernels()) {
            let draws = case["draws"].as_array().unwrap();
            let mut logarithms = 0.0;
            for draw in draws {
                let torch = draw["torch_bf16"].as_f64().unwrap();
                let error = error_of_bf16(&spec, draw["gain"].as_f64().unwrap(), size, kernels);
                println!("{name} on {kernels}: relative error {error:.2e}, of torch's bf16 {torch:.2e}");
                logarithms += (error / torch).ln();
            }
            let ratio = (logarithms / draws.len() as f64).exp();
            println!("{name} on {kernels}: {ratio:.2} times that of torch's");
            if ratio > 1.0 {
                worse.push(format!(
                    "{name} on {kernels}: expected at most the error of torch's, found {ratio:.2} times"
                ));
            }
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

/// One test per network, so that they run side by side.
macro_rules! networks {
    ($($test:ident: $file:literal as $name:literal at $side:literal;)*) => {
        $(#[test]
        fn $test() {
            check($file, $name, $side);
        })*
    };
}

networks! {
    resnet18_gives_the_logits_of_torch: "resnet18" as "resnet18" at 224;
    resnet34_gives_the_logits_of_torch: "resnet34" as "resnet34" at 224;
    resnet50_gives_the_logits_of_torch: "resnet50" as "resnet50" at 224;
    mobilenetv2_gives_the_logits_of_timm: "mobilenetv2_100" as "mobilenetv2_100" at 224;
    mobilenetv2_gives_the_logits_of_torchvision: "mobilenet_v2_torchvision" as "mobilenet_v2" at 224;
    mobilenetv3_small_gives_the_logits_of_timm: "mobilenetv3_small_100" as "mobilenetv3_small_100" at 224;
    efficientnet_b0_gives_the_logits_of_timm: "efficientnet_b0" as "efficientnet_b0" at 224;
    densenet121_gives_the_logits_of_torch: "densenet121" as "densenet121" at 224;
    squeezenet_gives_the_logits_of_torchvision: "squeezenet1_0_torchvision" as "squeezenet1_0" at 224;
    shufflenetv2_gives_the_logits_of_torchvision: "shufflenet_v2_x1_0_torchvision" as "shufflenet_v2_x1_0" at 224;
    inception_v4_gives_the_logits_of_timm: "inception_v4" as "inception_v4" at 299;
    convnext_tiny_gives_the_logits_of_timm: "convnext_tiny" as "convnext_tiny" at 224;
    vit_small_gives_the_logits_of_timm: "vit_small_patch16_224" as "vit_small_patch16_224" at 224;
}

/// What `tests/reference/networks.py` wrote.
fn fixture() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/networks.json.gz");
    serde_json::from_reader(GzDecoder::new(std::fs::File::open(path).unwrap())).unwrap()
}

/// Widths, paddings, names of torchvision and transformers, transformers of every kind.
#[test]
fn variants_give_the_outputs_of_their_libraries() {
    let device = Device::flex();
    for case in fixture()["cases"].as_array().unwrap() {
        let what = format!("{} {}", case["name"], case["tensors"][0][0]);
        let (name, side) = (case["name"].as_str().unwrap(), usize::try_from(case["side"].as_u64().unwrap()).unwrap());
        let outputs: Vec<f64> = case["outputs"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect();
        let map = formula::weights(case);
        let has_head = case["vit"].is_null() || outputs.len() == 20;
        let mut spec = NetworkSpec::named(name, if has_head { 10 } else { 0 }).unwrap();
        spec.variant.vit = serde_json::from_value(case["vit"].clone()).unwrap();
        spec.batch_norm = map.names().any(|name| name.ends_with("running_mean"));
        spec.check_input(u32::try_from(side).unwrap()).unwrap();
        let network = load(spec.init(&device).unwrap(), &map, Head::FromFile).unwrap();
        let tiles = || Tensor::from_data(TensorData::new(formula::tiles(side), [2, 3, side, side]), &device);
        let error = assert_close(&what, &flat(network.forward(tiles())), &outputs, TOLERANCE);
        let folded = assert_close(&what, &flat(network.fold().unwrap().forward(tiles())), &outputs, TOLERANCE);
        println!("{what}: relative error {error:.1e}, folded {folded:.1e}");
    }
}

/// Phikon, UNI, Virchow2 and H-optimus have exactly the tensors of their published files.
#[test]
fn pathology_encoders_have_the_tensors_of_timm() {
    for shape in fixture()["shapes"].as_array().unwrap() {
        let spec = NetworkSpec::named(shape["name"].as_str().unwrap(), 0).unwrap();
        let tensors = spec.tensors().unwrap();
        let numbers: usize = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(numbers as u64, shape["numbers"], "{spec:?}");
        let mut lines: Vec<String> = tensors.into_iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
        lines.sort_unstable();
        assert_eq!(blake3::hash(lines.join("\n").as_bytes()).to_hex().as_str(), shape["blake3"], "{}", shape["name"]);
    }
}

/// `tests/reference/mobilenetv2_coral.py` gives five decimals of numbers up to 17.
const NUMPY_TOLERANCE: f64 = 1e-5;

#[test]
fn the_imagenet_file_with_tensorflow_padding_gives_the_logits_of_numpy() {
    let Some(path) = shared("data/models/mobilenetv2_1_0_imagenet_f16.safetensors") else { return };
    let (weights, _) = TensorMap::from_safetensors(&std::fs::read(path).unwrap()).unwrap();
    let spec = NetworkSpec { padding: Padding::TfSame, ..NetworkSpec::torch(Architecture::MobileNetV2, 1001).folded() };
    let device = Device::flex();
    let network = load(spec.init(&device).unwrap(), &weights, Head::FromFile).unwrap();
    // An odd side is padded on both sides, an even one at the end only.
    let cases = [
        (
            224,
            [0.66376, 0.61937, 3.52312, -1.49603, -1.82991, -1.17559, -1.32808, -1.09348],
            [(399, 8.3756), (801, 7.00921), (724, 6.83638), (507, 6.45842), (970, 5.64655)],
            2774.8783,
        ),
        (
            97,
            [0.47383, 1.64797, 2.98022, 0.06916, -2.44092, -0.70534, 1.16921, -0.23466],
            [(783, 16.58385), (852, 15.2357), (665, 14.39808), (528, 10.97616), (481, 9.91908)],
            4651.2314,
        ),
    ];
    for (side, first, largest, sum_of_squares) in cases {
        let tiles = Tensor::from_data(TensorData::new(formula::tiles(side), [2, 3, side, side]), &device);
        let logits = flat(network.forward(tiles.narrow(0, 0, 1)));
        let found: Vec<f32> = logits[..8].iter().copied().chain(largest.map(|(class, _)| logits[class])).collect();
        let expected: Vec<f64> = first.into_iter().chain(largest.map(|(_, logit)| logit)).collect();
        let error = assert_close(&format!("side {side}"), &found, &expected, NUMPY_TOLERANCE);
        println!("side {side}: relative error {error:.1e}");
        assert_eq!(eosin::tile::arg_max(&logits), Some(largest[0].0));
        let found: f64 = logits.iter().map(|&logit| f64::from(logit).powi(2)).sum();
        assert!((found / sum_of_squares - 1.0).abs() < NUMPY_TOLERANCE, "expected {sum_of_squares}, found {found}");
    }
}
