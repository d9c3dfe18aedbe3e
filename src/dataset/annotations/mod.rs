//! Slides on which areas were drawn → tiles of the model's grid.
//!
//! Invariant: a tile has the class that covers most of it, and enough of it; what covers it beside that is little. Whatever
//! is not used (areas without class, tiles of two classes) is counted in a note. One slide's areas are in memory at a time.

mod area;
mod files;
mod geojson;
#[cfg(test)]
mod tests;
mod xml;

use crate::dataset::config::Request;
use crate::dataset::event::ReadEvent;
use crate::dataset::labels;
use crate::dataset::slides::{self, Places};
use crate::dataset::sources::AnnotationSource;
use crate::dataset::table::{Row, Table};
use crate::dataset::tiles::{Targets, Tile, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::random::Random;
use crate::raster::Mask;
use crate::slide::Slide;
use crate::tiling::plan::{TilingConfig, plan};
use crate::units::Mpp;
use area::{Area, Cover, cover};
use files::Pair;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Keeps this file's random numbers apart from those of other uses.
const STREAM: u64 = 0xd4a3;
/// Bytes of one file of annotations, some million vertices; in memory they take ten times as much while they are read.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// What is drawn on a slide.
#[derive(Debug, Default, PartialEq)]
struct Drawing {
    areas: Vec<Area>,
    /// Areas without class.
    unnamed: usize,
    /// Points, lines and results of programs.
    no_areas: usize,
}

/// What was not used, over all slides.
#[derive(Debug, Default)]
struct Left {
    slides: usize,
    unnamed: usize,
    no_areas: usize,
    mixed: usize,
    surplus: usize,
}

/// Reads all tiles whose class is not excluded, slide by slide.
pub(super) fn read(
    source: &AnnotationSource,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    let (pairs, slides) = files::pairs(source)?;
    let (rows, more_notes) = rows(source, &pairs)?;
    let mut left = Left { slides, ..Left::default() };
    let mut known = BTreeSet::new();
    let mut chosen = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        let drawing = drawing(&pair.annotations)?;
        left.unnamed += drawing.unnamed;
        left.no_areas += drawing.no_areas;
        known.extend(drawing.areas.iter().map(|area| area.class.clone()));
        let places = choose(&pair.slide, &drawing.areas, source, request, at, &mut left)
            .map_err(|error| error.at_path(&pair.annotations))?;
        chosen.push(places);
    }
    let classes = labels::classes(request.exclude, &known)?;
    let several = pairs.len() > 1;
    let places = pairs.into_iter().zip(chosen).filter(|(_, chosen)| !chosen.is_empty()).map(|(pair, chosen)| {
        let tile = |((x, y), class): &((i64, i64), String)| {
            let truth = Truth::Class(classes.binary_search(class).unwrap_or_default());
            let name = if several { format!("{} x {x}, y {y}", pair.name) } else { format!("x {x}, y {y}") };
            let slide = Some(pair.name.clone());
            match rows.get(&pair.name) {
                Some(row) => Tile { truth, slide, ..row.clone().into_tile(&Targets::Classes(Vec::new()), name) },
                None => Tile { slide, ..Tile::new(truth, name) },
            }
        };
        let tiles = chosen.iter().map(tile).collect();
        Places { slide: pair.slide.clone(), origins_l0: chosen.iter().map(|(origin, _)| *origin).collect(), tiles }
    });
    let places = places.collect();
    let notes = [left.notes(source), more_notes].concat();
    slides::read(places, Targets::Classes(classes), notes, request, cancel, on_event)
}

/// What the table says of each slide, and notes.
fn rows(source: &AnnotationSource, pairs: &[Pair]) -> Result<(BTreeMap<String, Row>, Vec<String>)> {
    let Some(path) = &source.table else { return Ok(Default::default()) };
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read the table", error))?;
    let table = Table::parse(&bytes, &AnnotationSource::columns()).map_err(|error| error.at_path(path))?;
    let rows = table.rows.into_iter().map(|mut row| (row.key.pop().unwrap_or_default(), row));
    let rows: BTreeMap<String, Row> = rows.collect();
    match pairs.iter().find(|pair| !rows.contains_key(&pair.name)) {
        Some(pair) => {
            let message = format!("expected a row for each slide, found none for {}", pair.name);
            Err(Error::new(ErrorKind::Usage, "TRN-0227", message).at_path(path))
        }
        None => Ok((rows, table.notes)),
    }
}

