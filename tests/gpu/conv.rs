//! `shaders/conv.rs` equals `src/ops/conv.rs`, and so does burn's own convolution with what follows it.

use burn::tensor::{FloatDType, Tensor, TensorData, Tolerance};
use eosin::cpu::Act;
use eosin::gpu::conv::{Convolution, TILES, Way, bend, conv2d_by, fused_conv2d, laid, takes_tiles};
use eosin::ops::conv::{ConvShape, ConvSizes, conv as conv_on_cpu};
use std::io::Write;

/// Sums in f32 against sums in f64, relative to the sum of the terms' sizes: a term is rounded at most as often as there are
/// terms, with 6e-8 each, but mostly as often as their root, and there are a few thousand.
const ROUNDING: f32 = 1e-5;
/// The steepest activation, hard swish, makes errors so much larger.
const STEEPEST: f32 = 1.5;
/// Of exponentials and of the error function, whose approximation is good to 1.5e-7.
const APPROXIMATION: f32 = 2e-6;
/// Results in f16 are rounded to 11 bits.
const HALF: f32 = 1e-3;

const ACTS: [Act; 8] =
    [Act::None, Act::Relu, Act::Relu6, Act::Silu, Act::HardSwish, Act::Sigmoid, Act::HardSigmoid, Act::Gelu];

/// What is added: bias, residual.
const ADDED: [[bool; 2]; 4] = [[true, true], [true, false], [false, false], [false, true]];

fn sizes(tiles: usize, channels: [usize; 2], input: [usize; 2], kernel: [usize; 2], shape: ConvShape) -> ConvSizes {
    ConvSizes { tiles, channels, input, kernel, shape }
}

/// The kinds of layers that networks have, at awkward sizes.
fn table() -> Vec<ConvSizes> {
    let plain = |stride, padding| ConvShape::new(stride, padding);
    let uneven = ConvShape { stride: [2, 1], before: [0, 2], after: [1, 0] };
    vec![
        sizes(1, [16, 32], [6, 6], [1, 1], plain(1, [0, 0])),
        sizes(3, [20, 36], [5, 7], [1, 1], plain(2, [0, 0])),
        sizes(1, [16, 64], [9, 9], [3, 3], plain(1, [1, 1])),
        sizes(2, [8, 20], [7, 9], [3, 3], plain(2, [1, 1])),
        sizes(1, [3, 64], [17, 17], [7, 7], plain(2, [3, 3])),
        sizes(1, [12, 16], [9, 9], [1, 7], plain(1, [0, 3])),
        sizes(1, [12, 16], [9, 9], [7, 1], plain(1, [3, 0])),
        sizes(3, [3, 5], [5, 6], [3, 3], plain(1, [1, 1])),
        sizes(1, [17, 33], [6, 5], [3, 3], plain(1, [0, 0])),
        sizes(1, [33, 17], [5, 5], [1, 1], plain(1, [0, 0])),
        sizes(1, [18, 6], [5, 5], [3, 3], plain(2, [1, 1])),
        sizes(2, [4, 12], [8, 8], [3, 3], ConvShape::same(2, [8, 8], [3, 3])),
        sizes(1, [6, 10], [7, 6], [2, 3], uneven),
        sizes(1, [1, 1], [1, 1], [1, 1], plain(1, [0, 0])),
        // More pixels than one tile of the largest has, so that a tile begins within an image.
        sizes(3, [8, 132], [9, 11], [1, 1], plain(1, [0, 0])),
    ]
}

/// Numbers from -1 to 1 that are the same each time.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + seed * 104_729 + at / 97) % 2003) as f32 / 1001.0 - 1.0).collect()
}

struct Case {
    sizes: ConvSizes,
    /// Input, weight, bias, residual.
    values: [Vec<f32>; 4],
    added: [bool; 2],
    act: Act,
    dtype: FloatDType,
}

