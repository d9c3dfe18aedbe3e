//! The decoded channels of a picture, and their way to RGB pixels.
//!
//! Invariant: samples are enlarged and converted with the arithmetic of libjpeg's and libjpeg-turbo's defaults ("fancy
//! upsampling", colours in 16-bit fixed point), so the pixels are those that Python's readers give.
//!
//! # Source
//! ITU-T T.871 (colours). The triangle filter and its alternating rounding are the reference implementation's behaviour,
//! reproduced and compared; T.81 leaves them open.

use super::stream::{Component, Frame};
use crate::geometry::Size;
use std::num::Wrapping;

/// The samples of one component, at its own resolution.
#[derive(Debug)]
pub(super) struct Plane {
    samples: Vec<u8>,
    /// Samples a row, padded to whole units.
    stride: usize,
    /// Samples that belong to the picture.
    width: usize,
    height: usize,
    /// Pixels a sample stands for.
    across: usize,
    down: usize,
    /// Whether a scan has filled it.
    is_filled: bool,
}

impl Plane {
    /// Places a block of samples, counted in blocks; one outside, which hostile streams may name, is dropped.
    #[inline]
    pub(super) fn put(&mut self, column: usize, row: usize, block: &[[u8; 8]; 8]) {
        let start = row * 8 * self.stride + column * 8;
        let Some(rows) = self.samples.get_mut(start..) else { return };
        for (to, from) in rows.chunks_mut(self.stride).zip(block) {
            if let Some(to) = to.first_chunk_mut() {
                *to = *from;
            }
        }
    }

    fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height - 1) * self.stride;
        self.samples.get(start..start + self.width).unwrap_or_default()
    }

    /// A row of the picture, at least as long as it is wide.
    fn enlarged<'a>(&'a self, y: usize, sums: &mut Vec<u16>, out: &'a mut Vec<u8>) -> &'a [u8] {
        // A triangle over two samples each way; it needs three columns.
        match (self.across, self.down) {
            (1, 1) => return self.row(y),
            (2, 1) if self.width > 2 => {
                refill(sums, self.row(y).iter().map(|&sample| sample.into()));
                widen(sums, [1, 2], 2, out);
            }
            (1, 2) => {
                let bias = if y.is_multiple_of(2) { 1 } else { 2 };
                refill(out, self.sums(y).map(|sum| low_byte(sum.wrapping_add(bias) >> 2)));
            }
            (2, 2) if self.width > 2 => {
                refill(sums, self.sums(y));
                widen(sums, [8, 7], 4, out);
            }
            (across, down) => {
                refill(out, self.row(y / down).iter().flat_map(|&sample| std::iter::repeat_n(sample, across)));
            }
        }
        out
    }

    /// Three times the nearer row plus the farther one, of two rows around a row of the picture.
    fn sums(&self, y: usize) -> impl Iterator<Item = u16> {
        let farther = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
        self.row(y / 2)
            .iter()
            .zip(self.row(farther))
            .map(|(&near, &far)| u16::from(near).wrapping_mul(3).wrapping_add(far.into()))
    }
}

fn refill<T>(buffer: &mut Vec<T>, values: impl Iterator<Item = T>) {
    buffer.clear();
    buffer.extend(values);
}

