//! A slide in small: the picture that results are drawn over, and the mask of where to look.
//!
//! Invariant: the mask holds the tissue that was seen and every gap of the overview. Nobody knows what lies in a gap, so
//! its tiles are tried: those that can be decoded are scored, the others are lost and counted, none is left out unsaid.

use super::overview::{Overview, overview, reduction_to_fit};
use super::score::ScoreConfig;
use crate::error::Result;
use crate::geometry::{Rect, Size};
use crate::raster::{Mask, RgbImage8, thumbnail};
use crate::slide::Slide;
use crate::tile::GridRule;
use crate::tiling::wsinfer_grid;
use crate::tissue::{TissueConfig, TissueMethod, detect};
use crate::units::Mpp;
use std::sync::atomic::AtomicBool;

/// Resolution at which our own rule looks for tissue: a tile is many of these pixels wide, and a slide fits in memory.
const TISSUE_MPP: f64 = 8.0;
/// Longest side of the picture that results are drawn over.
const PICTURE_PX: u32 = 1600;

/// Longest side of the picture that the tissue is shown on, that of WSInfer's thumbnail.
const OVERVIEW_PX: u32 = 2048;

/// What is seen of a slide from afar.
pub(super) struct Survey {
    /// The whole slide, small; gaps are white.
    pub(super) picture: RgbImage8,
    /// The same, less small.
    pub(super) overview: RgbImage8,
    /// Where to look.
    pub(super) mask: Mask,
    /// Area of the tissue that was seen, without gaps.
    pub(super) tissue_mm2: f64,
}

/// Looks at the whole slide.
///
/// # Errors
/// Those of [`overview`] and [`detect`].
pub(super) fn survey(config: &ScoreConfig, slide: &Slide, mpp: Mpp, cancel: &AtomicBool) -> Result<Survey> {
    let slide_px = slide.size();
    let (image, tissue, level, gaps) = match config.grid {
        GridRule::WsInfer => {
            let [w, h] = config.tissue.wsinfer.thumbnail_px;
            let max = Size::new(w, h);
            let level = slide.level_for_downsample(wsinfer_grid::thumbnail_downsample(slide_px, max));
            let reduction = |level: Size| wsinfer_grid::thumbnail_reduction(level, max);
            let Overview { picture, level, gaps } = overview(slide, level, &reduction, cancel)?;
            let tissue = TissueConfig { method: TissueMethod::WsInfer, ..config.tissue };
            (wsinfer_grid::thumbnail(&picture, level, max), tissue, level, gaps)
        }
        GridRule::Eosin => {
            let level = slide.level_for_downsample(TISSUE_MPP / mpp.get());
            let Overview { picture, level, gaps } = overview(slide, level, &reduction_to_fit, cancel)?;
            (picture, config.tissue, level, gaps)
        }
    };
    let um_per_px = wsinfer_grid::thumbnail_um_per_px(mpp, slide_px, image.size());
    let mut mask = detect(&image, um_per_px, &tissue)?;
    let mask_mpp = wsinfer_grid::thumbnail_um_per_px(mpp, slide_px, mask.size());
    let tissue_mm2 = mask.count() as f64 * mask_mpp * mask_mpp / 1e6;
    for gap in gaps {
        mark(&mut mask, gap, level);
    }
    let within = |px: u32| thumbnail(&image, Size::new(px, px));
    Ok(Survey { picture: within(PICTURE_PX), overview: within(OVERVIEW_PX), mask, tissue_mm2 })
}

/// Sets every pixel of a mask that touches a rectangle of a level; both cover the whole slide.
fn mark(mask: &mut Mask, rect: Rect, level: Size) {
    let span = |from: i64, to: i64, mask_px: u32, level_px: u32| {
        let (mask_px, level_px) = (i64::from(mask_px), i64::from(level_px.max(1)));
        let index = |px: i64| usize::try_from(px.clamp(0, mask_px)).unwrap_or(0);
        index(from * mask_px / level_px)..index((to * mask_px + level_px - 1) / level_px)
    };
    let cols = span(rect.x, rect.right(), mask.size().w, level.w);
    let rows = span(rect.y, rect.bottom(), mask.size().h, level.h);
    let width = mask.size().w as usize;
    for row in mask.as_mut_slice().chunks_exact_mut(width.max(1)).take(rows.end).skip(rows.start) {
        row[cols.clone()].fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_marks_every_pixel_that_it_touches() {
        let mut mask = Mask::filled(Size::new(5, 3), false);
        mark(&mut mask, Rect::new(25, 0, 26, 31), Size::new(100, 90));
        let rows: Vec<String> =
            mask.as_slice().chunks(5).map(|row| row.iter().map(|&set| if set { '#' } else { '.' }).collect()).collect();
        assert_eq!(rows, [".##..", ".##..", "....."]);
    }
}
