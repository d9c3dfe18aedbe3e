//! Scores of a cell become a measure of doubt.
//!
//! # Source
//! Entropy: Shannon 1948, "A Mathematical Theory of Communication", doi:10.1002/j.1538-7305.1948.tb01338.x, section 6.

use crate::tile::Meaning;

/// Predictive entropy of scores, 0 (certain) to 1 (nothing is known).
///
/// Of classes, `-Σ p ln p / ln K`. Of findings, each of which is there or not, the mean over findings of
/// `-(p ln p + (1 - p) ln(1 - p)) / ln 2`. None of estimates and features, of a single class, and where all scores are 0.
pub fn entropy(meaning: &Meaning, scores: &[f32]) -> Option<f32> {
    let probabilities = || scores.iter().map(|&score| f64::from(score.clamp(0.0, 1.0)));
    let doubt = match meaning {
        Meaning::Classes if scores.len() > 1 => {
            // Scores sum up to 1 but for rounding, which must not show as doubt.
            let sum: f64 = probabilities().sum();
            if sum <= 0.0 {
                return None;
            }
            probabilities().map(|p| surprise(p / sum)).sum::<f64>() / (scores.len() as f64).ln()
        }
        Meaning::Findings if !scores.is_empty() => {
            let each = probabilities().map(|p| surprise(p) + surprise(1.0 - p)).sum::<f64>();
            each / scores.len() as f64 / std::f64::consts::LN_2
        }
        _ => return None,
    };
    Some(super::rounded(doubt.clamp(0.0, 1.0)))
}

/// `-p ln p`, 0 at 0.
fn surprise(p: f64) -> f64 {
    if p > 0.0 { -p * p.ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_scores_have_no_entropy_and_even_ones_all_of_it() {
        let of = |meaning: Meaning, scores: &[f32]| entropy(&meaning, scores);
        assert_eq!(of(Meaning::Classes, &[0.0, 1.0, 0.0]), Some(0.0));
        assert_eq!(of(Meaning::Classes, &[0.25; 4]), Some(1.0));
        assert_eq!(of(Meaning::Findings, &[0.5, 0.5]), Some(1.0));
        assert_eq!(of(Meaning::Findings, &[1.0, 0.5]), Some(0.5));
        // Shannon's own example: 1/2, 1/4, 1/8, 1/8 have 7/4 bits, of the 2 bits of four letters.
        assert_eq!(of(Meaning::Classes, &[0.5, 0.25, 0.125, 0.125]), Some(0.875));
    }

    #[test]
    fn what_is_no_probability_has_no_entropy() {
        assert_eq!(entropy(&Meaning::Estimates(vec![]), &[0.5, 0.5]), None);
        assert_eq!(entropy(&Meaning::Features, &[]), None);
        assert_eq!(entropy(&Meaning::Classes, &[1.0]), None);
        assert_eq!(entropy(&Meaning::Classes, &[0.0, 0.0]), None);
        assert_eq!(entropy(&Meaning::Findings, &[]), None);
    }
}
