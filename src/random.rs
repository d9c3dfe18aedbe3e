//! Random numbers that depend on nothing but what they are made from: the same seed, epoch and tile always give the same
//! ones, on any thread and after a resumed run. Not for secrets.

/// A stream of random numbers.
///
/// # Source
/// `SplitMix64`: Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream of some numbers, such as seed, epoch and tile; their order matters.
    pub fn of(parts: &[u64]) -> Self {
        Self(parts.iter().fold(GOLDEN, |state, part| mix(state.wrapping_add(GOLDEN) ^ mix(*part))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `-reach` to `reach`.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    pub fn within(&mut self, reach: f32) -> f32 {
        reach * (2.0 * self.unit() - 1.0) as f32
    }

    /// True half the time.
    pub fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// A whole number from 0 to below `count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from((u128::from(self.next()) * count as u128) >> 64).unwrap_or_default()
    }

    /// Puts values in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last + 1);
            values.swap(last, other);
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_paper() {
        // First outputs of SplitMix64 from state 0, as published with its reference code.
        let mut random = Random(0);
        assert_eq!([random.next(), random.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn numbers_are_spread_and_streams_differ() {
        let mut random = Random::of(&[1, 2]);
        let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!((0..1000).all(|_| random.within(0.2).abs() <= 0.2));
        assert_ne!(Random::of(&[1, 2]).next(), Random::of(&[2, 1]).next());
        let mut order: Vec<u32> = (0..100).collect();
        random.shuffle(&mut order);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(order != sorted && sorted == (0..100).collect::<Vec<_>>());
    }
}
