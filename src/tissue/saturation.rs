//! WSInfer's tissue rule: a thumbnail's HSV saturation, smoothed and cut, becomes a mask.
//!
//! Invariant: pixel for pixel what WSInfer 0.6.1 gets from OpenCV and scikit-image on the same thumbnail, so that both
//! programs score the same tiles. It has no idea of fat or mucin: both are nearly grey and are lost.

use super::morphology::{Square, SummedArea, close};
use crate::geometry::Size;
use crate::raster::{Mask, RgbImage8, fill_small_holes, remove_small_objects};
use crate::units::round_half_even;
use serde::{Deserialize, Serialize};

/// The settings of WSInfer's `--seg-*` flags, with their defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaturationConfig {
    /// The box that the thumbnail has to fit into, width and height in pixels; whoever makes the thumbnail goes by it.
    pub thumbnail_px: [u32; 2],
    /// Side of the median filter, pixels of the thumbnail; odd.
    pub median_filter_px: u32,
    /// Tissue has a saturation above this, of 255.
    pub threshold: u8,
    /// Side of the square that closes gaps, pixels of the thumbnail.
    pub closing_px: u32,
    /// Objects of this size in whole pixels, or less, are removed; square micrometres.
    pub min_object_um2: f64,
    /// Holes of this size in whole pixels, or less, are filled; square micrometres.
    pub min_hole_um2: f64,
}

impl Default for SaturationConfig {
    fn default() -> Self {
        Self {
            thumbnail_px: [2048; 2],
            median_filter_px: 7,
            threshold: 7,
            closing_px: 6,
            min_object_um2: 40_000.0,
            min_hole_um2: 36_100.0,
        }
    }
}

