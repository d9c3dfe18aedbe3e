//! A tile to the numbers that the first convolution reads: RGB, pixel after pixel, zeros around.

use super::Memory;

/// Where a tile goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Tile {
    pub output: usize,
    pub output_row: usize,
    /// Pixels.
    pub side: usize,
}

/// What a byte is multiplied with and what is added then, for each of R, G, B.
pub(in crate::cpu) type Normal = [[f32; 3]; 2];

/// Bytes `[I, I, 3]`, cropped to the middle, times a factor plus a summand.
///
/// # Safety
/// Every place of the call must lie in the memory; `bytes` must have the numbers of a square of `input_px`, at least the
/// side.
#[inline(always)]
pub(super) unsafe fn from_bytes(call: Tile, bytes: &[u8], input_px: usize, by: &Normal, memory: Memory) {
    let border = (input_px - call.side) / 2;
    // Three vectors are whole pixels, so factors repeat after 48 numbers.
    const PERIOD: usize = 48;
    let [scales, shifts]: [[f32; PERIOD]; 2] = by.map(|by: [f32; 3]| std::array::from_fn(|at| by[at % 3]));
    for y in 0..call.side {
        let start = ((y + border) * input_px + border) * 3;
        let line = &bytes[start..start + call.side * 3];
        // SAFETY: the caller has room for the row there.
        let output =
            unsafe { std::slice::from_raw_parts_mut(memory.at(call.output + y * call.output_row), call.side * 3) };
        for (output, line) in output.chunks_mut(PERIOD).zip(line.chunks(PERIOD)) {
            for ((value, byte), (scale, shift)) in output.iter_mut().zip(line).zip(scales.iter().zip(&shifts)) {
                *value = f32::from(*byte) * scale + shift;
            }
        }
    }
}

/// Numbers `[3, S, S]`.
///
/// # Safety
/// As [`from_bytes`]; `values` must have the numbers of the side.
#[inline(always)]
pub(super) unsafe fn from_numbers(call: Tile, values: &[f32], memory: Memory) {
    let plane = call.side * call.side;
    for y in 0..call.side {
        // SAFETY: the caller has room for the row there.
        let output =
            unsafe { std::slice::from_raw_parts_mut(memory.at(call.output + y * call.output_row), call.side * 3) };
        for (x, pixel) in output.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            for (channel, value) in pixel.iter_mut().enumerate() {
                *value = values[channel * plane + y * call.side + x];
            }
        }
    }
}
