//! Packed RGB bytes to normalised floats, cropped to the middle.
//!
//! - `packed`: the bytes of `[N, I, I, 3]` in little-endian words of four, padded to whole words.
//! - `scale_shift`: `[6]`, a factor and then a summand for each of R, G, B.
//! - `out`: `[N, S, S, 3]` (NHWC, which is what the convolutions compute in).
//! - Cube: one dimension; one thread makes one value of `out`.
//! - Formula: `out = byte * scale[c] + shift[c]`, which is `(byte / 255 - mean) / std` with the constants folded.
//! - CPU twin: `src/ops/unpack.rs`.

use cubecl::prelude::*;

/// Unpacks, crops and normalises a batch in one pass.
#[cube(launch)]
pub fn unpack_rgb<I: Int, F: Float>(
    packed: &Tensor<I>,
    scale_shift: &Tensor<F>,
    out: &mut Tensor<F>,
    #[comptime] input_px: usize,
    #[comptime] output_px: usize,
    #[define(I, F)] _dtypes: [ElemType; 2],
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let channel = ABSOLUTE_POS % 3;
    let pixel = ABSOLUTE_POS / 3;
    let x = pixel % output_px;
    let y = (pixel / output_px) % output_px;
    let tile = pixel / (output_px * output_px);
    let border = comptime!((input_px - output_px) / 2);
    let byte_at = ((tile * input_px + y + border) * input_px + x + border) * 3 + channel;
    let word = u32::cast_from(packed[byte_at / 4]);
    let byte = (word >> (u32::cast_from(byte_at % 4) * 8)) & 255u32;
    out[ABSOLUTE_POS] = F::cast_from(byte) * scale_shift[channel] + scale_shift[channel + 3];
}
