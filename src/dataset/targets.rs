//! A slide and a table of labelled places → tiles, read at the model's resolution.
//!
//! Invariant: the planner of scoring says from which level and how large, so a tile is what the model will be shown when it
//! scores the slide.

use crate::dataset::config::{Request, SlideSource};
use crate::dataset::event::ReadEvent;
use crate::dataset::labels;
use crate::dataset::tiles::{Collector, Place, Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::limits::MAX_LEVEL_SIDE_PX;
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::Slide;
use crate::tile::TilePlan;
use crate::tiling::plan::{SlideGeometry, plan_places};
use crate::units::Mpp;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

/// Neighbouring tiles are cut from one region of about this side, so that a chunk is not decoded for each of them.
const REGION_PX: u32 = 2048;
/// Regions read before the next progress report.
const AT_ONCE: usize = 8;
/// No place on a slide is farther from its corner, so sums of coordinates cannot overflow.
const FARTHEST_PX: i64 = MAX_LEVEL_SIDE_PX as i64;

/// Reads all labelled tiles that are not excluded, in the order of the slide.
pub(super) fn read(
    source: &SlideSource,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    let slide = Slide::open(&source.slide)?;
    let geometry = geometry(&slide).map_err(|error| error.at_path(&source.slide))?;
    let table = std::fs::read(&source.targets).map_err(|error| Error::io(&source.targets, "read the table", error))?;
    let at_table = |error: Error| error.at_path(&source.targets);
    let mut rows = parse(&table, source).map_err(at_table)?;
    let targets = if source.values.is_empty() {
        let labels: BTreeSet<String> = rows.iter().filter_map(|row| row.answer.label()).cloned().collect();
        let classes = labels::classes(request.exclude, &labels).map_err(at_table)?;
        rows.retain(|row| row.answer.label().is_some_and(|label| classes.binary_search(label).is_ok()));
        Targets::Classes(classes)
    } else {
        Targets::Numbers(source.values.clone())
    };
    let origins = rows.iter().map(|row| (row.x, row.y)).collect();
    let plan = plan_places(&geometry, origins, request.input.tile_px, Mpp::new(request.input.um_per_px)?)
        .map_err(|error| error.at_path(&source.slide))?;
    let bounds = Rect::new(0, 0, slide.size().w, slide.size().h);
    if let Some(tile) = (0..plan.len()).find(|&tile| bounds.intersect(plan.rect_l0(tile)).is_none()) {
        let Row { x, y, .. } = rows[tile];
        let message = format!("expected places on a slide of {}, found {x}, {y}", slide.size());
        return Err(at_table(Error::new(ErrorKind::Usage, "TRN-0206", message)));
    }
    let mut collector = Collector::new(targets.clone(), rows.len(), request, cancel, on_event).map_err(at_table)?;

    let input = Size::new(request.input.input_px, request.input.input_px);
    let cutter = Cutter { slide: &slide, plan: &plan, input };
    let cell = i64::from((REGION_PX / plan.side_l0).max(1) * plan.side_l0);
    let mut cells: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (tile, row) in rows.iter().enumerate() {
        cells.entry((row.y.div_euclid(cell), row.x.div_euclid(cell))).or_default().push(tile);
    }
    let cells: Vec<Vec<usize>> = cells.into_values().collect();
    for now in cells.chunks(AT_ONCE) {
        let read: Vec<Vec<Result<Vec<u8>>>> = now.par_iter().map(|tiles| cutter.read(tiles)).collect();
        for (&tile, pixels) in now.iter().flatten().zip(read.into_iter().flatten()) {
            let Row { x, y, answer } = &rows[tile];
            let truth = match answer {
                Answer::Label(label) => Truth::Class(targets.names().binary_search(label).unwrap_or_default()),
                Answer::Numbers(numbers) => Truth::Numbers(numbers.clone()),
            };
            collector
                .take(Place { truth, name: format!("x {x}, y {y}"), rect_l0: Some(plan.rect_l0(tile)) }, pixels)?;
        }
    }
    let notes = vec![
        "one slide of one patient: training and validation tiles lie apart on the same section, so the figures say \
         nothing about other patients, stainings or scanners"
            .to_owned(),
    ];
    collector.finish(notes).map_err(at_table)
}

/// What the planner has to know of a slide.
fn geometry(slide: &Slide) -> Result<SlideGeometry> {
    let Some(mpp) = slide.mpp() else {
        let why = slide.calibration_note().unwrap_or("none");
        return Err(Error::new(ErrorKind::Format, "TRN-0207", format!("expected a slide with a resolution: {why}")));
    };
    Ok(SlideGeometry::new(slide.levels(), mpp))
}

/// A place and what the table says of it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    x: i64,
    y: i64,
    answer: Answer,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Label(String),
    Numbers(Vec<f32>),
}

