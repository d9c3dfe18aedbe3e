//! The range of an axis, the round numbers marked on it, and where a value lies.

/// One axis: a range of values and the round ones among them.
///
/// Invariant: `low < high`, both finite; a logarithmic one lies above 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<f64>,
    spacing: Spacing,
}

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spacing {
    /// Evenly, with this between neighbouring ticks.
    Even(f64),
    /// As their logarithms.
    Log,
}

impl Axis {
    /// From 0 to 1.
    pub fn unit() -> Self {
        Self::widened(0.0, 1.0, 5)
    }

    /// Holds all values that are finite and ends at round numbers; from 0 to 1 without values.
    pub fn around(values: impl IntoIterator<Item = f64>, ticks: u32) -> Self {
        let (low, high) = range(values);
        // A loss that falls nearly to 0 is read against 0.
        let low = if low > 0.0 && low < high * 0.4 { 0.0 } else { low };
        Self::widened(low, high, ticks)
    }

    /// From 0 to the largest of some counts, whole numbers only.
    pub fn counts(largest: u64, ticks: u32) -> Self {
        let step = round_step(largest.max(1) as f64, ticks).max(1.0);
        let last = (largest.max(1) as f64 / step - 1e-9).ceil();
        Self { low: 0.0, high: last * step, ticks: multiples(0.0, last, step), spacing: Spacing::Even(step) }
    }

    /// Ends where the values do; with `whole` only whole numbers are marked.
    pub fn along(values: impl IntoIterator<Item = f64>, ticks: u32, whole: bool) -> Self {
        let (low, high) = range(values);
        let step = round_step(high - low, ticks).max(if whole { 1.0 } else { 0.0 });
        let ticks = multiples((low / step).ceil(), (high / step).floor(), step);
        Self { low, high, ticks, spacing: Spacing::Even(step) }
    }

    /// Logarithmic, for values over several powers of ten: holds all that are above 0 and ends at round numbers; from 1 to
    /// 10 without values.
    pub fn log(values: impl IntoIterator<Item = f64>) -> Self {
        /// Up to these powers of ten, 2 and 5 times each are marked, too.
        const FINE: usize = 2;
        let fitting = values.into_iter().filter(|value| (1.0 / LARGEST..LARGEST).contains(value));
        let (low, high) =
            fitting.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (1.0, 10.0) } else { (low, high) };
        // Ends that are round but for rounding need no further tick.
        let first = (low * (1.0 + 1e-9)).log10().floor();
        let powers: Vec<f64> = std::iter::successors(Some(first), |power| Some(power + 1.0))
            .take_while(|power| 10_f64.powf(power - 1.0) < high * (1.0 - 1e-9))
            .map(|power| 10_f64.powf(power))
            .collect();
        let round: Vec<f64> = powers.iter().flat_map(|power| [1.0, 2.0, 5.0].map(|part| part * power)).collect();
        let from = round.iter().rposition(|&tick| tick <= low * (1.0 + 1e-9)).unwrap_or(0);
        let to = round.iter().position(|&tick| tick >= high * (1.0 - 1e-9)).unwrap_or(round.len() - 1).max(from + 1);
        let (low, high) = (round[from], round[to]);
        let inside = |ticks: Vec<f64>| ticks.into_iter().filter(|tick| (low..=high).contains(tick)).collect::<Vec<_>>();
        let ticks = if powers.len() > FINE + 1 { thinned(&inside(powers)) } else { inside(round) };
        Self { low, high, ticks, spacing: Spacing::Log }
    }

    fn widened(low: f64, high: f64, ticks: u32) -> Self {
        let step = round_step(high - low, ticks);
        // An end that is a tick but for rounding needs no further one.
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let ticks = multiples(first, last, step);
        Self { low: first * step, high: last * step, ticks, spacing: Spacing::Even(step) }
    }

    /// 0 at `low`, 1 at `high`; values beyond are put at the ends.
    pub fn share(&self, value: f64) -> f64 {
        let share = match self.spacing {
            Spacing::Even(_) => (value - self.low) / (self.high - self.low),
            Spacing::Log => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
        };
        share.clamp(0.0, 1.0)
    }

    /// Whether the axis has a place for a value: for what is finite, and on a logarithmic one above 0.
    pub fn places(&self, value: f64) -> bool {
        value.is_finite() && (value > 0.0 || self.spacing != Spacing::Log)
    }

    /// Each tick as it is written; where values lie evenly, all with the same decimals.
    pub fn labels(&self) -> Vec<String> {
        self.ticks.iter().map(|&tick| self.label(tick)).collect()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 8")]
    fn label(&self, tick: f64) -> String {
        let Spacing::Even(step) = self.spacing else { return log_label(tick) };
        let largest = self.low.abs().max(self.high.abs());
        if !(1e-4..1e6).contains(&largest) {
            return if tick == 0.0 { "0".to_owned() } else { format!("{tick:.1e}") };
        }
        let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 8.0) as usize;
        crate::report::words::fixed(tick, decimals)
    }
}

