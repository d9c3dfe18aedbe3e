//! Heat maps against torch, against the formula for networks that end in a mean and one layer, and against differences of
//! the output itself.

use crate::formula;
use burn::tensor::{Device, Tensor, TensorData};
use eosin::ErrorKind;
use eosin::device::{DeviceSpec, open};
use eosin::geometry::Size;
use eosin::infer::{Explainer, grad_cam};
use eosin::nn::{
    Activation, Architecture, Bundle, Calibration, Card, CardArchitecture, Class, Head, Input, Metrics, Network,
    NetworkSpec, Precision, TensorMap, WeightsFile, load, write_bundle,
};
use eosin::raster::HeatMap;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::path::Path;

/// Largest difference from torch's float64 result, relative to the largest value of the map.
const TOLERANCE: f64 = 1e-4;
/// Of a sum of the same numbers in another order.
const SAME: f64 = 1e-5;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn integer(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn tiles(side: usize) -> Tensor<4> {
    Tensor::from_data(TensorData::new(formula::tiles(side), [2, 3, side, side]), &Device::flex())
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0, |max: f64, value| max.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs() / scale;
        assert!(error <= tolerance, "{what}: expected {expected}, found {found}, relative error {error:.1e}");
    }
}

fn network(spec: NetworkSpec, weights: &TensorMap) -> Network {
    load(spec.init(&Device::flex()).unwrap(), weights, Head::FromFile).unwrap()
}

/// `tests/reference/grad_cam.py` wrote what is expected.
#[test]
fn heat_maps_are_those_of_torch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/grad_cam.json.gz");
    let fixture: Value = serde_json::from_reader(GzDecoder::new(std::fs::File::open(path).unwrap())).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let (name, side, output) = (case["name"].as_str().unwrap(), integer(&case["side"]), integer(&case["output"]));
        let whole = network(NetworkSpec::named(name, 10).unwrap(), &formula::weights(case));
        // Bundles give folded networks; the maps are the same.
        for network in [whole.clone(), whole.fold().unwrap()] {
            let maps = network.maps(tiles(side)).unwrap();
            assert_close(name, &flat(network.finish(maps.clone())), &numbers(&case["logits"]), TOLERANCE);
            assert_eq!(flat(network.forward(tiles(side))), flat(network.finish(maps.clone())), "{name}");
            let heat = grad_cam(&network, maps, &[output; 2]).unwrap();
            let [_, rows, cols] = heat.dims();
            assert_eq!([rows, cols], [integer(&case["grid"][0]), integer(&case["grid"][1])], "{name}");
            let heat = flat(heat);
            assert_close(name, &heat, &numbers(&case["maps"]), TOLERANCE);
            let large = u32::try_from(integer(&case["large_px"])).unwrap();
            let first = HeatMap::from_vec(cols, rows, heat[..rows * cols].to_vec()).unwrap();
            assert_close(name, &first.at_size(Size::new(large, large)), &numbers(&case["large"]), TOLERANCE);
        }
    }
}

/// Zhou et al. 2016, arXiv:1512.04150, equation 2: `sum_k w_k A_k`, with the weights of the last layer; a gradient through
/// a mean is 1/(h w) of it.
#[test]
fn behind_a_mean_and_one_layer_the_map_is_the_class_activation_map() {
    let rows = [
        (Architecture::ResNet18, "fc.weight"),
        (Architecture::PreActResNet34, "linear.weight"),
        (Architecture::MobileNetV2, "classifier.weight"),
        (Architecture::EfficientNetB0, "classifier.weight"),
        (Architecture::DenseNet121, "classifier.weight"),
        (Architecture::ShuffleNetV2, "fc.weight"),
    ];
    for (architecture, head) in rows {
        let spec = NetworkSpec::torch(architecture, 4);
        let weights = formula::weights_of(&spec, 1.2);
        let network = network(spec, &weights);
        let maps = network.maps(tiles(96)).unwrap();
        let [n, channels, h, w] = maps.dims();
        let outputs = [2, 1];
        let found = flat(grad_cam(&network, maps.clone(), &outputs).unwrap());
        let (maps, head) = (flat(maps), &weights.get(head).unwrap().data);
        let cell = |tile: usize, place: usize| {
            let product = |channel: usize| {
                let weight = f64::from(head[outputs[tile] * channels + channel]);
                weight * f64::from(maps[(tile * channels + channel) * h * w + place])
            };
            ((0..channels).map(product).sum::<f64>() / (h * w) as f64).max(0.0)
        };
        let expected: Vec<f64> =
            (0..n).flat_map(|tile| (0..h * w).map(move |place| (tile, place))).map(|(t, p)| cell(t, p)).collect();
        assert!(expected.iter().any(|&value| value > 0.0), "{architecture}");
        assert_close(architecture.name(), &found, &expected, SAME);
    }
}

