//! What is done to each number of some maps by itself, or to all channels of a place.

use super::Memory;
use super::act::apply;
use super::lanes::{LANES, Lanes};
use crate::cpu::graph::Act;

/// Where the maps of an image lie, in numbers from the beginning of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Maps {
    pub place: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one block of channels to the next.
    pub block: usize,
}

/// Maps of one size, pixels and blocks of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Size {
    pub blocks: usize,
    pub height: usize,
    pub width: usize,
}

/// One operation on all numbers of an image, and an activation after it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Each {
    pub what: What,
    pub input: Maps,
    pub output: Maps,
    pub size: Size,
    pub bounds: [f32; 2],
    pub act: Act,
}

/// What is done to each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) enum What {
    Copy,
    /// Times a factor, plus a summand: a vector of each for a block, in the weights.
    Affine(usize),
    /// Plus the number at the same place of these maps.
    Add(Maps),
    /// Times the number of the same channel: a vector for a block.
    Weigh(Maps),
}

/// Runs [`Each`].
///
/// # Safety
/// As [`Lanes`]; every place of the call must lie in the memory.
#[inline(always)]
pub(super) unsafe fn each<L: Lanes>(call: &Each, memory: Memory) {
    unsafe {
        let [low, high] = [L::splat(call.bounds[0]), L::splat(call.bounds[1])];
        let Size { blocks, height, width } = call.size;
        for block in 0..blocks {
            let (mut factor, mut summand) = (L::splat(1.0), L::splat(0.0));
            match call.what {
                What::Affine(weights) => {
                    let pair = memory.weights.add(weights + block * 2 * LANES);
                    factor = L::load(pair);
                    summand = L::load(pair.add(LANES));
                }
                What::Weigh(maps) => factor = L::load(memory.at(maps.place + block * maps.block)),
                What::Copy | What::Add(_) => {}
            }
            for y in 0..height {
                let input = memory.at(call.input.place + block * call.input.block + y * call.input.row);
                let output = memory.at(call.output.place + block * call.output.block + y * call.output.row);
                match call.what {
                    What::Copy => {
                        for x in 0..width {
                            let value = L::load(input.add(x * LANES));
                            high.min_of(low.max_of(value)).store(output.add(x * LANES));
                        }
                    }
                    What::Affine(_) => {
                        for x in 0..width {
                            // Rounded twice, as the reference does it.
                            let value = L::load(input.add(x * LANES)).mul(factor).add(summand);
                            high.min_of(low.max_of(value)).store(output.add(x * LANES));
                        }
                    }
                    What::Weigh(_) => {
                        for x in 0..width {
                            let value = L::load(input.add(x * LANES)).mul(factor);
                            high.min_of(low.max_of(value)).store(output.add(x * LANES));
                        }
                    }
                    What::Add(other) => {
                        let other = memory.at(other.place + block * other.block + y * other.row);
                        for x in 0..width {
                            let value = L::load(input.add(x * LANES)).add(L::load(other.add(x * LANES)));
                            high.min_of(low.max_of(value)).store(output.add(x * LANES));
                        }
                    }
                }
                apply::<L>(output, width, call.act);
            }
        }
    }
}

/// The mean over all places of each channel.
///
/// # Safety
/// As [`each`].
#[inline(always)]
pub(super) unsafe fn global_mean<L: Lanes>(input: Maps, output: Maps, size: Size, memory: Memory) {
    unsafe {
        let share = L::splat(1.0 / (size.height * size.width) as f32);
        for block in 0..size.blocks {
            let maps = memory.at(input.place + block * input.block).cast_const();
            // Rows are added up apart, so that a sum has no more terms than it must.
            let mut all = L::splat(0.0);
            for y in 0..size.height {
                let line = maps.add(y * input.row);
                let mut sums = [L::splat(0.0); 4];
                let fours = size.width / 4;
                for x in 0..fours {
                    for part in 0..4 {
                        sums[part] = sums[part].add(L::load(line.add((4 * x + part) * LANES)));
                    }
                }
                for x in 4 * fours..size.width {
                    sums[0] = sums[0].add(L::load(line.add(x * LANES)));
                }
                all = all.add(sums[0].add(sums[1]).add(sums[2].add(sums[3])));
            }
            all.mul(share).store(memory.at(output.place + block * output.block));
        }
    }
}

/// Layer normalisation over the channels of each place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct LayerNorm {
    pub input: Maps,
    pub output: Maps,
    pub size: Size,
    /// Channels that count; the last block may have fewer than [`LANES`].
    pub channels: usize,
    /// A vector of factors and one of summands for each block.
    pub weights: usize,
    pub epsilon: f32,
}

/// Runs [`LayerNorm`].
///
/// # Safety
/// As [`each`].
#[inline(always)]
pub(super) unsafe fn layer_norm<L: Lanes>(call: &LayerNorm, memory: Memory) {
    unsafe {
        let Size { blocks, height, width } = call.size;
        let share = 1.0 / call.channels as f32;
        for y in 0..height {
            for x in 0..width {
                let input = memory.at(call.input.place + y * call.input.row + x * LANES).cast_const();
                let output = memory.at(call.output.place + y * call.output.row + x * LANES);
                let mean = total::<L>(input, call, 0.0, false) * share;
                let variance = total::<L>(input, call, mean, true) * share;
                let scale = L::splat(1.0 / (variance + call.epsilon).sqrt());
                let mean = L::splat(mean);
                for block in 0..blocks {
                    let pair = memory.weights.add(call.weights + block * 2 * LANES);
                    let normal = L::load(input.add(block * call.input.block)).sub(mean).mul(scale);
                    let value = normal.mul(L::load(pair)).add(L::load(pair.add(LANES)));
                    value.store(output.add(block * call.output.block));
                }
            }
        }
    }
}

/// The sum over the channels of a place of what they are above `mean`, or of its square.
#[inline(always)]
unsafe fn total<L: Lanes>(place: *const f32, call: &LayerNorm, mean: f32, square: bool) -> f32 {
    unsafe {
        let (whole, rest) = (call.channels / LANES, call.channels % LANES);
        let above = L::splat(mean);
        let mut sums = L::splat(0.0);
        for block in 0..whole {
            let value = L::load(place.add(block * call.input.block)).sub(above);
            sums = if square { value.fma(value, sums) } else { sums.add(value) };
        }
        let mut lanes = [0.0_f32; LANES];
        sums.store(lanes.as_mut_ptr());
        for lane in 0..rest {
            let value = *place.add(whole * call.input.block + lane) - mean;
            lanes[lane] += if square { value * value } else { value };
        }
        // Halves, quarters and so on: few roundings for each number.
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
            half /= 2;
        }
        lanes[0]
    }
}

/// Channels of other maps of the same size, one by one.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Pick {
    /// For each channel the place of its first number, and from one row to the next.
    pub from: Vec<[usize; 2]>,
    pub output: Maps,
    pub size: Size,
}

/// Runs [`Pick`].
///
/// # Safety
/// As [`each`].
#[inline(always)]
pub(super) unsafe fn pick(call: &Pick, memory: Memory) {
    unsafe {
        for (block, from) in call.from.chunks(LANES).enumerate() {
            for y in 0..call.size.height {
                let output = memory.at(call.output.place + block * call.output.block + y * call.output.row);
                for (lane, [place, row]) in from.iter().enumerate() {
                    let line = memory.at(place + y * row).cast_const();
                    for x in 0..call.size.width {
                        *output.add(x * LANES + lane) = *line.add(x * LANES);
                    }
                }
            }
        }
    }
}
