//! True against estimated values.

use super::axis::Axis;
use super::canvas::{Canvas, Svg, colour};
use super::panel::{NAMED_BELOW_PX, Panel, labels_px};

/// True and estimated values of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScatterPlot<'a> {
    /// What it shows, for those who do not see it.
    pub about: &'a str,
    /// Its name with its unit.
    pub name: &'a str,
    /// `[truth, estimate]`.
    pub points: &'a [[f64; 2]],
}

const SIDE_PX: f64 = 320.0;
const TOP_PX: f64 = 12.0;

/// Draws estimates over truth with one scale for both; dots lie on the dashed line where the estimate is right.
pub fn scatter_plot(plot: &ScatterPlot<'_>) -> Svg {
    let axis = Axis::around(plot.points.iter().flatten().copied(), 5);
    let left = 32.0 + labels_px(&axis);
    let mut canvas = Canvas::new(left + SIDE_PX + 24.0);
    let panel = Panel { left, top: TOP_PX, width: SIDE_PX, height: SIDE_PX, x: axis.clone(), y: axis };
    panel.frame(&mut canvas, [&format!("True {}", plot.name), &format!("Estimated {}", plot.name)], 14.0);
    panel.dots(&mut canvas, plot.points, &colour(0), 5.0, 0.5);
    panel.identity(&mut canvas);
    canvas.finish(TOP_PX + SIDE_PX + NAMED_BELOW_PX + 4.0, plot.about)
}
