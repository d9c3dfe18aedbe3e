//! Mask + pyramid + resolution → the tiles to score and the level to read them from. Pure: no file, no pixels.
//!
//! Invariant: every tissue pixel of the slide lies in a tile, unless that tile holds less tissue than asked for; no tile
//! lies wholly outside; the order is x, then y; only places that the caller names are taken as they are. The tile is
//! placed in level-0 pixels, so the level chosen changes the pixels' sharpness, never the grid.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::limits::{MAX_REGION_PX, MAX_TILE_SIDE_PX};
use crate::raster::Mask;
use crate::slide::Level;
use crate::tile::{GridRule, TilePlan};
use crate::tissue::SummedArea;
use crate::units::{Mpp, round_half_even};
use serde::{Deserialize, Serialize};

/// A level may be this much coarser than the model's pixels: pyramids are not exact powers of two, and enlarging by one
/// percent cannot be seen.
const LEVEL_TOLERANCE: f64 = 1.01;
/// Beyond this there is less than a sixteenth of the pixels that the model was trained on.
const MAX_ENLARGEMENT: f64 = 4.0;
/// Places of one grid: a slide of 400,000 x 400,000 pixels cut into tiles of 50.
const MAX_PLACES: u64 = 1 << 26;

/// What the planner has to know of a slide.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideGeometry {
    /// Size of level 0.
    pub size_l0: Size,
    /// Resolution of level 0, the mean of both axes.
    pub mpp: Mpp,
    /// For each level the level-0 pixels per pixel along x and y; level 0 is (1, 1).
    pub downsamples: Vec<(f64, f64)>,
}

impl SlideGeometry {
    /// Of levels, level 0 first, whose resolution is known.
    pub fn new(levels: &[Level], mpp: Mpp) -> Self {
        let size_l0 = levels.first().map_or(Size::new(0, 0), |level| level.size);
        let downsamples = levels.iter().map(|level| (level.downsample_x, level.downsample_y)).collect();
        Self { size_l0, mpp, downsamples }
    }
}

/// Where tiles are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TilingConfig {
    /// Share of a tile's side that it has in common with its neighbour, from 0 to below 1.
    pub overlap: f64,
    /// A tile is kept when at least this share of its part inside the slide is tissue, from 0 (all) to 1. Our own grid
    /// only: WSInfer's goes by the tile's centre.
    pub min_tissue: f64,
}

impl Default for TilingConfig {
    fn default() -> Self {
        Self { overlap: 0.0, min_tissue: 0.25 }
    }
}

/// Side and step of a grid in level-0 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) side_l0: u32,
    pub(super) step_l0: u32,
}

impl Grid {
    /// Side = `tile_px * model_mpp / mpp` and step = `(1 - overlap) * side`, both rounded half to even.
    ///
    /// # Errors
    /// See [`plan`].
    pub(super) fn new(
        slide: &SlideGeometry,
        tile_px: u32,
        model_mpp: Mpp,
        overlap: f64,
        min_overlap: f64,
    ) -> Result<Self> {
        if !(min_overlap..1.0).contains(&overlap) {
            let message = format!("expected an overlap from {min_overlap} to below 1, found {overlap}");
            return Err(Error::new(ErrorKind::Usage, "TIL-0001", message));
        }
        if tile_px == 0 || tile_px > MAX_TILE_SIDE_PX {
            let message = format!("expected a tile of 1 to {MAX_TILE_SIDE_PX} pixels, found {tile_px}");
            return Err(Error::new(ErrorKind::Limits, "TIL-0002", message));
        }
        let side = round_half_even(f64::from(tile_px) * model_mpp.get() / slide.mpp.get());
        if side * MAX_ENLARGEMENT < f64::from(tile_px) {
            let message = format!("expected a slide of {model_mpp}, found {}: too coarse for the model", slide.mpp);
            return Err(Error::new(ErrorKind::Usage, "TIL-0003", message)
                .with_advice("a wrong resolution in the slide's file can be overridden"));
        }
        let side_l0 = whole(side);
        if side_l0 > slide.size_l0.w && side_l0 > slide.size_l0.h {
            let message = format!(
                "expected a slide of at least one tile, {side_l0} x {side_l0} pixels at level 0, found {}",
                slide.size_l0
            );
            return Err(Error::new(ErrorKind::Usage, "TIL-0004", message));
        }
        let grid = Self { side_l0, step_l0: whole(round_half_even((1.0 - overlap) * side)).max(1) };
        let places = |length: u32| u64::from(length.div_ceil(grid.step_l0));
        let count = places(slide.size_l0.w).saturating_mul(places(slide.size_l0.h));
        if count > MAX_PLACES {
            let message =
                format!("expected at most {MAX_PLACES} tiles, found {count} at a step of {} pixels", grid.step_l0);
            return Err(Error::new(ErrorKind::Limits, "TIL-0005", message).with_advice("overlap the tiles less"));
        }
        Ok(grid)
    }

