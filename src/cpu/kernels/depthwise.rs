//! Convolutions that filter each channel alone: a block of channels of one image.

use super::Memory;
use super::act::apply;
use super::lanes::{LANES, Lanes};
use crate::cpu::graph::Act;

/// One block of channels of one image; places are in numbers from the beginning of the memory.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Depthwise {
    /// Origin of what the first pixel reads.
    pub input: usize,
    /// From one row of the input to the next.
    pub input_row: usize,
    /// `[K, K, 16]`, and the bias after it.
    pub weights: usize,
    pub output: usize,
    pub output_row: usize,
    pub width: usize,
    pub height: usize,
    pub bounds: [f32; 2],
    pub act: Act,
}

/// Computes all rows, `P` pixels at a time, with a kernel of side `K` and a stride of `S`.
///
/// # Safety
/// As [`Lanes`]; every place of the call must lie in the memory, and `P` must be at most the width.
#[inline(always)]
pub(super) unsafe fn rows<L: Lanes, const K: usize, const S: usize, const P: usize>(call: &Depthwise, memory: Memory) {
    unsafe {
        let pieces = call.width.div_ceil(P);
        let [low, high] = [L::splat(call.bounds[0]), L::splat(call.bounds[1])];
        let weights = memory.weights.add(call.weights);
        let bias = L::load(weights.add(K * K * LANES));
        for row in 0..call.height {
            let input = memory.at(call.input + row * S * call.input_row);
            let output = memory.at(call.output + row * call.output_row);
            for piece in 0..pieces {
                let x = if piece + 1 == pieces { call.width - P } else { piece * P };
                let mut sums = [bias; P];
                for ky in 0..K {
                    let line = input.add(ky * call.input_row + x * S * LANES);
                    let mut factors = [bias; K];
                    for kx in 0..K {
                        factors[kx] = L::load(weights.add((ky * K + kx) * LANES));
                    }
                    // Each pixel is read once and goes wherever it counts.
                    for at in 0..(P - 1) * S + K {
                        let value = L::load(line.add(at * LANES));
                        for kx in 0..K {
                            if at >= kx && (at - kx) % S == 0 && (at - kx) / S < P {
                                sums[(at - kx) / S] = value.fma(factors[kx], sums[(at - kx) / S]);
                            }
                        }
                    }
                }
                for p in 0..P {
                    high.min_of(low.max_of(sums[p])).store(output.add((x + p) * LANES));
                }
            }
            if call.act != Act::None {
                apply::<L>(output, call.width, call.act);
            }
        }
    }
}
