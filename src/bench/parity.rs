//! Two lists of scores of the same tiles → how far they lie apart.

use super::record::Parity;
use crate::tile::{Meaning, arg_max};

/// Compares scores `[N, K]` with those of a reference.
///
/// None when there are none, or not as many, or one is no number.
pub(super) fn parity(found: &[f32], reference: &[f32], outputs: usize, meaning: &Meaning) -> Option<Parity> {
    if found.len() != reference.len() || found.is_empty() || outputs == 0 {
        return None;
    }
    let mut apart: Vec<f64> = found.iter().zip(reference).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let max = apart.last().copied().filter(|max| max.is_finite())?;
    let rows = || found.chunks(outputs).zip(reference.chunks(outputs));
    let flips = (*meaning == Meaning::Classes).then(|| rows().filter(|(a, b)| arg_max(a) != arg_max(b)).count());
    Some(Parity { tiles: found.len() / outputs, max, median: apart[apart.len() / 2], flips })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_and_the_middle_difference_and_classes_that_change_are_found() {
        let reference = [0.9, 0.1, 0.4, 0.6, 0.5, 0.5];
        let found = [0.8, 0.2, 0.7, 0.3, 0.5, 0.5];
        let apart = parity(&found, &reference, 2, &Meaning::Classes).unwrap();
        assert_eq!((apart.tiles, apart.flips), (3, Some(1)));
        assert!((apart.max - 0.3).abs() < 1e-6 && (apart.median - 0.1).abs() < 1e-6);
        assert_eq!(parity(&found, &reference, 2, &Meaning::Findings).unwrap().flips, None);
        assert!(parity(&found[..4], &reference, 2, &Meaning::Classes).is_none());
        assert!(parity(&[f32::NAN, 0.0], &[0.0, 0.0], 2, &Meaning::Classes).is_none());
    }
}
