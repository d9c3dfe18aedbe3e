//! Confidence against what came true, and how many tiles each confidence has.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, Look, Pen, Svg, colour};
use super::panel::{BELOW_PX, NAMED_BELOW_PX, Panel, labels_px, legend};
use crate::evaluate::Reliability;
use crate::report::words::count;

const WIDTH_PX: f64 = 420.0;
const SIDE_PX: f64 = 320.0;
const COUNTS_PX: f64 = 70.0;
const LEFT_PX: f64 = 66.0;
const TOP_PX: f64 = 12.0;

/// Draws reliability over confidence, with the tiles of each bin below; several, such as before and after calibration,
/// with their names. Dots lie on the dashed line where confidence is right.
pub fn reliability_plot(about: &str, curves: &[(String, &Reliability)]) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let panel = Panel { left: LEFT_PX, top: TOP_PX, width: SIDE_PX, height: SIDE_PX, x: Axis::unit(), y: Axis::unit() };
    panel.rows(&mut canvas);
    panel.columns(&mut canvas);
    panel.identity(&mut canvas);
    let middle = [14.0, TOP_PX + SIDE_PX / 2.0];
    canvas.text(middle, Anchor::Middle, Look::UPWARDS, "Share that came true");
    for (at, (_, curve)) in curves.iter().enumerate() {
        let points: Vec<[f64; 2]> = curve.bins.iter().filter_map(|bin| Some([bin.confidence?, bin.share?])).collect();
        panel.line(&mut canvas, &points, &Pen::of_series(at));
        panel.dots(&mut canvas, &points, &colour(at), 7.0, 1.0);
    }
    let bottom = counts(&mut canvas, TOP_PX + SIDE_PX + BELOW_PX + 14.0, curves);
    let names: Vec<String> = curves.iter().map(|curve| curve.0.clone()).collect();
    let height = if names.len() > 1 { legend(&mut canvas, [LEFT_PX, bottom, SIDE_PX], &names) } else { 0.0 };
    canvas.finish(bottom + height + 4.0, about)
}

/// Bars of the bins' tiles, those of several curves side by side → where they end.
fn counts(canvas: &mut Canvas, top: f64, curves: &[(String, &Reliability)]) -> f64 {
    let bins = || curves.iter().flat_map(|curve| curve.1.bins.iter());
    let y = Axis::around(bins().map(|bin| bin.count as f64).chain([0.0]), 2);
    let panel = Panel { left: LEFT_PX, top, width: SIDE_PX, height: COUNTS_PX, x: Axis::unit(), y };
    panel.rows(canvas);
    for (at, (_, curve)) in curves.iter().enumerate() {
        let bin_px = SIDE_PX / curve.bins.len().max(1) as f64;
        let bar_px = bin_px * 0.86 / curves.len() as f64;
        for (number, bin) in curve.bins.iter().enumerate().filter(|bin| bin.1.count > 0) {
            let left = LEFT_PX + bin_px * (number as f64 + 0.07) + bar_px * at as f64;
            // A single tile is still seen.
            let height = (panel.y.share(bin.count as f64) * COUNTS_PX).max(1.0);
            let about = format!("{} tiles", count(bin.count));
            canvas.bar([left, top + COUNTS_PX - height, bar_px, height], &colour(at), Some(&about));
        }
    }
    canvas.path([[LEFT_PX, top + COUNTS_PX], [LEFT_PX + SIDE_PX, top + COUNTS_PX]], &Pen::thin(FAINT));
    for (&tick, label) in panel.x.ticks.iter().zip(panel.x.labels()) {
        let x = LEFT_PX + panel.x.share(tick) * SIDE_PX;
        canvas.text([x, top + COUNTS_PX + 17.0], Anchor::Middle, Look::FAINT, &label);
    }
    // Labels of many digits leave no room for the name beside them.
    if labels_px(&panel.y) < LEFT_PX - 28.0 {
        canvas.text([14.0, top + COUNTS_PX / 2.0], Anchor::Middle, Look::UPWARDS, "Tiles");
    }
    canvas.text([LEFT_PX + SIDE_PX / 2.0, top + COUNTS_PX + 38.0], Anchor::Middle, Look::PLAIN, "Confidence");
    top + COUNTS_PX + NAMED_BELOW_PX + 4.0
}