/// Doubles a row: each value becomes two, nearer to the neighbour on their side; the first and last count twice.
fn widen(row: &[u16], [left_bias, right_bias]: [u16; 2], shift: u32, out: &mut Vec<u8>) {
    out.clear();
    out.resize(2 * row.len(), 0);
    let weigh = |value: u16, neighbour: u16, bias: u16| {
        low_byte(value.wrapping_mul(3).wrapping_add(neighbour).wrapping_add(bias) >> shift)
    };
    let pairs = out.as_chunks_mut::<2>().0;
    if let (Some(inner), [.., before, last]) = (pairs.get_mut(1..row.len() - 1), row) {
        for (pair, window) in inner.iter_mut().zip(row.array_windows::<3>()) {
            let [left, value, right] = *window;
            *pair = [weigh(value, left, left_bias), weigh(value, right, right_bias)];
        }
        let (first, second) = (row[0], row[1]);
        pairs[0] = [weigh(first, first, left_bias), weigh(first, second, right_bias)];
        pairs[row.len() - 1] = [weigh(*last, *before, left_bias), weigh(*last, *last, right_bias)];
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a weighted mean of bytes")]
fn low_byte(value: u16) -> u8 {
    value as u8
}

/// The channels of one picture.
#[derive(Debug)]
pub(super) struct Planes {
    size: Size,
    pub(super) planes: Vec<Plane>,
}

impl Planes {
    /// Makes room for what a frame says.
    ///
    /// # Errors
    /// A text when a side is zero or the sampling factors do not divide one another.
    pub(super) fn new(frame: &Frame) -> Result<Self, String> {
        let (h_max, v_max) = frame.max_sampling();
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        if width == 0 || height == 0 {
            return Err(format!("a frame of {width} x {height} pixels"));
        }
        let plane = |component: &Component| {
            let (h, v) = (usize::from(component.h), usize::from(component.v));
            if h_max % h != 0 || v_max % v != 0 {
                return Err(format!("a channel sampled {h} x {v} beside one sampled {h_max} x {v_max}"));
            }
            let stride = width.div_ceil(8 * h_max) * 8 * h;
            Ok(Plane {
                samples: vec![0; stride * height.div_ceil(8 * v_max) * 8 * v],
                stride,
                width: (width * h).div_ceil(h_max),
                height: (height * v).div_ceil(v_max),
                across: h_max / h,
                down: v_max / v,
                is_filled: false,
            })
        };
        let planes = frame.components.iter().map(plane).collect::<Result<_, _>>()?;
        Ok(Self { size: Size::new(frame.width.into(), frame.height.into()), planes })
    }

    /// Notes that a scan fills a plane.
    ///
    /// # Errors
    /// A text when another scan did so before.
    pub(super) fn fill(&mut self, plane: usize) -> Result<(), String> {
        match self.planes.get_mut(plane) {
            Some(plane) if !plane.is_filled => {
                plane.is_filled = true;
                Ok(())
            }
            _ => Err(format!("two scans of channel {plane}")),
        }
    }

    /// The first plane that no scan filled.
    pub(super) fn first_empty(&self) -> Option<usize> {
        self.planes.iter().position(|plane| !plane.is_filled)
    }

    /// Pixels of three channels, `[H, W, 3]`; `None` when there are not three.
    pub(super) fn into_rgb(self, is_ycbcr: bool) -> Option<Vec<u8>> {
        let [first, second, third] = self.planes.as_slice() else { return None };
        let (width, height) = (self.size.w as usize, self.size.h as usize);
        let mut pixels = vec![0; width * height * 3];
        let (mut sums, mut rows) = (Vec::new(), [const { Vec::new() }; 3]);
        for (y, line) in pixels.chunks_exact_mut(width * 3).enumerate() {
            let [a, b, c] = &mut rows;
            let first = first.enlarged(y, &mut sums, a);
            let second = second.enlarged(y, &mut sums, b);
            let third = third.enlarged(y, &mut sums, c);
            let samples = first.iter().zip(second).zip(third);
            for (pixel, ((&first, &second), &third)) in line.as_chunks_mut::<3>().0.iter_mut().zip(samples) {
                *pixel = if is_ycbcr { rgb(first, second, third) } else { [first, second, third] };
            }
        }
        Some(pixels)
    }
}

/// Full-range YCbCr to RGB: 1.402, 0.34414, 0.71414 and 1.772 times 2^16, rounded once for each colour.
///
/// Whole parts are taken out of the factors, so that the rest fits into 16 bits: processors multiply those faster.
#[inline]
fn rgb(luma: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: Wrapping<i32> = Wrapping(1 << 15);
    let [y, cb, cr] = [i32::from(luma), i32::from(cb) - 128, i32::from(cr) - 128].map(Wrapping);
    let red = y + cr + ((Wrapping(91_881 - 65_536) * cr + HALF) >> 16);
    let green = y - cr + ((Wrapping(65_536 - 46_802) * cr - Wrapping(22_554) * cb + HALF) >> 16);
    let blue = y + cb + cb + ((Wrapping(116_130 - 131_072) * cb + HALF) >> 16);
    [red, green, blue].map(clamped)
}

#[inline]
#[expect(clippy::cast_sign_loss, reason = "clamped")]
fn clamped(value: Wrapping<i32>) -> u8 {
    value.0.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planes whose second and third channels are made by a rule.
    fn planes(size: (u16, u16), sampling: [(u8, u8); 3], sample: impl Fn(usize, usize) -> u8) -> Planes {
        let components = sampling.map(|(h, v)| Component { id: 0, h, v, quantiser: 0 }).to_vec();
        let frame = Frame { width: size.0, height: size.1, components };
        let mut planes = Planes::new(&frame).unwrap();
        for (channel, plane) in planes.planes.iter_mut().enumerate() {
            let stride = plane.stride;
            for (at, to) in plane.samples.iter_mut().enumerate() {
                // What is outside the picture must not be seen.
                let (x, y) = (at % stride, at / stride);
                *to = if channel > 0 && x < plane.width && y < plane.height { sample(x, y) } else { 77 };
            }
        }
        planes
    }

    /// The channel as it comes out, without colour conversion.
    fn channel(planes: Planes, index: usize) -> Vec<u8> {
        planes.into_rgb(false).unwrap().chunks_exact(3).map(|pixel| pixel[index]).collect()
    }

    #[test]
    fn a_halved_row_is_weighted_three_to_one_and_rounded_in_turn() {
        let row = [10, 20, 40, 41];
        let planes = planes((7, 1), [(2, 1), (1, 1), (1, 1)], |x, _| row[x]);
        assert_eq!(channel(planes, 1), [10, 13, 17, 25, 35, 40, 41]);
    }

    #[test]
    fn halved_both_ways_rounds_once() {
        // (3 * (3 * a + b) + (3 * c + d) + 8 or 7) / 16.
        let sample = |x: usize, y: usize| [[0, 8, 100], [3, 9, 200]][y][x];
        let planes = planes((6, 4), [(2, 2), (1, 1), (1, 1)], sample);
        let expected =
            [[0, 2, 6, 31, 77, 100], [1, 3, 6, 37, 96, 125], [2, 4, 7, 50, 133, 175], [3, 4, 8, 57, 152, 200]];
        assert_eq!(channel(planes, 2), expected.concat());
    }

    #[test]
    fn halved_columns_are_weighted_and_narrow_or_quartered_ones_repeated() {
        let down = planes((1, 4), [(1, 2), (1, 1), (1, 1)], |_, y| [10, 21][y]);
        assert_eq!(channel(down, 1), [10, 13, 18, 21]);
        let narrow = planes((3, 1), [(2, 1), (1, 1), (1, 1)], |x, _| [10, 20][x]);
        assert_eq!(channel(narrow, 1), [10, 10, 20]);
        let quarter = planes((5, 1), [(4, 1), (1, 1), (1, 1)], |x, _| [10, 20][x]);
        assert_eq!(channel(quarter, 1), [10, 10, 10, 10, 20]);
    }

    #[test]
    fn colours_are_the_fixed_point_values_of_every_triple() {
        let fixed = |value: f64| (value * 65536.0).round();
        for luma in (0..=255).step_by(15) {
            for (cb, cr) in (0..=255).flat_map(|cb| (0..=255).map(move |cr| (cb, cr))) {
                let (y, b, r) = (f64::from(luma), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                let shifted = |value: f64| ((value + 32768.0) / 65536.0).floor();
                let expected = [
                    y + shifted(fixed(1.402) * r),
                    y + shifted(-fixed(0.34414) * b - fixed(0.71414) * r),
                    y + shifted(fixed(1.772) * b),
                ];
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
                let expected = expected.map(|value| value.clamp(0.0, 255.0) as u8);
                assert_eq!(rgb(luma, cb, cr), expected, "{luma} {cb} {cr}");
            }
        }
    }

    #[test]
    fn factors_that_do_not_divide_are_refused() {
        let component = |h| Component { id: 0, h, v: 1, quantiser: 0 };
        let components = vec![component(3), component(2), component(2)];
        assert!(Planes::new(&Frame { width: 9, height: 9, components }).is_err());
    }
}
