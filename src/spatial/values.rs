//! Values of cells → their deviations from the mean, and the sums that tests need.

/// Deviations of values from their mean.
pub(super) struct Deviations {
    pub deviations: Vec<f64>,
    /// Their squares, summed; above 0.
    pub squares: f64,
}

impl Deviations {
    /// `None` unless there is a finite value for each of `cells`, and not the same for all.
    pub fn of(values: &[f64], cells: usize) -> Option<Self> {
        let &first = values.first()?;
        // By comparison and not by the sum of squares, in which rounding leaves something of equal values.
        if values.len() != cells || values.iter().all(|value| value.total_cmp(&first).is_eq()) {
            return None;
        }
        let mean = values.iter().sum::<f64>() / cells as f64;
        let deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let squares: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
        (squares > 0.0 && squares.is_finite()).then_some(Self { deviations, squares })
    }

    pub fn count(&self) -> f64 {
        self.deviations.len() as f64
    }

    /// The fourth moment over the square of the second.
    pub fn kurtosis(&self) -> f64 {
        let fourth: f64 = self.deviations.iter().map(|deviation| deviation.powi(4)).sum();
        self.count() * fourth / (self.squares * self.squares)
    }

    /// The standard deviation of the cells themselves, not an estimate for others.
    pub fn deviation(&self) -> f64 {
        (self.squares / self.count()).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_spread_or_no_number_has_no_deviations() {
        assert!(Deviations::of(&[0.1; 7], 7).is_none());
        assert!(Deviations::of(&[], 0).is_none());
        assert!(Deviations::of(&[1.0, 2.0], 3).is_none());
        assert!(Deviations::of(&[1.0, f64::NAN], 2).is_none());
        assert!(Deviations::of(&[1.0, f64::INFINITY], 2).is_none());
        assert!(Deviations::of(&[1e300, -1e300], 2).is_none());
        let found = Deviations::of(&[1.0, 2.0, 3.0, 6.0], 4).unwrap();
        assert_eq!((found.deviations.as_slice(), found.squares), (&[-2.0, -1.0, 0.0, 3.0][..], 14.0));
        assert!((found.kurtosis() - 4.0 * 98.0 / 196.0).abs() < 1e-15);
    }
}
