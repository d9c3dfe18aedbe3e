//! A sample of tiles, written as how often each tile was drawn.
//!
//! Every statistic of [`evaluate`](super) is one over draws: all ones gives the plain figure, a resample of the bootstrap
//! has others, and a tile that was not drawn has 0. So what is costly, such as sorting, is done once for all resamples.

/// The draws that take every tile once.
pub fn once(tiles: usize) -> Vec<u32> {
    vec![1; tiles]
}

/// The drawn tiles.
pub(super) fn total(draws: &[u32]) -> u64 {
    draws.iter().map(|&times| u64::from(times)).sum()
}

/// Mean of one value per tile over the drawn tiles; `None` when none is drawn.
pub(super) fn drawn_mean(values: &[f64], draws: &[u32]) -> Option<f64> {
    let total = total(draws);
    let sum: f64 = values.iter().zip(draws).map(|(value, &times)| value * f64::from(times)).sum();
    (total > 0).then(|| sum / total as f64)
}

/// Mean of some values; `None` without any.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}
