//! Series over a common axis: losses and figures over epochs, and whatever else becomes a line.

use super::axis::Axis;
use super::canvas::{Canvas, Pen, Svg};
use super::panel::{NAMED_BELOW_PX, Panel, labels_px, legend};

/// Points with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// As it stands in the legend.
    pub name: String,
    /// `[x, y]`, along x. A point that is not finite is left out, on a logarithmic axis also one that is not above 0.
    pub points: Vec<[f64; 2]>,
}

/// A chart of lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LineChart {
    /// What it shows, for those who do not see it.
    pub about: String,
    /// What runs to the right, such as `Epoch`.
    pub x_name: String,
    /// What runs up, with its unit.
    pub y_name: String,
    /// The lines; up to seven are told apart.
    pub series: Vec<Series>,
    /// A place on x with its name, such as the best epoch.
    pub mark: Option<(f64, String)>,
    /// Whether x and y are logarithmic.
    pub log: [bool; 2],
}

const WIDTH_PX: f64 = 720.0;
const HEIGHT_PX: f64 = 270.0;
/// With more points than these, dots would hide the line.
const DOTS: usize = 40;

/// Draws lines over a common axis.
pub fn line_chart(chart: &LineChart) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let values = |axis: usize| chart.series.iter().flat_map(move |series| series.points.iter().map(move |at| at[axis]));
    let xs = values(0).chain(chart.mark.iter().map(|mark| mark.0));
    let whole = xs.clone().all(|x| x.fract() == 0.0);
    let x = if chart.log[0] { Axis::log(xs) } else { Axis::along(xs, 10, whole) };
    let y = if chart.log[1] { Axis::log(values(1)) } else { Axis::around(values(1), 5) };
    let left = 32.0 + labels_px(&y);
    // The last label may stand below the very end.
    let right = f64::max(16.0, labels_px(&x) / 2.0 + 2.0);
    let panel = Panel { left, top: 26.0, width: WIDTH_PX - left - right, height: HEIGHT_PX, x, y };
    panel.frame(&mut canvas, [&chart.x_name, &chart.y_name], 14.0);
    if let Some((place, name)) = &chart.mark {
        panel.mark(&mut canvas, *place, name);
    }
    for (at, series) in chart.series.iter().enumerate() {
        let pen = Pen::of_series(at);
        panel.line(&mut canvas, &series.points, &pen);
        if series.points.len() <= DOTS {
            panel.dots(&mut canvas, &series.points, &pen.colour, 6.0, 1.0);
        }
    }
    let names: Vec<String> = chart.series.iter().map(|series| series.name.clone()).collect();
    let below = panel.top + HEIGHT_PX + NAMED_BELOW_PX + 6.0;
    let height = legend(&mut canvas, [left, below, panel.width], &names);
    canvas.finish(below + height + 4.0, &chart.about)
}
