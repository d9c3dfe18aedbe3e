//! Rounded numbers: the loops that every processor can run against the definitions in f64, and the matrix unit against
//! these loops.

use super::BF16_TWIN as TWIN;
use super::oracle::{Maps, compute_rounded};
use super::{Act, Conv, Engine, Graph, Options, Padding, Sums, Tiles, Value};
use crate::error::ErrorKind;
use crate::random::Random;
use proptest::prelude::*;
use std::io::Write;
use std::sync::Once;

/// One more than are computed at once where weights are many.
const TILES: usize = 9;
/// Largest difference relative to the largest output. Products of whole numbers are exact in any order, so that only the
/// last sums, which are f32 of large numbers, differ.
const WHOLE: f64 = 1e-5;
/// With other numbers, the last bit of an f32 now and then decides to which side a number of 8 bits falls (4e-3 of itself),
/// which is then one term of some hundred; the worst of a thousand shapes was found at 3e-4.
const ANY: f64 = 2e-3;

/// Draws whole numbers, or any.
struct Draw {
    graph: Graph,
    random: Random,
    whole: bool,
}

impl Draw {
    fn new(whole: bool, seed: u64) -> (Self, Value) {
        let (graph, tile) = Graph::new();
        (Self { graph, random: Random::of(&[seed]), whole }, tile)
    }

    fn numbers(&mut self, count: usize, whole: f32, reach: f32) -> Vec<f32> {
        let reach = if self.whole { whole } else { reach };
        let drawn = (0..count).map(|_| self.random.within(reach));
        if self.whole { drawn.map(f32::round).collect() } else { drawn.collect() }
    }

    fn conv(&mut self, input: Value, out: usize, kernel: [usize; 2], stride: usize, padding: Padding) -> Value {
        let inputs = self.graph.channels(input);
        let terms = inputs * kernel[0] * kernel[1];
        let weight = self.numbers(out * terms, 2.0, (3.0 / terms as f32).sqrt());
        let bias = self.numbers(out, 9.0, 0.2);
        let conv = Conv { channels: [inputs, out], kernel, stride, padding, groups: 1, weight, bias };
        self.graph.conv(input, conv)
    }

    /// Asks for the means of the maps, and for sums that tell their places apart.
    fn give(&mut self, maps: Value, size: [usize; 2]) {
        let mean = self.graph.global_mean(maps);
        self.graph.give(mean);
        let sums = self.conv(maps, 4, size, 1, Padding::Explicit([0; 2]));
        self.graph.give(sums);
    }
}

fn run(graph: &Graph, side_px: usize, tiles: &[f32], kernels: &str) -> Vec<f32> {
    let engine = Engine::on(graph, Options { side_px, sums: Sums::Bf16 }, Some(kernels)).unwrap();
    assert_eq!(engine.name(), kernels);
    let mut out = vec![f32::NAN; TILES * engine.outputs()];
    let mut workspace = engine.workspace();
    // Twice: what was rounded before must not be seen again.
    for _ in 0..2 {
        engine.run(&mut workspace, Tiles::Numbers(tiles), TILES, &mut out);
    }
    out
}

fn assert_near(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-3, |most: f64, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs() / scale;
        assert!(error <= tolerance, "{what}: expected {expected}, found {found}");
    }
}

/// Holds the twin against the definitions, and the matrix unit, where there is one, against the twin.
fn check(mut draw: Draw, side: usize) {
    let tiles = draw.numbers(TILES * 3 * side * side, 8.0, 2.0);
    let (graph, tolerance) = (draw.graph, if draw.whole { WHOLE } else { ANY });
    let all = Maps { shape: [TILES, 3, side, side], data: tiles.iter().map(|&value| f64::from(value)).collect() };
    let truths = compute_rounded(&graph, &all);
    let row = |tile: usize| {
        truths.iter().flat_map(move |truth| truth.data[tile * truth.shape[1]..][..truth.shape[1]].to_vec())
    };
    let expected: Vec<f64> = (0..TILES).flat_map(row).collect();
    let twin = run(&graph, side, &tiles, TWIN);
    assert_near(&twin, &expected, tolerance, TWIN);
    let Some(name) = Engine::matrix_kernels() else {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            let _ = writeln!(std::io::stderr(), "skipped: no AMX here that could be held against {TWIN}");
        });
        return;
    };
    let found = run(&graph, side, &tiles, name);
    let twin: Vec<f64> = twin.into_iter().map(f64::from).collect();
    assert_near(&found, &twin, tolerance, name);
}