impl Answer {
    fn label(&self) -> Option<&String> {
        if let Self::Label(label) = self { Some(label) } else { None }
    }
}

/// Reads the table; each place may occur once, or a tile could be on both sides with two labels.
fn parse(table: &[u8], source: &SlideSource) -> Result<Vec<Row>> {
    let fault = |message: String| Error::new(ErrorKind::Usage, "TRN-0206", message);
    let mut reader = csv::Reader::from_reader(table);
    let header = reader.headers().map_err(|error| fault(format!("expected a CSV: {error}")))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| {
            fault(format!("expected a column {name}, found {}", header.iter().collect::<Vec<_>>().join(", ")))
        })
    };
    let (x, y) = (column("x")?, column("y")?);
    let values: Vec<usize> = source.values.iter().map(|name| column(name)).collect::<Result<_>>()?;
    let label = if values.is_empty() { Some(column(&source.label_column)?) } else { None };
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = at + 2;
        let record = record.map_err(|error| fault(format!("line {line}: {error}")))?;
        let cell = |column: usize| record.get(column).unwrap_or_default().trim();
        let place = |column: usize| {
            let px = cell(column).parse().ok().filter(|px| (-FARTHEST_PX..=FARTHEST_PX).contains(px));
            px.ok_or_else(|| {
                let range = format!("-{FARTHEST_PX} to {FARTHEST_PX}");
                fault(format!("line {line}: expected whole pixels from {range}, found {:?}", cell(column)))
            })
        };
        let number = |column: &usize| {
            let number = cell(*column).parse().ok().filter(|number: &f32| number.is_finite());
            number.ok_or_else(|| fault(format!("line {line}: expected a number, found {:?}", cell(*column))))
        };
        let answer = match label {
            Some(column) if cell(column).is_empty() => {
                return Err(fault(format!("line {line}: expected a label, found none")));
            }
            Some(column) => Answer::Label(cell(column).to_owned()),
            None => Answer::Numbers(values.iter().map(number).collect::<Result<_>>()?),
        };
        let row = Row { x: place(x)?, y: place(y)?, answer };
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

    fn labels() -> SlideSource {
        SlideSource {
            slide: "a.tif".into(),
            targets: "a.csv".into(),
            label_column: "label".to_owned(),
            values: Vec::new(),
        }
    }

    #[test]
    fn a_table_is_read_by_the_names_of_its_columns() {
        let rows = parse(b"label,y,x,other\nstroma,7,5,0.1\n tumour ,-1,0,\n", &labels()).unwrap();
        assert_eq!(rows[0], Row { x: 5, y: 7, answer: Answer::Label("stroma".to_owned()) });
        assert_eq!(rows[1], Row { x: 0, y: -1, answer: Answer::Label("tumour".to_owned()) });
        let numbers = SlideSource { values: vec!["b".to_owned(), "a".to_owned()], ..labels() };
        let rows = parse(b"a,x,y,b\n1,2,3,0.5\n", &numbers).unwrap();
        assert_eq!(rows, [Row { x: 2, y: 3, answer: Answer::Numbers(vec![0.5, 1.0]) }]);
        for bad in ["", "nan", "inf", "much"] {
            let error = parse(format!("a,x,y,b\n1,2,3,{bad}\n").as_bytes(), &numbers).unwrap_err();
            assert!(error.code() == "TRN-0206" && error.message().contains("line 2"), "{bad}: {error}");
        }
    }

    #[test]
    fn tables_that_cannot_be_trusted_are_refused_with_their_line() {
        for (table, part) in [
            ("x,y\n1,2\n", "column label"),
            ("x,y,label\n1,b,a\n", "line 2"),
            ("x,y,label\n1,2,a\n1,2,b\n", "line 3"),
            ("x,y,label\n1,2,\n", "line 2"),
            ("x,y,label\n1,2\n", "line 2"),
            ("x,y,label\n1,2,a\n9223372036854775807,2,a\n", "line 3"),
            ("x,y,label\n1,-16777217,a\n", "line 2"),
            ("x,y,label\n1,99999999999999999999,a\n", "line 2"),
        ] {
            let error = parse(table.as_bytes(), &labels()).unwrap_err();
            assert!(error.code() == "TRN-0206" && error.message().contains(part), "{table:?}: {error}");
        }
    }

    #[test]
    fn rectangles_are_joined() {
        assert_eq!(union(Rect::new(-2, 0, 3, 3), Rect::new(4, 5, 1, 1)), Rect::new(-2, 0, 7, 6));
    }
}
