//! Rates, times, sizes and differences of a bench as people read them, the same in the terminal and on the page.

use super::samples::Samples;

/// Three digits that count, all those before the point where there are more.
pub fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.995 || size == 0.0 => format!("{value:.2}"),
        size if size >= 0.000_995 => format!("{value:.3}"),
        _ => difference(value),
    }
}

/// `840 ms`, `12.3 s`.
pub fn seconds(value: f64) -> String {
    if value.abs() < 0.9995 { format!("{:.0} ms", value * 1000.0) } else { format!("{} s", digits(value)) }
}

/// `512 MiB`, `1.25 GiB`.
pub fn bytes(value: u64) -> String {
    const KIB: f64 = 1024.0;
    let units = [("KiB", KIB), ("MiB", KIB * KIB), ("GiB", KIB * KIB * KIB)];
    // 1000 MiB are rather 0.98 GiB: three digits.
    let unit = units.iter().find(|unit| value as f64 / unit.1 < 999.5).unwrap_or(&units[2]);
    format!("{} {}", digits(value as f64 / unit.1), unit.0)
}

/// `3.1e-5`.
pub fn difference(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// `97 %`.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Half of the way from the lowest to the highest round, in percent of the median: `±2 %`.
pub fn spread(of: &Samples) -> String {
    format!("±{}", percent(of.spread() / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit_that_fits() {
        let read = [0.0, 0.000_031, 0.012_34, 1.0, 9.996, 12.34, 99.96, 1234.5].map(digits);
        assert_eq!(read, ["0.00", "3.1e-5", "0.012", "1.00", "10.0", "12.3", "100", "1234"]);
        assert_eq!([0.0004, 0.84, 1.0, 12.34, 205.4].map(seconds), ["0 ms", "840 ms", "1.00 s", "12.3 s", "205 s"]);
        let sizes = [512, 10 << 10, 512 << 20, 1023 << 20, 5 << 28, 80 << 30, 2 << 40].map(bytes);
        assert_eq!(sizes, ["0.500 KiB", "10.0 KiB", "512 MiB", "1.00 GiB", "1.25 GiB", "80.0 GiB", "2048 GiB"]);
        assert_eq!([0.0, 3.14e-5].map(difference), ["0", "3.1e-5"]);
        assert_eq!(spread(&Samples::of(vec![98.0, 100.0, 102.0]).unwrap()), "±2 %");
    }
}
