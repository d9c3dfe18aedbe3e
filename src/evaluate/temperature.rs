//! Logits and truth of validation tiles → the one number by which all logits are divided, so that probabilities are as
//! sure as they are right. The order of scores stays, and with it every decision.

/// The mean loss is convex in 1 / T, so its slope there rises and crosses 0 once: bisection finds the place.
const STEPS: usize = 80;
/// No network is so unsure or so sure of itself that its logits need more than this, or its inverse.
const HIGHEST: f64 = 100.0;

/// The temperature T that minimises the mean cross-entropy of `softmax(logits / T)`, between 0.01 and 100.
///
/// `None` without tiles (or without weight), when a logit or weight is not a finite number, a weight is negative, a truth
/// is beyond its row, or when all T do equally well.
///
/// # Shapes
/// `logits`: one row `[K]` for each of `truth` and, where given, of `weights`.
///
/// # Source
/// Guo et al. 2017, arXiv:1706.04599, section 4.2.
pub fn softmax_temperature(logits: &[Vec<f32>], truth: &[usize], weights: Option<&[f64]>) -> Option<f64> {
    let sound = |row: &Vec<f32>, truth: usize| truth < row.len() && row.iter().all(|logit| logit.is_finite());
    if logits.len() != truth.len() || !logits.iter().zip(truth).all(|(row, &truth)| sound(row, truth)) {
        return None;
    }
    // Slope of logsumexp(b l) - b l_truth in b: the mean logit under the softmax, less the true one.
    let slope = |tile: usize, sharpness: f64| {
        let row = &logits[tile];
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut sum, mut moment) = (0.0, 0.0);
        for &logit in row {
            let behind = f64::from(logit) - f64::from(largest);
            let share = (sharpness * behind).exp();
            sum += share;
            moment += share * behind;
        }
        moment / sum - (f64::from(row[truth[tile]]) - f64::from(largest))
    };
    coldest(logits.len(), weights, slope)
}

/// The temperature T that minimises the mean cross-entropy of `sigmoid(logits / T)`, as [`softmax_temperature`].
pub fn sigmoid_temperature(logits: &[f32], positive: &[bool], weights: Option<&[f64]>) -> Option<f64> {
    if logits.len() != positive.len() || !logits.iter().all(|logit| logit.is_finite()) {
        return None;
    }
    let slope = |tile: usize, sharpness: f64| {
        let logit = f64::from(logits[tile]);
        logit * (1.0 / (1.0 + (-sharpness * logit).exp()) - f64::from(u8::from(positive[tile])))
    };
    coldest(logits.len(), weights, slope)
}

/// Finds where the summed slope of the loss in 1 / T is 0.
fn coldest(tiles: usize, weights: Option<&[f64]>, slope: impl Fn(usize, f64) -> f64) -> Option<f64> {
    if let Some(weights) = weights {
        let sound = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        if weights.len() != tiles || !sound || weights.iter().all(|&weight| weight <= 0.0) {
            return None;
        }
    }
    let weight = |tile: usize| weights.map_or(1.0, |weights| weights[tile]);
    let summed = |log: f64| (0..tiles).map(|tile| weight(tile) * slope(tile, log.exp())).sum::<f64>();
    let (mut low, mut high) = (-HIGHEST.ln(), HIGHEST.ln());
    let (first, last) = (summed(low), summed(high));
    // Covers the empty sum.
    if first.abs() + last.abs() <= 0.0 {
        return None;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        *(if summed(middle) < 0.0 { &mut low } else { &mut high }) = middle;
    }
    Some((-f64::midpoint(low, high)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_tiles_of_three_right_give_the_temperature_worked_out_by_hand() {
        // sigmoid(3 / T) is to be 2/3, so 3 / T = ln 2.
        let found = sigmoid_temperature(&[3.0, 3.0, 3.0], &[true, true, false], None).unwrap();
        assert!((found - 3.0 / 2.0_f64.ln()).abs() < 1e-9, "{found}");
        let weighed = sigmoid_temperature(&[3.0, 3.0], &[true, false], Some(&[2.0, 1.0])).unwrap();
        assert!((weighed - found).abs() < 1e-9);
        let rows = [vec![0.0, 3.0], vec![0.0, 3.0], vec![0.0, 3.0]];
        let softmax = softmax_temperature(&rows, &[1, 1, 0], None).unwrap();
        assert!((softmax - found).abs() < 1e-9);
    }

    #[test]
    fn perfect_and_hopeless_logits_end_at_the_bounds() {
        let perfect = sigmoid_temperature(&[1.0, -1.0], &[true, false], None).unwrap();
        let hopeless = sigmoid_temperature(&[1.0, -1.0], &[false, true], None).unwrap();
        assert!((perfect - 0.01).abs() < 1e-9 && (hopeless - 100.0).abs() < 1e-6, "{perfect} {hopeless}");
    }

    #[test]
    fn what_has_no_temperature_is_none() {
        assert_eq!(softmax_temperature(&[], &[], None), None);
        assert_eq!(softmax_temperature(&[vec![2.0, 2.0]], &[0], None), None);
        assert_eq!(softmax_temperature(&[vec![f32::INFINITY, 2.0]], &[0], None), None);
        assert_eq!(softmax_temperature(&[vec![1.0, 2.0]], &[2], None), None);
        assert_eq!(softmax_temperature(&[vec![1.0, 2.0]], &[0, 1], None), None);
        assert_eq!(sigmoid_temperature(&[1.0], &[true], Some(&[0.0])), None);
        assert_eq!(sigmoid_temperature(&[1.0], &[true], Some(&[-1.0])), None);
        assert_eq!(sigmoid_temperature(&[1.0], &[true], Some(&[])), None);
        assert_eq!(sigmoid_temperature(&[f32::NAN], &[true], None), None);
    }

    fn loss(rows: &[Vec<f32>], truth: &[usize], temperature: f64) -> f64 {
        let of = |(row, &truth): (&Vec<f32>, &usize)| {
            let scaled = row.iter().map(|&logit| f64::from(logit) / temperature);
            scaled.clone().map(f64::exp).sum::<f64>().ln() - scaled.clone().nth(truth).unwrap()
        };
        rows.iter().zip(truth).map(of).sum()
    }

    proptest! {
        #[test]
        fn no_other_temperature_does_better(
            tiles in proptest::collection::vec((proptest::collection::vec(-4.0_f32..4.0, 3), 0_usize..3), 1..20),
            other in 0.02_f64..50.0,
        ) {
            let (rows, truth): (Vec<_>, Vec<_>) = tiles.into_iter().unzip();
            let found = softmax_temperature(&rows, &truth, None);
            prop_assume!(found.is_some());
            prop_assert!(loss(&rows, &truth, found.unwrap()) <= loss(&rows, &truth, other) + 1e-9);
        }
    }
}
