//! Our own tissue rule: whatever absorbs more light than the glass, in one connected coloured piece.
//!
//! Invariant: sizes are micrometres and the brightness of glass is measured on the slide, so the rule is the same for
//! every scanner and pyramid. Fat is kept: its membranes are a fine mesh darker than glass, and the drops between them
//! are small holes. Pale mucin is kept: it is only a little darker than glass, hence a low threshold. Dust, hairs and
//! bare glass go: grey, thin or small. Pen marks are not recognised.

use super::morphology::{Square, close, open};
use super::otsu::otsu;
use crate::error::Result;
use crate::geometry::Size;
use crate::raster::{Connectivity, Filter, Mask, RgbImage8, fill_small_holes, flip_components, resize};
use serde::{Deserialize, Serialize};

/// Glass scatters this little around its most frequent grey level.
const GLASS_SPREAD: u8 = 2;
/// Glass is never darker than this, whatever the lamp.
const GLASS_MIN: u8 = 200;
/// From here on a pixel may be fill that no camera has seen: scanners pad with pure white.
const VOID_MIN: u8 = 254;

/// The settings of our own rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StainConfig {
    /// Finer thumbnails are shrunk to this many micrometres per pixel first; the membranes of fat have to survive it.
    pub working_um_per_px: f64,
    /// Where tissue begins between glass (0) and Otsu's threshold (1), in the green channel, which both stains darken.
    pub threshold_share: f64,
    /// But at least this much darker than glass, grey levels of 255.
    pub min_contrast: u8,
    /// Gaps up to twice this wide are bridged, micrometres.
    pub bridge_um: f64,
    /// Smaller holes are filled, square micrometres; a fat cell has up to about 20,000.
    pub min_hole_um2: f64,
    /// Thinner threads are removed, micrometres.
    pub min_width_um: f64,
    /// Smaller objects are removed, square micrometres.
    pub min_object_um2: f64,
    /// A pixel is coloured when its largest and smallest channel differ by this much more than on glass, of 255.
    pub min_chroma: u8,
    /// An object is tissue when at least this share of its dark pixels is coloured; dust is grey.
    pub min_coloured: f64,
}

impl Default for StainConfig {
    fn default() -> Self {
        Self {
            working_um_per_px: 8.0,
            threshold_share: 0.2,
            min_contrast: 8,
            bridge_um: 24.0,
            min_hole_um2: 40_000.0,
            min_width_um: 24.0,
            min_object_um2: 40_000.0,
            min_chroma: 8,
            min_coloured: 0.1,
        }
    }
}

/// Tissue by stain.
///
/// # Shapes
/// `thumbnail`: `[H, W, 3]`. The mask is smaller where the thumbnail is finer than the working resolution.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for an empty thumbnail.
pub(super) fn detect(thumbnail: &RgbImage8, thumb_um_per_px: f64, config: &StainConfig) -> Result<Mask> {
    let shrink = (thumb_um_per_px / config.working_um_per_px).min(1.0);
    let side = |px: u32| pixels(f64::from(px) * shrink).max(1);
    let size = Size::new(side(thumbnail.size().w), side(thumbnail.size().h));
    let image = resize(thumbnail, size, Filter::Bilinear)?;
    let um_per_px = thumb_um_per_px / shrink;

    let glass = Glass::measure(&image);
    let to_otsu = f64::from(glass.green) - f64::from(glass.otsu);
    let contrast = (config.threshold_share * to_otsu).max(f64::from(config.min_contrast));
    let dark = map(&image, |rgb| f64::from(rgb[1]) < f64::from(glass.green) - contrast);
    let coloured = map(&image, |rgb| chroma(rgb) >= glass.chroma.saturating_add(config.min_chroma));

    let px = |length_um: f64| pixels(length_um / um_per_px) as usize;
    let px2 = |area_um2: f64| u64::from(pixels(area_um2 / (um_per_px * um_per_px)));
    let mut mask = close(&dark, Square::around(px(config.bridge_um).max(1)));
    fill_small_holes(&mut mask, px2(config.min_hole_um2));
    mask = open(&mask, Square::of_side(px(config.min_width_um)));
    flip_components(&mut mask, true, Connectivity::Eight, |object| {
        let stained = object.iter().filter(|&&at| dark.as_slice()[at]);
        let (dark_px, coloured_px) =
            stained.fold((0u64, 0u64), |(all, some), &at| (all + 1, some + u64::from(coloured.as_slice()[at])));
        let small = (object.len() as u64) < px2(config.min_object_um2);
        small || (coloured_px as f64) < config.min_coloured * dark_px as f64
    });
    Ok(mask)
}

/// The nearest whole number; the cast saturates.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
fn pixels(value: f64) -> u32 {
    value.round() as u32
}

fn map(image: &RgbImage8, decide: impl Fn(&[u8]) -> bool) -> Mask {
    let values = image.as_bytes().chunks_exact(3).map(decide).collect();
    Mask::from_vec(image.size(), values).unwrap_or_else(|| Mask::filled(image.size(), false))
}

