//! A slide and a table of labelled places → tiles, read at the model's resolution as they will be when the model scores
//! the slide.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::limits::MAX_TILE_SIDE_PX;
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::Slide;
use crate::train::config::{SlideSource, TrainConfig};
use crate::train::data::{Collector, Place, TileSet};
use crate::train::event::TrainEvent;
use crate::units::round_half_even;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

/// Neighbouring tiles are cut from one region of about this side, so that a chunk is not decoded for each of them.
const REGION_PX: u32 = 2048;
/// Regions read before the next progress report.
const AT_ONCE: usize = 8;
/// Beyond the slide's edge there is glass.
const FILL: [u8; 3] = [255; 3];

/// Reads all labelled tiles that are not excluded, in the order of the slide.
pub(super) fn read(
    source: &SlideSource,
    config: &TrainConfig,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<TileSet> {
    let slide = Slide::open(&source.slide)?;
    let side_l0 = side_l0(&slide, config).map_err(|error| error.at_path(&source.slide))?;
    let table = std::fs::read(&source.targets).map_err(|error| Error::io(&source.targets, "read the table", error))?;
    let rows = parse(&table, &source.label_column).map_err(|error| error.at_path(&source.targets))?;
    let rows: Vec<_> = rows.into_iter().filter(|row| !config.exclude.contains(&row.label)).collect();
    let bounds = Rect::new(0, 0, slide.size().w, slide.size().h);
    if let Some(row) = rows.iter().find(|row| bounds.intersect(Rect::new(row.x, row.y, side_l0, side_l0)).is_none()) {
        let message = format!("expected places on a slide of {}, found {}, {}", slide.size(), row.x, row.y);
        return Err(Error::new(ErrorKind::Usage, "TRN-0206", message).at_path(&source.targets));
    }
    let labels: BTreeSet<&String> = rows.iter().map(|row| &row.label).collect();
    let classes: Vec<String> = labels.into_iter().cloned().collect();
    let mut collector = Collector::new(classes.clone(), rows.len(), config, cancel, on_event)
        .map_err(|error| error.at_path(&source.targets))?;

    let cutter = Cutter::new(&slide, side_l0, config);
    let cell = i64::from((REGION_PX / side_l0).max(1) * side_l0);
    let mut cells: BTreeMap<(i64, i64), Vec<Row>> = BTreeMap::new();
    for row in rows {
        cells.entry((row.y.div_euclid(cell), row.x.div_euclid(cell))).or_default().push(row);
    }
    let cells: Vec<Vec<Row>> = cells.into_values().collect();
    for now in cells.chunks(AT_ONCE) {
        let read: Vec<Vec<Result<Vec<u8>>>> = now.par_iter().map(|rows| cutter.read(rows)).collect();
        for (row, pixels) in now.iter().flatten().zip(read.into_iter().flatten()) {
            let label = classes.binary_search(&row.label).unwrap_or_default();
            let rect_l0 = Some(Rect::new(row.x, row.y, side_l0, side_l0));
            collector.take(Place { label, name: format!("x {}, y {}", row.x, row.y), rect_l0 }, pixels)?;
        }
    }
    let notes = vec![
        "one slide of one patient: training and validation tiles lie apart on the same section, so the figures say \
         nothing about other patients, stainings or scanners"
            .to_owned(),
    ];
    collector.finish(notes).map_err(|error| error.at_path(&source.targets))
}

/// Side of a tile in level-0 pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn side_l0(slide: &Slide, config: &TrainConfig) -> Result<u32> {
    let Some(mpp) = slide.mpp() else {
        let why = slide.calibration_note().unwrap_or("none");
        return Err(Error::new(ErrorKind::Format, "TRN-0207", format!("expected a slide with a resolution: {why}")));
    };
    let side = round_half_even(f64::from(config.input.tile_px) * config.input.um_per_px / mpp.get());
    if !(1.0..=f64::from(MAX_TILE_SIDE_PX)).contains(&side) {
        let message = format!("expected tiles of 1 to {MAX_TILE_SIDE_PX} level-0 pixels, found {side}");
        return Err(Error::new(ErrorKind::Usage, "TRN-0208", message));
    }
    Ok(side as u32)
}

/// A labelled place.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    x: i64,
    y: i64,
    label: String,
}