/// `MobileNetV3` has a hidden layer behind its mean, so that the gradient depends on the tile. What one channel adds to
/// every place changes the output by the mean gradient over that channel, times the places.
#[test]
fn the_weight_of_a_channel_is_how_the_output_changes_with_it() {
    let spec = NetworkSpec::torch(Architecture::MobileNetV3Small, 4);
    let network = network(spec, &formula::weights_of(&spec, 1.7));
    let maps = network.maps(tiles(96).narrow(0, 0, 1)).unwrap();
    let [_, channels, h, w] = maps.dims();
    let output = 1;
    let logit = |maps: Tensor<4>| f64::from(flat(network.finish(maps))[output]);
    let step = 0.05;
    let (mut weights, values) = (Vec::new(), flat(maps.clone()));
    for channel in 0..channels {
        let moved = |by: f32| {
            let mut values = values.clone();
            values[channel * h * w..(channel + 1) * h * w].iter_mut().for_each(|value| *value += by);
            logit(Tensor::from_data(TensorData::new(values, [1, channels, h, w]), &Device::flex()))
        };
        weights.push((moved(step) - moved(-step)) / f64::from(2.0 * step) / (h * w) as f64);
    }
    let cell =
        |place: usize| (0..channels).map(|k| weights[k] * f64::from(values[k * h * w + place])).sum::<f64>().max(0.0);
    let expected: Vec<f64> = (0..h * w).map(cell).collect();
    assert!(expected.iter().any(|&value| value > 0.0));
    // Differences of f32 numbers over a finite step, with hard swish between.
    assert_close("mobilenetv3-small", &flat(grad_cam(&network, maps, &[output]).unwrap()), &expected, 2e-2);
}

#[test]
fn a_transformer_and_an_output_that_is_none_are_refused() {
    let vit = NetworkSpec::torch(Architecture::VitSmall16, 2).init(&Device::flex()).unwrap();
    let error = vit.maps(Tensor::zeros([1, 3, 224, 224], &Device::flex())).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "MOD-0210"));
    assert!(error.message().contains("vit-small-16"), "{error}");
    let spec = NetworkSpec::torch(Architecture::SqueezeNet, 2);
    let network = network(spec, &formula::weights_of(&spec, 1.0));
    let maps = network.maps(tiles(64)).unwrap();
    for outputs in [&[0, 2][..], &[0], &[]] {
        assert_eq!(grad_cam(&network, maps.clone(), outputs).unwrap_err().code(), "INF-0004");
    }
}

