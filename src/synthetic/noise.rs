//! A seed and coordinates in, repeatable randomness out: hashed lattices, smooth noise, short runs of draws.
//!
//! Invariant: equal on every platform, to the bit. Only integer arithmetic and the IEEE 754 operations that round
//! correctly (+ - * / and square root) are used; Rust never fuses them, and nothing is taken from the system's
//! mathematics library. This is no cryptography.

/// A point or a direction, x then y, in the frame of its user.
pub(super) type Vec2 = [f32; 2];

/// An endless random lattice and the smooth noise on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    seed: u64,
}

impl Noise {
    /// The noise number `stream` of a seed; streams are independent of each other.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self { seed: mix(mix(seed).wrapping_add(stream)) }
    }

    /// 64 random bits of a lattice point.
    pub(super) fn bits(self, x: i32, y: i32) -> u64 {
        let place = (u64::from(x.cast_unsigned()) << 32) | u64::from(y.cast_unsigned());
        mix(self.seed ^ place)
    }

    /// Random draws that belong to a lattice point.
    pub(super) fn draws(self, x: i32, y: i32) -> Draws {
        Draws(self.bits(x, y))
    }

    /// Smooth noise in [0, 1] with features of about one unit: lattice values joined by a cubic that is flat at each.
    pub(super) fn at(self, [x, y]: Vec2) -> f32 {
        let (left, top) = (floor(x), floor(y));
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (u, v) = (ease(x - left as f32), ease(y - top as f32));
        let corner = |dx, dy| unit(self.bits(left.wrapping_add(dx), top.wrapping_add(dy)));
        lerp(lerp(corner(0, 0), corner(1, 0), u), lerp(corner(0, 1), corner(1, 1), u), v)
    }

    /// [`Self::at`] with half as much of the double frequency added, in [0, 1].
    pub(super) fn rough(self, p: Vec2) -> f32 {
        (2.0 * self.at(p) + self.at([2.0 * p[0] + 37.0, 2.0 * p[1] + 17.0])) / 3.0
    }
}

/// Random numbers one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws(u64);

impl Draws {
    /// The next number, uniform in [0, 1).
    pub(super) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        unit(mix(self.0))
    }

    /// The next number, uniform between two bounds.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        lerp(low, high, self.next())
    }

    /// True with a probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.next() < probability
    }

    /// A random direction of length 1; diagonals are a little more frequent, which nobody sees.
    pub(super) fn direction(&mut self) -> Vec2 {
        normalised([self.between(-1.0, 1.0), self.between(-1.0, 1.0)])
    }
}

/// `a` at 0, `b` at 1.
pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Moves a point by up to `by_um` to and fro, so that what is drawn in its place winds.
pub(super) fn warped(noise: Noise, at: Vec2, wave_um: f32, by_um: f32) -> Vec2 {
    let [x, y] = at.map(|x| x / wave_um);
    [at[0] + 2.0 * by_um * (noise.at([x, y]) - 0.5), at[1] + 2.0 * by_um * (noise.at([x + 91.0, y - 53.0]) - 0.5)]
}

/// 0 below `low`, 1 above `high`, a straight line between.
pub(super) fn ramp(low: f32, high: f32, x: f32) -> f32 {
    ((x - low) / (high - low)).clamp(0.0, 1.0)
}

/// The vector scaled to length 1; the x axis when it has no length.
pub(super) fn normalised([x, y]: Vec2) -> Vec2 {
    let length = (x * x + y * y).sqrt();
    if length > 1e-6 { [x / length, y / length] } else { [1.0, 0.0] }
}

/// The scalar product.
pub(super) fn dot(a: Vec2, b: Vec2) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

/// The largest integer that is not above `x`.
#[expect(clippy::cast_possible_truncation, reason = "saturates; micrometres on a slide are far inside i32")]
pub(super) fn floor(x: f32) -> i32 {
    let towards_zero = x as i32;
    towards_zero.wrapping_sub(i32::from(towards_zero as f32 > x))
}

/// The upper 24 bits as a number in [0, 1).
fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 / 16_777_216.0
}

/// The output function of splitmix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195, as revised by Vigna).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_gives_the_published_splitmix64_sequence_of_seed_1234567() {
        let golden = 0x9e37_79b9_7f4a_7c15_u64;
        let values = [0, 1, 2].map(|i: u64| mix(1_234_567_u64.wrapping_add(golden.wrapping_mul(i))));
        assert_eq!(values, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn noise_is_continuous_bounded_and_has_mean_one_half() {
        let noise = Noise::new(3, 1);
        let values: Vec<f32> = (0..100_000).map(|i| noise.at([i as f32 * 0.01 - 500.0, 0.3])).collect();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        // The steepest slope of the cubic is 1.5 a unit.
        assert!(values.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.0155));
        let mean = values.iter().sum::<f32>() / 1e5;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
    }

    #[test]
    fn floor_rounds_down_on_both_sides_of_zero() {
        assert_eq!([-1.5, -1.0, -0.1, 0.0, 0.9, 2.0].map(floor), [-2, -1, -1, 0, 0, 2]);
    }
}
