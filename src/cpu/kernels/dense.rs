//! Sums over all channels: convolutions, and the products inside Winograd's.
//!
//! A block of `R` rows of `P` pixels of `Z` vectors of output channels stays in registers. What a pixel reads is a list of
//! runs: stretches of numbers that lie one after another in memory, such as the channels of three pixels side by side. The
//! weights lie in the order in which they are used.

use super::Memory;
use super::act::apply;
use super::lanes::{LANES, Lanes};
use crate::cpu::graph::Act;

/// How far ahead weights are asked for, numbers: those of 512 channels come from beyond the cache, which takes as long as some
/// hundred products.
const AHEAD: usize = 2048;

/// A stretch of input numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Run {
    /// From the first pixel's origin, numbers.
    pub offset: usize,
    pub length: usize,
}

/// One group of output channels of one image; places are in numbers from the beginning of the memory.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Dense {
    /// Origin of what the first pixel reads.
    pub input: usize,
    /// From one output row's origin to the next.
    pub input_row: usize,
    pub runs: Vec<Run>,
    /// Of the packed weights, and of the bias in the same memory.
    pub weights: usize,
    pub bias: usize,
    pub output: usize,
    pub output_row: usize,
    /// From one vector of channels to the next.
    pub output_block: usize,
    /// What is added before the activation, with its row and block.
    pub residual: Option<[usize; 3]>,
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    pub bounds: [f32; 2],
    pub act: Act,
}

/// Where a block reads and writes.
#[derive(Clone, Copy)]
struct At {
    input: *const f32,
    output: *mut f32,
    residual: *const f32,
}

/// Computes groups of `R` rows, from a row on. `shift` is added to the places of input, output and weights.
///
/// # Safety
/// As [`Lanes`]; every place of the call, shifted, must lie in the memory, and `P` must be at most the width.
#[inline(always)]
pub(super) unsafe fn rows<L: Lanes, const R: usize, const P: usize, const Z: usize, const D: usize>(
    call: &Dense,
    memory: Memory,
    shift: [usize; 3],
    [first, groups]: [usize; 2],
) {
    unsafe {
        let pieces = call.width.div_ceil(P);
        let weights = memory.weights.add(call.weights + shift[2]);
        let bias = memory.weights.add(call.bias);
        for group in 0..groups {
            let row = first + group * R;
            let base = At {
                input: memory.at(call.input + shift[0] + row * call.input_row),
                output: memory.at(call.output + shift[1] + row * call.output_row),
                residual: match call.residual {
                    Some([place, pitch, _]) => memory.at(place + row * pitch),
                    None => memory.numbers,
                },
            };
            for piece in 0..pieces {
                // The last piece overlaps the one before: the same numbers once more cost less than pieces of many sizes.
                let x = if piece + 1 == pieces { call.width - P } else { piece * P };
                let at = At {
                    input: base.input.add(x * D),
                    output: base.output.add(x * LANES),
                    residual: if call.residual.is_some() { base.residual.add(x * LANES) } else { base.residual },
                };
                block::<L, R, P, Z, D>(call, weights, bias, at);
            }
            if call.act != Act::None {
                for r in 0..R {
                    for z in 0..Z {
                        let line = base.output.add(r * call.output_row + z * call.output_block);
                        apply::<L>(line, call.width, call.act);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn block<L: Lanes, const R: usize, const P: usize, const Z: usize, const D: usize>(
    call: &Dense,
    weights: *const f32,
    bias: *const f32,
    at: At,
) {
    unsafe {
        let mut sums = [[[L::splat(0.0); Z]; P]; R];
        for z in 0..Z {
            let bias = L::load(bias.add(z * LANES));
            for row in &mut sums {
                for pixel in row.iter_mut() {
                    pixel[z] = bias;
                }
            }
        }
        let mut weight = weights;
        for run in &call.runs {
            let mut input = [at.input.add(run.offset); R];
            for (r, input) in input.iter_mut().enumerate() {
                *input = input.add(r * call.input_row);
            }
            for k in 0..run.length {
                let mut factors = [L::splat(0.0); Z];
                for z in 0..Z {
                    factors[z] = L::load(weight.add(z * LANES));
                    L::expect(weight.wrapping_add(AHEAD + z * LANES));
                }
                for r in 0..R {
                    for p in 0..P {
                        let x = L::splat(*input[r].add(k + p * D));
                        for z in 0..Z {
                            sums[r][p][z] = x.fma(factors[z], sums[r][p][z]);
                        }
                    }
                }
                weight = weight.add(Z * LANES);
            }
        }
        // Each of these loops must be short enough to be unrolled as a whole: a sum that is indexed by a variable lives in
        // memory, and is stored there after every product.
        if let Some([_, pitch, block]) = call.residual {
            for r in 0..R {
                for z in 0..Z {
                    let line = at.residual.add(r * pitch + z * block);
                    for p in 0..P {
                        sums[r][p][z] = sums[r][p][z].add(L::load(line.add(p * LANES)));
                    }
                }
            }
        }
        let [low, high] = [L::splat(call.bounds[0]), L::splat(call.bounds[1])];
        for r in 0..R {
            for z in 0..Z {
                for p in 0..P {
                    sums[r][p][z] = high.min_of(low.max_of(sums[r][p][z]));
                }
            }
        }
        for r in 0..R {
            for z in 0..Z {
                let line = at.output.add(r * call.output_row + z * call.output_block);
                for p in 0..P {
                    sums[r][p][z].store(line.add(p * LANES));
                }
            }
        }
    }
}
