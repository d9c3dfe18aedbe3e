//! A map becomes compartments: masks over its cells, where a class is decided for or its score reaches a threshold, cleaned of
//! specks.
//!
//! Invariant: only scored cells are ever in a compartment.

use super::{BiomarkerMap, Cell};
use crate::raster::{Connectivity, Mask, flip_components};
use crate::tile::{Meaning, POSITIVE_FROM};

impl BiomarkerMap {
    /// Marks the scored cells, `[rows, cols]`.
    pub fn scored(&self) -> Mask {
        self.marked(|_| true)
    }

    /// Marks the scored cells that count for a class, `[rows, cols]`: those whose score is at least `threshold`; without one,
    /// those that are decided for it, of findings those from [`POSITIVE_FROM`] on. Without a threshold no cell counts for an
    /// estimate, and for a class that does not exist none ever does.
    pub fn positive(&self, class: usize, threshold: Option<f32>) -> Mask {
        self.marked(|scores| match (threshold, scores.get(class)) {
            (_, None) => false,
            (Some(threshold), Some(&score)) => score >= threshold,
            (None, Some(_)) => speaks_for(&self.meaning, scores, class),
        })
    }

    /// Marks the scored cells of which `is_marked` holds.
    fn marked(&self, is_marked: impl Fn(&[f32]) -> bool) -> Mask {
        let mut mask = Mask::filled(self.size(), false);
        for (pixel, (_, _, cell)) in mask.as_mut_slice().iter_mut().zip(self.cells()) {
            *pixel = matches!(cell, Cell::Scored(scores) if is_marked(scores));
        }
        mask
    }

    /// Area of a cell's part on the slide, µm², of the cell at `place`, row by row.
    pub(super) fn area_um2(&self, place: usize) -> f64 {
        let cols = self.cols().max(1) as usize;
        let at = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let rect = self.rect_l0(at(place % cols), at(place / cols));
        rect.map_or(0.0, |rect| f64::from(rect.w) * f64::from(rect.h) * self.mpp().get().powi(2))
    }
}

/// Whether a cell counts for a class.
pub(super) fn speaks_for(meaning: &Meaning, scores: &[f32], class: usize) -> bool {
    match meaning {
        Meaning::Findings => scores[class] >= POSITIVE_FROM,
        _ => meaning.decide(scores) == Some(class),
    }
}

/// Removes islands below an area, then fills holes below an area, both in µm² and joined over edges only.
///
/// A hole is filled only when all of it was scored and it does not reach the edge of the map: what nobody looked at belongs to
/// no compartment. A mask of another size than the map is given back as it is.
#[must_use]
pub fn clean(mut mask: Mask, map: &BiomarkerMap, min_area_um2: f64, min_hole_um2: f64) -> Mask {
    let size = mask.size();
    if size != map.size() {
        return mask;
    }
    let area = |cells: &[usize]| cells.iter().map(|&cell| map.area_um2(cell)).sum::<f64>();
    flip_components(&mut mask, true, Connectivity::Four, |cells| area(cells) < min_area_um2);
    let (width, height, scored) = (size.w as usize, size.h as usize, map.scored());
    let is_free = |&cell: &usize| {
        let (x, y) = (cell % width, cell / width);
        !scored.as_slice()[cell] || x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    flip_components(&mut mask, false, Connectivity::Four, |cells| {
        area(cells) < min_hole_um2 && !cells.iter().any(is_free)
    });
    mask
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{plan, predictions};
    use super::*;
    use crate::tile::Predictions;

    /// A map of 100 x 100 px cells on a slide of 1000 x 700 px, 0.5 um/px; a cell has 2500 um². `#` is 0.9, `o` 0.1, `x` failed.
    pub(in super::super) fn drawn(rows: &[&str]) -> BiomarkerMap {
        let signs = rows.iter().zip(0..).flat_map(|(row, y)| row.chars().zip(0..).map(move |(sign, x)| (x, y, sign)));
        let tiles: Vec<(i64, i64, char)> = signs.filter(|tile| tile.2 != '.').collect();
        let origins: Vec<(i64, i64)> = tiles.iter().map(|&(x, y, _)| (x * 100, y * 100)).collect();
        let scores = tiles.iter().map(|tile| match tile.2 {
            '#' => Some(&[0.9_f32][..]),
            'o' => Some(&[0.1][..]),
            _ => None,
        });
        BiomarkerMap::with(
            &plan(100, 100, &origins),
            &predictions(&["p"], &scores.collect::<Vec<_>>()),
            &super::super::MapConfig { cell_um: Some(50.0), smooth_um: None },
        )
        .unwrap()
    }

    fn rows(mask: &Mask) -> Vec<String> {
        let rows = mask.as_slice().chunks(mask.size().w as usize);
        rows.map(|row| row.iter().map(|&value| if value { '#' } else { '.' }).collect()).collect()
    }

    #[test]
    fn each_meaning_has_its_own_positive_cells() {
        let cells = [Some(&[0.2_f32, 0.5, 0.3][..]), None, Some(&[0.6, 0.55, 0.1])];
        let plan = plan(256, 256, &[(0, 0), (256, 0), (512, 0)]);
        let positive = |meaning: Meaning, class: usize, threshold: Option<f32>| {
            let predictions = Predictions { meaning, ..predictions(&["a", "b", "c"], &cells) };
            let mask = BiomarkerMap::new(&plan, &predictions).unwrap().positive(class, threshold);
            mask.as_slice()[..3].iter().map(|&value| usize::from(value)).collect::<Vec<_>>()
        };
        let estimates = || Meaning::Estimates(vec![]);
        assert_eq!(positive(Meaning::Classes, 1, None), [1, 0, 0]);
        assert_eq!(positive(Meaning::Classes, 0, Some(0.2)), [1, 0, 1], "the threshold itself counts");
        assert_eq!(positive(Meaning::Findings, 1, None), [1, 0, 1]);
        assert_eq!(positive(Meaning::Findings, 2, Some(0.2)), [1, 0, 0]);
        assert_eq!(positive(estimates(), 0, None), [0, 0, 0]);
        assert_eq!(positive(estimates(), 0, Some(0.5)), [0, 0, 1]);
        assert_eq!(positive(Meaning::Classes, 3, Some(0.0)), [0, 0, 0]);
    }

    #[test]
    fn specks_go_and_scored_holes_close_but_glass_and_failed_cells_stay_out() {
        let map =
            drawn(&["##########", "#o##.##x##", "##########", "oooooooooo", "o#oo##oo#o", "oooo##oooo", "oooooooooo"]);
        let cleaned = clean(map.positive(0, None), &map, 2.5 * 2500.0, 1.5 * 2500.0);
        assert_eq!(
            rows(&cleaned),
            ["##########", "####.##.##", "##########", "..........", "....##....", "....##....", ".........."]
        );
        let all = map.positive(0, None);
        assert_eq!(clean(all.clone(), &map, 0.0, 0.0), all);
        assert_eq!(clean(all, &map, 1e12, 0.0).count(), 0);
    }

    #[test]
    fn a_gap_at_the_edge_of_the_map_is_no_hole() {
        let map = drawn(&["##o#######", "##########"]);
        assert_eq!(clean(map.positive(0, None), &map, 0.0, 1e6), map.positive(0, None));
    }
}