/// A model of these classes that sees tiles of 64 px.
fn bundle(activation: Activation, classes: &[&str], temperature: Option<f64>) -> Bundle {
    let spec = NetworkSpec::torch(Architecture::SqueezeNet, classes.len());
    let words = "a test".to_owned();
    let card = Card {
        schema: 1,
        name: words.clone(),
        task: words.clone(),
        version: words.clone(),
        licence: words.clone(),
        attribution: words.clone(),
        intended_use: words.clone(),
        training_data: words.clone(),
        activation,
        classes: classes.iter().map(|name| Class::named(*name)).collect(),
        input: Input { mpp: 0.5, tile_px: 64, input_px: None, mean: [0.5; 3], std: [0.25; 3], stain: None },
        architecture: CardArchitecture::from(&spec),
        weights: WeightsFile { file: String::new(), blake3: String::new(), dtype: Precision::F32 },
        calibration: temperature.map(|temperature| Calibration {
            temperature,
            fitted_on: words.clone(),
            ece_before: None,
            ece_after: None,
        }),
        familiarity: None,
        bf16: None,
        metrics: Metrics::new(),
    };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("model");
    write_bundle(&dir, &card, &formula::weights_of(&spec, 1.4), "").unwrap();
    Bundle::open(&dir).unwrap()
}

/// Three tiles of bytes.
fn pixels() -> Vec<u8> {
    (0..3 * 64 * 64 * 3_u32)
        .map(|at| (((at.wrapping_mul(2_654_435_761)) >> 27) * (at / 12_288 + 5)).to_le_bytes()[0])
        .collect()
}

#[test]
fn the_largest_score_is_explained_unless_a_name_is_given() {
    let device = open(DeviceSpec::Cpu).unwrap();
    let model = bundle(Activation::Softmax, &["a", "b", "c"], None);
    let explainer = Explainer::new(&model, &device).unwrap();
    assert_eq!((explainer.output(Some("c")).unwrap(), explainer.output(None).unwrap()), (Some(2), None));
    let error = explainer.output(Some("d")).unwrap_err();
    assert_eq!((error.code(), error.message()), ("INF-0003", "expected one of a, b, c, found \"d\""));
    let decided = explainer.explain(&pixels(), None).unwrap();
    assert_eq!(decided.len(), 3);
    for (at, tile) in decided.iter().enumerate() {
        assert_eq!(Some(tile.output), eosin::tile::arg_max(&tile.scores));
        // A tile has one explanation, whichever tiles are beside it.
        let alone = explainer.explain(&pixels()[at * 12_288..][..12_288], Some(tile.output)).unwrap();
        assert_eq!(alone[0].output, tile.output);
        let expected: Vec<f64> = alone[0].map.values().iter().map(|&value| f64::from(value)).collect();
        assert_close("alone", tile.map.values(), &expected, SAME);
    }
    assert_eq!(explainer.explain(&pixels()[1..], None).unwrap_err().code(), "INF-0005");
    assert_eq!(explainer.explain(&pixels(), Some(3)).unwrap_err().code(), "INF-0004");
    assert_eq!(explainer.explain(&[], None).unwrap(), []);

    // A temperature changes how sure the model is, and not what speaks for a class.
    let warm = bundle(Activation::Softmax, &["a", "b", "c"], Some(3.0));
    for (plain, warm) in decided.iter().zip(Explainer::new(&warm, &device).unwrap().explain(&pixels(), None).unwrap()) {
        assert_eq!((plain.output, &plain.map), (warm.output, &warm.map));
        assert!(warm.scores[warm.output] < plain.scores[plain.output]);
    }
}

#[test]
fn of_several_estimates_one_has_to_be_named_and_features_mean_nothing() {
    let device = open(DeviceSpec::Cpu).unwrap();
    let model = bundle(Activation::Identity, &["x", "y"], None);
    let explainer = Explainer::new(&model, &device).unwrap();
    assert_eq!(explainer.output(None).unwrap_err().code(), "INF-0003");
    assert_eq!(explainer.explain(&pixels(), explainer.output(Some("y")).unwrap()).unwrap()[0].output, 1);
    let one = bundle(Activation::Identity, &["x"], None);
    assert_eq!(Explainer::new(&one, &device).unwrap().output(None).unwrap(), None);
    let features = bundle(Activation::Identity, &[], None);
    assert_eq!(Explainer::new(&features, &device).unwrap_err().code(), "INF-0002");
}
