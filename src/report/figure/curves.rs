//! Receiver operating characteristics and precision-recall curves, side by side.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Look, Pen, Svg};
use super::panel::{NAMED_BELOW_PX, Panel, legend};
use crate::evaluate::{CurvePoint, Curves};

const WIDTH_PX: f64 = 720.0;
const SIDE_PX: f64 = 282.0;
const TOP_PX: f64 = 30.0;
/// Classes of one figure: so many lines are told apart.
const CLASSES: usize = 6;

/// Draws the curves of each class, six classes to a figure. A class without curves is named in the legend only.
pub fn curve_plots(about: &str, classes: &[(String, &Curves)]) -> Vec<Svg> {
    classes.chunks(CLASSES).map(|some| curve_plot(about, some)).collect()
}

fn curve_plot(about: &str, classes: &[(String, &Curves)]) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let panel =
        |left: f64| Panel { left, top: TOP_PX, width: SIDE_PX, height: SIDE_PX, x: Axis::unit(), y: Axis::unit() };
    let (roc, precision_recall) = (panel(56.0), panel(56.0 + SIDE_PX + 76.0));
    roc.frame(&mut canvas, ["False positive rate", "True positive rate"], 14.0);
    roc.identity(&mut canvas);
    precision_recall.frame(&mut canvas, ["Recall", "Precision"], 56.0 + SIDE_PX + 34.0);
    for (panel, title) in [(&roc, "ROC"), (&precision_recall, "Precision and recall")] {
        canvas.text([panel.left + SIDE_PX / 2.0, TOP_PX - 12.0], Anchor::Middle, Look::HEAD, title);
    }
    for (at, (_, curves)) in classes.iter().enumerate() {
        for (panel, curve) in [(&roc, &curves.roc), (&precision_recall, &curves.precision_recall)] {
            panel.line(&mut canvas, &places(curve), &Pen::of_series(at));
        }
    }
    let names: Vec<String> = classes.iter().map(|class| class.0.clone()).collect();
    let below = TOP_PX + SIDE_PX + NAMED_BELOW_PX + 8.0;
    let height = legend(&mut canvas, [56.0, below, WIDTH_PX - 64.0], &names);
    canvas.finish(below + height + 4.0, about)
}

fn places(curve: &[CurvePoint]) -> Vec<[f64; 2]> {
    curve.iter().map(|point| [point.x, point.y]).collect()
}
