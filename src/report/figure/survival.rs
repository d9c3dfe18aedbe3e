//! Kaplan-Meier curves of some groups, with who is still followed below.
//!
//! A step is an event, a short upright line someone whose follow-up ends without one. A curve ends where the longest
//! follow-up of its group does.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Look, Pen, Svg, colour, shortened};
use super::panel::{NAMED_BELOW_PX, Panel};
use crate::evaluate::survival::{KaplanMeier, SurvivalStep};
use crate::report::words::count;

/// Curves over a common time.
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalPlot<'a> {
    /// What it shows, for those who do not see it.
    pub about: &'a str,
    /// What runs to the right, with its unit.
    pub x_name: &'a str,
    /// Names and curves; up to seven are told apart.
    pub groups: &'a [(String, &'a KaplanMeier)],
}

/// Two beside each other on a screen.
const WIDTH_PX: f64 = 470.0;
const HEIGHT_PX: f64 = 200.0;
const TOP_PX: f64 = 12.0;
const LEFT_PX: f64 = 54.0;
const RIGHT_PX: f64 = 20.0;
/// Each group has two lines below: its name, and how many of it are at risk.
const ROW_PX: f64 = 18.0;
const SWATCH_PX: f64 = 30.0;
/// Half of the mark of someone who is censored.
const MARK_PX: f64 = 4.0;

/// Draws a curve with its 95 % interval for each group, and below it, under the ticks of time, how many are at risk: those
/// followed at least until then.
pub fn survival_plot(plot: &SurvivalPlot<'_>) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let steps = || plot.groups.iter().flat_map(|(_, curve)| &curve.steps);
    let x = Axis::along(steps().map(|step| step.time).chain([0.0]), 6, false);
    let width = WIDTH_PX - LEFT_PX - RIGHT_PX;
    let panel = Panel { left: LEFT_PX, top: TOP_PX, width, height: HEIGHT_PX, x, y: Axis::unit() };
    panel.frame(&mut canvas, [plot.x_name, "Share without the event"], 14.0);
    for (at, (_, curve)) in plot.groups.iter().enumerate() {
        canvas.area(band(&panel, curve), &colour(at), 0.12);
    }
    for (at, (_, curve)) in plot.groups.iter().enumerate() {
        let steps: Vec<[f64; 2]> = stairs(&curve.steps, |step| Some([step.time, step.survival])).collect();
        panel.line(&mut canvas, &steps, &Pen::of_series(at));
        let pen = Pen { width: 1.5, ..Pen::thin(&colour(at)) };
        for [x, y] in curve.steps.iter().filter(|step| step.censored > 0).filter_map(|step| place(&panel, step)) {
            canvas.path([[x, y - MARK_PX], [x, y + MARK_PX]], &pen);
        }
    }
    let mut y = TOP_PX + HEIGHT_PX + NAMED_BELOW_PX + ROW_PX;
    canvas.text([LEFT_PX, y], Anchor::Start, Look::FAINT, "At risk");
    for (at, (name, curve)) in plot.groups.iter().enumerate() {
        y += ROW_PX + 2.0;
        canvas.path([[LEFT_PX, y - 4.5], [LEFT_PX + SWATCH_PX, y - 4.5]], &Pen::of_series(at));
        let name = shortened(name, width - SWATCH_PX - 7.0, 13.0);
        canvas.text([LEFT_PX + SWATCH_PX + 7.0, y], Anchor::Start, Look::PLAIN, &name);
        y += ROW_PX;
        for &tick in &panel.x.ticks {
            let here = LEFT_PX + panel.x.share(tick) * width;
            canvas.text([here, y], Anchor::Middle, Look::FAINT, &count(at_risk(curve, tick) as u64));
        }
    }
    canvas.finish(y + 8.0, plot.about)
}

/// Patients followed at least until a time.
fn at_risk(curve: &KaplanMeier, time: f64) -> usize {
    // A tick that is a step's time but for rounding is meant to be it.
    let until = time - time.abs() * 1e-9;
    curve.steps.iter().find(|step| step.time >= until).map_or(0, |step| step.at_risk)
}

fn place(panel: &Panel, step: &SurvivalStep) -> Option<[f64; 2]> {
    panel.at([step.time, step.survival])
}

/// The places of all steps, and the corner before each: level until the next step, then down.
fn stairs(
    steps: &[SurvivalStep],
    of: impl Fn(&SurvivalStep) -> Option<[f64; 2]>,
) -> impl DoubleEndedIterator<Item = [f64; 2]> {
    let places: Vec<[f64; 2]> = steps.iter().map_while(of).collect();
    let corner = |at: usize| at.checked_sub(1).map(|before| [places[at][0], places[before][1]]);
    let corners: Vec<[f64; 2]> = (0..places.len()).flat_map(|at| corner(at).into_iter().chain([places[at]])).collect();
    corners.into_iter()
}

/// The outline of the interval, as far as there is one; in pixels.
fn band(panel: &Panel, curve: &KaplanMeier) -> Vec<[f64; 2]> {
    let end = |of: fn((f64, f64)) -> f64| stairs(&curve.steps, move |step| Some([step.time, of(step.interval?)]));
    end(|interval| interval.1).chain(end(|interval| interval.0).rev()).filter_map(|place| panel.at(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::survival::Outcomes;

    fn curve(times: &[f64], events: &[bool]) -> KaplanMeier {
        KaplanMeier::of(&Outcomes::new(times, events).unwrap())
    }

    #[test]
    fn a_curve_is_level_until_the_next_event() {
        let curve = curve(&[1.0, 2.0], &[true, true]);
        let corners: Vec<[f64; 2]> = stairs(&curve.steps, |step| Some([step.time, step.survival])).collect();
        assert_eq!(corners, [[0.0, 1.0], [1.0, 1.0], [1.0, 0.5], [2.0, 0.5], [2.0, 0.0]]);
    }

    #[test]
    fn at_risk_is_who_was_followed_at_least_until_then() {
        let curve = curve(&[1.0, 2.0, 2.0, 5.0], &[true, false, true, false]);
        assert_eq!([0.0, 1.0, 1.5, 2.0, 5.0, 5.1].map(|time| at_risk(&curve, time)), [4, 4, 3, 3, 1, 0]);
    }

    #[test]
    fn censored_ones_are_marked_and_an_empty_plot_is_one() {
        let plot = |groups: &[(String, &KaplanMeier)]| {
            survival_plot(&SurvivalPlot { about: "a", x_name: "Time [months]", groups }).as_str().to_owned()
        };
        let (all, none) = (curve(&[1.0, 2.0], &[true, true]), curve(&[1.0, 2.0], &[true, false]));
        let marks = |curve: &KaplanMeier| plot(&[("b".to_owned(), curve)]).matches("stroke-width=\"1.5\"").count();
        assert_eq!((marks(&all), marks(&none)), (0, 1));
        assert!(plot(&[]).contains("At risk"));
    }
}
