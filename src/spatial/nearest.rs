//! Points → distances to their nearest ones, and whether these are shorter than among points that know nothing of each other.

use super::significance::two_sided_p;
use super::tree::Tree;
use super::window::{Point, Window};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// For each point the distance to the nearest other one; `None` unless there are two, with finite coordinates.
pub fn nearest_distances(points: &[Point]) -> Option<Vec<f64>> {
    let tree = tree(points)?;
    points.par_iter().enumerate().map(|(number, &point)| tree.nearest(point, Some(number))).collect()
}

/// For each point of `from` the distance to the nearest of `to`; `None` unless there is one, and coordinates are finite.
pub fn nearest_between(from: &[Point], to: &[Point]) -> Option<Vec<f64>> {
    let tree = tree(to)?;
    finite(from).then(|| from.par_iter().map(|&point| tree.nearest(point, None)).collect())?
}

fn tree(points: &[Point]) -> Option<Tree> {
    finite(points).then(|| Tree::of(points))
}

fn finite(points: &[Point]) -> bool {
    points.iter().flatten().all(|value| value.is_finite())
}

/// Nearest neighbours against chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClarkEvans {
    /// The mean distance to the nearest other point, over 1 / (2 sqrt(density)): 1 for points that know nothing of each
    /// other, less when they cluster, up to 2.149 when they keep apart.
    pub ratio: f64,
    /// The difference of the mean distance from its expectation, in standard errors.
    pub z: f64,
    /// The chance of so large a difference, either way.
    pub p: f64,
}

/// The ratio of Clark and Evans, without correction at the edges, which makes it somewhat too large. `None` unless there are
/// two points, all in the window.
///
/// # Source
/// Clark and Evans 1954, doi:10.2307/1931034.
pub fn clark_evans(points: &[Point], window: Window) -> Option<ClarkEvans> {
    if !points.iter().all(|&point| window.holds(point)) {
        return None;
    }
    let count = points.len() as f64;
    let mean = nearest_distances(points)?.iter().sum::<f64>() / count;
    let density = count / window.area();
    let expectation = 0.5 / density.sqrt();
    let error = ((4.0 - PI) / (4.0 * PI * density * count)).sqrt();
    let z = (mean - expectation) / error;
    (count > 1.0).then(|| ClarkEvans { ratio: mean / expectation, z, p: two_sided_p(z) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_to_the_nearest_are_of_others_only() {
        let points = [[0.0, 0.0], [3.0, 4.0], [3.0, 4.0], [3.0, 5.0]];
        assert_eq!(nearest_distances(&points), Some(vec![5.0, 0.0, 0.0, 1.0]));
        assert_eq!(nearest_between(&points[..1], &points), Some(vec![0.0]));
        assert_eq!(nearest_between(&points[..2], &points[3..]), Some(vec![34.0_f64.sqrt(), 1.0]));
        assert_eq!(nearest_distances(&points[..1]), None);
        assert_eq!(nearest_between(&points, &[]), None);
        assert_eq!(nearest_distances(&[[f64::NAN, 0.0], [1.0, 1.0]]), None);
        let window = Window::of([0.0, 0.0], [5.0, 5.0]).unwrap();
        assert_eq!(clark_evans(&points[..1], window), None);
        assert_eq!(clark_evans(&[[0.0, 0.0], [6.0, 0.0]], window), None);
    }
}
