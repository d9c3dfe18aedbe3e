//! One value per tile, sorted once → ties from the smallest value up, and mid-ranks among whichever tiles are drawn.

/// Tiles in the order of a value; those of equal value stand together.
#[derive(Debug, Clone)]
pub(super) struct Order {
    tiles: Vec<u32>,
    /// For each distinct value, how many tiles have it or a smaller one.
    ends: Vec<u32>,
}

impl Order {
    /// `None` when a value is not a number, as it has no place then.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = u32::try_from(values.len()).ok()?;
        if values.iter().any(|value| value.is_nan()) {
            return None;
        }
        let value = |tile: u32| values[tile as usize];
        let mut tiles: Vec<u32> = (0..count).collect();
        tiles.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
        let last = |at: &u32| {
            let here = value(tiles[*at as usize - 1]);
            // Not by bits: 0 and -0 are equal.
            tiles.get(*at as usize).is_none_or(|&next| here < value(next))
        };
        let ends = (1..=count).filter(last).collect();
        Some(Self { tiles, ends })
    }

    /// The tiles of each distinct value, the smallest value first.
    pub fn rising(&self) -> impl DoubleEndedIterator<Item = &[u32]> {
        let start = |at: usize| if at == 0 { 0 } else { self.ends[at - 1] as usize };
        (0..self.ends.len()).map(move |at| &self.tiles[start(at)..self.ends[at] as usize])
    }

    /// How many distinct values there are.
    pub fn distinct(&self) -> usize {
        self.ends.len()
    }

    /// The place of each tile's value among the distinct ones, from 0.
    pub fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.tiles.len()];
        for (at, ties) in self.rising().enumerate() {
            for &tile in ties {
                places[tile as usize] = at;
            }
        }
        places
    }

    /// The rank of each drawn tile among the drawn ones, from 1; ties share the mean of their ranks.
    pub fn mid_ranks(&self, draws: &[u32]) -> Vec<f64> {
        let mut ranks = vec![0.0; self.tiles.len()];
        let mut below = 0.0;
        for ties in self.rising() {
            let size: f64 = ties.iter().map(|&tile| f64::from(draws[tile as usize])).sum();
            let rank = below + f64::midpoint(size, 1.0);
            for &tile in ties {
                ranks[tile as usize] = rank;
            }
            below += size;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank_and_a_tile_drawn_twice_is_a_tie() {
        let order = Order::of(&[0.5, -0.0, 2.0, 0.0]).unwrap();
        assert_eq!(order.mid_ranks(&[1, 1, 1, 1]), [3.0, 1.5, 4.0, 1.5]);
        let drawn = order.mid_ranks(&[2, 1, 1, 0]);
        assert_eq!(vec![drawn[1], drawn[0], drawn[2]], [1.0, 2.5, 4.0]);
        assert!(Order::of(&[f64::NAN]).is_none());
        assert_eq!(Order::of(&[]).unwrap().rising().count(), 0);
    }
}
