//! Graphs of networks against the networks.

use super::*;
use crate::cpu::oracle::{Maps, compute};
use crate::nn::network::Network;
use crate::nn::spec::{NetworkSpec, Padding};
use crate::nn::tensor_map::{TensorMap, Weight};
use crate::nn::weights::{Head, load};
use crate::random::Random;
use burn::tensor::{Device, TensorData};

/// Largest difference between f32 sums and f64 ones, relative to the largest value.
const TOLERANCE: f64 = 3e-5;

/// Random weights that keep values of order 1, so that outputs depend on every layer; `gain` is for the depth.
fn weights(spec: &NetworkSpec, gain: f32) -> TensorMap {
    let tensor = |(at, (name, shape)): (u64, (String, Vec<usize>))| {
        let mut random = Random::of(&[at]);
        let fan_in: usize = shape.iter().skip(1).product();
        let mut value = || match name.rsplit('.').next() {
            Some("running_var") => 1.25 + random.within(0.25),
            Some("running_mean" | "bias") => random.within(0.1),
            _ if shape.len() > 1 => random.within(gain * (3.0 / fan_in as f32).sqrt()),
            _ => 1.0 + random.within(0.1),
        };
        let data = (0..shape.iter().product()).map(|_| value()).collect();
        (name.clone(), Weight { shape: shape.clone(), data })
    };
    (0..).zip(spec.tensors().unwrap()).map(tensor).collect()
}

fn network(spec: &NetworkSpec, gain: f32) -> Network {
    load(spec.init(&Device::flex()).unwrap(), &weights(spec, gain), Head::FromFile).unwrap()
}

fn assert_close(what: &str, found: &[&Maps], expected: Tensor<2>) {
    let [tiles, columns] = expected.dims();
    assert_eq!(found.iter().map(|maps| maps.shape[1]).sum::<usize>(), columns, "{what}");
    assert!(found.iter().all(|maps| maps.shape[0] == tiles && maps.shape[2..] == [1, 1]), "{what}");
    assert!(found.iter().all(|maps| maps.data.iter().all(|value| value.is_finite())), "{what}");
    let row = |tile: usize| found.iter().flat_map(move |maps| &maps.data[tile * maps.shape[1]..][..maps.shape[1]]);
    let expected: Vec<f64> = expected.into_data().iter::<f64>().collect();
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |max: f64, value| max.max(value.abs()));
    let scale = largest(&mut expected.iter().copied());
    let error = largest(&mut (0..tiles).flat_map(row).zip(&expected).map(|(found, expected)| found - expected)) / scale;
    let of_tiles = largest(&mut (0..columns).map(|at| expected[at] - expected[columns + at])) / scale;
    assert!(of_tiles > 0.01, "{what}: the tiles make no difference");
    assert!(error <= TOLERANCE, "{what}: {error:e}");
}

/// The graph gives what the network gives, and its looks; that of the folded network is the same graph.
fn agrees(spec: NetworkSpec, gain: f32, side: usize) {
    let network = network(&spec, gain);
    let mut random = Random::of(&[side as u64]);
    let numbers: Vec<f32> = (0..2 * 3 * side * side).map(|_| random.within(2.0)).collect();
    let tiles = Tensor::from_data(TensorData::new(numbers.clone(), [2, 3, side, side]), &Device::flex());
    let graph = network.graph(true).unwrap().unwrap();
    let maps = Maps { shape: [2, 3, side, side], data: numbers.into_iter().map(f64::from).collect() };
    let found = compute(&graph, &maps);
    let (outputs, looks) = network.forward_and_looks(tiles);
    let what = format!("{} at {side} px, {} classes", spec.timm_name(), spec.classes);
    assert_eq!(found[0].shape, [2, spec.outputs(), 1, 1]);
    assert_close(&what, &[&found[0]], outputs);
    assert_close(&format!("{what}, looks"), &found[1..].iter().collect::<Vec<_>>(), looks);
    assert!(network.fold().unwrap().graph(true).unwrap().unwrap() == graph, "{what}: folded, another graph");
}