    /// Positions along one axis from `first` to below `length`.
    pub(super) fn positions(self, first: u32, length: u32) -> impl Iterator<Item = i64> + Clone {
        (i64::from(first)..i64::from(length)).step_by(self.step_l0 as usize)
    }

    /// A plan by our own rule that has no tiles yet: how they are read, and from which level.
    fn without_tiles(self, slide: &SlideGeometry, tile_px: u32) -> Result<TilePlan> {
        let Self { side_l0, step_l0 } = self;
        let (level, downsample) = best_level(&slide.downsamples, f64::from(side_l0) / f64::from(tile_px));
        let read_px = whole((f64::from(side_l0) / f64::midpoint(downsample.0, downsample.1)).round()).max(1);
        if u64::from(read_px) * u64::from(read_px) > MAX_REGION_PX {
            let message =
                format!("expected a tile of at most {MAX_REGION_PX} pixels of level {level}, found {read_px} squared");
            return Err(Error::new(ErrorKind::Limits, "TIL-0007", message));
        }
        Ok(TilePlan {
            rule: GridRule::Eosin,
            slide_l0: slide.size_l0,
            mpp: slide.mpp,
            side_l0,
            step_l0,
            level,
            downsample,
            read_px,
            tile_px,
            fill: [255; 3],
            places: 0,
            origins_l0: Vec::new(),
        })
    }
}

/// The cast saturates, and every caller checks against a limit first or after.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
pub(super) fn whole(value: f64) -> u32 {
    value as u32
}

/// Plans the tiles of a slide by our own rule.
///
/// The grid starts at (0, 0); tiles may reach over the right and bottom edge, where they are white. They are read from
/// the coarsest level that is at least as fine as the model.
///
/// # Shapes
/// `mask`: any size; it covers the whole slide.
///
/// # Errors
/// [`ErrorKind::Usage`] for an overlap or tissue share out of range, a slide more than four times coarser than the
/// model, or smaller than one tile; [`ErrorKind::Limits`] for too large or too many tiles.
pub fn plan(
    slide: &SlideGeometry,
    mask: &Mask,
    tile_px: u32,
    model_mpp: Mpp,
    config: &TilingConfig,
) -> Result<TilePlan> {
    let grid = Grid::new(slide, tile_px, model_mpp, config.overlap, 0.0)?;
    if !(0.0..=1.0).contains(&config.min_tissue) {
        let message = format!("expected a tissue share from 0 to 1, found {}", config.min_tissue);
        return Err(Error::new(ErrorKind::Usage, "TIL-0006", message));
    }
    let empty = grid.without_tiles(slide, tile_px)?;
    let tissue = TissueShare::new(mask, slide.size_l0);
    let columns = grid.positions(0, slide.size_l0.w);
    let rows = grid.positions(0, slide.size_l0.h);
    let places = columns.clone().count() * rows.clone().count();
    let origins_l0 = columns
        .flat_map(|x| rows.clone().map(move |y| (x, y)))
        .filter(|&(x, y)| tissue.share(Rect::new(x, y, grid.side_l0, grid.side_l0)) >= config.min_tissue)
        .collect();
    Ok(TilePlan { places, origins_l0, ..empty })
}

/// Plans tiles at given places, which are read exactly as [`plan`] has its own read: a model is trained on such tiles.
///
/// # Coordinates
/// `origins_l0`: top-left corners in level-0 pixels; the plan keeps their order, whether they lie on the slide or not.
///
/// # Errors
/// [`ErrorKind::Usage`] for a slide more than four times coarser than the model, or smaller than one tile;
/// [`ErrorKind::Limits`] for too large tiles.
pub fn plan_places(
    slide: &SlideGeometry,
    origins_l0: Vec<(i64, i64)>,
    tile_px: u32,
    model_mpp: Mpp,
) -> Result<TilePlan> {
    let empty = Grid::new(slide, tile_px, model_mpp, 0.0, 0.0)?.without_tiles(slide, tile_px)?;
    Ok(TilePlan { places: origins_l0.len(), origins_l0, ..empty })
}

