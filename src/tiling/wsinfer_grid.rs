//! The tiles WSInfer 0.6.1 would score, tile for tile and in its order, for results that can be compared.
//!
//! Invariant: same thumbnail, same grid of tile centres, same verdict on each. WSInfer traces the mask's contours into
//! polygons and asks which centres lie inside. A contour runs through the centres of border pixels, so the polygon can
//! be read off the mask cell by cell, a cell being the square between four neighbouring pixel centres: four tissue
//! corners are inside, three are half inside (the triangle between them), fewer outside. Nothing is traced here.
//!
//! Source: the behaviour of wsinfer commit 06ef6b8 (`patchlib/`) and of openslide-python 1.4.7 (`get_thumbnail`).

use super::plan::{Grid, SlideGeometry, whole};
use crate::error::Result;
use crate::geometry::Size;
use crate::raster::{self, Connectivity, Mask, RgbImage8, flip_components};
use crate::tile::{GridRule, TilePlan};
use crate::units::{Mpp, round_half_even};

/// The fraction of a tile's side that neighbours may lie apart at most, as a negative overlap: far beyond any use, and
/// a step that is still a number of pixels.
pub const MIN_OVERLAP: f64 = -100.0;

/// The downsample whose best level (OpenSlide's rule) the thumbnail is made from, the whole level. The thumbnail has to
/// fit into `max`.
pub fn thumbnail_downsample(slide_l0: Size, max: Size) -> f64 {
    let along = |side: u32, max: u32| f64::from(side) / f64::from(max);
    along(slide_l0.w, max.w).max(along(slide_l0.h, max.h))
}

/// How many pixels of a level along x and y are merged before [`thumbnail`].
///
/// # Panics
/// When a side is zero.
pub fn thumbnail_reduction(level: Size, max: Size) -> (u32, u32) {
    raster::reduction(level, max)
}

/// The thumbnail of a level of size `level`, from all its pixels as [`raster::reduce`] merges them by
/// [`thumbnail_reduction`].
///
/// # Panics
/// When a side is zero.
pub fn thumbnail(reduced: &RgbImage8, level: Size, max: Size) -> RgbImage8 {
    raster::finish_thumbnail(reduced, level, max)
}

/// The thumbnail's resolution in micrometres per pixel, the mean of both axes.
pub fn thumbnail_um_per_px(mpp: Mpp, slide_l0: Size, thumbnail: Size) -> f64 {
    let along = |l0: u32, thumb: u32| mpp.get() * (f64::from(l0) / f64::from(thumb));
    f64::midpoint(along(slide_l0.w, thumbnail.w), along(slide_l0.h, thumbnail.h))
}

/// Plans the tiles of a slide by WSInfer's rule: tiles are read from level 0, and are black beyond the slide's edge.
///
/// `overlap` may be negative, down to [`MIN_OVERLAP`]: then tiles lie apart, at -1 by the side of a tile.
///
/// # Shapes
/// `mask`: the size of the thumbnail, which covers the whole slide.
///
/// # Errors
/// As [`super::plan::plan`].
pub fn plan_wsinfer(
    slide: &SlideGeometry,
    mask: &Mask,
    tile_px: u32,
    model_mpp: Mpp,
    overlap: f64,
) -> Result<TilePlan> {
    let grid = Grid::new(slide, tile_px, model_mpp, overlap, MIN_OVERLAP)?;
    let half = whole(round_half_even(f64::from(grid.side_l0) / 2.0));
    let polygon = Polygon::new(mask, slide.size_l0);
    let columns = grid.positions(half, slide.size_l0.w);
    let rows = grid.positions(half, slide.size_l0.h);
    let places = columns.clone().count() * rows.clone().count();
    let origins_l0 = columns
        .flat_map(|x| rows.clone().map(move |y| (x, y)))
        .filter(|&(x, y)| polygon.contains(x as f64, y as f64))
        .map(|(x, y)| (x - i64::from(half), y - i64::from(half)))
        .collect();
    Ok(TilePlan {
        rule: GridRule::WsInfer,
        slide_l0: slide.size_l0,
        mpp: slide.mpp,
        side_l0: grid.side_l0,
        step_l0: grid.step_l0,
        level: 0,
        downsample: (1.0, 1.0),
        read_px: grid.side_l0,
        tile_px,
        fill: [0; 3],
        places,
        origins_l0,
    })
}

/// The area that WSInfer's tissue polygons enclose.
struct Polygon {
    mask: Mask,
    /// Level-0 pixels per mask pixel; the centre of mask pixel (i, j) lies at (i, j) times this.
    scale: (f64, f64),
}

impl Polygon {
    fn new(mask: &Mask, slide_l0: Size) -> Self {
        let along = |l0: u32, side: u32| f64::from(l0) / f64::from(side.max(1));
        let mut mask = mask.clone();
        drop_islands(&mut mask);
        let scale = (along(slide_l0.w, mask.size().w), along(slide_l0.h, mask.size().h));
        Self { mask, scale }
    }

