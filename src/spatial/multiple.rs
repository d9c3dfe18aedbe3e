//! Many p-values → the same, adjusted for being many. What is `None` was not tested, and does not count.

/// The least false discovery rate at which each is significant.
///
/// # Source
/// Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.
pub fn benjamini_hochberg(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let tested = rising(p);
    let count = tested.len() as f64;
    let mut adjusted = vec![None; p.len()];
    let mut least: f64 = 1.0;
    for (rank, (at, p)) in tested.into_iter().enumerate().rev() {
        least = least.min(p * count / (rank + 1) as f64);
        adjusted[at] = Some(least);
    }
    adjusted
}

/// The least chance of any false discovery at which each is significant.
///
/// # Source
/// Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6:65-70.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let tested = rising(p);
    let count = tested.len();
    let mut adjusted = vec![None; p.len()];
    let mut most: f64 = 0.0;
    for (rank, (at, p)) in tested.into_iter().enumerate() {
        most = most.max(p * (count - rank) as f64).min(1.0);
        adjusted[at] = Some(most);
    }
    adjusted
}

/// The p-values with their places, smallest first.
fn rising(p: &[Option<f64>]) -> Vec<(usize, f64)> {
    let mut tested: Vec<(usize, f64)> = p.iter().enumerate().filter_map(|(at, p)| Some((at, (*p)?))).collect();
    tested.sort_by(|a, b| a.1.total_cmp(&b.1));
    tested
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_values_are_those_of_the_definitions() {
        let p = [Some(0.01), None, Some(0.04), Some(0.03), Some(0.005)];
        let near = |found: Vec<Option<f64>>, expected: [f64; 4]| {
            assert_eq!(found[1], None);
            let found: Vec<f64> = found.into_iter().flatten().collect();
            assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15), "{found:?}");
        };
        // As R's p.adjust has them.
        near(benjamini_hochberg(&p), [0.02, 0.04, 0.04, 0.02]);
        near(holm(&p), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(benjamini_hochberg(&[Some(0.9), Some(0.8)]), [Some(0.9), Some(0.9)]);
        assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
    }
}
