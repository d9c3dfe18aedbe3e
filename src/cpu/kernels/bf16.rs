//! Numbers of 16 bits, 8 of them significant, as the upper half of an f32: maps are rounded to them, side by side as
//! products of pairs want them.

use super::Memory;
use super::lanes::LANES;

/// Channels of a block of rounded numbers: 64 bytes, as many as one product takes.
pub(in crate::cpu) const DEPTH: usize = 2 * LANES;

/// The nearest number of 16 bits, of two as near the even one; what is no number stays none.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the upper half")]
pub(in crate::cpu) fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let even = (bits >> 16) & 1;
    let nearest = bits.wrapping_add(0x7fff + even) >> 16;
    // Rounding could carry what is no number into the sign; the bit makes it quiet, so that it is not infinite.
    let nothing = (bits >> 16) | 0x40;
    (if bits & 0x7fff_ffff > 0x7f80_0000 { nothing } else { nearest }) as u16
}

/// Which numbers of an image are rounded, and where they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Rounding {
    /// First number of the first pixel, margin included where the convolution reads it.
    pub place: usize,
    /// From one row, block of channels and pixel that is rounded to the next.
    pub row: usize,
    pub block: usize,
    pub pixel: usize,
    /// Channels that count; others become zero, whatever is there. Those of a tile are 3, without blocks.
    pub channels: usize,
    pub is_tile: bool,
    pub height: usize,
    pub width: usize,
    /// From one rounded row, and one block of [`DEPTH`] channels, to the next; pixels have no gaps.
    pub to_row: usize,
    pub to_block: usize,
}

impl Rounding {
    /// One past the last number that is read.
    pub fn read_end(&self) -> usize {
        let last = |count: usize| count.saturating_sub(1);
        let row = self.place + last(self.height) * self.row;
        if self.is_tile {
            return row + self.width * self.pixel;
        }
        row + last(self.channels.div_ceil(LANES)) * self.block + last(self.width) * self.pixel + LANES
    }

    /// One past the last number of 16 bits that is written.
    pub fn written_end(&self) -> usize {
        let blocks = if self.is_tile { 1 } else { self.channels.div_ceil(DEPTH) };
        let row = if self.is_tile { self.to_row } else { self.width * DEPTH };
        blocks.saturating_sub(1) * self.to_block + self.height.saturating_sub(1) * self.to_row + row
    }
}

/// Runs a [`Rounding`].
///
/// # Safety
/// [`Rounding::read_end`] must lie in the memory of the image, and there must be room for [`Rounding::written_end`] at
/// `to`; a row of a tile must fit into `to_row`.
#[inline(always)]
pub(super) unsafe fn round(call: &Rounding, memory: Memory, to: *mut u16) {
    unsafe {
        let start = memory.at(call.place).cast_const();
        if call.is_tile {
            for y in 0..call.height {
                let (line, to) = (start.add(y * call.row), to.add(y * call.to_row));
                let count = call.width * call.pixel;
                for x in 0..count {
                    *to.add(x) = to_bf16(*line.add(x));
                }
                // Products reach beyond a row, where their weights are zero; what is there must be a number.
                for x in count..call.to_row {
                    *to.add(x) = 0;
                }
            }
            return;
        }
        let blocks = call.channels.div_ceil(LANES);
        for half in 0..blocks.next_multiple_of(2) {
            let count = LANES.min(call.channels.saturating_sub(half * LANES));
            let to = to.add(half / 2 * call.to_block + half % 2 * LANES);
            for y in 0..call.height {
                let to = to.add(y * call.to_row);
                if count == 0 {
                    for x in 0..call.width {
                        to.add(x * DEPTH).cast::<[u16; LANES]>().write([0; LANES]);
                    }
                    continue;
                }
                let mut from = start.add(half * call.block + y * call.row);
                for x in 0..call.width {
                    let mut pixel = from.cast::<[f32; LANES]>().read().map(to_bf16);
                    if count < LANES {
                        pixel[count..].fill(0);
                    }
                    to.add(x * DEPTH).cast::<[u16; LANES]>().write(pixel);
                    from = from.wrapping_add(call.pixel);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::to_bf16;

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_ties_to_even() {
        let of = |bits: u32| to_bf16(f32::from_bits(bits));
        for (bits, expected) in [
            (0x0000_0000, 0x0000),
            (0x8000_0000, 0x8000),
            (0x3f80_0000, 0x3f80),
            (0x3f80_7fff, 0x3f80),
            // Ties: down to an even one, and up to an even one.
            (0x3f80_8000, 0x3f80),
            (0x3f81_8000, 0x3f82),
            (0x3f80_8001, 0x3f81),
            (0xbf81_8000, 0xbf82),
            // Beyond the largest one, and what is infinite.
            (0x7f7f_ffff, 0x7f80),
            (0x7f80_0000, 0x7f80),
            (0xff80_0000, 0xff80),
        ] {
            assert_eq!(of(bits), expected, "{bits:x}");
        }
        // All payloads, those that rounding would carry away or drop among them.
        for bits in [0x7f80_0001, 0x7f80_ffff, 0x7fc0_0000, 0x7fff_ffff, 0xff80_0001, 0xffff_ffff] {
            assert!(of(bits) & 0x7fff > 0x7f80, "{bits:x}");
        }
    }
}
