//! A dense convolution with all that follows it: bias, what is added, activation. One pass over memory.
//!
//! - `input`: `[N, H, W, C]` (NHWC).
//! - `weight`: `[K, h, w, C]`, so that the sum runs along memory in both.
//! - `bias`: `[K]`, or none. `residual`: as `out`, or none.
//! - `out`: `[N, H', W', K]` (NHWC).
//! - Cube: one dimension; it makes a tile of `tile.pixels` times `tile.channels` values of `out`, each unit a block of them in
//!   registers. Tiles of one strip of pixels follow each other, as they read the same input.
//! - Formula: `out[p, k] = act(bias[k] + residual[p, k] + sum of input[p', y s + i - b, x s + j - b', c] weight[k, i, j, c])`
//!   over `i, j, c`, where what lies outside counts as 0; sums are f32 whatever the tensors are.
//! - Source: implicit matrix product, as Chetlur et al. 2014, arXiv:1410.0759, section 3: the matrix of patches is never
//!   written, each cube reads its part of it from the image. Here all columns and channels of one row of the kernel are one
//!   run of memory, so a place in the sum is a row of the kernel and a distance in that run, and the left and right edge are
//!   bounds of the same distance: one division for each `tile.depth` terms.
//! - CPU twin: `src/ops/conv.rs`.
//!
//! `conv/fetch.rs` is what a cube reads, `conv/finish.rs` what follows the sums, also as a kernel by itself.

#[path = "conv/fetch.rs"]
mod fetch;
#[path = "conv/finish.rs"]
mod finish;

pub use finish::conv_finish;

use cubecl::prelude::*;
use cubecl::std::FastDivmod;
use fetch::{Corner, corner, fetch_kernels, fetch_patches};
use finish::{at_or_zero, bent};

/// Four terms of a sum that are neighbours in memory.
type Quad = Vector<f32, Const<4>>;

/// What a cube makes.
///
/// Units lie in a grid of `pixels / per_unit[0]` times `channels / per_unit[1]`; all are powers of two, and `per_unit[1]` is
/// a multiple of 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Pixels of the output.
    pub pixels: u32,
    /// Channels of the output.
    pub channels: u32,
    /// Terms of the sum that are in shared memory at a time.
    pub depth: u32,
    /// Pixels and channels of one unit.
    pub per_unit: [u32; 2],
}

impl Tile {
    /// Units along the channels.
    const fn lanes(self) -> u32 {
        self.channels / self.per_unit[1]
    }

    /// Units of a cube.
    pub const fn units(self) -> u32 {
        self.pixels / self.per_unit[0] * self.lanes()
    }

    /// Quads from one row of shared memory to the next: an odd number, so that rows begin in different banks.
    const fn pitch(self) -> u32 {
        self.depth / 4 + 1
    }

    /// Shared memory of a cube.
    pub const fn shared_bytes(self) -> usize {
        ((self.pixels + self.channels) * self.pitch()) as usize * size_of::<[f32; 4]>()
    }
}

/// Sizes of a convolution, distances in values.
#[derive(CubeType, CubeLaunch)]
pub struct Plan {
    /// `N H' W'`.
    pixels: u32,
    /// `K`.
    channels: u32,
    /// `h w C`: terms of a sum.
    depth: u32,
    /// `H`.
    height: u32,
    /// `W C`: a row of the image.
    line: u32,
    /// `H W C`: an image.
    image: u32,
    /// Rows from one patch to the next.
    step_y: u32,
    /// The same along a row, times `C`.
    step_x: u32,
    /// Rows above the image.
    before_y: u32,
    /// Columns left of the image, times `C`.
    before_x: u32,
    /// `H' W'`.
    map: FastDivmod<u32>,
    /// `W'`.
    row: FastDivmod<u32>,
    /// `w C`: a row of the kernel.
    run: FastDivmod<u32>,
    /// Tiles side by side along the channels.
    tiles: FastDivmod<u32>,
}

/// Which of bias and residual there are. cubecl 0.11.3 keeps compiled kernels by a hash that does not tell one that has the
/// first of two options from one that has the second, so each kernel is told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Has {
    pub bias: bool,
    pub residual: bool,
}

