//! Counts by place, with the sum of all places below one in O(log n).

/// Counts by place, from 0 on.
///
/// # Source
/// Fenwick 1994, doi:10.1002/spe.4380240306.
pub(super) struct Tree(Vec<u64>);

impl Tree {
    pub fn new(places: usize) -> Self {
        Self(vec![0; places])
    }

    pub fn add(&mut self, place: usize, count: u64) {
        let mut at = place;
        while let Some(sum) = self.0.get_mut(at) {
            *sum += count;
            at |= at + 1;
        }
    }

    /// The counts of all places before this one.
    pub fn below(&self, place: usize) -> u64 {
        let (mut at, mut sum) = (place, 0);
        while at > 0 {
            sum += self.0[at - 1];
            at &= at - 1;
        }
        sum
    }
}
