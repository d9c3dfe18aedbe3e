//! Drawn areas → how much of each tile a class covers.
//!
//! Scan lines instead of clipped polygons: areas of a class may overlap, touch and cross themselves, and the union of
//! lengths on a line is exact and short to compute, where the union of polygons is neither. Along x the cover is exact;
//! along y a tile has [`LINES`] lines, so an edge is off by at most half their distance. What is inside a ring that crosses
//! itself follows the even-odd rule.

use crate::dataset::annotations::fault;
use crate::error::Result;
use crate::geometry::Rect;
use crate::limits::MAX_LEVEL_SIDE_PX;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Scan lines of a tile.
pub(super) const LINES: u32 = 64;
/// Vertices farther from the slide's corner than this are no drawing.
const FARTHEST_PX: f64 = 2.0 * MAX_LEVEL_SIDE_PX as f64;

/// Level-0 pixels.
type Point = (f64, f64);
/// From the first to below the second x of a line.
type Span = (f64, f64);

/// A closed line; its last vertex is joined to its first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ring(Vec<Point>);

/// An area of a class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Area {
    pub class: String,
    /// Its number in the file, from 1.
    pub number: usize,
    pub outer: Ring,
    pub holes: Vec<Ring>,
}

impl Ring {
    /// Checks vertices.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Format`] (`TRN-0221`) for fewer than three, and for coordinates that are no places.
    pub fn new(points: Vec<Point>) -> Result<Self> {
        if points.len() < 3 {
            return Err(fault(
                "TRN-0221",
                format!("expected a ring of three vertices or more, found {}", points.len()),
            ));
        }
        let near = |value: f64| value.abs() <= FARTHEST_PX;
        match points.iter().find(|(x, y)| !(near(*x) && near(*y))) {
            Some((x, y)) => Err(fault("TRN-0221", format!("expected level-0 pixels, found {x}, {y}"))),
            None => Ok(Self(points)),
        }
    }

    /// Left, top, right and bottom.
    pub fn bounds(&self) -> [f64; 4] {
        let fold = |[x0, y0, x1, y1]: [f64; 4], &(x, y): &Point| [x0.min(x), y0.min(y), x1.max(x), y1.max(y)];
        self.0.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], fold)
    }

    /// Edges that have a part between two heights.
    fn edges(&self, top: f64, bottom: f64) -> Vec<(Point, Point)> {
        let next = self.0.iter().cycle().skip(1);
        let edges = self.0.iter().copied().zip(next.copied());
        edges.filter(|((_, a), (_, b))| a.max(*b) >= top && a.min(*b) <= bottom).collect()
    }
}

/// The inside of a ring on a line.
fn spans(edges: &[(Point, Point)], y: f64) -> Vec<Span> {
    let crosses = |&&((_, a), (_, b)): &&(Point, Point)| (a <= y) != (b <= y);
    let at = |&((ax, ay), (bx, by)): &(Point, Point)| ax + (y - ay) / (by - ay) * (bx - ax);
    let mut found: Vec<f64> = edges.iter().filter(crosses).map(at).collect();
    found.sort_by(f64::total_cmp);
    found.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The same places as spans in order that do not touch.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut whole: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match whole.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => whole.push(span),
        }
    }
    whole
}

/// What of a span lies outside of others, which are in order and do not touch.
fn outside(span: Span, others: &[Span]) -> Vec<Span> {
    let (mut from, mut parts) = (span.0, Vec::new());
    for &(start, end) in others.iter().filter(|other| other.1 > span.0 && other.0 < span.1) {
        if start > from {
            parts.push((from, start));
        }
        from = from.max(end);
    }
    if from < span.1 {
        parts.push((from, span.1));
    }
    parts
}

/// A tile's two classes with the largest cover, and these covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cover {
    pub tile: usize,
    pub class: usize,
    pub share: f64,
    pub other: f64,
}

/// The covers of all tiles that have any, in their order. `classes` gives the class of each area.
pub(super) fn cover(areas: &[Area], classes: &[usize], tiles: &[Rect]) -> Vec<Cover> {
    let mut rows: BTreeMap<(i64, u32), Vec<usize>> = BTreeMap::new();
    for (at, rect) in tiles.iter().enumerate() {
        rows.entry((rect.y, rect.h)).or_default().push(at);
    }
    let rows: Vec<((i64, u32), Vec<usize>)> = rows.into_iter().collect();
    let mut covers: Vec<Cover> = rows
        .par_iter()
        .flat_map_iter(|((y, h), row)| row_cover(areas, classes, tiles, row, *y as f64, f64::from(*h)))
        .collect();
    covers.sort_by_key(|cover| cover.tile);
    covers
}

/// An area's edges near a row of tiles.
struct Near {
    class: usize,
    outer: Vec<(Point, Point)>,
    holes: Vec<Vec<(Point, Point)>>,
}