/// The level with the largest downsample that is at most `wanted`, within tolerance; level 0 when none is.
fn best_level(downsamples: &[(f64, f64)], wanted: f64) -> (usize, (f64, f64)) {
    let fits = |&(_, (x, y)): &(usize, (f64, f64))| x.max(y) <= wanted * LEVEL_TOLERANCE;
    let levels = downsamples.iter().copied().enumerate().filter(fits);
    levels.max_by(|a, b| a.1.0.total_cmp(&b.1.0)).unwrap_or((0, (1.0, 1.0)))
}

/// How much of a rectangle is tissue, in constant time.
struct TissueShare {
    slide: Rect,
    mask: Size,
    /// Mask pixels per level-0 pixel.
    scale: (f64, f64),
    sums: SummedArea,
}

impl TissueShare {
    fn new(mask: &Mask, slide_l0: Size) -> Self {
        let Size { w, h } = mask.size();
        Self {
            slide: Rect::new(0, 0, slide_l0.w, slide_l0.h),
            mask: mask.size(),
            scale: (f64::from(w) / f64::from(slide_l0.w), f64::from(h) / f64::from(slide_l0.h)),
            sums: SummedArea::new(mask),
        }
    }

    /// Tissue area above and left of a point of the slide, mask pixels. Sums between corners are bilinear, because the
    /// mask is constant within a pixel; so the share is exact also where tile and mask pixels do not line up.
    fn area(&self, x_l0: i64, y_l0: i64) -> f64 {
        let (x, y) = (x_l0 as f64 * self.scale.0, y_l0 as f64 * self.scale.1);
        let (left, top) = (whole(x).min(self.mask.w), whole(y).min(self.mask.h));
        let (right, bottom) = ((left + 1).min(self.mask.w), (top + 1).min(self.mask.h));
        let (fx, fy) = (x - f64::from(left), y - f64::from(top));
        let at = |x: u32, y: u32| f64::from(self.sums.at(x as usize, y as usize));
        let upper = at(left, top) * (1.0 - fx) + at(right, top) * fx;
        let lower = at(left, bottom) * (1.0 - fx) + at(right, bottom) * fx;
        upper * (1.0 - fy) + lower * fy
    }

