//! Classes of cells → which classes are next to each other more, or less, often than in random places.

use super::neighbours::Neighbours;
use super::significance::{PermutationTest, Permutations};
use serde::{Deserialize, Serialize};

const STREAM: u64 = 0x5a05;

/// How often cells of one class have neighbours of another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The class of the cell.
    pub from: u8,
    /// The class of its neighbour.
    pub to: u8,
    /// Ordered pairs: a pair of one class counts twice, one of two classes once here and once the other way round.
    pub count: u64,
    /// How many there would be on average with the classes in random places.
    pub expectation: f64,
    /// Against the classes in random places, as many of each.
    pub permutation: Option<PermutationTest>,
}

/// Contacts of each class with each, the first class first; `None` unless there is a class below `classes` for each cell and
/// a pair of neighbours.
///
/// # Source
/// Schapiro et al. 2017, doi:10.1038/nmeth.4391 (histoCAT); Palla et al. 2022, doi:10.1038/s41592-021-01358-2 (squidpy).
pub fn contacts(
    neighbours: &Neighbours,
    labels: &[u8],
    classes: usize,
    permutations: Option<Permutations>,
) -> Option<Vec<Contact>> {
    let classes = u8::try_from(classes.checked_sub(1)?).ok()?;
    if labels.len() != neighbours.cells() || labels.iter().any(|&label| label > classes) || neighbours.links() == 0 {
        return None;
    }
    let counted = |labels: &[u8]| count(neighbours, labels, classes);
    let found = counted(labels);
    let permuted = permutations.map_or_else(Vec::new, |permutations| permutations.shuffled(STREAM, labels, counted));
    let mut sizes = vec![0.0; usize::from(classes) + 1];
    for &label in labels {
        sizes[usize::from(label)] += 1.0;
    }
    let (links, cells) = (neighbours.links() as f64, labels.len() as f64);
    let pairs = (0..=classes).flat_map(|from| (0..=classes).map(move |to| (from, to)));
    let contact = |((from, to), count): ((u8, u8), u64)| {
        let others = sizes[usize::from(to)] - f64::from(u8::from(from == to));
        let at = place(from, to, classes);
        let permuted: Vec<f64> = permuted.iter().map(|counts| counts[at] as f64).collect();
        Contact {
            from,
            to,
            count,
            expectation: links * sizes[usize::from(from)] * others / (cells * (cells - 1.0)),
            permutation: PermutationTest::of(count as f64, &permuted),
        }
    };
    Some(pairs.zip(found).map(contact).collect())
}

fn place(from: u8, to: u8, last: u8) -> usize {
    usize::from(from) * (usize::from(last) + 1) + usize::from(to)
}

/// Ordered pairs of neighbours by their classes.
fn count(neighbours: &Neighbours, labels: &[u8], last: u8) -> Vec<u64> {
    let mut counts = vec![0_u64; place(last, last, last) + 1];
    for (near, &from) in neighbours.iter().zip(labels) {
        let row = &mut counts[place(from, 0, last)..=place(from, last, last)];
        for &other in near {
            row[usize::from(labels[other as usize])] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::neighbours::Contiguity;
    use super::*;

    #[test]
    fn contacts_are_counted_both_ways() {
        // 0 0 1
        // 2 0 1
        let cells: Vec<(u32, u32)> = (0..6).map(|at| (at % 3, at / 3)).collect();
        let rook = Neighbours::of(&cells, Contiguity::Rook).unwrap();
        let found = contacts(&rook, &[0, 0, 1, 2, 0, 1], 3, None).unwrap();
        assert_eq!(found.iter().map(|contact| contact.count).collect::<Vec<_>>(), [4, 2, 2, 2, 2, 0, 2, 0, 0]);
        let expected: f64 = found.iter().map(|contact| contact.expectation).sum();
        assert!((expected - 14.0).abs() < 1e-12);
        assert_eq!(contacts(&rook, &[0, 0, 1, 2, 0, 1], 2, None), None);
        assert_eq!(contacts(&rook, &[0; 5], 2, None), None);
        assert_eq!(contacts(&rook, &[0; 6], 0, None), None);
        assert_eq!(contacts(&rook, &[0; 6], 257, None), None);
    }
}
