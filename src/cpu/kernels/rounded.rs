//! Convolutions whose inputs and weights are rounded to 16 bits; sums, and all that follows, are f32.
//!
//! The maps of an image are rounded first. Then runs of up to 16 pixels times 16 output channels are summed up, two of each
//! at once, by [`Multiply`]: on the matrix unit of the processor, or by plain loops that every processor can run.

use super::Memory;
use super::act::apply;
use super::bf16::{DEPTH, Rounding, round};
use super::lanes::{LANES, Lanes};
use super::maps::{Maps, Size};
use crate::cpu::graph::Act;

/// Most pixels of a run.
pub(super) const RUN: usize = 16;
/// Numbers of a tile of weights, which is [`DEPTH`] inputs for [`LANES`] outputs, in f32: half as many as it has.
pub(super) const TILE: usize = DEPTH * LANES / 2;
/// Blocks of output channels that are made at once.
pub(in crate::cpu) const TOGETHER: usize = 2;

/// A convolution of one image, or some.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Rounded {
    pub input: Rounding,
    /// What a pixel reads: each [`DEPTH`] rounded numbers, from where its own begin.
    pub places: Vec<usize>,
    /// From one output pixel to the next, and from one row to the next, rounded numbers.
    pub pixel: usize,
    pub row: usize,
    /// Weights: for each [`TOGETHER`] blocks of output channels and each of the places a tile for each of these blocks,
    /// `[16 pairs of inputs, 16 outputs, 2]`.
    pub weights: usize,
    /// A vector for each block of output channels.
    pub bias: usize,
    pub output: Maps,
    /// Of the output.
    pub size: Size,
    /// Whether the rows that are read lie one after another, so that runs may go beyond the end of a row.
    pub flat: bool,
    /// What is added before the activation.
    pub residual: Option<Maps>,
    pub bounds: [f32; 2],
    pub act: Act,
    /// Images that are computed at once, so that weights are read once for all of them.
    pub at_once: usize,
    /// From the rounded numbers of one of these images to those of the next.
    pub image: usize,
}

/// Sums of two runs and two blocks of channels: `[run, block, pixel, channel]`.
#[repr(align(64))]
pub(super) struct Sums(pub [[[[f32; LANES]; RUN]; TOGETHER]; 2]);

/// What multiplies.
///
/// # Safety
/// `start` before `sums`, and `end` when no more sums follow, on the same thread. `sums` reads for each of the first `runs`
/// of `from` as many pixels as `start` was told, at least one and at most [`RUN`], [`DEPTH`] numbers at each of the places;
/// weights are `blocks` tiles for each place; `runs` and `blocks` are 1 or 2.
pub(super) trait Multiply {
    unsafe fn start(pixels: usize);
    unsafe fn sums(call: &Rounded, from: [*const u16; 2], weights: *const f32, count: Count, sums: &mut Sums);
    unsafe fn end();
}

/// How much is summed up at once.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub runs: usize,
    pub blocks: usize,
    pub pixels: usize,
}

impl Rounded {
    /// Rows that runs do not cross, and the pixels of each.
    fn lines(&self) -> [usize; 2] {
        let Size { height, width, .. } = self.size;
        if self.flat { [1, height * width] } else { [height, width] }
    }

    /// One past the last rounded number that is written or read, of all images.
    pub fn rounded_end(&self) -> usize {
        let [lines, length] = self.lines();
        let last = |count: usize| count.saturating_sub(1);
        let place = self.places.iter().copied().max().unwrap_or(0);
        let read = last(lines) * self.row + last(length) * self.pixel + place + DEPTH;
        last(self.at_once) * self.image + read.max(self.input.written_end())
    }

    /// One past the last number of the weights.
    pub fn weights_end(&self) -> usize {
        let blocks = self.size.blocks;
        (self.weights + blocks * self.places.len() * TILE).max(self.bias + blocks * LANES)
    }
}