/// Convolves; `checked` says whether patches may reach outside the image or `tile.depth` does not divide the sum.
#[cube(launch)]
pub fn conv_tile<F: Float, I: Size, O: Size>(
    input: &Tensor<Vector<F, I>>,
    weight: &Tensor<Vector<F, I>>,
    bias: ComptimeOption<&Tensor<Vector<F, O>>>,
    residual: ComptimeOption<&Tensor<Vector<F, O>>>,
    out: &mut Tensor<Vector<F, O>>,
    plan: &Plan,
    #[comptime] tile: Tile,
    #[comptime] checked: bool,
    #[comptime] act: u8,
    #[comptime] _has: Has,
    #[define(F)] _dtype: ElemType,
) {
    let (strip, column) = plan.tiles.div_mod(CUBE_POS as u32);
    let first_pixel = strip * tile.pixels;
    if first_pixel >= plan.pixels {
        terminate!();
    }
    let first_channel = column * tile.channels;
    let pitch = comptime!(tile.pitch());
    let mut patches = Shared::<[Quad]>::new_slice(comptime!((tile.pixels * tile.pitch()) as usize));
    let mut kernels = Shared::<[Quad]>::new_slice(comptime!((tile.channels * tile.pitch()) as usize));

    // Who loads what: the quads of a row go to neighbouring units, so that they read neighbouring memory.
    let quads = comptime!(tile.depth / 4);
    let quad = UNIT_POS % quads;
    let slot = UNIT_POS / quads;
    let apart = comptime!(tile.units() / quads);
    let pixel_loads = comptime!((tile.pixels / apart) as usize);
    let kernel_loads = comptime!((tile.channels / apart) as usize);
    let mut corners = Sequence::<Corner>::new();
    #[unroll]
    for load in 0..pixel_loads {
        corners.push(corner(plan, first_pixel + slot + comptime!(load as u32 * apart)));
    }
    let mut rows = Sequence::<u32>::new();
    #[unroll]
    for load in 0..kernel_loads {
        // In an order in which a unit's channels are neighbours in `out` and its reads of shared memory still are, too.
        let at = slot + comptime!(load as u32 * apart);
        let spread = comptime!(tile.channels / 4);
        let channel = first_channel + (at % spread) * 4 + at / spread;
        rows.push(channel.min(plan.channels - 1) * plan.depth);
    }

    let lanes = comptime!(tile.lanes());
    let lane = UNIT_POS % lanes;
    let band = UNIT_POS / lanes;
    let bands = comptime!(tile.pixels / tile.per_unit[0]);
    let pixels = comptime!(tile.per_unit[0] as usize);
    let channels = comptime!(tile.per_unit[1] as usize);
    let mut sums = Array::<f32>::new(comptime!(pixels * channels));
    let mut next_patches = Array::<Quad>::new(pixel_loads);
    let mut next_kernels = Array::<Quad>::new(kernel_loads);
    fetch_patches::<F, I>(input, plan, &corners, &mut next_patches, quad * 4, checked);
    fetch_kernels::<F, I>(weight, plan, &rows, &mut next_kernels, quad * 4, checked);

    let steps = (plan.depth + comptime!(tile.depth - 1)) / tile.depth;
    for step in 0..steps {
        #[unroll]
        for load in 0..pixel_loads {
            let at = (slot + comptime!(load as u32 * apart)) * pitch + quad;
            patches[at as usize] = next_patches[load];
        }
        #[unroll]
        for load in 0..kernel_loads {
            let at = (slot + comptime!(load as u32 * apart)) * pitch + quad;
            kernels[at as usize] = next_kernels[load];
        }
        sync_cube();
        // Asked for before the sums are formed, so that memory answers meanwhile.
        if step + 1 < steps {
            let term = (step + 1) * tile.depth + quad * 4;
            fetch_patches::<F, I>(input, plan, &corners, &mut next_patches, term, checked);
            fetch_kernels::<F, I>(weight, plan, &rows, &mut next_kernels, term, checked);
        }
        for quad in 0..quads {
            let mut factors = Sequence::<Quad>::new();
            #[unroll]
            for channel in 0..channels {
                let at = (lane + comptime!(channel as u32 * lanes)) * pitch + quad;
                factors.push(kernels[at as usize]);
            }
            #[unroll]
            for pixel in 0..pixels {
                let at = (band + comptime!(pixel as u32 * bands)) * pitch + quad;
                let terms = patches[at as usize];
                #[unroll]
                for channel in 0..channels {
                    let at = comptime!(pixel * channels + channel);
                    let mut sum = sums[at];
                    #[unroll]
                    for term in 0..4usize {
                        sum = fma(terms.extract(term), factors.index(channel).extract(term), sum);
                    }
                    sums[at] = sum;
                }
            }
        }
        sync_cube();
    }

    let width = O::value().comptime();
    let groups = comptime!(channels / 4);
    #[unroll]
    for group in 0..groups {
        #[unroll]
        for part in 0..comptime!(4 / width) {
            let channel =
                first_channel + (lane + comptime!(group as u32 * lanes)) * 4 + comptime!((part * width) as u32);
            if channel < plan.channels {
                let shift = at_or_zero::<F, O>(&bias, channel as usize / width);
                #[unroll]
                for pixel in 0..pixels {
                    let row = first_pixel + band + comptime!(pixel as u32 * bands);
                    if row < plan.pixels {
                        let mut values = Vector::<f32, O>::empty();
                        #[unroll]
                        for lane in 0..width {
                            let at = comptime!(pixel * channels + (part * width + lane) * groups + group);
                            values.insert(lane, sums[at]);
                        }
                        let at = (row * plan.channels + channel) as usize / width;
                        let values = values + shift + at_or_zero::<F, O>(&residual, at);
                        out[at] = Vector::cast_from(bent::<O>(values, act));
                    }
                }
            }
        }
    }
}
