//! A curve and the same curve of many simulations → one p-value for the whole curve, and the band that it leaves when p is
//! small.
//!
//! # Source
//! Myllymäki et al. 2017, doi:10.1111/rssb.12172: the extreme rank length. Each place of each curve has its rank
//! among all curves, from the nearer end; curves are compared by their most extreme rank, then by the next one.

/// The level of the band.
pub(super) const LEVEL: f64 = 0.05;

pub(super) struct Envelope {
    /// The share of curves, this one included, that are as extreme as this one.
    pub p: f64,
    /// The lowest and the highest value at each place among curves whose own p is above [`LEVEL`].
    pub band: Vec<(f64, f64)>,
}

/// `None` without simulations or places. All curves have as many places.
pub(super) fn envelope(curve: &[f64], simulated: &[Vec<f64>]) -> Option<Envelope> {
    if simulated.is_empty() || curve.is_empty() {
        return None;
    }
    let curves: Vec<&[f64]> = std::iter::once(curve).chain(simulated.iter().map(Vec::as_slice)).collect();
    let mut ranks = vec![Vec::with_capacity(curve.len()); curves.len()];
    for place in 0..curve.len() {
        let mut sorted: Vec<f64> = curves.iter().map(|curve| curve[place]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        for (ranks, curve) in ranks.iter_mut().zip(&curves) {
            let below = sorted.partition_point(|&value| value < curve[place]);
            let above = sorted.len() - sorted.partition_point(|&value| value <= curve[place]);
            // Twice the mean rank of ties, from either end.
            let ties = sorted.len() - below - above + 1;
            ranks.push(2 * below.min(above) + ties);
        }
    }
    for ranks in &mut ranks {
        ranks.sort_unstable();
    }
    let mut order: Vec<&Vec<usize>> = ranks.iter().collect();
    order.sort_unstable();
    let share = |ranks: &Vec<usize>| order.partition_point(|other| *other <= ranks) as f64 / order.len() as f64;
    let kept: Vec<&[f64]> =
        curves.iter().zip(&ranks).filter(|(_, ranks)| share(ranks) > LEVEL).map(|(curve, _)| *curve).collect();
    let ends = |place: usize| {
        let values = kept.iter().map(|curve| curve[place]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    Some(Envelope { p: share(&ranks[0]), band: (0..curve.len()).map(ends).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn noise(seed: u64, add: f64) -> Vec<f64> {
        let mut random = Random::of(&[seed]);
        (0..10).map(|_| random.unit() + add).collect()
    }

    #[test]
    fn a_curve_leaves_the_band_just_when_its_p_is_small() {
        let simulated: Vec<Vec<f64>> = (1..200).map(|seed| noise(seed, 0.0)).collect();
        let mut small = 0;
        for seed in 1000..1200 {
            let curve = noise(seed, 0.0);
            let Envelope { p, band } = envelope(&curve, &simulated).unwrap();
            let leaves = curve.iter().zip(&band).any(|(value, (low, high))| value < low || value > high);
            assert_eq!(leaves, p <= LEVEL, "{p}");
            small += usize::from(leaves);
        }
        // 10 of 200 are expected, give or take four standard deviations of 3.1.
        assert!((1..=22).contains(&small), "{small}");
        assert!((envelope(&noise(3, 1.0), &simulated).unwrap().p - 1.0 / 200.0).abs() < 1e-15);
        assert!(envelope(&noise(3, 0.0), &[]).is_none());
    }

    #[test]
    fn curves_that_are_all_the_same_are_no_surprise() {
        let found = envelope(&[1.0, 2.0], &vec![vec![1.0, 2.0]; 19]).unwrap();
        assert_eq!((found.p, found.band), (1.0, vec![(1.0, 1.0), (2.0, 2.0)]));
    }
}
