//! Lines with the range they may lie in: profiles over a distance, and curves against what chance gives.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, Look, Pen, Svg, colour, shortened};
use super::panel::{NAMED_BELOW_PX, Panel, Sign, labels_px, legend_of};
use crate::evaluate::Figure;

/// Points with intervals, and a name.
#[derive(Debug, Clone, PartialEq)]
pub struct BandSeries {
    /// As it stands in the legend.
    pub name: String,
    /// Place on x, and the value there with its interval; along x. The line breaks where there is no value, the band
    /// where there is no interval.
    pub points: Vec<(f64, Figure)>,
}

/// A chart of lines with bands.
#[derive(Debug, Clone, PartialEq)]
pub struct BandChart {
    /// What it shows, for those who do not see it.
    pub about: String,
    /// What runs to the right, with its unit.
    pub x_name: String,
    /// What runs up, with its unit.
    pub y_name: String,
    /// The lines; up to seven are told apart.
    pub series: Vec<BandSeries>,
    /// What is expected by chance, with its envelope: a grey band and a dashed line behind the others.
    pub expected: Option<BandSeries>,
    /// For distances to a margin, which is at 0: what lies left of it and what right. Both sides are shaded.
    pub sides: Option<[String; 2]>,
}

const WIDTH_PX: f64 = 720.0;
const HEIGHT_PX: f64 = 270.0;
const TOP_PX: f64 = 26.0;
/// With more points than these, dots would hide the line.
const DOTS: usize = 40;
/// The envelope of chance; two steps darker than lines of the grid.
const ENVELOPE: &str = "#ced4da";
/// Shades of both sides of a margin.
const SIDES: [&str; 2] = ["#f3eef6", "#fbf9f1"];

/// Draws lines with their bands over a common axis.
pub fn band_chart(chart: &BandChart) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let all = || chart.expected.iter().chain(&chart.series).flat_map(|series| &series.points);
    let margin = chart.sides.as_ref().map(|_| 0.0);
    let xs = all().map(|point| point.0).chain(margin);
    let whole = xs.clone().all(|x| x.fract() == 0.0);
    let x = Axis::along(xs, 10, whole);
    let values = all().flat_map(|(_, figure)| [figure.value, figure.low, figure.high]).flatten();
    let y = Axis::around(values, 5);
    let left = 32.0 + labels_px(&y);
    let panel = Panel { left, top: TOP_PX, width: WIDTH_PX - left - 16.0, height: HEIGHT_PX, x, y };
    if let Some(names) = &chart.sides {
        sides(&mut canvas, &panel, names);
    }
    panel.frame(&mut canvas, [&chart.x_name, &chart.y_name], 14.0);
    if let (Some(_), Some([x, _])) = (margin, panel.at([0.0, panel.y.low])) {
        canvas.path([[x, TOP_PX], [x, TOP_PX + HEIGHT_PX]], &Pen { width: 1.5, ..Pen::thin(FAINT) });
    }
    let expected_pen = Pen { width: 1.5, ..Pen::dashed(FAINT) };
    if let Some(expected) = &chart.expected {
        band(&mut canvas, &panel, expected, ENVELOPE, 0.8);
        line(&mut canvas, &panel, expected, &expected_pen);
    }
    for (at, series) in chart.series.iter().enumerate() {
        band(&mut canvas, &panel, series, &colour(at), 0.16);
    }
    for (at, series) in chart.series.iter().enumerate() {
        line(&mut canvas, &panel, series, &Pen::of_series(at));
        if series.points.len() <= DOTS {
            panel.dots(&mut canvas, &places(series).flatten().collect::<Vec<_>>(), &colour(at), 6.0, 1.0);
        }
    }
    let own = chart.series.iter().enumerate();
    let own = own.map(|(at, series)| (Sign::Line(Pen::of_series(at)), series.name.as_str()));
    let expected = chart.expected.iter();
    let expected = expected.map(|series| (Sign::Band(ENVELOPE.to_owned(), expected_pen.clone()), series.name.as_str()));
    let below = TOP_PX + HEIGHT_PX + NAMED_BELOW_PX + 6.0;
    let height = legend_of(&mut canvas, [left, below, panel.width], own.chain(expected));
    canvas.finish(below + height + 4.0, &chart.about)
}

/// Shades both sides of 0 and writes what they are above the frame.
fn sides(canvas: &mut Canvas, panel: &Panel, names: &[String; 2]) {
    let Some([margin, _]) = panel.at([0.0, panel.y.low]) else { return };
    let (left, right) = (panel.left, panel.left + panel.width);
    for ((from, to), fill) in [(left, margin), (margin, right)].into_iter().zip(SIDES) {
        canvas.bar([from, panel.top, to - from, panel.height], fill, None);
    }
    let places =
        [(margin - 8.0, Anchor::End, margin - 8.0 - left), (margin + 8.0, Anchor::Start, right - margin - 8.0)];
    for ((x, anchor, room), name) in places.into_iter().zip(names).filter(|((_, _, room), _)| *room > 40.0) {
        canvas.text([x, panel.top - 8.0], anchor, Look::FAINT, &shortened(name, room, 12.0));
    }
}

/// Place and value of each point, where there is one.
fn places(series: &BandSeries) -> impl Iterator<Item = Option<[f64; 2]>> {
    series.points.iter().map(|&(x, figure)| figure.value.map(|y| [x, y]))
}

fn line(canvas: &mut Canvas, panel: &Panel, series: &BandSeries, pen: &Pen) {
    for run in runs(places(series).map(|place| place.and_then(|place| panel.at(place)))) {
        canvas.path(run, pen);
    }
}

fn band(canvas: &mut Canvas, panel: &Panel, series: &BandSeries, fill: &str, opacity: f64) {
    let ends = |&(x, figure): &(f64, Figure)| Some([panel.at([x, figure.low?])?, panel.at([x, figure.high?])?]);
    for run in runs(series.points.iter().map(ends)) {
        let back = run.iter().rev().map(|ends| ends[0]);
        canvas.area(run.iter().map(|ends| ends[1]).chain(back), fill, opacity);
    }
}

/// What there is without a gap between.
fn runs<T>(points: impl Iterator<Item = Option<T>>) -> Vec<Vec<T>> {
    let mut runs = vec![Vec::new()];
    for point in points {
        match (point, runs.last_mut()) {
            (Some(point), Some(run)) => run.push(point),
            _ => runs.push(Vec::new()),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_there_is_no_value() {
        assert_eq!(runs([Some(1), Some(2), None, None, Some(3)].into_iter()), [vec![1, 2], vec![], vec![3]]);
    }
}
