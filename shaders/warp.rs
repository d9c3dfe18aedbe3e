//! Packed RGB bytes to floats, turned, mirrored, scaled and shifted in one pass.
//!
//! - `packed`: the bytes of `[N, I, I, 3]` in little-endian words of four, padded to whole words.
//! - `affine`: `[N, 6]`, from pixels of the output to places in the tile: `x' = r[0] x + r[1] y + r[2]`,
//!   `y' = r[3] x + r[4] y + r[5]`.
//! - `out`: `[N, S, S, 3]` (NHWC), 0 to 255.
//! - Cube: one dimension; one thread makes one pixel of `out`.
//! - Formula: bilinear between the four pixels around the place; beyond the edge mirrored, the edge not repeated. The place
//!   is folded back, not the neighbours: the mirrored tile is the same from both sides.
//! - CPU twin: `src/ops/warp.rs`.

use cubecl::prelude::*;

/// Warps a batch.
#[cube(launch)]
pub fn warp_rgb<I: Int, F: Float>(
    packed: &Tensor<I>,
    affine: &Tensor<F>,
    out: &mut Tensor<F>,
    #[comptime] input_px: usize,
    #[comptime] output_px: usize,
    #[define(I, F)] _dtypes: [ElemType; 2],
) {
    if ABSOLUTE_POS * 3 >= out.len() {
        terminate!();
    }
    let column = ABSOLUTE_POS % output_px;
    let line = (ABSOLUTE_POS / output_px) % output_px;
    let tile = ABSOLUTE_POS / (output_px * output_px);
    let (x, y) = (F::cast_from(column), F::cast_from(line));
    let row = tile * 6;
    let place_x = folded::<F>(affine[row] * x + affine[row + 1] * y + affine[row + 2], input_px);
    let place_y = folded::<F>(affine[row + 3] * x + affine[row + 4] * y + affine[row + 5], input_px);
    // Held in the tile even for places that are no numbers.
    let last = comptime!(input_px - 1);
    let x0 = usize::min(usize::cast_from(place_x), last);
    let y0 = usize::min(usize::cast_from(place_y), last);
    let x1 = usize::min(x0 + 1, last);
    let y1 = usize::min(y0 + 1, last);
    let fx = place_x - F::cast_from(x0);
    let fy = place_y - F::cast_from(y0);
    let top = (tile * input_px + y0) * input_px;
    let bottom = (tile * input_px + y1) * input_px;
    #[unroll]
    for channel in 0..3 {
        let a = byte::<I, F>(packed, (top + x0) * 3 + channel);
        let b = byte::<I, F>(packed, (top + x1) * 3 + channel);
        let c = byte::<I, F>(packed, (bottom + x0) * 3 + channel);
        let d = byte::<I, F>(packed, (bottom + x1) * 3 + channel);
        let upper = a + (b - a) * fx;
        let lower = c + (d - c) * fx;
        out[ABSOLUTE_POS * 3 + channel] = upper + (lower - upper) * fy;
    }
}

/// A place on one axis, brought back into the tile.
#[cube]
fn folded<F: Float>(place: F, #[comptime] side: usize) -> F {
    let last = F::cast_from(comptime!((side - 1) as f32));
    let period = F::cast_from(comptime!(if side > 1 { 2.0 * (side - 1) as f32 } else { 1.0 }));
    let mut t = place.abs();
    if t > last {
        t -= (t / period).floor() * period;
        if t > last {
            t = period - t;
        }
        t = t.max(F::cast_from(0.0f32));
    }
    t
}

#[cube]
fn byte<I: Int, F: Float>(packed: &Tensor<I>, at: usize) -> F {
    let word = u32::cast_from(packed[at / 4]);
    F::cast_from((word >> (u32::cast_from(at % 4) * 8)) & 255u32)
}