fn size(length: [usize; 2], kernel: [usize; 2], stride: usize, padding: Padding) -> [usize; 2] {
    std::array::from_fn(|axis| match padding {
        Padding::Same => length[axis].div_ceil(stride),
        Padding::Explicit(padding) => (length[axis] + 2 * padding[axis] - kernel[axis]) / stride + 1,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_of_any_shape_of_rounded_numbers(
        side in 6_usize..36, inputs in 1_usize..70, out in 1_usize..70, first in (1_usize..9, 1_usize..3),
        kernel in prop::sample::select(vec![[1_usize, 1_usize], [3, 3], [1, 7], [7, 1], [5, 5], [2, 3]]),
        stride in 1_usize..3, same in any::<bool>(), whole in any::<bool>(),
    ) {
        let (mut draw, tile) = Draw::new(whole, 1);
        let stem = draw.conv(tile, inputs, [first.0; 2], first.1, Padding::Same);
        let seen = size([side; 2], [first.0; 2], first.1, Padding::Same);
        let padding = if same { Padding::Same } else { Padding::Explicit(kernel.map(|side| side / 2)) };
        let maps = draw.conv(stem, out, kernel, stride, padding);
        draw.give(maps, size(seen, kernel, stride, padding));
        check(draw, side);
    }

    #[test]
    fn shortcuts_and_activations_after_rounded_numbers(
        side in 3_usize..30, channels in 1_usize..70, out in 1_usize..70, whole in any::<bool>(), wide in any::<bool>(),
        act in prop::sample::select(vec![Act::None, Act::Relu, Act::Silu, Act::HardSwish, Act::Gelu, Act::Sigmoid]),
    ) {
        let (mut draw, tile) = Draw::new(whole, 2);
        let stem = draw.conv(tile, channels, [3, 3], 1, Padding::Explicit([1, 1]));
        let bent = draw.graph.act(stem, Act::Relu);
        let first = draw.conv(bent, out, [1, 1], 1, Padding::Same);
        let first = draw.graph.act(first, Act::Relu6);
        let kernel = if wide { [3, 3] } else { [1, 1] };
        let second = draw.conv(first, channels, kernel, 1, Padding::Same);
        let sum = draw.graph.add(second, bent);
        let exact = if whole { Act::Relu } else { act };
        let maps = draw.graph.act(sum, exact);
        draw.give(maps, [side; 2]);
        check(draw, side);
    }
}

#[test]
fn many_weights_are_read_for_several_images_at_once() {
    for (whole, kernel, side) in [(true, [3, 3], 5), (false, [3, 3], 6), (true, [1, 1], 7)] {
        let (mut draw, tile) = Draw::new(whole, 5);
        let channels = if kernel == [1, 1] { 720 } else { 250 };
        let stem = draw.conv(tile, channels, [1, 1], 1, Padding::Same);
        let maps = draw.conv(stem, channels + 20, kernel, 1, Padding::Same);
        draw.give(maps, [side; 2]);
        let memory = |kernels, sums| {
            let engine = Engine::on(&draw.graph, Options { side_px: side, sums }, kernels).unwrap();
            engine.bytes()[0]
        };
        assert!(memory(Some(TWIN), Sums::Bf16) > 2 * memory(None, Sums::Exact), "several images have their own memory");
        check(draw, side);
    }
}

#[test]
fn what_is_no_number_stays_none_and_only_where_it_is_seen() {
    let (mut draw, tile) = Draw::new(false, 3);
    let stem = draw.conv(tile, 20, [1, 1], 1, Padding::Same);
    let maps = draw.conv(stem, 20, [1, 1], 1, Padding::Same);
    draw.give(maps, [6, 6]);
    let mut tiles = vec![1.0; TILES * 3 * 36];
    // In the last tile, so that nothing of it may reach the others.
    tiles[(TILES - 1) * 3 * 36 + 7] = f32::NAN;
    for kernels in [TWIN].into_iter().chain(Engine::matrix_kernels()) {
        let out = run(&draw.graph, 6, &tiles, kernels);
        let (others, last) = out.split_at(out.len() / TILES * (TILES - 1));
        assert!(others.iter().all(|value| value.is_finite()) && last.iter().all(|value| value.is_nan()), "{kernels}");
    }
}

#[test]
fn rounded_numbers_are_refused_where_nothing_computes_them() {
    let (mut draw, tile) = Draw::new(false, 4);
    let stem = draw.conv(tile, 20, [3, 3], 2, Padding::Same);
    draw.give(stem, [5, 5]);
    let options = Options { side_px: 10, sums: Sums::Bf16 };
    if let Some(name) = Engine::matrix_kernels() {
        assert_eq!(Engine::new(&draw.graph, options).unwrap().name(), name);
    } else {
        let error = Engine::new(&draw.graph, options).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Device, "CPU-0003"), "{error}");
    }
    let error = Engine::on(&draw.graph, options, Some("portable")).unwrap_err();
    assert_eq!(error.code(), "CPU-0002");
    assert!(error.message().contains(TWIN), "{error}");
    let exact = Options { sums: Sums::Exact, ..options };
    assert_eq!(Engine::on(&draw.graph, exact, Some(TWIN)).unwrap_err().code(), "CPU-0002");
}
