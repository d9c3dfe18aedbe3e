//! Places on slides → tiles, read at the model's resolution.
//!
//! Invariant: the planner of scoring says from which level and how large, so a tile is what the model will be shown when it
//! scores the slide. One slide is open at a time.

use crate::dataset::collector::{Collector, Pixels};
use crate::dataset::config::{InputConfig, Request};
use crate::dataset::event::ReadEvent;
use crate::dataset::table::fault;
use crate::dataset::tiles::{Targets, Tile, TileSet};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::Slide;
use crate::tile::TilePlan;
use crate::tiling::plan::{SlideGeometry, plan_places};
use crate::units::Mpp;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Neighbouring tiles are cut from one region of about this side, so that a chunk is not decoded for each of them.
const REGION_PX: u32 = 2048;
/// Regions read before the next progress report.
const AT_ONCE: usize = 8;

/// What is wanted of a slide.
pub(super) struct Places {
    pub slide: PathBuf,
    /// Top-left corners, level-0 pixels.
    pub origins_l0: Vec<(i64, i64)>,
    /// One for each corner.
    pub tiles: Vec<Tile>,
}

/// Reads the tiles of slides; of each in the order of the slide.
///
/// # Errors
/// [`ErrorKind::Usage`] (`TRN-0206`) for a place off its slide, before anything is read; [`ErrorKind::Format`]
/// (`TRN-0207`) for a slide without resolution; those of [`Collector`] and of opening slides.
pub(super) fn read(
    slides: Vec<Places>,
    targets: Targets,
    notes: Vec<String>,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    for places in &slides {
        check(places, request.input)?;
    }
    let expected = slides.iter().map(|places| places.tiles.len()).sum();
    let mut collector = Collector::new(targets, expected, request, cancel, on_event)?;
    for places in slides {
        read_slide(places, &mut collector, request.input)?;
    }
    collector.finish(notes)
}

/// Refuses places that lie wholly off the slide.
fn check(places: &Places, input: &InputConfig) -> Result<()> {
    let (_, plan) = open(places, input)?;
    let bounds = Rect::new(0, 0, plan.slide_l0.w, plan.slide_l0.h);
    match (0..plan.len()).find(|&tile| bounds.intersect(plan.rect_l0(tile)).is_none()) {
        Some(tile) => {
            let (x, y) = plan.origins_l0[tile];
            Err(fault(format!("expected places on a slide of {}, found {x}, {y}", plan.slide_l0)))
        }
        None => Ok(()),
    }
}

fn open(places: &Places, input: &InputConfig) -> Result<(Slide, TilePlan)> {
    let slide = Slide::open(&places.slide)?;
    let plan = geometry(&slide)
        .and_then(|geometry| {
            plan_places(&geometry, places.origins_l0.clone(), input.tile_px, Mpp::new(input.um_per_px)?)
        })
        .map_err(|error| error.at_path(&places.slide))?;
    Ok((slide, plan))
}

fn read_slide(places: Places, collector: &mut Collector<'_>, input: &InputConfig) -> Result<()> {
    let (slide, plan) = open(&places, input)?;
    let cutter = Cutter { slide: &slide, plan: &plan, input: Size::new(input.input_px, input.input_px) };
    let cell = i64::from((REGION_PX / plan.side_l0).max(1) * plan.side_l0);
    let mut cells: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (tile, (x, y)) in plan.origins_l0.iter().enumerate() {
        cells.entry((y.div_euclid(cell), x.div_euclid(cell))).or_default().push(tile);
    }
    let cells: Vec<Vec<usize>> = cells.into_values().collect();
    let mut tiles: Vec<Option<Tile>> = places.tiles.into_iter().map(Some).collect();
    for now in cells.chunks(AT_ONCE) {
        let read: Vec<Vec<Result<Vec<u8>>>> = now.par_iter().map(|tiles| cutter.read(tiles)).collect();
        for (&at, pixels) in now.iter().flatten().zip(read.into_iter().flatten()) {
            // Each tile is in one cell, once.
            let Some(tile) = tiles.get_mut(at).and_then(Option::take) else { continue };
            collector.take(Tile { rect_l0: Some(plan.rect_l0(at)), ..tile }, pixels.map(Pixels::Whole))?;
        }
    }
    Ok(())
}

/// What the planner has to know of a slide.
pub(super) fn geometry(slide: &Slide) -> Result<SlideGeometry> {
    let Some(mpp) = slide.mpp() else {
        let why = slide.calibration_note().unwrap_or("none");
        return Err(Error::new(ErrorKind::Format, "TRN-0207", format!("expected a slide with a resolution: {why}")));
    };
    Ok(SlideGeometry::new(slide.levels(), mpp))
}

/// Cuts tiles out of a slide.
struct Cutter<'a> {
    slide: &'a Slide,
    plan: &'a TilePlan,
    input: Size,
}

impl Cutter<'_> {
    /// Neighbouring tiles of the plan; when their common region cannot be read, each by itself.
    fn read(&self, tiles: &[usize]) -> Vec<Result<Vec<u8>>> {
        let rects: Vec<Rect> = tiles.iter().map(|&tile| self.plan.rect_lvl(tile)).collect();
        let Some(around) = rects.iter().copied().reduce(union) else { return Vec::new() };
        match self.region(around) {
            Ok(region) => rects.into_iter().map(|rect| self.cut(&region, around, rect)).collect(),
            Err(_) => rects.into_iter().map(|rect| self.cut(&self.region(rect)?, rect, rect)).collect(),
        }
    }

    fn region(&self, rect: Rect) -> Result<RgbImage8> {
        self.slide.read_region(self.plan.level, rect, self.plan.fill)
    }

    fn cut(&self, region: &RgbImage8, around: Rect, rect: Rect) -> Result<Vec<u8>> {
        let mut tile = RgbImage8::filled(Size::new(rect.w, rect.h), self.plan.fill);
        tile.paste(region, around.x - rect.x, around.y - rect.y);
        Ok(resize(&tile, self.input, Filter::Bilinear)?.into_vec())
    }
}

/// The smallest rectangle round two; places of one cell are near each other.
fn union(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let side = |length: i64| u32::try_from(length).unwrap_or(u32::MAX);
    Rect::new(x, y, side(a.right().max(b.right()) - x), side(a.bottom().max(b.bottom()) - y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_are_joined() {
        assert_eq!(union(Rect::new(-2, 0, 3, 3), Rect::new(4, 5, 1, 1)), Rect::new(-2, 0, 7, 6));
    }
}