    /// Tissue as a share of the rectangle's part inside the slide.
    fn share(&self, rect_l0: Rect) -> f64 {
        let Some(inside) = self.slide.intersect(rect_l0) else { return 0.0 };
        let tissue = self.area(inside.right(), inside.bottom()) + self.area(inside.x, inside.y)
            - self.area(inside.x, inside.bottom())
            - self.area(inside.right(), inside.y);
        let pixels = f64::from(inside.w) * self.scale.0 * f64::from(inside.h) * self.scale.1;
        (tissue / pixels).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slide(w: u32, h: u32, mpp: f64, downsamples: &[f64]) -> SlideGeometry {
        SlideGeometry {
            size_l0: Size::new(w, h),
            mpp: Mpp::new(mpp).unwrap(),
            downsamples: downsamples.iter().map(|&d| (d, d)).collect(),
        }
    }

    fn all(size: Size) -> Mask {
        Mask::filled(size, true)
    }

    #[test]
    fn the_coarsest_level_that_is_fine_enough_is_read() {
        let slide = slide(80_000, 60_000, 0.25, &[1.0, 4.0, 16.002]);
        let read = |mpp: f64| {
            let plan =
                plan(&slide, &all(Size::new(8, 6)), 256, Mpp::new(mpp).unwrap(), &TilingConfig::default()).unwrap();
            (plan.level, plan.side_l0, plan.read_px)
        };
        assert_eq!(read(0.25), (0, 256, 256));
        assert_eq!(read(0.5), (0, 512, 512));
        assert_eq!(read(1.0), (1, 1024, 256));
        assert_eq!(read(4.0), (2, 4096, 256));
        assert_eq!(read(5.0), (2, 5120, 320));
    }

    #[test]
    fn tiles_at_given_places_are_read_as_those_of_a_grid() {
        // A level of 4.002 is within tolerance of a model four times as coarse as the slide.
        let slide = slide(80_000, 60_000, 0.25, &[1.0, 4.002, 16.0]);
        for mpp in [0.25, 0.5, 1.0, 4.0].map(|mpp| Mpp::new(mpp).unwrap()) {
            let grid = plan(&slide, &all(Size::new(8, 6)), 256, mpp, &TilingConfig::default()).unwrap();
            let places = plan_places(&slide, grid.origins_l0.clone(), 256, mpp).unwrap();
            assert_eq!(places, TilePlan { places: places.len(), ..grid });
        }
        let anywhere = vec![(7, 5), (-3, 90_000)];
        let places = plan_places(&slide, anywhere.clone(), 256, Mpp::new(1.0).unwrap()).unwrap();
        assert_eq!((places.origins_l0, places.level, places.read_px), (anywhere, 1, 256));
        assert_eq!(plan_places(&slide, Vec::new(), 256, Mpp::new(0.06).unwrap()).unwrap_err().code(), "TIL-0003");
    }

    #[test]
    fn a_tile_over_the_edge_is_judged_by_its_part_inside() {
        let slide = slide(1000, 500, 0.5, &[1.0]);
        let mut mask = Mask::filled(Size::new(100, 50), false);
        for y in 0..50 {
            mask.as_mut_slice()[y * 100 + 90..(y + 1) * 100].fill(true);
        }
        let config = TilingConfig { min_tissue: 0.5, ..TilingConfig::default() };
        let plan = plan(&slide, &mask, 300, Mpp::new(0.5).unwrap(), &config).unwrap();
        assert_eq!(plan.origins_l0, [(900, 0), (900, 300)]);
        assert_eq!((plan.fill, plan.step_l0, plan.places), ([255; 3], 300, 8));
    }

    #[test]
    fn senseless_requests_have_their_own_codes() {
        let code = |slide: &SlideGeometry, tile_px, mpp, overlap, min_tissue| {
            let config = TilingConfig { overlap, min_tissue };
            plan(slide, &all(Size::new(1, 1)), tile_px, Mpp::new(mpp).unwrap(), &config).unwrap_err().code()
        };
        let normal = slide(20_000, 20_000, 0.5, &[1.0]);
        assert_eq!(code(&normal, 224, 0.5, 1.0, 0.1), "TIL-0001");
        assert_eq!(code(&normal, 224, 0.5, f64::NAN, 0.1), "TIL-0001");
        assert_eq!(code(&normal, 0, 0.5, 0.0, 0.1), "TIL-0002");
        assert_eq!(code(&normal, 224, 0.1, 0.0, 0.1), "TIL-0003");
        assert_eq!(code(&slide(100, 200, 0.5, &[1.0]), 224, 0.5, 0.0, 0.1), "TIL-0004");
        assert_eq!(code(&normal, 100, 0.5, 0.99, 0.1), "TIL-0005");
        assert_eq!(code(&normal, 224, 0.5, 0.0, 1.5), "TIL-0006");
        assert_eq!(code(&slide(1 << 24, 1 << 24, 0.1, &[1.0]), 4096, 2.0, 0.0, 0.1), "TIL-0007");
    }

    proptest! {
        #[test]
        fn tissue_is_covered_order_is_kept_and_no_tile_is_outside(
            (w, h, mpp) in (300u32..3000, 300u32..3000, 0.2f64..1.0),
            (tile_px, overlap) in (64u32..200, 0.0f64..0.9),
            (mask_w, mask_h) in (1u32..40, 1u32..40),
            bits in proptest::collection::vec(any::<bool>(), 1600),
        ) {
            let slide = slide(w, h, mpp, &[1.0, 2.0, 4.0]);
            let size = Size::new(mask_w, mask_h);
            let mask = Mask::from_vec(size, bits[..(mask_w * mask_h) as usize].to_vec()).unwrap();
            let config = TilingConfig { overlap, min_tissue: 1e-9 };
            let plan = plan(&slide, &mask, tile_px, Mpp::new(0.3).unwrap(), &config);
            prop_assume!(plan.is_ok());
            let plan = plan.unwrap();
            prop_assert!(plan.origins_l0.is_sorted_by(|a, b| a < b));
            let frame = Rect::new(0, 0, w, h);
            let mut covered = vec![false; mask.as_slice().len()];
            for index in 0..plan.len() {
                let inside = plan.rect_l0(index).intersect(frame);
                prop_assert!(inside.is_some());
                let inside = inside.unwrap();
                let at = |l0: i64, side_l0: u32, side: u32| l0 * i64::from(side) / i64::from(side_l0);
                for y in at(inside.y, h, mask_h)..=at(inside.bottom() - 1, h, mask_h) {
                    for x in at(inside.x, w, mask_w)..=at(inside.right() - 1, w, mask_w) {
                        covered[usize::try_from(y * i64::from(mask_w) + x).unwrap()] = true;
                    }
                }
            }
            for (&tissue, covered) in mask.as_slice().iter().zip(covered) {
                prop_assert!(!tissue || covered);
            }
        }
    }
}
