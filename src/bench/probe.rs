//! The same piece of arithmetic on every core → how long the slowest took.
//!
//! Invariant: the piece is the same on every computer and its result is known, so that nothing of it can be left out.

use crate::error::{Error, ErrorKind, Result};
use std::hint::black_box;
use std::time::Instant;

/// Steps of the piece: 10 to 20 ms on a core of 2 to 4 GHz, long beside the start of a thread and short beside a round.
const STEPS: u32 = 8_000_000;

/// What [`piece`] of [`STEPS`] gives.
const RESULT: u64 = 0x2bc4_54b4_0aea_4e0b;

/// Time from the first core's start to the last core's end, ms.
///
/// # Errors
/// [`ErrorKind::Device`]: `BCH-0030` when a core computes something else than it should: no figure of such a machine means
/// anything.
pub(super) fn probe(cores: usize) -> Result<f64> {
    let started = Instant::now();
    let results: Vec<u64> = std::thread::scope(|scope| {
        let cores: Vec<_> = (0..cores).map(|_| scope.spawn(|| piece(black_box(STEPS)))).collect();
        // A piece cannot panic.
        cores.into_iter().map(|core| core.join().unwrap_or_default()).collect()
    });
    let took_ms = started.elapsed().as_secs_f64() * 1e3;
    match results.into_iter().find(|result| *result != RESULT) {
        None => Ok(took_ms),
        Some(found) => {
            let message = format!("expected {RESULT:#x} from every core, found {found:#x}");
            Err(Error::new(ErrorKind::Device, "BCH-0030", message).with_advice("the processor or its memory is faulty"))
        }
    }
}

/// A chain of whole numbers beside one of fractions: each step needs the one before, so that the time follows the clock and
/// neither the width of vectors nor memory.
///
/// # Source
/// The factor and summand are those of Knuth's `MMIX` generator; the fractions are the logistic map, May 1976,
/// doi:10.1038/261459a0, whose products are the same on all processors as IEEE 754 rounds them.
fn piece(steps: u32) -> u64 {
    let (mut whole, mut fraction) = (1_u64, 0.5_f64);
    for _ in 0..steps {
        let next = whole.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        whole = next ^ (whole >> 29);
        fraction = 3.75 * fraction * (1.0 - fraction);
    }
    whole ^ fraction.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_computes_the_known_result_in_some_time() {
        assert_eq!(piece(STEPS), RESULT);
        assert!(probe(2).unwrap() > 0.0);
    }

    #[test]
    fn the_first_step_is_that_of_its_formulas() {
        // 3.75 / 4 is the map of one half; the generator's first state after 1 is the sum of its two constants.
        let whole = 6_364_136_223_846_793_005_u64.wrapping_add(1_442_695_040_888_963_407);
        assert_eq!(piece(1), whole ^ 0.9375_f64.to_bits());
    }
}
