//! A compartment becomes polygons with holes, along the edges of its cells.
//!
//! Invariant: polygons are valid as simple features: each is one region whose cells hang together over edges, no ring meets
//! itself, and rings of a polygon meet in corners at most. What they cover is what the cells cover, to the pixel.
//!
//! # Source
//! OGC 06-103r4, Simple Feature Access, section 6.1.11 (polygons); RFC 7946, section 3.1.6 (which way round rings run).

use super::BiomarkerMap;
use crate::raster::{Connectivity, Mask, each_component};

/// One region.
///
/// # Coordinates
/// Level-0 pixels of the slide, never beyond its edges. Rings are closed: the last point is the first one; corners only. On
/// the screen, with y down, the outer ring runs clockwise and holes run the other way round; taken as plain numbers that is
/// GeoJSON's orientation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polygon {
    /// What lies around the region.
    pub outer: Vec<[i64; 2]>,
    /// What is left out of it.
    pub holes: Vec<Vec<[i64; 2]>>,
}

impl Polygon {
    /// The area without holes, in squared level-0 pixels.
    pub fn area_l0(&self) -> f64 {
        std::iter::once(&self.outer).chain(&self.holes).map(|ring| signed_area(ring)).sum()
    }
}

/// The area in a ring, negative where it runs counter-clockwise on the screen (the surveyor's formula).
fn signed_area(ring: &[[i64; 2]]) -> f64 {
    let cross = |pair: &[[i64; 2]]| {
        i128::from(pair[0][0]) * i128::from(pair[1][1]) - i128::from(pair[1][0]) * i128::from(pair[0][1])
    };
    ring.windows(2).map(cross).sum::<i128>() as f64 / 2.0
}

/// The outlines of a mask over the cells of a map, one polygon for each region, in the order of their first cells.
///
/// Where cells leave gaps each cell is a polygon of its own. A mask of another size than the map has none.
pub fn contours(mask: &Mask, map: &BiomarkerMap) -> Vec<Polygon> {
    if mask.size() != map.size() {
        return Vec::new();
    }
    if map.cell_side_l0() < map.step_l0() {
        return single_cells(mask, map);
    }
    let mut tracer = Tracer::new(mask);
    let corner = |(col, row): (usize, usize)| [map.x.corner(col), map.y.corner(row)];
    let mut polygons: Vec<Polygon> = Vec::new();
    while let Some((region, ring)) = tracer.next_ring() {
        let ring = ring.into_iter().map(corner).collect();
        // The first edge of a region is on its outside: any hole has cells of the region above it.
        match polygons.get_mut(region) {
            Some(polygon) => polygon.holes.push(ring),
            None => polygons.push(Polygon { outer: ring, holes: Vec::new() }),
        }
    }
    polygons
}