/// Reads the table; each place may occur once, or a tile could be on both sides with two labels.
fn parse(table: &[u8], label_column: &str) -> Result<Vec<Row>> {
    let fault = |message: String| Error::new(ErrorKind::Usage, "TRN-0206", message);
    let mut reader = csv::Reader::from_reader(table);
    let header = reader.headers().map_err(|error| fault(format!("expected a CSV: {error}")))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| {
            fault(format!("expected a column {name}, found {}", header.iter().collect::<Vec<_>>().join(", ")))
        })
    };
    let (x, y, label) = (column("x")?, column("y")?, column(label_column)?);
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = at + 2;
        let record = record.map_err(|error| fault(format!("line {line}: {error}")))?;
        let number = |column: usize| {
            let text = record.get(column).unwrap_or_default().trim();
            text.parse::<i64>().map_err(|_| fault(format!("line {line}: expected whole pixels, found {text:?}")))
        };
        let row = Row { x: number(x)?, y: number(y)?, label: record.get(label).unwrap_or_default().trim().to_owned() };
        if row.label.is_empty() {
            return Err(fault(format!("line {line}: expected a label, found none")));
        }
        if !seen.insert((row.x, row.y)) {
            return Err(fault(format!("line {line}: expected each place once, found {}, {} again", row.x, row.y)));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Cuts tiles out of a slide.
struct Cutter<'a> {
    slide: &'a Slide,
    level: usize,
    /// Level-0 pixels per pixel of the level, along x and y.
    downsample: (f64, f64),
    read_px: u32,
    input_px: u32,
}

impl<'a> Cutter<'a> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a tile's side at level 0")]
    fn new(slide: &'a Slide, side_l0: u32, config: &TrainConfig) -> Self {
        let level = slide.level_for_downsample(f64::from(side_l0) / f64::from(config.input.tile_px));
        let downsample = slide.levels().get(level).map_or((1.0, 1.0), |shape| {
            let along = |l0: u32, lvl: u32| f64::from(l0) / f64::from(lvl.max(1));
            (along(slide.size().w, shape.size.w), along(slide.size().h, shape.size.h))
        });
        let read_px = (f64::from(side_l0) / f64::midpoint(downsample.0, downsample.1)).round().max(1.0) as u32;
        Self { slide, level, downsample, read_px, input_px: config.input.input_px }
    }

    /// The tiles of neighbouring places; when their common region cannot be read, each by itself.
    fn read(&self, rows: &[Row]) -> Vec<Result<Vec<u8>>> {
        let rects: Vec<Rect> = rows.iter().map(|row| self.rect_lvl(row)).collect();
        let Some(around) = rects.iter().copied().reduce(union) else { return Vec::new() };
        match self.slide.read_region(self.level, around, FILL) {
            Ok(region) => rects.into_iter().map(|rect| self.cut(&region, around, rect)).collect(),
            Err(_) => rects.into_iter().map(|rect| self.read_one(rect)).collect(),
        }
    }

    fn read_one(&self, rect: Rect) -> Result<Vec<u8>> {
        self.cut(&self.slide.read_region(self.level, rect, FILL)?, rect, rect)
    }

    fn cut(&self, region: &RgbImage8, around: Rect, rect: Rect) -> Result<Vec<u8>> {
        let mut tile = RgbImage8::filled(Size::new(rect.w, rect.h), FILL);
        tile.paste(region, around.x - rect.x, around.y - rect.y);
        Ok(resize(&tile, Size::new(self.input_px, self.input_px), Filter::Bilinear)?.into_vec())
    }

    #[expect(clippy::cast_possible_truncation, reason = "slide coordinates are far below 2^53")]
    fn rect_lvl(&self, row: &Row) -> Rect {
        let px = |l0: i64, downsample: f64| (l0 as f64 / downsample).round() as i64;
        Rect::new(px(row.x, self.downsample.0), px(row.y, self.downsample.1), self.read_px, self.read_px)
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
    fn a_table_is_read_by_the_names_of_its_columns() {
        let rows = parse(b"label,y,x,other\nstroma,7,5,0.1\n tumour ,-1,0,\n", "label").unwrap();
        assert_eq!(rows[0], Row { x: 5, y: 7, label: "stroma".to_owned() });
        assert_eq!(rows[1], Row { x: 0, y: -1, label: "tumour".to_owned() });
    }

    #[test]
    fn tables_that_cannot_be_trusted_are_refused_with_their_line() {
        for (table, part) in [
            ("x,y\n1,2\n", "column label"),
            ("x,y,label\n1,b,a\n", "line 2"),
            ("x,y,label\n1,2,a\n1,2,b\n", "line 3"),
            ("x,y,label\n1,2,\n", "line 2"),
            ("x,y,label\n1,2\n", "line 2"),
        ] {
            let error = parse(table.as_bytes(), "label").unwrap_err();
            assert!(error.code() == "TRN-0206" && error.message().contains(part), "{table:?}: {error}");
        }
    }

    #[test]
    fn rectangles_are_joined() {
        assert_eq!(union(Rect::new(-2, 0, 3, 3), Rect::new(4, 5, 1, 1)), Rect::new(-2, 0, 7, 6));
    }
}
