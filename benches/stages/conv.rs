//! A convolution with bias and `ReLU` → memory of the device, for the layers of ResNet-18 and ResNet-50 at 224 pixels: burn's
//! own with all that its merging of operations does, and ours in each of its ways.
//!
//! Layers of one shape stand for all of that shape. What is timed ends when the device is done, and copies nothing back.

use crate::input::{Input, Target};
use crate::{group, skipped, warm_up};
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use criterion::Criterion;
use eosin::cpu::Act;
use eosin::device::AdapterKind;
use eosin::gpu::conv::{Convolution, TILES, Tile, Way, conv2d_by, laid, takes_tiles};
use eosin::ops::conv::{ConvShape, ConvSizes};
use std::cell::LazyCell;

/// Tiles in a batch where none is asked for.
const BATCHES: [usize; 2] = [64, 1];

/// Kernel, stride, channels in and out, and side of the input.
const LAYERS: [[usize; 5]; 17] = [
    [7, 2, 3, 64, 224],
    [3, 1, 64, 64, 56],
    [3, 2, 64, 128, 56],
    [3, 1, 128, 128, 28],
    [3, 2, 128, 256, 28],
    [3, 1, 256, 256, 14],
    [3, 2, 256, 512, 14],
    [3, 1, 512, 512, 7],
    [1, 2, 64, 128, 56],
    [1, 1, 64, 256, 56],
    [1, 1, 256, 64, 56],
    [1, 1, 128, 512, 28],
    [1, 1, 512, 128, 28],
    [1, 1, 256, 1024, 14],
    [1, 1, 1024, 256, 14],
    [1, 1, 512, 2048, 7],
    [1, 1, 2048, 512, 7],
];

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    let Some(target) = &input.device else {
        skipped("conv", "it is about GPUs, and EOSIN_BENCH_DEVICE names none");
        return;
    };
    if target.open.kind == AdapterKind::Software.name() && input.batch.is_none() {
        skipped("conv", "a software adapter takes minutes for a layer; with EOSIN_BENCH_BATCH=1 it is tried");
        return;
    }
    let tiles = if takes_tiles(&target.open.device) { &TILES[..] } else { &[] };
    if tiles.is_empty() {
        skipped(&format!("{}/f32/conv/.../{}", target.name, TILES[0].0), "shared memory does not work on the device");
    }
    let batches = input.batch.map_or(BATCHES.to_vec(), |batch| vec![batch]);
    for dtype in [FloatDType::F32, FloatDType::F16] {
        let name = if dtype == FloatDType::F16 { "f16" } else { "f32" };
        if !target.open.device.supports_dtype(dtype) {
            skipped(&format!("{}/{name}/conv", target.name), "the device does not have these numbers");
            continue;
        }
        for layer in LAYERS {
            for &batch in &batches {
                layer_of(criterion, target, tiles, (dtype, name), layer, batch);
            }
        }
    }
}

fn layer_of(
    criterion: &mut Criterion,
    target: &Target,
    tiles: &[(&str, Tile)],
    (dtype, dtype_name): (FloatDType, &str),
    [kernel, stride, channels_in, channels_out, side]: [usize; 5],
    batch: usize,
) {
    let shape = ConvShape::new(stride, [kernel / 2; 2]);
    let channels = [channels_in, channels_out];
    let sizes = ConvSizes { tiles: batch, channels, input: [side; 2], kernel: [kernel; 2], shape };
    let products = sizes.pixels() * channels_out * sizes.terms();
    let mut group = group(criterion, &target.name, dtype_name, "conv", products);
    let device = &target.open.device;
    // Made when its turn comes, so that a choice of ids makes no others.
    let ready = LazyCell::new(|| Ready::new(&sizes, dtype, device));
    let layer = format!("{kernel}x{kernel}-{channels_in}-{channels_out}-{side}-s{stride}");
    let mut time = |way: &str, run: &dyn Fn(&Ready) -> Tensor<4>| {
        group.bench_function(format!("{layer}/{way}/batch={batch}"), |bencher| {
            let ready = &*ready;
            let mut once = || {
                drop(run(ready));
                device.sync().unwrap();
            };
            warm_up(&mut once);
            bencher.iter(once);
        });
    };
    let options = ConvOptions::new([stride; 2], [kernel / 2; 2], [1, 1], 1);
    time("graph", &|ready| {
        let out = conv2d(ready.input.clone(), ready.weight.clone(), None, options.clone());
        relu(out + ready.bias.clone().reshape([1, -1, 1, 1]))
    });
    time("burn", &|ready| ready.by(Way::Burn, shape));
    time("tuned", &|ready| ready.by(Way::Tuned, shape));
    for &(tile_name, tile) in tiles {
        time(tile_name, &|ready| ready.by(Way::Tile(tile), shape));
    }
    group.finish();
}

/// What a layer reads, on the device.
struct Ready {
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
}

impl Ready {
    fn new(sizes: &ConvSizes, dtype: FloatDType, device: &Device) -> Self {
        let values = |count: usize| -> Vec<f32> {
            (-100..=100_i16).cycle().step_by(7).map(|value| f32::from(value) / 1000.0).take(count).collect()
        };
        let tensor = |shape: [usize; 4]| {
            let values = values(shape.iter().product());
            Tensor::<4>::from_data(TensorData::new(values, shape), device).cast(dtype)
        };
        let [channels_in, channels_out] = sizes.channels;
        let [height, width] = sizes.input;
        // In memory as a layer before would have left it.
        let input = tensor([sizes.tiles, height, width, channels_in]).permute([0, 3, 1, 2]);
        let weight = laid(tensor([channels_out, channels_in, sizes.kernel[0], sizes.kernel[1]]));
        let bias = tensor([channels_out, 1, 1, 1]).reshape([channels_out]);
        Self { input, weight, bias }
    }

    fn by(&self, way: Way, shape: ConvShape) -> Tensor<4> {
        let (input, weight, bias) = (self.input.clone(), self.weight.clone(), Some(self.bias.clone()));
        conv2d_by(way, Convolution { input, weight, bias, residual: None, shape, act: Act::Relu })
    }
}
