//! How long a scale bar is.

/// The longest of 1, 2 and 5 times a power of ten, 0.001 to 500, that is not above `longest_mm`.
pub fn scale_bar_mm(longest_mm: f64) -> Option<f64> {
    let lengths_mm = (-3..=2).flat_map(|power: i32| {
        [1.0, 2.0, 5.0].map(|digit| {
            // Division by a whole power of ten gives the decimal that is nearest, 0.2 and not 0.2000...1.
            if power < 0 { digit / 10_f64.powi(-power) } else { digit * 10_f64.powi(power) }
        })
    });
    lengths_mm.take_while(|&mm| mm <= longest_mm).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_round_lengths() {
        let cases = [(2.5, Some(2.0)), (0.25, Some(0.2)), (6.4, Some(5.0)), (0.000_9, None), (f64::NAN, None)];
        for (longest, mm) in cases {
            assert_eq!(scale_bar_mm(longest), mm, "{longest}");
        }
        assert_eq!(scale_bar_mm(f64::INFINITY), Some(500.0));
    }
}