/// Tissue by saturation.
///
/// # Shapes
/// `thumbnail`: `[H, W, 3]`; the mask has the same `[H, W]`.
pub(super) fn detect(thumbnail: &RgbImage8, thumb_um_per_px: f64, config: &SaturationConfig) -> Mask {
    let table = saturation_table();
    let above = thumbnail.as_bytes().chunks_exact(3).map(|rgb| saturation(rgb, &table) > i32::from(config.threshold));
    let size = thumbnail.size();
    let saturated = Mask::from_vec(size, above.collect()).unwrap_or_else(|| Mask::filled(size, false));
    let smooth = majority(&saturated, (config.median_filter_px / 2) as usize);
    let mut mask = close(&smooth, Square::of_side(config.closing_px as usize));
    // WSInfer asks for what is smaller, but scikit-image 0.26 and later take its argument for the largest size to remove.
    let px = |area_um2: f64| pixels(area_um2, thumb_um_per_px).saturating_add(1);
    remove_small_objects(&mut mask, px(config.min_object_um2));
    fill_small_holes(&mut mask, px(config.min_hole_um2));
    mask
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an area; the cast saturates")]
fn pixels(area_um2: f64, um_per_px: f64) -> u64 {
    round_half_even(area_um2 / (um_per_px * um_per_px)) as u64
}

/// 255 / value in 12-bit fixed point, as OpenCV tabulates it.
#[expect(clippy::cast_possible_truncation, reason = "at most 255 << 12")]
fn saturation_table() -> [i32; 256] {
    std::array::from_fn(
        |value| if value == 0 { 0 } else { round_half_even(f64::from(255 << 12) / value as f64) as i32 },
    )
}

/// HSV saturation of 0 to 255: 255 (max - min) / max.
fn saturation(rgb: &[u8], table: &[i32; 256]) -> i32 {
    let max = rgb.iter().copied().max().unwrap_or(0);
    let min = rgb.iter().copied().min().unwrap_or(0);
    (i32::from(max - min) * table[usize::from(max)] + (1 << 11)) >> 12
}

/// Median filter of a mask, its edge pixels repeated outwards. A threshold may be drawn before a median as well as
/// after it, so this is the median filter of the saturation, too.
fn majority(mask: &Mask, radius: usize) -> Mask {
    let Size { w, h } = mask.size();
    let (width, height) = (w as usize, h as usize);
    if width == 0 || height == 0 {
        return mask.clone();
    }
    let (padded_width, padded_height) = (width + 2 * radius, height + 2 * radius);
    let source = |at: usize, side: usize| at.saturating_sub(radius).min(side - 1);
    let padded: Vec<bool> = (0..padded_height)
        .flat_map(|y| (0..padded_width).map(move |x| (source(x, width), source(y, height))))
        .map(|(x, y)| mask.as_slice()[y * width + x])
        .collect();
    let padded_side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let Some(padded) = Mask::from_vec(Size::new(padded_side(padded_width), padded_side(padded_height)), padded) else {
        return mask.clone();
    };
    let sums = SummedArea::new(&padded);
    let side = 2 * radius + 1;
    let half = (side * side / 2) as u64;
    let mut out = mask.clone();
    for (at, value) in out.as_mut_slice().iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        *value = sums.count(x, y, x + side, y + side) > half;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturation_is_that_of_opencv() {
        let table = saturation_table();
        // cv2.cvtColor(.., COLOR_RGB2HSV)[..., 1] of OpenCV 5.0.0.
        for (rgb, expected) in OPENCV {
            assert_eq!(saturation(&rgb, &table), expected, "{rgb:?}");
        }
    }

    const OPENCV: [([u8; 3], i32); 10] = [
        ([0, 0, 0], 0),
        ([255, 255, 255], 0),
        ([240, 233, 238], 7),
        ([208, 166, 233], 73),
        ([128, 155, 248], 123),
        ([186, 161, 139], 64),
        ([143, 239, 71], 179),
        ([208, 171, 0], 255),
        ([100, 219, 141], 139),
        ([220, 5, 138], 249),
    ];

    #[test]
    fn holes_and_specks_of_the_very_size_go() {
        // scikit-image 0.26.0: a square of 9 px stays at 8 and goes at 9; nothing goes at 0.
        let pink = [220, 120, 180];
        let mut thumbnail = RgbImage8::filled(Size::new(40, 20), [242; 3]);
        thumbnail.paste(&RgbImage8::filled(Size::new(3, 3), pink), 4, 4);
        thumbnail.paste(&RgbImage8::filled(Size::new(20, 20), pink), 20, 0);
        thumbnail.paste(&RgbImage8::filled(Size::new(3, 3), [242; 3]), 28, 8);
        // The median takes a corner from each square of 3 px: 5 are left.
        for (size_um2, speck, hole) in [(0.0, true, false), (4.0, true, false), (5.0, false, true)] {
            let config = SaturationConfig {
                median_filter_px: 3,
                closing_px: 1,
                min_object_um2: size_um2,
                min_hole_um2: size_um2,
                ..SaturationConfig::default()
            };
            let mask = detect(&thumbnail, 1.0, &config);
            assert_eq!((mask.get(5, 5), mask.get(29, 9)), (speck, hole), "{size_um2} um2");
        }
    }

    #[test]
    fn specks_go_and_lumina_are_filled() {
        let (size, pink) = (Size::new(100, 100), [220, 120, 180]);
        let mut thumbnail = RgbImage8::filled(size, [242; 3]);
        thumbnail.paste(&RgbImage8::filled(Size::new(60, 60), pink), 10, 10);
        thumbnail.paste(&RgbImage8::filled(Size::new(15, 15), [242; 3]), 30, 30);
        thumbnail.paste(&RgbImage8::filled(Size::new(8, 8), pink), 85, 85);
        let mask = detect(&thumbnail, 10.0, &SaturationConfig::default());
        assert!(mask.get(37, 37) && mask.get(12, 40));
        assert!(!mask.get(88, 88) && !mask.get(80, 40));
    }
}
