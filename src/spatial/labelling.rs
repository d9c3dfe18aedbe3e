//! Marked cells of a lattice → whether they keep together or apart at each distance, more than the same number of marks on
//! the same cells at random.
//!
//! Since the marks move over the cells that there are, edges and holes of the grid are in the expectation and need no
//! correction. Distances are between the middles of cells, in cells.

use super::envelope::{Envelope, envelope};
use super::lattice::Lattice;
use super::ripley::rising;
use super::significance::Permutations;
use serde::{Deserialize, Serialize};

const STREAM: u64 = 0x5a06;
/// How often marks are put on random cells when nothing else is said: the fewest for which a band of 95 % leaves out ten
/// curves.
pub const RELABELLINGS: usize = 199;

/// Marked cells up to one distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MarkedRadius {
    /// The distance, in cells.
    pub radius: f64,
    /// Pairs of marked cells up to this far apart, each counted once.
    pub pairs: u64,
    /// How many there would be on average with the marks on random cells.
    pub expectation: f64,
    /// L = r * sqrt(pairs / expectation): r for marks at random, above r when they keep together. `None` where no two cells
    /// are so near.
    pub l: Option<f64>,
    /// The lower end of the global 95 % band of L.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// L of marked cells against random labelling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarkedL {
    /// One for each radius.
    pub radii: Vec<MarkedRadius>,
    /// For the curve as a whole, either way: the share of curves, this one included, that are as extreme.
    pub p: Option<f64>,
}

/// L of the marked cells, and of as many on random cells. `None` unless there is a mark for each cell, at least two set, and
/// the radii are finite and rise from 0 or above. The time grows with the square of the largest radius.
///
/// # Source
/// K of Ripley 1976, doi:10.2307/3212829, with L of Besag 1977; against random labelling: Diggle and Chetwynd 1991,
/// doi:10.2307/2532668; the band: Myllymäki et al. 2017, doi:10.1111/rssb.12172.
pub fn marked_l(
    lattice: &Lattice,
    marked: &[bool],
    radii: &[f64],
    permutations: Option<Permutations>,
) -> Option<MarkedL> {
    let marks = marked.iter().filter(|&&mark| mark).count() as f64;
    if marked.len() != lattice.cells() || marks < 2.0 || !rising(radii) {
        return None;
    }
    let steps = steps(lattice, radii);
    let reach = steps.iter().flatten().map(|step| step.0.unsigned_abs()).max().unwrap_or_default();
    let within = |marked: &[bool]| -> Vec<f64> {
        let bits = lattice.bits(marked, reach);
        let ring = |steps: &Vec<(isize, usize)>| -> u64 {
            steps.iter().map(|&(columns, rows)| bits.pairs(columns, rows)).sum()
        };
        let rings = steps.iter().map(ring);
        rings.scan(0, |sum, pairs| Some(add(sum, pairs))).map(|pairs| pairs as f64).collect()
    };
    let cells = lattice.cells() as f64;
    let chance = marks * (marks - 1.0) / (cells * (cells - 1.0));
    let expected: Vec<f64> = within(&vec![true; marked.len()]).into_iter().map(|pairs| pairs * chance).collect();
    let found = within(marked);
    let simulated = permutations.map_or_else(Vec::new, |permutations| permutations.shuffled(STREAM, marked, within));
    // L rises with the number of pairs, so the band of one is that of the other.
    let envelope = envelope(&found, &simulated);
    let radius = |at: usize| {
        let l = |pairs: f64| (expected[at] > 0.0).then(|| radii[at] * (pairs / expected[at]).sqrt());
        let band = envelope.as_ref().map(|Envelope { band, .. }| band[at]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, far below 2^53")]
        let pairs = found[at] as u64;
        MarkedRadius {
            radius: radii[at],
            pairs,
            expectation: expected[at],
            l: l(found[at]),
            low: band.and_then(|band| l(band.0)),
            high: band.and_then(|band| l(band.1)),
        }
    };
    Some(MarkedL { radii: (0..radii.len()).map(radius).collect(), p: envelope.map(|envelope| envelope.p) })
}

fn add(sum: &mut u64, pairs: u64) -> u64 {
    *sum += pairs;
    *sum
}

/// For each radius the steps (columns, rows) that it adds to those of smaller ones; of each step and its reverse, one.
fn steps(lattice: &Lattice, radii: &[f64]) -> Vec<Vec<(isize, usize)>> {
    let last = radii.last().copied().unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float too large becomes the largest"
    )]
    let whole = last.floor() as usize;
    let (columns, rows) = (whole.min(lattice.width - 1).cast_signed(), whole.min(lattice.height - 1));
    let mut rings = vec![Vec::new(); radii.len()];
    for down in 0..=rows {
        let from = if down == 0 { 1 } else { -columns };
        for aside in from..=columns {
            let distance = ((aside * aside) as f64 + (down * down) as f64).sqrt();
            if let Some(ring) = rings.get_mut(radii.partition_point(|&radius| radius < distance)) {
                ring.push((aside, down));
            }
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_up_to_each_radius() {
        // A row of X . X X
        let lattice = Lattice::of(&[(0, 0), (1, 0), (2, 0), (3, 0)]).unwrap();
        let marked = [true, false, true, true];
        let found = marked_l(&lattice, &marked, &[0.5, 1.0, 2.0, 9.0], None).unwrap();
        assert_eq!(found.radii.iter().map(|at| at.pairs).collect::<Vec<_>>(), [0, 1, 2, 3]);
        // Half of all pairs are expected to be of marked cells: 3/4 * 2/3.
        assert_eq!(found.radii.iter().map(|at| at.expectation).collect::<Vec<_>>(), [0.0, 1.5, 2.5, 3.0]);
        assert_eq!((found.radii[0].l, found.radii[3].l, found.p), (None, Some(9.0), None));
        assert!(marked_l(&lattice, &[true, false, false, false], &[1.0], None).is_none());
        assert!(marked_l(&lattice, &marked, &[2.0, 1.0], None).is_none());
        assert!(marked_l(&lattice, &marked, &[f64::INFINITY], None).is_none());
    }
}