/// 1, 2 or 5 times a power of ten in its shortest form.
fn log_label(tick: f64) -> String {
    let short = format!("{tick:.0e}");
    if (0.999e-3..2e5).contains(&tick) { short.parse().map_or(short, |round: f64| round.to_string()) } else { short }
}

/// Every second, third, ... of the ticks, so that their labels do not stand over each other.
fn thinned(ticks: &[f64]) -> Vec<f64> {
    /// What a narrow panel has room for.
    const MOST: usize = 10;
    ticks.iter().copied().step_by(ticks.len().div_ceil(MOST).max(1)).collect()
}

/// Values beyond are taken for none, and what is nearer to 0 than its inverse for 0, so that no step becomes 0 or infinite.
const LARGEST: f64 = 1e200;

/// Least and largest value, apart even when they are one; 0 and 1 without any.
fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.abs() < LARGEST);
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let least = (low.abs().max(high.abs()) * 1e-9).max(1.0 / LARGEST);
    if high - low > least {
        return (low, high);
    }
    let margin = match low.abs() {
        size if size < 1e-6 => 0.5,
        size => (size * 0.1).min(0.5).max(least),
    };
    (low - margin, high + margin)
}

/// 1, 2 or 5 times a power of ten, so that about `count` of them make up `span`.
fn round_step(span: f64, count: u32) -> f64 {
    let rough = span / f64::from(count.max(1));
    let power = 10_f64.powf(rough.log10().floor());
    let part = rough / power;
    power * [1.0, 2.0, 5.0].into_iter().find(|&round| part <= round * 1.000_001).unwrap_or(10.0)
}