/// Runs [`Rounded`] for so many images, each so many numbers after the one before.
///
/// # Safety
/// As [`Lanes`], [`Multiply`] and [`round`]; every place of the call must lie in the memory of each of the images, which
/// are at most as many as are computed at once: [`Rounded::rounded_end`] in twice as many numbers as there are beyond all
/// images, [`Rounded::weights_end`] in the weights. No size may be zero.
#[inline(always)]
pub(super) unsafe fn convolution<L: Lanes, M: Multiply>(
    call: &Rounded,
    memory: Memory,
    [images, distance]: [usize; 2],
) {
    unsafe {
        let of = |image: usize| Memory { numbers: memory.numbers.add(image * distance), ..memory };
        let rounded = memory.transformed.cast::<u16>();
        for image in 0..images {
            round(&call.input, of(image), rounded.add(image * call.image));
        }
        let [lines, length] = call.lines();
        // As wide as fits, all of one width; the last run of a line overlaps the one before.
        let pieces = length.div_ceil(RUN);
        let pixels = length.div_ceil(pieces);
        let runs = lines * pieces;
        let mut sums = Sums([[[[0.0; LANES]; RUN]; TOGETHER]; 2]);
        M::start(pixels);
        let mut block = 0;
        while block < call.size.blocks {
            let blocks = TOGETHER.min(call.size.blocks - block);
            let weights = memory.weights.add(call.weights + block * call.places.len() * TILE);
            // Runs of all images, so that one that is left over meets another of the next.
            let mut run = 0;
            while run < images * runs {
                let count = Count { runs: (images * runs - run).min(2), blocks, pixels };
                let mut starts = [[0; 3]; 2];
                let mut from = [rounded.cast_const(); 2];
                for at in 0..count.runs {
                    let (image, of_image) = ((run + at) / runs, (run + at) % runs);
                    let (y, piece) = (of_image / pieces, of_image % pieces);
                    let x = (piece * pixels).min(length - pixels);
                    starts[at] = [image, y, x];
                    from[at] = rounded.add(image * call.image + y * call.row + x * call.pixel).cast_const();
                }
                M::sums(call, from, weights, count, &mut sums);
                for at in 0..count.runs {
                    let [image, y, x] = starts[at];
                    for part in 0..blocks {
                        finish::<L>(call, of(image), &mut sums.0[at][part][..pixels], [y, x], block + part);
                    }
                }
                run += count.runs;
            }
            block += blocks;
        }
        M::end();
    }
}

/// Bias, what is added and the activation of a run of one block of channels, and its way into the maps.
#[inline(always)]
unsafe fn finish<L: Lanes>(
    call: &Rounded,
    memory: Memory,
    sums: &mut [[f32; LANES]],
    [line, start]: [usize; 2],
    block: usize,
) {
    unsafe {
        let width = call.size.width;
        let [low, high] = [L::splat(call.bounds[0]), L::splat(call.bounds[1])];
        let bias = L::load(memory.weights.add(call.bias + block * LANES));
        let (mut y, mut x) = if call.flat { (start / width, start % width) } else { (line, start) };
        let mut sum = sums.as_mut_ptr().cast::<f32>();
        let mut left = sums.len();
        // A stretch within a row of the maps at a time.
        while left > 0 {
            let count = left.min(width - x);
            let place = |maps: &Maps| memory.at(maps.place + block * maps.block + y * maps.row + x * LANES);
            let output = place(&call.output);
            match &call.residual {
                Some(residual) => {
                    let residual = place(residual);
                    for at in 0..count {
                        let value = L::load(sum.add(at * LANES)).add(bias).add(L::load(residual.add(at * LANES)));
                        high.min_of(low.max_of(value)).store(output.add(at * LANES));
                    }
                }
                None => {
                    for at in 0..count {
                        let value = L::load(sum.add(at * LANES)).add(bias);
                        high.min_of(low.max_of(value)).store(output.add(at * LANES));
                    }
                }
            }
            // Here and not over whole rows afterwards: where runs overlap, numbers would be bent twice.
            apply::<L>(output, count, call.act);
            sum = sum.add(count * LANES);
            left -= count;
            (y, x) = (y + 1, 0);
        }
    }
}

/// Plain loops, with the numbers of the matrix unit but sums in the order of the terms.
pub(super) struct Twin;

impl Multiply for Twin {
    #[inline(always)]
    unsafe fn start(_pixels: usize) {}

    #[inline(always)]
    unsafe fn sums(call: &Rounded, from: [*const u16; 2], weights: *const f32, count: Count, sums: &mut Sums) {
        unsafe {
            let wide = |bits: u16| f32::from_bits(u32::from(bits) << 16);
            for run in 0..count.runs {
                for block in 0..count.blocks {
                    for pixel in 0..count.pixels {
                        let mut sum = [0.0_f32; LANES];
                        for (at, place) in call.places.iter().enumerate() {
                            let input = from[run].add(place + pixel * call.pixel);
                            let tile = weights.add((at * count.blocks + block) * TILE).cast::<[u32; LANES]>();
                            for pair in 0..DEPTH / 2 {
                                let [one, two] = [wide(*input.add(2 * pair)), wide(*input.add(2 * pair + 1))];
                                let both = tile.add(pair).read();
                                for lane in 0..LANES {
                                    sum[lane] += one * f32::from_bits(both[lane] << 16);
                                    sum[lane] += two * f32::from_bits(both[lane] & 0xffff_0000);
                                }
                            }
                        }
                        sums.0[run][block][pixel] = sum;
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn end() {}
}
