//! Points → those near a place, in the time of those that are found: a k-d tree.
//!
//! Not a grid of equal boxes: points of tissue stand in clusters, where one box would hold most of them.
//!
//! # Source
//! Bentley 1975, doi:10.1145/361002.361007.

use super::window::Point;

/// As many points are compared one by one.
const LEAF: usize = 16;

pub(super) struct Tree {
    /// Points with their numbers; those of each node stand together.
    points: Vec<(Point, usize)>,
    nodes: Vec<Node>,
}

struct Node {
    low: Point,
    high: Point,
    first: usize,
    end: usize,
    /// The second child; the first one follows its parent. `None` for a leaf.
    second: Option<usize>,
}

impl Tree {
    /// All coordinates are finite.
    pub fn of(points: &[Point]) -> Self {
        let mut points: Vec<(Point, usize)> = points.iter().copied().zip(0..).collect();
        let mut nodes = Vec::new();
        grow(&mut points, 0, &mut nodes);
        Self { points, nodes }
    }

    /// Calls `visit` with number, place and distance of each point up to `radius` away, those of one place in a fixed order.
    pub fn within(&self, centre: Point, radius: f64, mut visit: impl FnMut(usize, Point, f64)) {
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            let Some(node) = self.nodes.get(at).filter(|node| node.distance(centre) <= radius) else { continue };
            if let Some(second) = node.second {
                open.extend([second, at + 1]);
                continue;
            }
            for &(point, number) in &self.points[node.first..node.end] {
                let distance = distance(centre, point);
                if distance <= radius {
                    visit(number, point, distance);
                }
            }
        }
    }

    /// The distance to the nearest point other than number `but`; `None` when there is none.
    pub fn nearest(&self, centre: Point, but: Option<usize>) -> Option<f64> {
        let mut best = f64::INFINITY;
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            let Some(node) = self.nodes.get(at).filter(|node| node.distance(centre) < best) else { continue };
            if let Some(second) = node.second {
                // The nearer child is opened first.
                let first = at + 1;
                let swap = self.nodes[second].distance(centre) < self.nodes[first].distance(centre);
                open.extend(if swap { [first, second] } else { [second, first] });
                continue;
            }
            let others = self.points[node.first..node.end].iter().filter(|(_, number)| Some(*number) != but);
            best = others.map(|&(point, _)| distance(centre, point)).fold(best, f64::min);
        }
        best.is_finite().then_some(best)
    }
}

impl Node {
    /// From a place to the nearest of the box; rounded as [`distance`], so never more than to a point in the box.
    fn distance(&self, centre: Point) -> f64 {
        let nearest = [0, 1].map(|axis| centre[axis].clamp(self.low[axis], self.high[axis]));
        distance(centre, nearest)
    }
}

/// Adds the node of `points`, of which the first one of all nodes has number `first`, and its children.
fn grow(points: &mut [(Point, usize)], first: usize, nodes: &mut Vec<Node>) {
    let ends = |axis: usize| {
        let values = points.iter().map(|point| point.0[axis]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    if points.is_empty() {
        return;
    }
    let (x, y) = (ends(0), ends(1));
    let at = nodes.len();
    nodes.push(Node { low: [x.0, y.0], high: [x.1, y.1], first, end: first + points.len(), second: None });
    if points.len() <= LEAF {
        return;
    }
    let axis = usize::from(y.1 - y.0 > x.1 - x.0);
    let middle = points.len() / 2;
    points.select_nth_unstable_by(middle, |a, b| a.0[axis].total_cmp(&b.0[axis]));
    let (low, high) = points.split_at_mut(middle);
    grow(low, first, nodes);
    nodes[at].second = Some(nodes.len());
    grow(high, first + middle, nodes);
}

/// Between two places.
fn distance(a: Point, b: Point) -> f64 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_is_near_is_what_a_search_of_all_finds() {
        let mut random = Random::of(&[2]);
        // Clusters on a coarse grid, so that some points fall together.
        let points: Vec<Point> =
            (0..500).map(|_| [random.below(9), random.below(7)].map(|at| (at * at) as f64 * 0.25)).collect();
        let tree = Tree::of(&points);
        for (number, &centre) in points.iter().enumerate().step_by(7) {
            let all = |but: Option<usize>| {
                (0..500).filter(move |&at| Some(at) != but).map(|at| (at, distance(centre, points[at])))
            };
            let mut found = Vec::new();
            tree.within(centre, 2.5, |at, _, distance| found.push((at, distance)));
            found.sort_by_key(|pair| pair.0);
            assert_eq!(found, all(None).filter(|pair| pair.1 <= 2.5).collect::<Vec<_>>());
            let nearest = all(Some(number)).map(|pair| pair.1).fold(f64::INFINITY, f64::min);
            assert_eq!(tree.nearest(centre, Some(number)), Some(nearest));
            assert_eq!(tree.nearest(centre, None), Some(0.0));
        }
        assert_eq!(Tree::of(&[]).nearest([0.0, 0.0], None), None);
        assert_eq!(Tree::of(&[[1.0, 1.0]]).nearest([0.0, 0.0], Some(0)), None);
    }
}
