//! Which training tiles an epoch sees, in which order, and how much each counts.
//!
//! The order depends on seed and epoch alone, so a resumed run sees what it would have seen.

use crate::dataset::TileSet;
use crate::random::Random;
use crate::train::config::Balance;

/// Keeps this file's random numbers apart from those of other uses of the seed.
const STREAM: u64 = 0x5a3e;

/// The tiles of one epoch in order; a tile may occur more than once.
pub(super) fn epoch(
    set: &TileSet,
    train: &[usize],
    balance: Balance,
    count: usize,
    seed: u64,
    epoch: u64,
) -> Vec<usize> {
    let mut random = Random::of(&[STREAM, seed, epoch]);
    // A tile that does not count could be a whole batch, of which there is no mean.
    let train: Vec<usize> = train.iter().copied().filter(|&at| set.tiles[at].weight > 0.0).collect();
    let by_class = |share: fn(f64) -> f64, random: &mut Random| {
        let of = |class: usize| {
            train.iter().copied().filter(|&at| set.tiles[at].truth.class().unwrap_or_default() == class).collect()
        };
        let classes: Vec<Vec<usize>> = (0..set.counts(&[]).len()).map(of).collect();
        let shares: Vec<f64> = classes.iter().map(|tiles| share(tiles.len() as f64)).collect();
        let quotas = apportion(&shares, count);
        classes.iter().zip(quotas).flat_map(|(tiles, quota)| cycle(tiles, quota, random)).collect()
    };
    let mut order: Vec<usize> = match balance {
        Balance::None | Balance::Loss => cycle(&train, count, &mut random),
        Balance::Sampler => by_class(f64::sqrt, &mut random),
        Balance::Equal => by_class(f64::signum, &mut random),
    };
    random.shuffle(&mut order);
    order
}

/// The factor by which each tile counts in the loss: its own weight, and that of its class, whose mean over the training
/// tiles is 1.
#[expect(clippy::cast_possible_truncation, reason = "weights of a loss need no more than f32")]
pub(super) fn loss_weights(set: &TileSet, train: &[usize], balance: Balance) -> Vec<f32> {
    let counts = set.counts(train);
    // The sum over tiles of 1 / sqrt(n) is the sum over classes of sqrt(n).
    let sum: f64 = counts.iter().map(|&count| (count as f64).sqrt()).sum();
    let of_class = |class: usize| match balance {
        Balance::Loss => (train.len() as f64 / sum / (counts[class].max(1) as f64).sqrt()) as f32,
        Balance::None | Balance::Sampler | Balance::Equal => 1.0,
    };
    set.tiles.iter().map(|tile| tile.weight * tile.truth.class().map_or(1.0, of_class)).collect()
}

/// `count` tiles, all of them before any comes again.
fn cycle(tiles: &[usize], count: usize, random: &mut Random) -> Vec<usize> {
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count && !tiles.is_empty() {
        let mut round = tiles.to_vec();
        random.shuffle(&mut round);
        round.truncate(count - drawn.len());
        drawn.extend(round);
    }
    drawn
}

/// Whole numbers in proportion to shares that add up to `count`, by the largest remainder.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "parts of a count, so small and positive")]
fn apportion(shares: &[f64], count: usize) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * count as f64).collect();
    let mut whole: Vec<usize> = exact.iter().map(|&part| part as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let missing = count.saturating_sub(whole.iter().sum());
    order.into_iter().take(missing).for_each(|class| whole[class] += 1);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::set;

    /// 100 tiles of class 0 and 4 of class 1.
    fn data() -> (TileSet, Vec<usize>) {
        (set((0..104).map(|at| (usize::from(at >= 100), None)).collect(), 2), (0..104).collect())
    }

    #[test]
    fn rare_classes_come_by_the_root_of_their_number() {
        let (set, train) = data();
        let drawn = epoch(&set, &train, Balance::Sampler, 60, 1, 1);
        assert_eq!(set.counts(&drawn), [50, 10]);
        // Each rare tile comes before any comes a fourth time.
        assert!((100..104).all(|tile| (2..=3).contains(&drawn.iter().filter(|&&at| at == tile).count())));
        assert_eq!(drawn, epoch(&set, &train, Balance::Sampler, 60, 1, 1));
        assert_ne!(drawn, epoch(&set, &train, Balance::Sampler, 60, 1, 2));
    }

    #[test]
    fn without_balance_each_tile_comes_once() {
        let (set, train) = data();
        let mut drawn = epoch(&set, &train, Balance::None, 104, 1, 1);
        drawn.sort_unstable();
        assert_eq!(drawn, train);
    }

    #[test]
    fn weights_have_a_mean_of_one_over_the_tiles() {
        let (mut set, train) = data();
        let weights = loss_weights(&set, &train, Balance::Loss);
        assert!((weights.iter().sum::<f32>() - 104.0).abs() < 1e-3, "{weights:?}");
        assert!((weights[100] / weights[0] - 5.0).abs() < 1e-5);
        set.tiles[3].weight = 0.25;
        assert_eq!(loss_weights(&set, &train, Balance::Sampler)[2..4], [1.0, 0.25]);
    }

    #[test]
    fn equal_balance_draws_equally_and_tiles_that_do_not_count_are_not_drawn() {
        let (mut set, train) = data();
        assert_eq!(set.counts(&epoch(&set, &train, Balance::Equal, 60, 1, 1)), [30, 30]);
        for tile in &mut set.tiles[2..] {
            tile.weight = 0.0;
        }
        let mut drawn = epoch(&set, &train, Balance::None, 4, 1, 1);
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 0, 1, 1]);
    }
}
