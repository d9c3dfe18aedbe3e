//! The rectangle in which points were looked for, and how much of what lies round a point is in it.

use std::f64::consts::{FRAC_PI_2, TAU};

/// A place in the plane: x, y.
pub type Point = [f64; 2];

/// A rectangle with an area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    low: Point,
    high: Point,
}

impl Window {
    /// `None` unless the corners are finite and the second is above and to the right of the first.
    pub fn of(low: Point, high: Point) -> Option<Self> {
        let window = Self { low, high };
        let area = window.area();
        (low[0] < high[0] && low[1] < high[1] && area > 0.0 && area.is_finite()).then_some(window)
    }

    /// Width and height.
    pub fn sides(&self) -> [f64; 2] {
        [self.high[0] - self.low[0], self.high[1] - self.low[1]]
    }

    /// The area.
    pub fn area(&self) -> f64 {
        self.sides()[0] * self.sides()[1]
    }

    /// Whether a point is inside or on the edge; never for one that is not a number.
    pub fn holds(&self, point: Point) -> bool {
        (0..2).all(|axis| self.low[axis] <= point[axis] && point[axis] <= self.high[axis])
    }

    /// How far a point inside is from the nearest edge.
    pub(super) fn margin(&self, point: Point) -> f64 {
        self.margins(point).into_iter().fold(f64::INFINITY, f64::min)
    }

    /// Distances to left, top, right and bottom, in turn.
    fn margins(&self, point: Point) -> [f64; 4] {
        [point[0] - self.low[0], point[1] - self.low[1], self.high[0] - point[0], self.high[1] - point[1]]
    }

    /// The share of the circle round a point inside that lies in the window.
    ///
    /// Each side cuts off an arc of 2 acos(margin / radius). Arcs of opposite sides cannot meet; those of neighbouring sides
    /// do when the corner is inside the circle, and what they share is cut off once.
    pub(super) fn share_of_circle(&self, centre: Point, radius: f64) -> f64 {
        let half = self.margins(centre).map(|margin| if margin < radius { (margin / radius).acos() } else { 0.0 });
        let shared = (0..4).map(|side| (half[side] + half[(side + 1) % 4] - FRAC_PI_2).max(0.0));
        1.0 - (2.0 * half.iter().sum::<f64>() - shared.sum::<f64>()) / TAU
    }

    /// The share of the window that still lies in it when it is moved by as much as from one point to another.
    pub(super) fn share_after_move(&self, from: Point, to: Point) -> f64 {
        let [width, height] = self.sides();
        (1.0 - (to[0] - from[0]).abs() / width) * (1.0 - (to[1] - from[1]).abs() / height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arcs_are_those_of_a_circle_walked_in_small_steps() {
        let window = Window::of([-2.0, 1.0], [8.0, 5.0]).unwrap();
        for (centre, radius) in [([3.0, 3.0], 1.9), ([3.0, 3.0], 4.0), ([-1.0, 2.0], 3.5), ([8.0, 1.0], 2.0)] {
            let steps = 200_000;
            let inside = (0..steps).filter(|&step| {
                let angle = (f64::from(step) + 0.5) / f64::from(steps) * TAU;
                window.holds([centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin()])
            });
            let walked = inside.count() as f64 / f64::from(steps);
            let found = window.share_of_circle(centre, radius);
            // Each end of an arc is found to one step.
            assert!((found - walked).abs() < 5e-5, "{centre:?} {radius}: {found} {walked}");
        }
    }

    #[test]
    fn a_window_has_an_area() {
        for (low, high) in [([0.0, 0.0], [0.0, 1.0]), ([0.0, 0.0], [f64::NAN, 1.0]), ([0.0, 0.0], [1e200, 1e200])] {
            assert_eq!(Window::of(low, high), None);
        }
        assert!(!Window::of([0.0, 0.0], [1.0, 1.0]).unwrap().holds([0.5, f64::NAN]));
    }
}
