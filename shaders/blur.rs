//! Tiles out of focus: one axis of a Gaussian. Two launches make the blur.
//!
//! - `values`: `[N, S, S, 3]` (NHWC).
//! - `weights`: `[N, L]`: the radius, then the weights from the middle outwards; a radius is at most `L - 2`.
//! - `out`: as `values`.
//! - Cube: one dimension; one thread makes one value of `out`.
//! - Formula: `w[0] v[i] + w[1] (v[i - 1] + v[i + 1]) + ...` along x or y; beyond the edge mirrored, the edge not repeated.
//! - CPU twin: `src/ops/blur.rs`.

use cubecl::prelude::*;

/// Blurs a batch along one axis.
#[cube(launch)]
pub fn blur_axis<F: Float>(
    values: &Tensor<F>,
    weights: &Tensor<F>,
    out: &mut Tensor<F>,
    #[comptime] side_px: usize,
    #[comptime] row_length: usize,
    #[comptime] along_y: bool,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let tile = ABSOLUTE_POS / comptime!(side_px * side_px * 3);
    let stride = comptime!(if along_y { side_px * 3 } else { 3 });
    let at = (ABSOLUTE_POS / stride) % side_px;
    let start = ABSOLUTE_POS - at * stride;
    let row = tile * row_length;
    let radius = usize::min(usize::cast_from(weights[row]), comptime!(row_length - 2));
    let mut sum = weights[row + 1] * values[ABSOLUTE_POS];
    for k in 1..radius + 1 {
        // The mirror is the same on both sides of the first pixel.
        let distance = usize::max(at, k) - usize::min(at, k);
        let before = values[start + mirrored(distance, side_px) * stride];
        let after = values[start + mirrored(at + k, side_px) * stride];
        sum += weights[row + 1 + k] * (before + after);
    }
    out[ABSOLUTE_POS] = sum;
}

/// The pixel shown so far from the first one.
#[cube]
fn mirrored(at: usize, #[comptime] side: usize) -> usize {
    let period = comptime!(if side > 1 { 2 * (side - 1) } else { 1 });
    let mut within = at % period;
    if within >= side {
        within = period - within;
    }
    within
}
