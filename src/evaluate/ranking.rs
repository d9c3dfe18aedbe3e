//! How well scores put one kind of tiles above another.

use std::cmp::Ordering;

/// Area under the receiver operating characteristic: the chance that a positive scores above a negative, ties counted
/// half. `None` unless there are both, and when a score is not a number.
///
/// # Source
/// Hanley and `McNeil` 1982, doi:10.1148/radiology.143.1.7063747, through mid-ranks (Mann-Whitney U).
pub fn auroc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.len() != positive.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let positives = positive.iter().filter(|&&positive| positive).count() as f64;
    let negatives = positive.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum = 0.0;
    let mut below = 0.0;
    for ties in order.chunk_by(|a, b| a.0.partial_cmp(&b.0) == Some(Ordering::Equal)) {
        let size = ties.len() as f64;
        let mid_rank = below + f64::midpoint(size, 1.0);
        rank_sum += mid_rank * ties.iter().filter(|tie| tie.1).count() as f64;
        below += size;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// Mean over the classes of the area of one class against the rest; classes without an area are left out.
///
/// # Shapes
/// `scores`: one row `[K]` for each of `labels`.
pub fn macro_auroc(scores: &[Vec<f32>], labels: &[usize]) -> Option<f64> {
    let classes = scores.first()?.len();
    let of = |class: usize| {
        let column: Option<Vec<f64>> = scores.iter().map(|row| row.get(class).map(|&score| f64::from(score))).collect();
        auroc(&column?, &labels.iter().map(|&label| label == class).collect::<Vec<_>>())
    };
    let areas: Vec<f64> = (0..classes).filter_map(of).collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half_and_one_sided_labels_have_no_area() {
        // Pairs (0.8, 0.5), (0.8, 0.2), (0.5, 0.5), (0.5, 0.2): 1 + 1 + 1/2 + 1 of 4.
        let area = auroc(&[0.8, 0.5, 0.5, 0.2], &[true, true, false, false]);
        assert_eq!(area, Some(3.5 / 4.0));
        assert_eq!(auroc(&[0.1, 0.2], &[true, true]), None);
        assert_eq!(auroc(&[f64::NAN, 0.2], &[true, false]), None);
    }
}