impl Case {
    fn new(sizes: ConvSizes, added: [bool; 2], act: Act, dtype: FloatDType) -> Self {
        let [channels_in, channels_out] = sizes.channels;
        let input = sizes.tiles * channels_in * sizes.input[0] * sizes.input[1];
        let counts = [input, channels_out * sizes.terms(), channels_out, sizes.pixels() * channels_out];
        let mut values = [0, 1, 2, 3].map(|which| numbers(counts[which], which));
        if dtype == FloatDType::F16 {
            values.iter_mut().flatten().for_each(|value| *value = half::f16::from_f32(*value).to_f32());
        }
        Self { sizes, values, added, act, dtype }
    }

    fn on_cpu(&self, values: &[Vec<f32>; 4], act: Act) -> Vec<f32> {
        let [input, weight, bias, residual] = values;
        let [bias, residual] = [bias, residual].map(|values| &values[..]);
        let (bias, residual) = (self.added[0].then_some(bias), self.added[1].then_some(residual));
        conv_on_cpu(input, weight, bias, residual, &self.sizes, |x| bend(act, x))
    }

    /// Holds a way against the twin; the slack is how much worse than f32 sums it may be.
    fn check(&self, way: Way, slack: f32) {
        let Some(gpu) = super::device() else { return };
        let [height, width] = self.sizes.output();
        let ([channels_in, channels_out], [rows, columns]) = (self.sizes.channels, self.sizes.kernel);
        let tensor = |values: &Vec<f32>, shape: [usize; 4]| {
            Tensor::<4>::from_data(TensorData::new(values.clone(), shape), &gpu.device).cast(self.dtype)
        };
        let [input, weight, bias, residual] = &self.values;
        let input = tensor(input, [self.sizes.tiles, channels_in, self.sizes.input[0], self.sizes.input[1]]);
        let weight = tensor(weight, [channels_out, channels_in, rows, columns]);
        let bias = self.added[0].then(|| tensor(bias, [channels_out, 1, 1, 1]).reshape([channels_out]));
        let residual = self.added[1].then(|| tensor(residual, [self.sizes.tiles, channels_out, height, width]));
        let found =
            conv2d_by(way, Convolution { input, weight, bias, residual, shape: self.sizes.shape, act: self.act });
        assert_eq!(found.dims(), [self.sizes.tiles, channels_out, height, width]);
        let found: Vec<f32> = found.into_data().iter().collect();
        let expected = self.on_cpu(&self.values, self.act);
        let terms =
            self.on_cpu(&self.values.clone().map(|values| values.into_iter().map(f32::abs).collect()), Act::None);
        let half = if self.dtype == FloatDType::F16 { HALF } else { 0.0 };
        for (at, ((found, expected), terms)) in found.iter().zip(&expected).zip(terms).enumerate() {
            let allowed = STEEPEST * ROUNDING * slack * terms + APPROXIMATION + half * expected.abs();
            let error = (found - expected).abs();
            let Self { sizes, added, act, dtype, .. } = self;
            assert!(error <= allowed, "{way:?} {sizes:?} {added:?} {act:?} {dtype:?}, {at}: {found} {expected}");
        }
    }
}

/// Whether tiles can be held against the twin here; says so when not. They use shared memory, which some software adapters
/// get wrong kernels for ([`takes_tiles`]); `tests/fixed-cubecl.sh` tries them there all the same.
fn tiles_work() -> bool {
    let Some(gpu) = super::device() else { return false };
    let work = takes_tiles(&gpu.device);
    if !work {
        let _ = writeln!(std::io::stderr(), "skipped: tiles, as shared memory does not work on {}", gpu.name);
    }
    work
}

/// Every row of the table; what is added and the activation go round with the rows.
fn whole_table(way: Way, dtype: FloatDType, slack: f32) {
    for (at, sizes) in table().into_iter().enumerate() {
        let act = if at.is_multiple_of(2) { Act::Relu } else { Act::None };
        Case::new(sizes, ADDED[at % 4], act, dtype).check(way, slack);
    }
}

fn in_tiles(at: usize) {
    if tiles_work() {
        whole_table(Way::Tile(TILES[at].1), FloatDType::F32, 1.0);
    }
}

