//! Every architecture gives on the GPU what it gives on the CPU, for weights and tiles by formula.
//!
//! A software adapter takes seconds to minutes for each, so it is given those that stand for all, and the others only with
//! `EOSIN_ALL_NETWORKS=1`; a real GPU is given all.

use crate::formula;
use burn::tensor::{Device, Tensor, TensorData};
use eosin::device::AdapterKind;
use eosin::nn::{
    Architecture, Head, Network, NetworkSpec, Variant, VitMlp, VitPool, VitPositions, VitShape, load, save,
};
use std::io::Write;

/// Largest difference from the CPU, relative to the largest value.
const TOLERANCE: f32 = 1e-3;

fn outputs(network: &Network, side: usize, device: &Device) -> Vec<f32> {
    let tiles = Tensor::from_data(TensorData::new(formula::tiles(side), [2, 3, side, side]), device);
    network.forward(tiles).into_data().iter::<f32>().collect()
}

/// `gain` keeps values of order 1 through the depth of the network, so that its output depends on the tile.
fn agrees(spec: NetworkSpec, gain: f64, side: usize) {
    let Some(gpu) = super::device() else { return };
    let cpu = Device::flex();
    let weights = formula::weights_of(&spec, gain);
    let on_cpu = load(spec.init(&cpu).unwrap(), &weights, Head::FromFile).unwrap().fold().unwrap();
    let folded = save(&on_cpu).unwrap();
    let on_gpu = load(spec.folded().init(&gpu.device).unwrap(), &folded, Head::FromFile).unwrap();
    let (expected, found) = (outputs(&on_cpu, side, &cpu), outputs(&on_gpu, side, &gpu.device));
    let scale = expected.iter().fold(0.0, |max: f32, value| max.max(value.abs()));
    let largest = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale;
    let (first, second) = expected.split_at(expected.len() / 2);
    assert!(largest(first, second) > 0.01, "the tiles make no difference to {}", spec.architecture);
    let error = largest(&expected, &found);
    println!("{}: relative error {error:.1e} at {side} px", spec.architecture);
    assert!(error <= TOLERANCE && found.len() == expected.len(), "{error:e}");
}

fn torch(architecture: Architecture) -> NetworkSpec {
    NetworkSpec::torch(architecture, 10)
}

fn vit(shape: VitShape) -> NetworkSpec {
    let variant = Variant { vit: Some(shape), ..Variant::default() };
    NetworkSpec { variant, ..torch(Architecture::Vit) }
}

#[test]
fn resnet18() {
    agrees(torch(Architecture::ResNet18), 1.2, 64);
}

#[test]
fn mobilenetv2() {
    agrees(torch(Architecture::MobileNetV2), 1.4, 64);
}

#[test]
fn efficientnet_b0() {
    agrees(torch(Architecture::EfficientNetB0), 1.9, 64);
}

#[test]
fn vit_small() {
    agrees(vit(VitShape { input_px: 64, ..VitShape::SMALL_16 }), 1.0, 64);
}

/// Registers, scaled layers, gated MLP: the kind of Virchow2 and H-optimus.
#[test]
fn vit_with_everything() {
    let shape = VitShape {
        input_px: 70,
        token_px: 14,
        dim: 96,
        depth: 2,
        heads: 3,
        hidden: 128,
        mlp: VitMlp::SwiGlu,
        registers: 4,
        layer_scale: true,
        positions: VitPositions::All,
        pool: VitPool::TokenAndMean,
    };
    agrees(vit(shape), 1.0, 70);
}

/// Whether the networks that take long are to be tried; says so when not.
fn has_time() -> bool {
    let is_software = super::device().is_some_and(|gpu| gpu.kind == AdapterKind::Software.name());
    let has_time = !is_software || std::env::var_os("EOSIN_ALL_NETWORKS").is_some_and(|value| value == "1");
    if !has_time {
        let _ = writeln!(std::io::stderr(), "skipped: takes long on a software adapter; EOSIN_ALL_NETWORKS=1 tries it");
    }
    has_time
}

/// Networks that take long on a software adapter.
macro_rules! on_real_gpus {
    ($($test:ident: $architecture:ident, $gain:literal, $side:literal;)*) => {
        $(#[test]
        fn $test() {
            if has_time() {
                agrees(torch(Architecture::$architecture), $gain, $side);
            }
        })*
    };
}

on_real_gpus! {
    resnet34: ResNet34, 1.1, 64;
    resnet50: ResNet50, 1.2, 64;
    preactresnet34: PreActResNet34, 1.1, 64;
    mobilenetv3_small: MobileNetV3Small, 1.9, 64;
    densenet121: DenseNet121, 1.6, 64;
    squeezenet: SqueezeNet, 1.4, 64;
    shufflenetv2: ShuffleNetV2, 1.45, 64;
    inception_v4: InceptionV4, 1.57, 107;
    convnext_tiny: ConvNeXtTiny, 1.0, 64;
    vit_small_at_its_size: VitSmall16, 1.0, 224;
}
