//! Classes of cells → how far cells of one class are from the nearest of another, against classes in random places.
//!
//! Distances are exact, between the middles of cells, in cells: a Euclidean distance transform of the whole lattice, whose
//! time does not depend on how many cells of the class there are.

use super::lattice::Lattice;
use super::significance::{PermutationTest, Permutations};
use serde::{Deserialize, Serialize};

const STREAM: u64 = 0x5a07;

/// How near two classes are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassDistance {
    /// The mean over the cells of the one class of the distance to the nearest cell of the other, in cells.
    pub mean: f64,
    /// Against the classes in random places, as many of each.
    pub permutation: Option<PermutationTest>,
}

/// The mean distance from cells of class `from` to the nearest of class `to`. `None` unless there is a label for each cell,
/// both classes occur, and they are not the same.
///
/// # Source
/// Distance transform in two passes: Meijster, Roerdink and Hesselink 2000, doi:10.1007/0-306-47025-X_36.
pub fn class_distance(
    lattice: &Lattice,
    labels: &[u8],
    from: u8,
    to: u8,
    permutations: Option<Permutations>,
) -> Option<ClassDistance> {
    if labels.len() != lattice.cells() || from == to || !labels.contains(&from) || !labels.contains(&to) {
        return None;
    }
    let figure = |labels: &[u8]| mean_distance(lattice, labels, from, to);
    let mean = figure(labels);
    let permuted = permutations.map(|permutations| permutations.shuffled(STREAM, labels, figure));
    Some(ClassDistance { mean, permutation: permuted.and_then(|permuted| PermutationTest::of(mean, &permuted)) })
}

fn mean_distance(lattice: &Lattice, labels: &[u8], from: u8, to: u8) -> f64 {
    let width = lattice.width;
    // Farther than any place of the lattice.
    let far = u32::try_from(width + lattice.height).unwrap_or(u32::MAX);
    let mut heights = vec![far; width * lattice.height];
    let mut starts = vec![false; heights.len()];
    let mut count = 0;
    for (&(column, row), &label) in lattice.places.iter().zip(labels) {
        if label == to {
            heights[row * width + column] = 0;
        } else if label == from {
            starts[row * width + column] = true;
            count += 1;
        }
    }
    along_columns(&mut heights, width);
    let mut stack = Vec::new();
    let rows = heights.chunks(width).zip(starts.chunks(width));
    rows.map(|(heights, starts)| along_row(heights, starts, far, &mut stack)).sum::<f64>() / f64::from(count)
}

/// The distance to the nearest 0 of the same column.
fn along_columns(heights: &mut [u32], width: usize) {
    let rows = heights.len() / width;
    let mut nearer = |near: usize, at: usize| {
        let (low, high) = heights.split_at_mut(near.max(at));
        let low = &mut low[near.min(at)..][..width];
        let (near, at) = if near < at { (low, &mut high[..width]) } else { (&mut high[..width], low) };
        at.iter_mut().zip(near).for_each(|(at, near)| *at = (*at).min(*near + 1));
    };
    (1..rows).for_each(|row| nearer((row - 1) * width, row * width));
    (1..rows).rev().for_each(|row| nearer(row * width, (row - 1) * width));
}

/// The sum over `starts` of the distance to the nearest place: in column i it is `heights[i]` away, so the nearest is on the
/// lower envelope of the parabolas (x - i)^2 + height^2. The stack holds each parabola with the first column where it is
/// lowest.
fn along_row(heights: &[u32], starts: &[bool], far: u32, stack: &mut Vec<(i64, i64, i64)>) -> f64 {
    if !starts.contains(&true) {
        return 0.0;
    }
    stack.clear();
    let at = |x: i64, parabola: &(i64, i64, i64)| (x - parabola.0) * (x - parabola.0) + parabola.1;
    for (&height, column) in heights.iter().zip(0_i64..) {
        if height >= far {
            continue;
        }
        let height = i64::from(height);
        let new = (column, height * height, 0);
        while stack.last().is_some_and(|last| at(last.2, last) > at(last.2, &new)) {
            stack.pop();
        }
        let first = stack.last().map_or(0, |last| {
            let over = column * column - last.0 * last.0 + new.1 - last.1;
            1 + over.div_euclid(2 * (column - last.0))
        });
        stack.push((column, new.1, first));
    }
    let mut lowest = 0;
    let mut sum = 0.0;
    for (column, _) in (0_i64..).zip(starts).filter(|(_, start)| **start) {
        while stack.get(lowest + 1).is_some_and(|next| next.2 <= column) {
            lowest += 1;
        }
        sum += stack.get(lowest).map_or(0.0, |parabola| (at(column, parabola) as f64).sqrt());
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn distances_are_those_found_one_by_one() {
        let mut random = Random::of(&[9]);
        for (width, height, share) in [(12, 9, 0.2), (40, 3, 0.02), (1, 30, 0.1), (31, 31, 0.01)] {
            let all = (0..width * height).map(|at| (at % width, at / width));
            let cells: Vec<(u32, u32)> = all.filter(|_| random.unit() < 0.8).collect();
            let mut labels: Vec<u8> =
                cells.iter().map(|_| if random.unit() < share { 1 } else { u8::from(random.coin()) * 2 }).collect();
            (labels[0], labels[1]) = (1, 2);
            let of = |class: u8| -> Vec<(f64, f64)> {
                let cells = cells.iter().zip(&labels).filter(|(_, label)| **label == class);
                cells.map(|(cell, _)| (f64::from(cell.0), f64::from(cell.1))).collect()
            };
            let targets = of(1);
            let nearest = |a: &(f64, f64)| targets.iter().map(|b| (a.0 - b.0).hypot(a.1 - b.1)).fold(1e9, f64::min);
            let starts = of(2);
            let expected = starts.iter().map(nearest).sum::<f64>() / starts.len() as f64;
            let lattice = Lattice::of(&cells).unwrap();
            let found = class_distance(&lattice, &labels, 2, 1, None).unwrap();
            assert!((found.mean - expected).abs() < 1e-12 * expected, "{} {expected}", found.mean);
        }
    }

    #[test]
    fn a_class_that_is_missing_is_at_no_distance() {
        let lattice = Lattice::of(&[(0, 0), (3, 4)]).unwrap();
        assert_eq!(class_distance(&lattice, &[0, 1], 0, 1, None).unwrap().mean.to_bits(), 5.0_f64.to_bits());
        assert_eq!(class_distance(&lattice, &[0, 1], 0, 2, None), None);
        assert_eq!(class_distance(&lattice, &[0, 1], 0, 0, None), None);
        assert_eq!(class_distance(&lattice, &[0], 0, 1, None), None);
    }
}
