//! Every kernel of this processor against the definitions in f64, over odd shapes.

use super::oracle::{Maps, compute};
use super::{Act, Conv, Engine, Graph, Options, Padding, Sums, Tiles, Value, Window};
use crate::random::Random;
use proptest::prelude::*;

/// Tiles of a batch: one more than a chunk, so that the last chunk is not full.
const TILES: usize = 9;
/// Largest difference relative to the largest output: f32 sums of some thousand terms, and a bit more where convolutions go
/// by way of transformed numbers.
const EXACT: f64 = 3e-6;
const FAST: f64 = 1e-5;

/// Numbers around zero that a seed decides.
fn numbers(count: usize, scale: f32, seed: u64) -> Vec<f32> {
    let mut random = Random::of(&[seed]);
    (0..count).map(|_| random.within(scale)).collect()
}

fn conv(
    graph: &mut Graph,
    input: Value,
    out: usize,
    kernel: [usize; 2],
    stride: usize,
    padding: Padding,
    groups: usize,
) -> Value {
    let inputs = graph.channels(input);
    let terms = inputs / groups * kernel[0] * kernel[1];
    let seed = (out * 31 + terms) as u64;
    let weight = numbers(out * terms, (3.0 / terms as f32).sqrt(), seed);
    let bias = numbers(out, 0.2, seed + 1);
    graph.conv(input, Conv { channels: [inputs, out], kernel, stride, padding, groups, weight, bias })
}

/// A first convolution and what is asked for.
fn start(out: usize) -> (Graph, Value) {
    let (mut graph, tile) = Graph::new();
    let stem = conv(&mut graph, tile, out, [3, 3], 1, Padding::Explicit([1, 1]), 1);
    (graph, stem)
}

