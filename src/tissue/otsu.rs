//! A histogram → the grey level that best splits it in two.
//!
//! Invariant: a plain function of 256 counts; it knows no image and has no opinion on which half is tissue.

use std::cmp::Ordering;

/// The level `t` for which the classes `0..=t` and `t+1..=255` differ most: the one that maximises the variance
/// between them, and the middle one of equals. 0 for a histogram without two classes.
///
/// # Source
/// N. Otsu, A threshold selection method from gray-level histograms, 1979, doi:10.1109/TSMC.1979.4310076, equation 18.
pub fn otsu(histogram: &[u64; 256]) -> u8 {
    let count: u64 = histogram.iter().sum();
    let total: f64 = (0u8..=255).zip(histogram).map(|(level, &n)| f64::from(level) * n as f64).sum();
    let (mut below, mut below_total) = (0, 0.0);
    let (mut first, mut last, mut best) = (0, 0, 0.0);
    for (level, &n) in (0u8..=255).zip(histogram) {
        below += n;
        below_total += f64::from(level) * n as f64;
        let above = count - below;
        if below == 0 || above == 0 {
            continue;
        }
        let distance = below_total / below as f64 - (total - below_total) / above as f64;
        let variance = below as f64 * above as f64 * distance * distance;
        match variance.total_cmp(&best) {
            Ordering::Greater => (first, last, best) = (level, level, variance),
            Ordering::Equal => last = level,
            Ordering::Less => {}
        }
    }
    first.midpoint(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_peaks_are_split_as_scikit_image_splits_them() {
        let mut histogram = [0; 256];
        // skimage.filters.threshold_otsu(hist=(counts, np.arange(256))) of these counts.
        for (level, count) in histogram.iter_mut().enumerate() {
            let peak = |centre: usize, height: u64| height.saturating_sub(20 * level.abs_diff(centre) as u64);
            *count = peak(90, 700) + peak(230, 400) + 1;
        }
        assert_eq!(otsu(&histogram), 159);
    }

    #[test]
    fn one_level_has_no_threshold_and_two_have_it_between_them() {
        let mut histogram = [0; 256];
        assert_eq!(otsu(&histogram), 0);
        histogram[200] = 5;
        assert_eq!(otsu(&histogram), 0);
        histogram[100] = 9;
        assert_eq!(otsu(&histogram), 149);
    }
}