    /// True strictly inside. A point on a line between cells, or on a pixel's centre, has to be inside every cell that
    /// it touches.
    fn contains(&self, x_l0: f64, y_l0: f64) -> bool {
        let (left, right) = cells(x_l0, self.scale.0);
        let (top, bottom) = cells(y_l0, self.scale.1);
        (top..=bottom).all(|row| (left..=right).all(|column| self.in_cell(column, row, x_l0, y_l0)))
    }

    /// True on the tissue side of one cell, which the point touches.
    fn in_cell(&self, column: i64, row: i64, x_l0: f64, y_l0: f64) -> bool {
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let mut empty = corners.iter().filter(|(dx, dy)| !self.mask.get(column + dx, row + dy));
        let Some((dx, dy)) = empty.next() else { return true };
        if empty.next().is_some() {
            return false;
        }
        // Three corners are tissue: inside is what lies nearer to the corner opposite the empty one than the diagonal.
        let line = |at: i64, scale: f64| at as f64 * scale;
        let width = line(column + 1, self.scale.0) - line(column, self.scale.0);
        let height = line(row + 1, self.scale.1) - line(row, self.scale.1);
        let from_x = (x_l0 - line(column + 1 - dx, self.scale.0)).abs();
        let from_y = (y_l0 - line(row + 1 - dy, self.scale.1)).abs();
        from_x * height + from_y * width < width * height
    }
}

/// The first and the last cell that a coordinate touches: two when it lies on the line between them.
#[expect(clippy::cast_possible_truncation, reason = "coordinates are far below 2^53")]
fn cells(at_l0: f64, scale: f64) -> (i64, i64) {
    // The quotient is rounded and so may be off by one; the products are what the polygons' corners are made of.
    let mut cell = (at_l0 / scale).floor() as i64;
    if (cell + 1) as f64 * scale <= at_l0 {
        cell += 1;
    } else if cell as f64 * scale > at_l0 {
        cell -= 1;
    }
    // Never above the coordinate by now, so this asks for equality.
    let on_line = cell as f64 * scale >= at_l0;
    (if on_line { cell - 1 } else { cell }, cell)
}

/// Removes tissue that lies in a hole of other tissue.
///
/// WSInfer adds an island to its polygon before it cuts out the hole around it (OpenCV lists contours from the bottom up
/// and a hole after its outer contour), so the island is cut out with the hole. What is left is what touches the outside.
fn drop_islands(mask: &mut Mask) {
    let size = mask.size();
    let (width, height) = (size.w as usize, size.h as usize);
    let on_edge = |at: usize| {
        let (x, y) = (at % width, at / width);
        x == 0 || x + 1 == width || y == 0 || y + 1 == height
    };
    let mut outside = vec![false; mask.as_slice().len()];
    flip_components(mask, false, Connectivity::Four, |pixels| {
        if pixels.iter().any(|&at| on_edge(at)) {
            for &at in pixels {
                outside[at] = true;
            }
        }
        false
    });
    flip_components(mask, true, Connectivity::Eight, |pixels| {
        let free = |&at: &usize| {
            on_edge(at) || [at - 1, at + 1, at - width, at + width].iter().any(|&neighbour| outside[neighbour])
        };
        !pixels.iter().any(free)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(rows: &[&str], scale: u32) -> Polygon {
        let size = Size::new(u32::try_from(rows[0].len()).unwrap(), u32::try_from(rows.len()).unwrap());
        let mask = Mask::from_vec(size, rows.concat().chars().map(|c| c == '#').collect()).unwrap();
        Polygon::new(&mask, Size::new(size.w * scale, size.h * scale))
    }

    #[test]
    fn the_border_runs_through_pixel_centres_and_is_outside() {
        let square = polygon(&["....", ".##.", ".##.", "...."], 10);
        assert!(square.contains(15.0, 15.0) && square.contains(10.1, 19.9));
        assert!(!square.contains(10.0, 15.0) && !square.contains(15.0, 20.0) && !square.contains(20.1, 15.0));
    }

    #[test]
    fn three_corners_make_a_triangle() {
        let corner = polygon(&["....", ".##.", ".#..", "...."], 10);
        assert!(corner.contains(14.9, 14.9));
        assert!(!corner.contains(15.0, 15.0) && !corner.contains(10.0, 10.0));
    }

    #[test]
    fn an_island_in_a_hole_is_lost_and_one_outside_is_not() {
        let ring = ["#######...", "#.....#...", "#.###.#...", "#.###.#.##", "#.###.#.##", "#.....#...", "#######..."];
        let ring = polygon(&ring, 10);
        assert!(!ring.contains(30.0, 30.0));
        assert!(ring.contains(85.0, 35.0));
    }
}