/// Holds all kernels against the definitions; outputs are the means of the maps, and a sum that tells their places apart.
fn check(mut graph: Graph, maps: Value, side: usize) {
    let mean = graph.global_mean(maps);
    graph.give(mean);
    let tiles = numbers(TILES * 3 * side * side, 1.0, 7);
    let all = Maps { shape: [TILES, 3, side, side], data: tiles.iter().map(|&value| f64::from(value)).collect() };
    let truths = compute(&graph, &all);
    let width: usize = truths.iter().map(|truth| truth.shape[1]).sum();
    let expected: Vec<f64> = (0..TILES)
        .flat_map(|tile| {
            truths.iter().flat_map(move |truth| truth.data[tile * truth.shape[1]..][..truth.shape[1]].to_vec())
        })
        .collect();
    let scale = expected.iter().fold(1e-3, |most: f64, value| most.max(value.abs()));
    for kernels in Engine::kernels() {
        for (sums, tolerance) in [(Sums::Exact, EXACT), (Sums::Fast, FAST)] {
            let engine = Engine::on(&graph, Options { side_px: side, sums }, Some(kernels)).unwrap();
            assert_eq!(engine.outputs(), width);
            let (mut alone, mut together) = (vec![f32::NAN; TILES * width], vec![f32::NAN; TILES * width]);
            let mut workspace = engine.workspace();
            // Twice: what lies around maps must still be zero.
            for _ in 0..2 {
                engine.run(&mut workspace, Tiles::Numbers(&tiles), TILES, &mut alone);
            }
            engine.run_all(Tiles::Numbers(&tiles), TILES, &mut together);
            assert_eq!(alone, together, "{kernels}");
            for (found, expected) in alone.iter().zip(&expected) {
                let error = (f64::from(*found) - expected).abs() / scale;
                assert!(error <= tolerance, "{kernels}, {sums:?}: expected {expected}, found {found}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_of_any_shape(
        side in 5_usize..40, inputs in 1_usize..70, out in 1_usize..70, kernel in (1_usize..6, 1_usize..6),
        stride in 1_usize..3, same in any::<bool>(),
    ) {
        let (mut graph, stem) = start(inputs);
        let kernel = [kernel.0, kernel.1];
        let padding = if same { Padding::Same } else { Padding::Explicit(kernel.map(|side| side / 2)) };
        let maps = conv(&mut graph, stem, out, kernel, stride, padding, 1);
        check(graph, maps, side);
    }

    #[test]
    fn squares_of_3_with_shortcuts(side in 3_usize..40, channels in 16_usize..70, out in 16_usize..70) {
        let (mut graph, stem) = start(channels);
        let bent = graph.act(stem, Act::Relu);
        let first = conv(&mut graph, bent, out, [3, 3], 1, Padding::Explicit([1, 1]), 1);
        let first = graph.act(first, Act::Relu6);
        let second = conv(&mut graph, first, channels, [3, 3], 1, Padding::Same, 1);
        let sum = graph.add(second, bent);
        let maps = graph.act(sum, Act::Relu);
        check(graph, maps, side);
    }

    /// What is looked at by several tiles at once lies in other memory than what is not, and shortcuts cross both ways.
    #[test]
    fn maps_that_stay_and_maps_that_pass(
        side in 4_usize..20, ops in prop::collection::vec((0_u8..5, any::<prop::sample::Index>()), 2..10),
    ) {
        let (mut graph, stem) = start(32);
        let mut values = vec![stem];
        for (op, earlier) in ops {
            let (last, earlier) = (values[values.len() - 1], *earlier.get(&values));
            values.push(match op {
                0 | 1 => conv(&mut graph, last, 32, [3, 3], 1, Padding::Explicit([1, 1]), 1),
                2 => conv(&mut graph, last, 32, [1, 1], 1, Padding::Explicit([0; 2]), 1),
                3 => graph.add(last, earlier),
                _ => graph.act(last, Act::Silu),
            });
        }
        check(graph, values[values.len() - 1], side);
    }

    #[test]
    fn channels_by_themselves(
        side in 7_usize..40, channels in 1_usize..70, kernel in prop::sample::select(vec![3_usize, 5, 7]),
        stride in 1_usize..3, same in any::<bool>(),
    ) {
        let (mut graph, stem) = start(channels);
        let stride = if kernel == 7 { 1 } else { stride };
        let padding = if same { Padding::Same } else { Padding::Explicit([kernel / 2; 2]) };
        let maps = conv(&mut graph, stem, channels, [kernel; 2], stride, padding, channels);
        let maps = graph.act(maps, Act::Silu);
        check(graph, maps, side);
    }

    #[test]
    fn groups(side in 5_usize..20, groups in 1_usize..5, own in 1_usize..34, made in 1_usize..34) {
        let (mut graph, stem) = start(groups * own);
        let maps = conv(&mut graph, stem, groups * made, [3, 3], 1, Padding::Explicit([1, 1]), groups);
        check(graph, maps, side);
    }

    #[test]
    fn windows(
        side in 5_usize..40, channels in 1_usize..40, window in 2_usize..4, stride in 1_usize..3, ceil in any::<bool>(),
        padded in any::<bool>(), largest in any::<bool>(),
    ) {
        let (mut graph, stem) = start(channels);
        let window = Window { side: window, stride, padding: usize::from(padded), ceil };
        let maps = if largest { graph.max_pool(stem, window) } else { graph.mean_pool(stem, window) };
        check(graph, maps, side);
    }

    #[test]
    fn joined_picked_weighed_and_normalised(side in 5_usize..30, one in 1_usize..50, two in 1_usize..50, aligned in any::<bool>()) {
        let round = |channels: usize| if aligned { channels.next_multiple_of(16) } else { channels };
        let (mut graph, stem) = start(round(one));
        let other = conv(&mut graph, stem, round(two), [1, 1], 1, Padding::Explicit([0; 2]), 1);
        let both = graph.join(vec![stem, other]);
        let third = conv(&mut graph, both, round(one), [3, 1], 1, Padding::Explicit([1, 0]), 1);
        let all = graph.join(vec![both, third]);
        let channels = graph.channels(all);
        let turned = graph.pick(all, (0..channels).rev().collect());
        let half = graph.pick(turned, (channels / 2..channels).collect());
        let count = graph.channels(half);
        let normal = graph.layer_norm(half, numbers(count, 1.0, 3), numbers(count, 1.0, 4), 1e-6);
        let affine = graph.affine(normal, numbers(count, 1.0, 5), numbers(count, 1.0, 6));
        let mean = graph.global_mean(affine);
        let weights = graph.act(mean, Act::Sigmoid);
        let maps = graph.weigh(affine, weights);
        let maps = graph.act(maps, Act::HardSwish);
        check(graph, maps, side);
    }
}

#[test]
fn every_activation_after_a_convolution_and_by_itself() {
    for act in [Act::None, Act::Relu, Act::Relu6, Act::Silu, Act::HardSwish, Act::Sigmoid, Act::HardSigmoid, Act::Gelu]
    {
        let (mut graph, stem) = start(20);
        let large = graph.affine(stem, vec![9.0; 20], vec![-1.0; 20]);
        let before = graph.pick(large, (0..20).collect());
        let alone = graph.act(before, act);
        let maps = conv(&mut graph, alone, 8, [1, 1], 1, Padding::Explicit([0; 2]), 1);
        let maps = graph.act(maps, act);
        check(graph, maps, 9);
    }
}

#[test]
fn bytes_are_seen_as_the_numbers_that_they_stand_for() {
    let (mut graph, stem) = start(20);
    let mean = graph.global_mean(stem);
    graph.give(mean);
    let (side, around) = (17, 23);
    let bytes: Vec<u8> = (0..2 * around * around * 3).map(|at| u8::try_from(at * 37 % 256).unwrap()).collect();
    let (scale, shift) = ([0.01, 0.02, 0.03], [-1.0, -2.0, -3.0]);
    let mut seen = Vec::new();
    for tile in 0..2 {
        for channel in 0..3 {
            for y in 0..side {
                for x in 0..side {
                    let byte = bytes[((tile * around + y + 3) * around + x + 3) * 3 + channel];
                    seen.push(f32::from(byte) * scale[channel] + shift[channel]);
                }
            }
        }
    }
    let engine = Engine::new(&graph, Options { side_px: side, sums: Sums::Exact }).unwrap();
    let run = |tiles| {
        let mut out = vec![0.0; 2 * engine.outputs()];
        engine.run(&mut engine.workspace(), tiles, 2, &mut out);
        out
    };
    assert_eq!(run(Tiles::Bytes { bytes: &bytes, side_px: around, scale, shift }), run(Tiles::Numbers(&seen)));
}

#[test]
fn what_cannot_be_planned_is_refused_with_a_reason() {
    let (plain, stem) = start(16);
    let with = |change: &dyn Fn(&mut Graph) -> Value| {
        let mut graph = plain.clone();
        let maps = change(&mut graph);
        let mean = graph.global_mean(maps);
        graph.give(mean);
        Engine::new(&graph, Options { side_px: 8, sums: Sums::Fast })
    };
    let bad = |weight: usize, bias: usize, stride: usize, kernel: usize| Conv {
        channels: [16, 4],
        kernel: [kernel; 2],
        stride,
        padding: Padding::Explicit([0; 2]),
        groups: 1,
        weight: vec![0.0; weight],
        bias: vec![0.0; bias],
    };
    assert!(with(&|graph| graph.conv(stem, bad(16 * 4, 4, 1, 1))).is_ok());
    let window = |side, padding| Window { side, stride: 2, padding, ceil: false };
    type Change<'a> = &'a dyn Fn(&mut Graph) -> Value;
    let wrong: [(&str, Change<'_>); 8] = [
        ("weights", &|graph| graph.conv(stem, bad(3, 4, 1, 1))),
        ("biases", &|graph| graph.conv(stem, bad(16 * 4, 5, 1, 1))),
        ("0 weights", &|graph| graph.conv(stem, bad(0, 4, 1, 0))),
        ("stride", &|graph| graph.conv(stem, bad(16 * 4, 4, 3, 1))),
        ("at least 9 px", &|graph| graph.conv(stem, bad(16 * 4 * 81, 4, 1, 9))),
        ("window", &|graph| graph.max_pool(stem, window(3, 3))),
        ("factors", &|graph| graph.affine(stem, vec![1.0; 3], vec![1.0; 3])),
        ("channels", &|graph| graph.pick(stem, vec![16])),
    ];
    for (word, change) in wrong {
        let error = with(change).unwrap_err();
        assert_eq!(error.code(), "CPU-0001", "{word}");
        assert!(error.message().contains(word), "{word}: {error}");
    }
    let (mut graph, tile) = Graph::new();
    graph.give(tile);
    assert_eq!(Engine::new(&graph, Options { side_px: 8, sums: Sums::Fast }).unwrap_err().code(), "CPU-0001");
    let unknown = Engine::on(&plain, Options { side_px: 8, sums: Sums::Fast }, Some("mmx")).unwrap_err();
    assert_eq!(unknown.code(), "CPU-0002");
    assert!(unknown.message().contains("portable"), "{unknown}");
}