fn multiples(first: f64, last: f64, step: f64) -> Vec<f64> {
    /// More would stand over each other, whatever rounding does.
    const MOST: usize = 50;
    std::iter::successors(Some(first), |at| Some(at + 1.0))
        .take_while(|&at| at <= last)
        .take(MOST)
        .map(|at| at * step)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        Axis::around([low, high], 5).labels()
    }

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        assert_eq!(labels(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(0.05, 1.9), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(labels(0.871, 0.943), ["0.86", "0.88", "0.90", "0.92", "0.94", "0.96"]);
        assert_eq!(labels(0.931, 0.969), ["0.93", "0.94", "0.95", "0.96", "0.97"]);
        assert_eq!(labels(-3.0, 12.0), ["-5", "0", "5", "10", "15"]);
        assert_eq!(labels(0.0, 4e9), ["0", "1.0e9", "2.0e9", "3.0e9", "4.0e9"]);
        assert_eq!(labels(-2e-7, 1e-7)[..2], ["-2.0e-7", "-1.0e-7"]);
    }

    #[test]
    fn an_axis_along_whole_numbers_marks_no_others() {
        let along = |from: f64, to: f64| Axis::along([from, to], 8, true).labels();
        assert_eq!(along(1.0, 3.0), ["1", "2", "3"]);
        assert_eq!(along(1.0, 50.0), ["10", "20", "30", "40", "50"]);
        assert_eq!(along(1.0, 1.0), ["1"]);
    }

    #[test]
    fn counts_have_whole_ticks_from_0() {
        let counts = |largest: u64| Axis::counts(largest, 4).labels();
        assert_eq!(counts(0), ["0", "1"]);
        assert_eq!(counts(3), ["0", "1", "2", "3"]);
        assert_eq!(counts(17), ["0", "5", "10", "15", "20"]);
    }

    #[test]
    fn powers_of_ten_are_equally_far_apart_on_a_logarithmic_axis() {
        let axis = Axis::log([1000.0, 1e6, 30_000.0]);
        assert_eq!(axis.labels(), ["1000", "10000", "100000", "1e6"]);
        for (value, share) in [(1e3, 0.0), (1e4, 1.0 / 3.0), (1e5, 2.0 / 3.0), (1e6, 1.0), (1e9, 1.0), (1.0, 0.0)] {
            assert!((axis.share(value) - share).abs() < 1e-12, "{value}");
        }
        assert!(axis.places(1e-9) && !axis.places(0.0) && !axis.places(-1.0) && Axis::unit().places(-1.0));
        assert_eq!(Axis::log([0.021, 0.9]).labels(), ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]);
        assert_eq!(Axis::log([0.7, 260.0]).labels(), ["1", "10", "100"]);
        let wide = Axis::log([0.7, 260.0]);
        assert_eq!([wide.low, wide.high].map(log_label), ["0.5", "500"]);
        assert_eq!(Axis::log([3.0]).labels(), ["2", "5"]);
        assert_eq!(Axis::log([10.0]).labels(), ["10", "20"]);
    }

    #[test]
    fn what_cannot_be_laid_out_still_gives_an_axis() {
        for values in [vec![], vec![f64::NAN], vec![f64::MAX, f64::MIN], vec![f64::INFINITY, f64::MAX]] {
            assert_eq!(Axis::log(values.iter().copied()), Axis::log([1.0, 10.0]));
            assert_eq!(Axis::around(values, 5), Axis::unit());
        }
        assert_eq!(Axis::log([0.0, -5.0]), Axis::log([1.0, 10.0]));
        for value in [0.0, 1e-300, -7.0, 1e30, 1e199, f64::MIN_POSITIVE] {
            let axis = Axis::around([value], 5);
            assert!(axis.low < axis.high && axis.low <= value && value <= axis.high, "{axis:?}");
            assert!(axis.ticks.len() < 20, "{axis:?}");
        }
        let axis = Axis::unit();
        assert_eq!(format!("{:?}", [-9.0, 0.25, 9.0].map(|value| axis.share(value))), "[0.0, 0.25, 1.0]");
    }

    proptest::proptest! {
        #[test]
        fn a_logarithmic_axis_holds_its_values_with_some_ticks(low in -150.0..150.0_f64, span in 0.0..40.0_f64) {
            let ends = [10_f64.powf(low), 10_f64.powf(low + span)];
            let axis = Axis::log(ends);
            proptest::prop_assert!(axis.low <= ends[0] * (1.0 + 1e-8) && axis.high >= ends[1] * (1.0 - 1e-8), "{:?}", axis);
            proptest::prop_assert!(axis.low < axis.high && (2..=10).contains(&axis.ticks.len()), "{:?}", axis);
        }

        #[test]
        fn any_range_has_some_ticks_inside_it(low in -1e6..1e6_f64, span in 1e-6..1e6_f64, count in 2_u32..10) {
            let axis = Axis::around([low, low + span], count);
            proptest::prop_assert!(axis.low <= low + 1e-6 * span && axis.high >= low + span * (1.0 - 1e-6));
            proptest::prop_assert!((2..=count as usize + 3).contains(&axis.ticks.len()), "{:?}", axis);
        }
    }
}
