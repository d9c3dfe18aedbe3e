//! A compartment becomes distances to its edge: how far each scored cell lies outside, or how deep inside.
//!
//! Invariant: distances are exact on the grid and take time in proportion to its cells.
//!
//! # Source
//! Felzenszwalb and Huttenlocher 2012, "Distance Transforms of Sampled Functions", doi:10.4086/toc.2012.v008a019: squared
//! distances along columns, then along each row the lower envelope of the parabolas that stand on them. Ours are whole
//! numbers of cells, so envelopes meet at whole places and nothing is rounded.

use super::BiomarkerMap;
use crate::raster::Mask;
use rayon::prelude::*;

/// Signed distances of all cells, `[rows * cols]` row by row, micrometres.
///
/// Outside a compartment it is the distance from a cell's centre to that of the nearest cell inside, less half a cell: to the
/// edge. Inside it is the negative of the same towards the nearest cell of `among` that is not inside: where a compartment ends
/// at anything else, such as glass or failed cells, it has no margin. Cells that are not in `among` have no distance, neither
/// have cells without such a neighbour; masks of another size than the map give none at all.
pub fn signed_distance_um(inside: &Mask, among: &Mask, map: &BiomarkerMap) -> Vec<Option<f32>> {
    let scored = among;
    let width = (map.cols() as usize).max(1);
    if inside.size() != map.size() || among.size() != map.size() {
        return vec![None; scored.as_slice().len()];
    }
    let inner: Vec<bool> =
        scored.as_slice().iter().zip(inside.as_slice()).map(|(&scored, &inside)| scored && inside).collect();
    let outer: Vec<bool> = scored.as_slice().iter().zip(&inner).map(|(&scored, &inner)| scored && !inner).collect();
    let (to_inner, to_outer) = (squared_distances(&inner, width), squared_distances(&outer, width));
    let (step_um, half_um) = (map.step_um(), map.cell_um() / 2.0);
    let um = |squared: u64| (squared != NONE).then(|| (squared as f64).sqrt() * step_um - half_um);
    let signed = |at: usize| match (inner[at], outer[at]) {
        (true, _) => um(to_outer[at]).map(|um| -um),
        (_, true) => um(to_inner[at]),
        _ => None,
    };
    (0..inner.len()).into_par_iter().map(|at| signed(at).map(super::rounded)).collect()
}

/// Where there is no cell to measure to.
const NONE: u64 = u64::MAX;

/// The squared distance from each cell to the nearest one that is true, in cells.
fn squared_distances(targets: &[bool], width: usize) -> Vec<u64> {
    let mut above = along_columns(targets.chunks_exact(width), width);
    let mut below = along_columns(targets.chunks_exact(width).rev(), width);
    below.reverse();
    above.par_iter_mut().zip(below).for_each(|(row, below)| {
        row.iter_mut().zip(below).for_each(|(above, below)| *above = (*above).min(below));
    });
    above.into_par_iter().flat_map_iter(|row| along_row(&row)).collect()
}

/// For each row the distances to the last true cell of each column so far.
fn along_columns<'a>(rows: impl Iterator<Item = &'a [bool]>, width: usize) -> Vec<Vec<u32>> {
    let mut last = vec![u32::MAX; width];
    rows.map(|row| {
        for (distance, &is_target) in last.iter_mut().zip(row) {
            *distance = if is_target { 0 } else { distance.saturating_add(1) };
        }
        last.clone()
    })
    .collect()
}

/// Squared distances from those along the columns.
fn along_row(columns: &[u32]) -> Vec<u64> {
    // Parabolas of the envelope, each with the last place up to which the one before is not above it.
    let mut envelope: Vec<(i64, i64, i64)> = Vec::new();
    for (place, &column) in (0_i64..).zip(columns) {
        if column == u32::MAX {
            continue;
        }
        let height = i64::from(column).pow(2);
        let mut meets = -1;
        while let Some(&(before, before_height, before_from)) = envelope.last() {
            // Where (x - place)² + height and (x - before)² + before_height are equal, rounded down.
            let crossing = (height + place * place - before_height - before * before).div_euclid(2 * (place - before));
            if crossing > before_from {
                meets = crossing;
                break;
            }
            envelope.pop();
        }
        envelope.push((place, height, meets));
    }
    let mut here = 0;
    (0_i64..)
        .zip(columns)
        .map(|(x, _)| {
            while envelope.get(here + 1).is_some_and(|next| next.2 < x) {
                here += 1;
            }
            envelope.get(here).map_or(NONE, |&(place, height, _)| ((x - place).pow(2) + height).unsigned_abs())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::compartment::tests::drawn;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn squared_distances_are_those_of_brute_force(
            targets in proptest::collection::vec(proptest::bool::weighted(0.1), 0..300),
            width in 1_usize..24,
        ) {
            let targets = &targets[..targets.len() / width * width];
            let far = |a: usize, b: usize| (a % width).abs_diff(b % width).pow(2) + (a / width).abs_diff(b / width).pow(2);
            let trues: Vec<usize> = (0..targets.len()).filter(|&at| targets[at]).collect();
            let slow = |at: usize| trues.iter().map(|&other| far(at, other) as u64).min().unwrap_or(NONE);
            let slow: Vec<u64> = (0..targets.len()).map(slow).collect();
            prop_assert_eq!(squared_distances(targets, width), slow);
        }
    }

    #[test]
    fn distances_are_those_to_the_edge_and_glass_makes_no_margin() {
        let map = drawn(&["###ooo.oo#", "##########", "xxxxxxxxxx", ".........."]);
        let found = signed_distance_um(&map.positive(0, None), &map.scored(), &map);
        // Cells of 50 um: neighbours lie 25 um on both sides of the edge, the diagonal neighbour 50 √2 - 25.
        let row = |row: usize| found[row * 10..][..10].to_vec();
        let near = |found: Option<f32>, um: f32| (found.unwrap() - um).abs() < 1e-4;
        assert!(near(row(0)[0], -125.0) && near(row(0)[2], -25.0) && near(row(0)[3], 25.0) && near(row(0)[4], 25.0));
        assert_eq!(row(0)[6], None, "glass has no distance");
        assert!(near(row(1)[3], -25.0) && near(row(1)[2], 25.0 - 50.0 * 2.0_f32.sqrt()), "{found:?}");
        assert!(near(row(1)[6], 25.0 - 50.0 * 2.0_f32.sqrt()), "glass above is no margin");
        assert_eq!(row(2), [None; 10]);
    }

    #[test]
    fn without_an_edge_there_is_no_distance() {
        let map = drawn(&["##########", "##########"]);
        let (all, none) = (map.positive(0, None), map.positive(0, Some(2.0)));
        assert!(
            signed_distance_um(&all, &map.scored(), &map)
                .iter()
                .chain(&signed_distance_um(&none, &map.scored(), &map))
                .all(Option::is_none)
        );
    }
}
