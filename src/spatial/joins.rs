//! Cells of two kinds → how many neighbours are of the same kind, and how many of both.

use super::neighbours::Neighbours;
use super::significance::NormalTest;
use super::weights::WeightSums;
use serde::{Deserialize, Serialize};

/// Pairs of neighbours, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct JoinCount {
    /// How many there are.
    pub count: u64,
    /// How many there would be on average with the kinds in random places.
    pub expectation: f64,
    /// How unusual that is; `None` with fewer than four cells, or when the count cannot vary.
    pub test: Option<NormalTest>,
}

/// Pairs of neighbours by their kinds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct JoinCounts {
    /// Both marked ("black").
    pub both: JoinCount,
    /// Neither marked ("white").
    pub neither: JoinCount,
    /// One of the two.
    pub one: JoinCount,
}

/// Counts of neighbours by their marks, with moments under non-free sampling: the marks in random places, as many as there
/// are. `None` unless there is a mark for each cell, at least one set and one not, and a pair of neighbours.
///
/// # Source
/// Moran 1948, doi:10.1111/j.2517-6161.1948.tb00012.x; Cliff and Ord 1981, Spatial Processes.
pub fn join_counts(neighbours: &Neighbours, marked: &[bool]) -> Option<JoinCounts> {
    let cells = neighbours.cells();
    let black = marked.iter().filter(|&&mark| mark).count();
    if marked.len() != cells || black == 0 || black == cells || neighbours.links() == 0 {
        return None;
    }
    let mut counts = [0_u64; 3];
    for (near, &own) in neighbours.iter().zip(marked) {
        let other = near.iter().filter(|&&other| marked[other as usize]).count() as u64;
        counts[if own { 0 } else { 2 }] += other;
        counts[if own { 2 } else { 1 }] += near.len() as u64 - other;
    }
    let sums = WeightSums::binary(neighbours);
    let (n, b, w) = (cells as f64, black as f64, (cells - black) as f64);
    let same = |count: u64, kind: f64| {
        let chance = |terms| falling(kind, terms) / falling(n, terms);
        let moments = Moments { two: chance(2), three: chance(3), four: chance(4) };
        join(count, &sums, cells, &moments)
    };
    // Of two cells in order, of three with the middle one shared, and of four, how often each pair is of both kinds; the
    // weights of both orders fall on the same pair.
    let moments = Moments {
        two: 2.0 * b * w / falling(n, 2),
        three: b * w * (b + w - 2.0) / falling(n, 3),
        four: 4.0 * b * (b - 1.0) * w * (w - 1.0) / falling(n, 4),
    };
    Some(JoinCounts {
        both: same(counts[0] / 2, b),
        neither: same(counts[1] / 2, w),
        one: join(counts[2] / 2, &sums, cells, &moments),
    })
}

/// The chance that one pair is of the wanted kinds, that two with a cell in common are, and that two without are.
struct Moments {
    two: f64,
    three: f64,
    four: f64,
}

fn join(count: u64, WeightSums { s0, s1, s2 }: &WeightSums, cells: usize, moments: &Moments) -> JoinCount {
    let expectation = s0 * moments.two / 2.0;
    let square = (s1 * moments.two + (s2 - 2.0 * s1) * moments.three + (s0 * s0 + s1 - s2) * moments.four) / 4.0;
    let variance = square - expectation * expectation;
    // What rounding leaves of the difference of two large squares is no variance.
    let varies = cells > 3 && variance > 1e-12 * square;
    JoinCount { count, expectation, test: NormalTest::of(count as f64, expectation, variance).filter(|_| varies) }
}

/// n (n - 1) ... , `terms` factors.
fn falling(n: f64, terms: i32) -> f64 {
    (0..terms).map(|less| n - f64::from(less)).product()
}

#[cfg(test)]
mod tests {
    use super::super::neighbours::Contiguity;
    use super::*;

    #[test]
    fn each_pair_is_counted_once_and_one_kind_alone_has_no_counts() {
        // X X .
        // . X .
        let cells: Vec<(u32, u32)> = (0..6).map(|at| (at % 3, at / 3)).collect();
        let marked = [true, true, false, false, true, false];
        let rook = Neighbours::of(&cells, Contiguity::Rook).unwrap();
        let found = join_counts(&rook, &marked).unwrap();
        assert_eq!([found.both.count, found.neither.count, found.one.count], [2, 1, 4]);
        // Half of the cells are marked: 3/6 * 2/5 of 7 pairs.
        assert!((found.both.expectation - 1.4).abs() < 1e-12);
        assert_eq!(join_counts(&rook, &[true; 6]), None);
        let two = Neighbours::of(&cells[..2], Contiguity::Rook).unwrap();
        assert_eq!(join_counts(&two, &[true, false]).unwrap().one.test, None);
    }
}