/// Reads one file of annotations.
fn drawing(path: &Path) -> Result<Drawing> {
    let failed = |error| Error::io(path, "read the annotations", error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("expected at most {MAX_FILE_BYTES} bytes of annotations, found more");
        return Err(Error::new(ErrorKind::Limits, "TRN-0222", message).at_path(path));
    }
    let is_xml = path.extension().is_some_and(|ending| ending == "xml");
    let drawing = if is_xml { xml::parse(&bytes) } else { geojson::parse(&bytes) };
    drawing.map_err(|error| error.at_path(path))
}

/// The tiles of a slide that areas cover, with their classes, in the order of the grid.
fn choose(
    path: &Path,
    areas: &[Area],
    source: &AnnotationSource,
    request: Request<'_>,
    at: usize,
    left: &mut Left,
) -> Result<Vec<((i64, i64), String)>> {
    let slide = Slide::open(path)?;
    let geometry = slides::geometry(&slide).map_err(|error| error.at_path(path))?;
    check_inside(areas, geometry.size_l0)?;
    let everywhere = Mask::filled(Size::new(1, 1), true);
    let tiling = TilingConfig { overlap: source.overlap, min_tissue: 0.0 };
    let plan = plan(&geometry, &everywhere, request.input.tile_px, Mpp::new(request.input.um_per_px)?, &tiling)
        .map_err(|error| error.at_path(path))?;
    let names: Vec<&str> = areas.iter().map(|area| area.class.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let classes: Vec<usize> =
        areas.iter().map(|area| names.binary_search(&area.class.as_str()).unwrap_or_default()).collect();
    let tiles: Vec<Rect> = (0..plan.len()).map(|tile| plan.rect_l0(tile)).collect();
    let mut by_class: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for Cover { tile, class, share, other } in cover(areas, &classes, &tiles) {
        if share < source.min_cover || request.exclude.iter().any(|name| name == names[class]) {
            continue;
        }
        if other > source.max_other {
            left.mixed += 1;
        } else {
            by_class.entry(class).or_default().push(tile);
        }
    }
    let mut chosen = Vec::new();
    for (class, mut tiles) in by_class {
        if let Some(most) = source.max_tiles.filter(|most| tiles.len() > *most) {
            left.surplus += tiles.len() - most;
            Random::of(&[STREAM, at as u64, class as u64]).shuffle(&mut tiles);
            tiles.truncate(most);
        }
        chosen.extend(tiles.into_iter().map(|tile| (tile, names[class].to_owned())));
    }
    chosen.sort_by_key(|(tile, _)| *tile);
    Ok(chosen.into_iter().map(|(tile, class)| (plan.origins_l0[tile], class)).collect())
}

/// Refuses an area that lies wholly off its slide: it was drawn on another, or in other pixels.
fn check_inside(areas: &[Area], size_l0: Size) -> Result<()> {
    let off = |area: &&Area| {
        let [left, top, right, bottom] = area.outer.bounds();
        right <= 0.0 || bottom <= 0.0 || left >= f64::from(size_l0.w) || top >= f64::from(size_l0.h)
    };
    let Some(area) = areas.iter().find(off) else { return Ok(()) };
    let [left, top, ..] = area.outer.bounds();
    let message =
        format!("area {}: expected a place on a slide of {size_l0} pixels, found one from {left}, {top}", area.number);
    Err(Error::new(ErrorKind::Usage, "TRN-0223", message)
        .with_advice("coordinates are pixels of level 0; look whether the file belongs to this slide"))
}

impl Left {
    fn notes(&self, source: &AnnotationSource) -> Vec<String> {
        let notes = [
            (self.slides, "slides have no annotations and are left out".to_owned()),
            (self.unnamed, "drawn areas have no class and are left out".to_owned()),
            (self.no_areas, "drawn objects are points, lines or detections, and are left out".to_owned()),
            (
                self.mixed,
                format!("tiles are left out, as a second class covers more than {} of them", source.max_other),
            ),
            (self.surplus, "tiles beyond `max_tiles` of their class and slide are left out".to_owned()),
        ];
        notes.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }
}

fn fault(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Format, code, message)
}

/// Says which part of a file an error is about.
fn numbered(what: &str, number: usize, error: &Error) -> Error {
    let told = Error::new(error.kind(), error.code(), format!("{what} {number}: {}", error.message()));
    error.advice().into_iter().fold(told, Error::with_advice)
}