fn single_cells(mask: &Mask, map: &BiomarkerMap) -> Vec<Polygon> {
    let marked = map.cells().zip(mask.as_slice()).filter(|(_, marked)| **marked);
    let rects = marked.filter_map(|((col, row, _), _)| map.rect_l0(col, row));
    let polygons = rects.map(|rect| {
        let (left, top, right, bottom) = (rect.x, rect.y, rect.right(), rect.bottom());
        let outer = vec![[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
        Polygon { outer, holes: Vec::new() }
    });
    polygons.collect()
}

/// Directions on the screen, clockwise.
const EAST: u8 = 0;
const SOUTH: u8 = 1;
const WEST: u8 = 2;
const NORTH: u8 = 3;

/// Follows the edges of cells so that the region lies on the right.
struct Tracer {
    cols: usize,
    rows: usize,
    /// The region of each cell, from 0; [`OUTSIDE`] elsewhere.
    regions: Vec<u32>,
    /// For each corner between cells one bit for each direction in which an edge leaves it that was not followed yet.
    edges: Vec<u8>,
    /// Corners before this one have no edge to the east left.
    next: usize,
}

const OUTSIDE: u32 = u32::MAX;

impl Tracer {
    fn new(mask: &Mask) -> Self {
        let (cols, rows) = (mask.size().w as usize, mask.size().h as usize);
        let mut regions = vec![OUTSIDE; mask.as_slice().len()];
        let mut count = 0;
        each_component(mask, true, Connectivity::Four, |cells| {
            for &cell in cells {
                regions[cell] = count;
            }
            count += 1;
        });
        let mut tracer = Self { cols, rows, regions, edges: vec![0; (cols + 1) * (rows + 1)], next: 0 };
        for row in 0..rows {
            for col in 0..cols {
                if tracer.region(col, row) == OUTSIDE {
                    continue;
                }
                let sides = [
                    (EAST, (col, row), row.checked_sub(1).map(|above| (col, above))),
                    (SOUTH, (col + 1, row), Some((col + 1, row))),
                    (WEST, (col + 1, row + 1), Some((col, row + 1))),
                    (NORTH, (col, row + 1), col.checked_sub(1).map(|left| (left, row))),
                ];
                for (direction, (x, y), beyond) in sides {
                    if beyond.is_none_or(|(col, row)| tracer.region(col, row) == OUTSIDE) {
                        tracer.edges[y * (cols + 1) + x] |= 1 << direction;
                    }
                }
            }
        }
        tracer
    }

    fn region(&self, col: usize, row: usize) -> u32 {
        if col < self.cols && row < self.rows { self.regions[row * self.cols + col] } else { OUTSIDE }
    }

    /// The next ring, as the corners where it turns, and its region; outer rings in the order of regions.
    fn next_ring(&mut self) -> Option<(usize, Vec<(usize, usize)>)> {
        // Every ring has an edge to the east, and the first one found begins where the ring turns.
        let start = (self.next..self.edges.len()).find(|&at| self.edges[at] & 1 << EAST != 0)?;
        self.next = start;
        let start = (start % (self.cols + 1), start / (self.cols + 1));
        let region = self.region(start.0, start.1);
        let (mut at, mut direction) = (start, EAST);
        let mut ring = vec![start];
        loop {
            self.edges[at.1 * (self.cols + 1) + at.0] &= !(1 << direction);
            at = match direction {
                EAST => (at.0 + 1, at.1),
                SOUTH => (at.0, at.1 + 1),
                WEST => (at.0 - 1, at.1),
                _ => (at.0, at.1 - 1),
            };
            if at == start {
                ring.push(start);
                return Some((region as usize, ring));
            }
            let turned = self.turn(at, direction, region);
            if turned != direction {
                ring.push(at);
            }
            direction = turned;
        }
    }

    /// Where a ring goes on from a corner.
    ///
    /// Where two cells meet in a corner only, it stays with its own cell when the other is of another region. When both are
    /// of one region, that closes round one of the two gaps: then it stays with its gap, or the ring would meet itself.
    fn turn(&self, (x, y): (usize, usize), direction: u8, region: u32) -> u8 {
        let leaving = self.edges[y * (self.cols + 1) + x];
        let (right, left) = ((direction + 1) % 4, (direction + 3) % 4);
        let has = |direction: u8| leaving & (1 << direction) != 0;
        let around = |dx: usize, dy: usize| {
            (x + dx).checked_sub(1).zip((y + dy).checked_sub(1)).map_or(OUTSIDE, |(col, row)| self.region(col, row))
        };
        let cells = [around(0, 0), around(1, 0), around(0, 1), around(1, 1)];
        let both = cells.iter().filter(|&&cell| cell == region).count() == 2;
        let crossing = both && (cells[0] == cells[3] || cells[1] == cells[2]);
        if crossing && has(left) {
            left
        } else if has(right) {
            right
        } else if has(direction) {
            direction
        } else {
            left
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::*;
    use crate::geometry::Size;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// An empty map of a slide of 1000 x 700 px with cells of `side` px.
    fn empty(side: u32) -> BiomarkerMap {
        let config = super::super::MapConfig { cell_um: Some(f64::from(side) / 2.0), smooth_um: None };
        BiomarkerMap::with(&plan(256, 256, &[]), &predictions(&["p"], &[]), &config).unwrap()
    }

    fn mask(rows: &[&str]) -> Mask {
        let size = Size::new(u32::try_from(rows[0].len()).unwrap(), u32::try_from(rows.len()).unwrap());
        Mask::from_vec(size, rows.concat().chars().map(|c| c == '#').collect()).unwrap()
    }

    /// Whether a point between pixels lies in a ring, by the number of edges that a ray to the right crosses.
    fn surrounds(ring: &[[i64; 2]], [x, y]: [f64; 2]) -> bool {
        let crossed = |pair: &&[[i64; 2]]| {
            let [a, b] = [pair[0], pair[1]];
            let (low, high) = (a[1].min(b[1]) as f64, a[1].max(b[1]) as f64);
            low < y && y < high && a[0] as f64 > x
        };
        ring.windows(2).filter(crossed).count() % 2 == 1
    }

    #[test]
    fn a_region_with_a_hole_and_an_island_in_it_is_two_polygons() {
        let map = empty(200);
        let found = contours(&mask(&["###..", "#.#..", "###.#", "....."]), &map);
        let outer = vec![[0, 0], [600, 0], [600, 600], [0, 600], [0, 0]];
        let hole = vec![[200, 400], [400, 400], [400, 200], [200, 200], [200, 400]];
        let alone = vec![[800, 400], [1000, 400], [1000, 600], [800, 600], [800, 400]];
        assert_eq!(
            found,
            [Polygon { outer, holes: vec![hole] }, Polygon { outer: alone, holes: vec![] }],
            "the last column is cut off at the slide's edge"
        );
        assert!((found[0].area_l0() - 8.0 * 40_000.0).abs() < 1e-9);
    }

    #[test]
    fn regions_that_meet_in_corners_stay_apart_and_a_ring_that_would_meet_itself_becomes_a_hole() {
        let map = empty(200);
        let found = contours(&mask(&["#....", ".#...", "....#", "....."]), &map);
        assert!(found.len() == 3 && found.iter().all(|polygon| polygon.outer.len() == 5));
        // The two cells at the top left meet in a corner and hang together around the gap.
        let found = contours(&mask(&[".##..", "#.#..", "###..", "....."]), &map);
        assert_eq!((found.len(), found[0].holes.len()), (1, 1));
    }

    #[test]
    fn cells_with_gaps_between_them_are_polygons_of_their_own() {
        let rows = [Some(&[0.9_f32][..]); 2];
        let map = BiomarkerMap::new(&plan(100, 150, &[(0, 0), (150, 0)]), &predictions(&["p"], &rows)).unwrap();
        let found = contours(&map.positive(0, None), &map);
        assert_eq!(found.iter().map(|polygon| polygon.outer[0]).collect::<Vec<_>>(), [[0, 0], [150, 0]]);
        assert!((found.iter().map(Polygon::area_l0).sum::<f64>() - 20_000.0).abs() < 1e-9);
        assert_eq!(contours(&Mask::filled(Size::new(1, 1), true), &map), []);
    }

    proptest! {
        #[test]
        fn polygons_cover_what_the_mask_covers_and_are_valid(
            cells in proptest::collection::vec(any::<bool>(), 14 * 10),
            side in prop::sample::select(vec![72_u32, 74]),
        ) {
            let map = empty(side);
            prop_assert_eq!(map.size(), Size::new(14, 10));
            let mask = Mask::from_vec(map.size(), cells).unwrap();
            let polygons = contours(&mask, &map);
            let mut areas = 0.0;
            for polygon in &polygons {
                areas += polygon.area_l0();
                prop_assert!(signed_area(&polygon.outer) > 0.0);
                prop_assert!(polygon.holes.iter().all(|hole| signed_area(hole) < 0.0));
                for ring in std::iter::once(&polygon.outer).chain(&polygon.holes) {
                    prop_assert!(ring.len() >= 5 && ring.first() == ring.last());
                    for corner in ring.windows(3) {
                        let level = |axis: usize| corner[0][axis] == corner[1][axis] && corner[1][axis] == corner[2][axis];
                        prop_assert!(!level(0) && !level(1), "three points of {ring:?} lie on one line");
                    }
                    // Every grid corner along the ring is met once: the ring touches itself nowhere.
                    let mut met = HashSet::new();
                    for pair in ring.windows(2) {
                        let steps = (pair[1][0] - pair[0][0]).abs().max((pair[1][1] - pair[0][1]).abs());
                        let toward = [0, 1].map(|axis| (pair[1][axis] - pair[0][axis]).signum());
                        for step in 0..steps {
                            let point = [0, 1].map(|axis| pair[0][axis] + toward[axis] * step);
                            prop_assert!(met.insert(point), "{ring:?} meets itself at {point:?}");
                        }
                    }
                }
                for hole in &polygon.holes {
                    // Just inside the hole's topmost, leftmost edge, which is its first point or the one after.
                    let first = hole.iter().min_by_key(|point| (point[1], point[0])).unwrap();
                    prop_assert!(surrounds(&polygon.outer, [first[0] as f64 + 0.5, first[1] as f64 + 0.5]));
                }
            }
            let mut covered = 0.0;
            for (col, row, _) in map.cells() {
                let rect = map.rect_l0(col, row).unwrap();
                let centre = [rect.x as f64 + 0.25, rect.y as f64 + 0.25];
                let inside = |polygon: &&Polygon| {
                    surrounds(&polygon.outer, centre) && !polygon.holes.iter().any(|hole| surrounds(hole, centre))
                };
                let marked = mask.get(i64::from(col), i64::from(row));
                prop_assert_eq!(polygons.iter().filter(inside).count(), usize::from(marked));
                covered += if marked { f64::from(rect.w) * f64::from(rect.h) } else { 0.0 };
            }
            prop_assert!((covered - areas).abs() < 1e-6);
        }
    }
}