#[test]
fn tiles_of_128x128_equal_the_twin() {
    in_tiles(0);
}

#[test]
fn tiles_of_128x64_equal_the_twin() {
    in_tiles(1);
}

#[test]
fn tiles_of_64x64_equal_the_twin() {
    in_tiles(2);
}

#[test]
fn tiles_of_32x32_equal_the_twin() {
    in_tiles(3);
}

#[test]
fn burns_own_convolution_equals_the_twin() {
    whole_table(Way::Burn, FloatDType::F32, 1.0);
}

#[test]
fn every_activation_follows_what_is_added() {
    let tiles = tiles_work();
    let mut sizes = table();
    sizes.truncate(4);
    for (at, act) in ACTS.into_iter().enumerate() {
        let case = Case::new(sizes[at % 4], ADDED[at / 2 % 4], act, FloatDType::F32);
        case.check(Way::Burn, 1.0);
        if tiles {
            case.check(Way::Tile(TILES[3].1), 1.0);
        }
    }
}

/// Sizes by chance, the same each time: channels, sides, kernels, strides and paddings of all four sides.
#[test]
fn any_shape_equals_the_twin() {
    let tiles = tiles_work();
    let mut state = 20_261_121_u64;
    let mut up_to = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % (most + 1)).unwrap()
    };
    for at in 0..16 {
        let kernel = [1 + up_to(4), 1 + up_to(4)];
        let input = [kernel[0] + up_to(5), kernel[1] + up_to(5)];
        let shape = ConvShape {
            stride: [1 + up_to(2), 1 + up_to(2)],
            before: [up_to(2), up_to(2)],
            after: [up_to(2), up_to(2)],
        };
        let sizes = sizes(1 + up_to(2), [1 + up_to(30), 1 + up_to(70)], input, kernel, shape);
        let way = if tiles { Way::Tile(TILES[at % TILES.len()].1) } else { Way::Burn };
        Case::new(sizes, ADDED[at / 4], ACTS[at % ACTS.len()], FloatDType::F32).check(way, 1.0);
    }
}

/// Whatever is fastest gives the same, twice: first it is chosen, then it is known.
#[test]
fn the_way_that_is_chosen_equals_the_twin() {
    for at in [2, 7] {
        let case = Case::new(table()[at], [true, true], Act::Relu, FloatDType::F32);
        case.check(Way::Tuned, 1.0);
        case.check(Way::Tuned, 1.0);
    }
}

/// In half precision sums are as exact as in single precision, and rounded once. burn's plain kernel sums in f16.
#[test]
fn half_precision_is_rounded_once() {
    const SUMMED_IN_F16: f32 = 1000.0;
    let Some(gpu) = super::device() else { return };
    if !gpu.device.supports_dtype(FloatDType::F16) {
        let _ = writeln!(std::io::stderr(), "skipped: f16, which {} does not have", gpu.name);
        return;
    }
    whole_table(Way::Burn, FloatDType::F16, SUMMED_IN_F16);
    if tiles_work() {
        for (_, tile) in TILES {
            whole_table(Way::Tile(tile), FloatDType::F16, 1.0);
        }
    }
}

/// Weights that were laid anew are the same weights, for burn's own convolution as well.
#[test]
fn laid_weights_are_the_same_weights() {
    let Some(gpu) = super::device() else { return };
    let tensor = |values, shape| Tensor::<4>::from_data(TensorData::new(values, shape), &gpu.device);
    let weight = tensor(numbers(5 * 6 * 9, 1), [5, 6, 3, 3]);
    let input = tensor(numbers(6 * 25, 0), [1, 6, 5, 5]);
    let [found, expected] = [laid(weight.clone()), weight.clone()]
        .map(|weight| fused_conv2d(Convolution::new(input.clone(), weight, ConvShape::new(1, [1, 1]))).into_data());
    found.assert_approx_eq(&expected, Tolerance::<f32>::absolute(1e-5));
    laid(weight.clone()).into_data().assert_eq(&weight.into_data(), true);
}
