//! The largest number, or the mean, of a window of each channel.

use super::Memory;
use super::lanes::{LANES, Lanes};
use super::maps::{Maps, Size};

/// A pooling of an image.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Pool {
    pub input: Maps,
    pub output: Maps,
    /// Pixels of the input.
    pub height: usize,
    pub width: usize,
    /// Of the output.
    pub size: Size,
    pub side: usize,
    pub stride: usize,
    pub padding: usize,
    /// The largest number and not the mean.
    pub largest: bool,
}

/// The part of a window that lies in the maps, along one axis.
#[inline(always)]
fn inside(at: usize, call: &Pool, length: usize) -> (usize, usize) {
    let start = at * call.stride;
    (start.max(call.padding) - call.padding, (start + call.side - call.padding).min(length))
}

/// Runs [`Pool`].
///
/// # Safety
/// As [`Lanes`]; every place of the call must lie in the memory, and every window must meet the maps.
#[inline(always)]
pub(super) unsafe fn pool<L: Lanes>(call: &Pool, memory: Memory) {
    unsafe {
        for block in 0..call.size.blocks {
            let maps = memory.at(call.input.place + block * call.input.block).cast_const();
            for y in 0..call.size.height {
                let output = memory.at(call.output.place + block * call.output.block + y * call.output.row);
                let (top, bottom) = inside(y, call, call.height);
                for x in 0..call.size.width {
                    let (left, right) = inside(x, call, call.width);
                    let corner = maps.add(top * call.input.row + left * LANES);
                    let value = if call.largest {
                        if bottom - top == 3 && right - left == 3 {
                            largest::<L, 3>(corner, call.input.row, 3)
                        } else if right - left == 2 {
                            largest::<L, 2>(corner, call.input.row, bottom - top)
                        } else {
                            let mut best = L::load(corner);
                            for row in 0..bottom - top {
                                for column in 0..right - left {
                                    best = best.max_of(L::load(corner.add(row * call.input.row + column * LANES)));
                                }
                            }
                            best
                        }
                    } else {
                        let mut sum = L::splat(0.0);
                        for row in 0..bottom - top {
                            for column in 0..right - left {
                                sum = sum.add(L::load(corner.add(row * call.input.row + column * LANES)));
                            }
                        }
                        sum.div(L::splat(((bottom - top) * (right - left)) as f32))
                    };
                    value.store(output.add(x * LANES));
                }
            }
        }
    }
}

/// The largest of `rows` rows of `W` numbers.
#[inline(always)]
unsafe fn largest<L: Lanes, const W: usize>(corner: *const f32, pitch: usize, rows: usize) -> L {
    unsafe {
        let mut best = [L::splat(0.0); W];
        for column in 0..W {
            best[column] = L::load(corner.add(column * LANES));
        }
        for row in 1..rows {
            for column in 0..W {
                best[column] = best[column].max_of(L::load(corner.add(row * pitch + column * LANES)));
            }
        }
        let mut value = best[0];
        for column in 1..W {
            value = value.max_of(best[column]);
        }
        value
    }
}