fn row_cover(areas: &[Area], classes: &[usize], tiles: &[Rect], row: &[usize], top: f64, height: f64) -> Vec<Cover> {
    let edges = |ring: &Ring| ring.edges(top, top + height);
    let near = areas.iter().zip(classes).map(|(area, &class)| Near {
        class,
        outer: edges(&area.outer),
        holes: area.holes.iter().map(edges).filter(|hole| !hole.is_empty()).collect(),
    });
    let near: Vec<Near> = near.filter(|area| !area.outer.is_empty()).collect();
    let count = near.iter().map(|area| area.class + 1).max().unwrap_or(0);
    let mut lengths = vec![vec![0.0; count]; row.len()];
    for line in 0..LINES {
        let y = top + (f64::from(line) + 0.5) * height / f64::from(LINES);
        let mut by_class: Vec<Vec<Span>> = vec![Vec::new(); count];
        for area in &near {
            let holes = union(area.holes.iter().flat_map(|hole| spans(hole, y)).collect());
            by_class[area.class].extend(spans(&area.outer, y).into_iter().flat_map(|span| outside(span, &holes)));
        }
        for (class, spans) in by_class.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty()) {
            let spans = union(spans);
            for (lengths, &tile) in lengths.iter_mut().zip(row) {
                let (left, right) = (tiles[tile].x as f64, tiles[tile].right() as f64);
                let inside = |&(from, to): &Span| (to.min(right) - from.max(left)).max(0.0);
                lengths[class] += spans.iter().map(inside).sum::<f64>();
            }
        }
    }
    let cover = |(lengths, &tile): (Vec<f64>, &usize)| {
        let shares = lengths.into_iter().map(|length| length / f64::from(LINES) / f64::from(tiles[tile].w));
        let mut order: Vec<(usize, f64)> = shares.enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let &(class, share) = order.first()?;
        let other = order.get(1).map_or(0.0, |other| other.1);
        (share > 0.0).then_some(Cover { tile, class, share, other })
    };
    lengths.into_iter().zip(row).filter_map(cover).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(points: &[Point]) -> Ring {
        Ring::new(points.to_vec()).unwrap()
    }

    fn square(x: f64, y: f64, side: f64) -> Ring {
        ring(&[(x, y), (x + side, y), (x + side, y + side), (x, y + side)])
    }

    fn area(outer: Ring, holes: Vec<Ring>) -> Area {
        Area { class: String::new(), number: 1, outer, holes }
    }

    #[test]
    fn covers_are_those_of_geometry() {
        let tiles = [Rect::new(0, 0, 100, 100), Rect::new(100, 0, 100, 100), Rect::new(0, 100, 100, 100)];
        let triangle = ring(&[(0.0, 0.0), (100.0, 0.0), (0.0, 100.0)]);
        let bow = ring(&[(0.0, 0.0), (100.0, 100.0), (100.0, 0.0), (0.0, 100.0)]);
        for (what, areas, expected) in [
            ("a square over two tiles", vec![area(square(50.0, 0.0, 100.0), vec![])], [0.5, 0.5, 0.0]),
            (
                "two that overlap",
                vec![area(square(0.0, 0.0, 60.0), vec![]), area(square(0.0, 0.0, 60.0), vec![])],
                [0.36, 0.0, 0.0],
            ),
            ("a hole", vec![area(square(0.0, 0.0, 200.0), vec![square(0.0, 0.0, 50.0)])], [0.75, 1.0, 1.0]),
            (
                "two holes that overlap",
                vec![area(square(0.0, 0.0, 100.0), vec![square(0.0, 0.0, 50.0), square(25.0, 0.0, 50.0)])],
                [0.625, 0.0, 0.0],
            ),
            (
                "a hole filled by another area",
                vec![area(square(0.0, 0.0, 100.0), vec![square(0.0, 0.0, 50.0)]), area(square(0.0, 0.0, 50.0), vec![])],
                [1.0, 0.0, 0.0],
            ),
            ("a triangle", vec![area(triangle, vec![])], [0.5, 0.0, 0.0]),
            ("a bow tie", vec![area(bow, vec![])], [0.5, 0.0, 0.0]),
            ("off the slide in part", vec![area(square(-50.0, -50.0, 100.0), vec![])], [0.25, 0.0, 0.0]),
        ] {
            let found = cover(&areas, &vec![0; areas.len()], &tiles);
            let share = |tile: usize| found.iter().find(|cover| cover.tile == tile).map_or(0.0, |cover| cover.share);
            for (tile, expected) in expected.into_iter().enumerate() {
                // Half the distance of two lines.
                assert!(
                    (share(tile) - expected).abs() <= 0.5 / f64::from(LINES),
                    "{what}, tile {tile}: {}",
                    share(tile)
                );
            }
        }
    }

    #[test]
    fn the_second_class_is_told() {
        let areas = [area(square(0.0, 0.0, 75.0), vec![]), area(square(75.0, 0.0, 25.0), vec![])];
        let found = cover(&areas, &[1, 0], &[Rect::new(0, 0, 100, 100)]);
        assert_eq!((found.len(), found[0].class), (1, 1));
        assert!((found[0].share - 0.5625).abs() < 0.01 && (found[0].other - 0.0625).abs() < 0.01, "{found:?}");
    }
}