/// One test per network, so that they run side by side: its name, classes, gain, sides of tiles.
macro_rules! networks {
    ($($test:ident: $name:literal to $classes:literal, $gain:literal at $side:literal;)*) => {
        $(#[test]
        fn $test() {
            agrees(NetworkSpec::named($name, $classes).unwrap(), $gain, $side);
        })*
    };
}

networks! {
    resnet18_is_its_graph: "resnet18" to 3, 1.2 at 33;
    resnet34_is_its_graph: "resnet34" to 3, 1.1 at 32;
    resnet50_is_its_graph: "resnet50" to 3, 1.2 at 37;
    wide_resnet50_is_its_graph: "wide_resnet50_2" to 0, 1.2 at 32;
    preactresnet34_is_its_graph: "preactresnet34" to 3, 1.1 at 45;
    mobilenetv2_is_its_graph: "mobilenetv2" to 3, 1.4 at 64;
    narrow_mobilenetv2_is_its_graph: "mobilenetv2_050" to 3, 1.4 at 47;
    mobilenetv3_small_is_its_graph: "mobilenetv3-small" to 3, 1.6 at 64;
    narrow_mobilenetv3_small_is_its_graph: "mobilenetv3_small_050" to 0, 1.6 at 50;
    tensorflows_mobilenetv3_small_is_its_graph: "tf_mobilenetv3_small_100" to 3, 1.6 at 45;
    efficientnet_b0_is_its_graph: "efficientnet-b0" to 3, 1.7 at 64;
    tensorflows_efficientnet_b0_is_its_graph: "tf_efficientnet_b0" to 0, 1.7 at 46;
    densenet121_is_its_graph: "densenet121" to 3, 1.6 at 41;
    squeezenet_is_its_graph: "squeezenet1-0" to 3, 1.4 at 50;
    squeezenet_without_classes_is_its_graph: "squeezenet1-0" to 0, 1.4 at 63;
    shufflenetv2_is_its_graph: "shufflenetv2" to 3, 1.45 at 45;
    inception_v4_is_its_graph: "inception-v4" to 3, 1.57 at 75;
    convnext_is_its_graph: "convnext-tiny" to 3, 1.0 at 39;
    convnext_without_classes_is_its_graph: "convnext-tiny" to 0, 1.0 at 32;
}

#[test]
fn tensorflows_padding_of_an_even_side_is_its_graph() {
    let spec = NetworkSpec { padding: Padding::TfSame, ..NetworkSpec::named("mobilenetv2", 3).unwrap() };
    agrees(spec, 1.4, 48);
}

#[test]
fn without_looks_there_is_one_output_and_a_transformer_has_no_graph() {
    let spec = NetworkSpec::named("resnet18", 2).unwrap().folded();
    let graph = network(&spec, 1.2).graph(false).unwrap().unwrap();
    let tiles = Maps { shape: [1, 3, 32, 32], data: vec![0.5; 3 * 32 * 32] };
    assert_eq!(compute(&graph, &tiles).iter().map(|maps| maps.shape).collect::<Vec<_>>(), [[1, 2, 1, 1]]);
    let spec = NetworkSpec::named("vit-small-16", 2).unwrap();
    assert!(!spec.architecture.has_graph() && network(&spec, 1.0).graph(false).unwrap().is_none());
}

#[test]
fn weights_that_cannot_be_folded_are_a_fault() {
    let spec = NetworkSpec::named("resnet18", 2).unwrap();
    let mut map = weights(&spec, 1.2);
    let mut var = map.remove("layer1.0.bn1.running_var").unwrap();
    var.data[0] = f32::NAN;
    map.insert("layer1.0.bn1.running_var".to_owned(), var);
    let network = crate::nn::weights::place(spec.init(&Device::flex()).unwrap(), &map, Head::FromFile).unwrap();
    assert_eq!(network.graph(true).unwrap_err().code(), "MOD-0103");
}