fn chroma(rgb: &[u8]) -> u8 {
    rgb.iter().max().zip(rgb.iter().min()).map_or(0, |(max, min)| max - min)
}

/// What bare glass looks like on this slide.
struct Glass {
    /// Grey level of the green channel.
    green: u8,
    /// Tint: largest less smallest channel.
    chroma: u8,
    /// Otsu's threshold of the green channel.
    otsu: u8,
}

impl Glass {
    /// Glass is the sharp peak brighter than Otsu's threshold. Pure white is left out, because it may be padding around
    /// the scanned area; without a peak below it, white is the glass (a camera at its limit) or there is no glass.
    fn measure(image: &RgbImage8) -> Self {
        let greens = histogram(image.as_bytes().chunks_exact(3).map(|rgb| rgb[1]));
        let otsu = otsu(&greens);
        let count = |from: u8, to: u8| -> u64 { greens[usize::from(from)..=usize::from(to)].iter().sum() };
        let bright = otsu.saturating_add(1).max(GLASS_MIN)..VOID_MIN;
        let mode = bright.clone().max_by_key(|&level| greens[usize::from(level)]).unwrap_or(u8::MAX);
        let near = mode.saturating_sub(GLASS_SPREAD)..=mode.saturating_add(GLASS_SPREAD);
        let all: u64 = bright.map(|level| greens[usize::from(level)]).sum();
        let sharp = 3 * count(*near.start(), *near.end()) >= all && 100 * all >= image.size().area();
        if !sharp {
            return Self { green: u8::MAX, chroma: 0, otsu };
        }
        let glass = image.as_bytes().chunks_exact(3).filter(|rgb| near.contains(&rgb[1]));
        Self { green: mode, chroma: median(&histogram(glass.map(chroma))), otsu }
    }
}

fn histogram(values: impl Iterator<Item = u8>) -> [u64; 256] {
    let mut counts = [0; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    counts
}

fn median(histogram: &[u64; 256]) -> u8 {
    let half = histogram.iter().sum::<u64>() / 2;
    let mut below = 0;
    (0u8..=255)
        .find(|&level| {
            below += histogram[usize::from(level)];
            below > half
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLASS: [u8; 3] = [242; 3];
    const PINK: [u8; 3] = [200, 120, 170];

    /// A picture at 8 um/px of glass with a piece of tissue, so that Otsu has something to split.
    fn slide() -> RgbImage8 {
        let mut image = RgbImage8::filled(Size::new(300, 200), GLASS);
        image.paste(&RgbImage8::filled(Size::new(60, 150), PINK), 10, 20);
        image
    }

    fn find(image: &RgbImage8) -> Mask {
        detect(image, 8.0, &StainConfig::default()).unwrap()
    }

    #[test]
    fn fat_and_pale_mucin_are_kept() {
        let mut image = slide();
        for x in 0..12 {
            image.paste(&RgbImage8::filled(Size::new(1, 120), [226, 220, 228]), 100 + x * 10, 40);
            image.paste(&RgbImage8::filled(Size::new(110, 1), [226, 220, 228]), 100, 40 + x * 10);
        }
        image.paste(&RgbImage8::filled(Size::new(50, 60), [222, 222, 234]), 230, 60);
        let mask = find(&image);
        assert!(mask.get(155, 95) && mask.get(104, 44), "between membranes");
        assert!(mask.get(255, 90), "mucin");
        assert!(!mask.get(155, 180) && !mask.get(155, 20), "glass");
    }

    #[test]
    fn dust_hairs_and_specks_are_dropped() {
        let mut image = slide();
        image.paste(&RgbImage8::filled(Size::new(40, 40), [200; 3]), 100, 20);
        image.paste(&RgbImage8::filled(Size::new(150, 2), [90, 80, 95]), 100, 100);
        image.paste(&RgbImage8::filled(Size::new(20, 20), PINK), 200, 150);
        let mask = find(&image);
        assert_eq!(mask.count(), 60 * 150);
    }

    #[test]
    fn glass_alone_is_no_tissue_and_a_slide_of_tissue_alone_is_all_tissue() {
        let noise = |base: [u8; 3], spread: u32| {
            let pixels = (0..40_000u32).flat_map(|at| {
                let darker = u8::try_from((at.wrapping_mul(2_654_435_761) >> 20) % spread).unwrap_or(0);
                base.map(|channel| channel.saturating_sub(darker))
            });
            RgbImage8::from_vec(Size::new(200, 200), pixels.collect()).unwrap()
        };
        assert_eq!(find(&noise([243; 3], 5)).count(), 0);
        assert_eq!(find(&noise([220, 190, 210], 100)).count(), 40_000);
    }

    #[test]
    fn white_padding_is_not_taken_for_glass() {
        let mut image = slide();
        image.paste(&RgbImage8::filled(Size::new(150, 200), [255; 3]), 150, 0);
        assert_eq!(find(&image).count(), 60 * 150);
    }
}
