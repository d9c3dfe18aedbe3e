//! How often values lie in each of some ranges.

use super::axis::Axis;
use super::canvas::{Canvas, FAINT, Pen, Svg, TEXT_PX, colour, shortened};
use super::panel::{NAMED_BELOW_PX, Panel, labels_px};
use crate::report::words::{count, number};

/// Counts of values in bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// What it shows, for those who do not see it.
    pub about: String,
    /// What the values are, with their unit.
    pub x_name: String,
    /// What is counted, such as `Slides`.
    pub y_name: String,
    /// Where bins begin and end, ascending; one more than there are counts.
    pub edges: Vec<f64>,
    /// Values in each bin.
    pub counts: Vec<u64>,
    /// A place on x with its name, such as a threshold.
    pub mark: Option<(f64, String)>,
}

/// Three beside each other on a screen, two on paper.
const WIDTH_PX: f64 = 304.0;
const HEIGHT_PX: f64 = 150.0;
/// The same with and without a mark, so that neighbours are level.
const TOP_PX: f64 = 26.0;

impl Histogram {
    /// Counts values in bins of a round width; a value that is not finite is left out, one on an edge belongs above it.
    ///
    /// # Source
    /// Number of bins: twice the cube root of the number of values (Rice rule), 5 to 30.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "5 to 30, and places among the bins")]
    pub fn of(about: impl Into<String>, x_name: impl Into<String>, y_name: impl Into<String>, values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let bins = (2.0 * (finite.len() as f64).cbrt()).ceil().clamp(5.0, 30.0) as u32;
        let axis = Axis::around(finite.iter().copied(), bins);
        let mut counts = vec![0_u64; axis.ticks.len().saturating_sub(1).max(1)];
        // An edge of 3 times 0.1 is a trace above 0.3.
        let slack = axis.ticks.first().zip(axis.ticks.get(1)).map_or(0.0, |(from, to)| (to - from) * 1e-9);
        for value in finite {
            let bin = axis.ticks.partition_point(|&edge| edge <= value + slack).saturating_sub(1);
            counts[bin.min(axis.ticks.len().saturating_sub(2))] += 1;
        }
        let (about, x_name, y_name) = (about.into(), x_name.into(), y_name.into());
        Self { about, x_name, y_name, edges: axis.ticks, counts, mark: None }
    }
}

/// Draws a bar for each bin. Resting the pointer on it tells its range and count.
pub fn histogram(of: &Histogram) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let x = Axis::along(of.edges.iter().copied().chain(of.mark.iter().map(|mark| mark.0)), 5, false);
    let y = Axis::counts(of.counts.iter().copied().max().unwrap_or(0), 4);
    let left = 32.0 + labels_px(&y);
    let panel = Panel { left, top: TOP_PX, width: WIDTH_PX - left - 20.0, height: HEIGHT_PX, x, y };
    panel.frame(&mut canvas, [&shortened(&of.x_name, panel.width, TEXT_PX), &of.y_name], 14.0);
    let bottom = TOP_PX + HEIGHT_PX;
    for (edges, &values) in of.edges.windows(2).zip(&of.counts).filter(|bin| *bin.1 > 0) {
        let (Some([from, upper]), Some([to, _])) = (panel.at([edges[0], values as f64]), panel.at([edges[1], 0.0]))
        else {
            continue;
        };
        let tell = format!("{} to {}: {}", number(Some(edges[0])), number(Some(edges[1])), count(values));
        canvas.bar([from + 0.5, upper, (to - from - 1.0).max(0.5), bottom - upper], &colour(0), Some(&tell));
    }
    canvas.path([[left, bottom], [left + panel.width, bottom]], &Pen::thin(FAINT));
    if let Some((place, name)) = &of.mark {
        panel.mark(&mut canvas, *place, name);
    }
    canvas.finish(bottom + NAMED_BELOW_PX + 4.0, &of.about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_in_one_bin() {
        let values = [0.0, 0.1, 0.2, 0.6, 0.99, 1.0, f64::NAN, f64::INFINITY];
        let found = Histogram::of("", "", "", &values);
        assert_eq!(found.edges.len(), found.counts.len() + 1);
        assert_eq!(found.counts, [2, 1, 0, 1, 2], "{:?}", found.edges);
        assert_eq!(Histogram::of("", "", "", &[]).counts.iter().sum::<u64>(), 0);
        assert_eq!(Histogram::of("", "", "", &[7.0; 40]).counts.iter().sum::<u64>(), 40);
    }
}
