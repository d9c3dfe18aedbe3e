//! Points in a rectangle → how many others each has within a distance, against points that know nothing of each other.
//!
//! Invariant: terms are added in an order that does not depend on the number of threads.

use super::tree::Tree;
use super::window::{Point, Window};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// What is done about neighbours that lie outside the window and were not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edges {
    /// Nothing; K is too small near edges.
    None,
    /// A pair counts for as many as the window has room for: 1 / the share of the window that stays in it when it is moved
    /// from one point to the other (Ohser and Stoyan 1981, doi:10.1002/bimj.4710230602).
    Translation,
    /// A neighbour counts for as many as the circle through it, round the point, has room for: 1 / the share of the circle
    /// in the window (Ripley 1977, doi:10.1111/j.2517-6161.1977.tb01615.x).
    #[default]
    Isotropic,
    /// Only points that are at least the radius from the edge are asked for their neighbours (Ripley 1988).
    Border,
}

/// K and L at some radii.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ripley {
    /// In the unit of the points, rising.
    pub radii: Vec<f64>,
    /// Area times mean number of neighbours per point over the number of points; pi r^2 for points that know nothing of
    /// each other. `None` where no point is far enough from the edge, or a neighbour has no room at all.
    pub k: Vec<Option<f64>>,
    /// sqrt(K / pi); r for points that know nothing of each other.
    pub l: Vec<Option<f64>>,
}

/// K(r) = A / (n (n - 1)) * sum over ordered pairs up to r apart of their weight; with [`Edges::Border`] A / n * the mean
/// number of neighbours. `None` unless there are two points, all in the window, and radii are finite and rise from 0 or above.
///
/// # Source
/// Ripley 1976, doi:10.2307/3212829, and 1977, doi:10.1111/j.2517-6161.1977.tb01615.x; L: Besag 1977, in the discussion.
pub fn ripley(points: &[Point], window: Window, radii: &[f64], edges: Edges) -> Option<Ripley> {
    let n = points.len() as f64;
    let all = if edges == Edges::Border { n } else { n - 1.0 };
    (points.len() > 1).then(|| Sums { to: points, window, radii, edges, same: true }.ripley(points, all))?
}

/// As [`ripley`], of the neighbours that points of one kind have among those of another: K = A / (n m) * sum over pairs.
///
/// # Source
/// Lotwick and Silverman 1982, Journal of the Royal Statistical Society B 44:406-413.
pub fn cross_ripley(from: &[Point], to: &[Point], window: Window, radii: &[f64], edges: Edges) -> Option<Ripley> {
    let all = to.len() as f64;
    (!from.is_empty() && !to.is_empty()).then(|| Sums { to, window, radii, edges, same: false }.ripley(from, all))?
}

/// True when radii are finite, and each is above the one before, the first not below 0.
pub(super) fn rising(radii: &[f64]) -> bool {
    radii.iter().all(|radius| radius.is_finite() && *radius >= 0.0) && radii.windows(2).all(|pair| pair[0] < pair[1])
}

struct Sums<'a> {
    to: &'a [Point],
    window: Window,
    radii: &'a [f64],
    edges: Edges,
    /// Whether the points are their own neighbours-to-be.
    same: bool,
}

impl Sums<'_> {
    /// `all` is the number of points that could be neighbours of one.
    fn ripley(&self, from: &[Point], all: f64) -> Option<Ripley> {
        /// Enough work for a thread, and never another number, as it decides the order of additions.
        const CHUNK: usize = 256;
        let inside = |points: &[Point]| points.iter().all(|&point| self.window.holds(point));
        if !rising(self.radii) || !inside(from) || !inside(self.to) {
            return None;
        }
        let tree = Tree::of(self.to);
        let chunk = |(number, chunk): (usize, &[Point])| {
            let mut sums = vec![(0.0, 0_u64); self.radii.len()];
            chunk.iter().zip(number * CHUNK..).for_each(|(&point, at)| self.add(&tree, point, at, &mut sums));
            sums
        };
        let chunks: Vec<Vec<(f64, u64)>> = from.par_chunks(CHUNK).enumerate().map(chunk).collect();
        let k = |at: usize| {
            let weight: f64 = chunks.iter().map(|sums| sums[at].0).sum();
            let asked: u64 = chunks.iter().map(|sums| sums[at].1).sum();
            let k = self.window.area() * weight / (asked as f64 * all);
            k.is_finite().then_some(k)
        };
        let k: Vec<Option<f64>> = (0..self.radii.len()).map(k).collect();
        let l = k.iter().map(|k| k.map(|k| (k / PI).sqrt())).collect();
        Some(Ripley { radii: self.radii.to_vec(), k, l })
    }

    /// Adds, for each radius, the weights of a point's neighbours and 1 for being asked.
    fn add(&self, tree: &Tree, point: Point, number: usize, sums: &mut [(f64, u64)]) {
        let asked = match self.edges {
            Edges::Border => self.radii.partition_point(|&radius| radius <= self.window.margin(point)),
            _ => self.radii.len(),
        };
        let Some(&reach) = self.radii[..asked].last() else { return };
        let mut rings = vec![0.0; asked];
        tree.within(point, reach, |other, place, distance| {
            if !(self.same && other == number) {
                let share = match self.edges {
                    Edges::None | Edges::Border => 1.0,
                    Edges::Translation => self.window.share_after_move(point, place),
                    Edges::Isotropic => self.window.share_of_circle(point, distance),
                };
                // What rounding leaves of no room is no room.
                let weight = if share > 1e-12 { 1.0 / share } else { f64::INFINITY };
                rings[self.radii.partition_point(|&radius| radius < distance)] += weight;
            }
        });
        let mut weight = 0.0;
        for (sum, ring) in sums.iter_mut().zip(rings) {
            weight += ring;
            *sum = (sum.0 + weight, sum.1 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORNERS: [Point; 4] = [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]];

    #[test]
    fn pairs_without_room_in_the_window_leave_k_undefined() {
        let window = Window::of([0.0, 0.0], [4.0, 3.0]).unwrap();
        let k = |edges| ripley(&CORNERS, window, &[2.0, 3.0, 5.0], edges).unwrap().k;
        // 12 / (4 * 3), times 4 ordered pairs along the short sides, and 12 of all.
        assert_eq!(k(Edges::None), [Some(0.0), Some(4.0), Some(12.0)]);
        assert_eq!(k(Edges::Translation), [Some(0.0), None, None]);
        let isotropic = k(Edges::Isotropic);
        assert!((isotropic[1].unwrap() - 16.0).abs() < 1e-9 && isotropic[2].is_none());
        assert_eq!(k(Edges::Border), [None; 3]);
    }

    #[test]
    fn what_is_not_defined_is_refused() {
        let window = Window::of([0.0, 0.0], [4.0, 3.0]).unwrap();
        assert!(ripley(&CORNERS[..1], window, &[1.0], Edges::None).is_none());
        assert!(ripley(&[[0.0, 0.0], [9.0, 0.0]], window, &[1.0], Edges::None).is_none());
        assert!(ripley(&CORNERS, window, &[1.0, 1.0], Edges::None).is_none());
        assert!(ripley(&CORNERS, window, &[-1.0], Edges::None).is_none());
        assert!(cross_ripley(&CORNERS, &[], window, &[1.0], Edges::None).is_none());
        assert!(ripley(&CORNERS, window, &[], Edges::None).unwrap().k.is_empty());
    }
}
