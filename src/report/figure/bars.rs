//! Shares or other figures from 0 on as bars in colours of their own, such as classes of a map.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, INK, Look, Pen, Svg, hex, shortened, text_px};
use super::panel::{NAMED_BELOW_PX, Panel};
use crate::evaluate::Figure;
use crate::report::words::{interval, number};

/// Bars below each other.
#[derive(Debug, Clone, PartialEq)]
pub struct BarChart {
    /// What it shows, for those who do not see it.
    pub about: String,
    /// What the bars are, with the unit.
    pub x_name: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// Its colour, as on the map.
    pub colour: [u8; 3],
    /// How long it is, with an interval where there is one.
    pub figure: Figure,
}

const WIDTH_PX: f64 = 720.0;
const ROW_PX: f64 = 26.0;
const BAR_PX: f64 = 16.0;
const TOP_PX: f64 = 6.0;

/// Draws a bar from 0 for each figure, a whisker for its interval, and both in numbers at the end of the row.
pub fn bar_chart(chart: &BarChart) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let names: Vec<String> = chart.bars.iter().map(|bar| shortened(&bar.name, 200.0, 13.0)).collect();
    let told: Vec<(String, String)> = chart.bars.iter().map(|bar| told(bar.figure)).collect();
    let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
    let value_px = widest(&mut told.iter().map(|(value, _)| text_px(value, 13.0)));
    let interval_px = widest(&mut told.iter().map(|(_, interval)| text_px(interval, 12.0)));
    let left = 12.0 + widest(&mut names.iter().map(|name| text_px(name, 13.0)));
    let width = WIDTH_PX - left - value_px - interval_px - 34.0;
    let values = chart.bars.iter().flat_map(|bar| [bar.figure.value, bar.figure.high]).flatten().chain([0.0]);
    let height = ROW_PX * names.len() as f64;
    let panel = Panel { left, top: TOP_PX, width, height, x: Axis::around(values, 5), y: Axis::unit() };
    panel.columns(&mut canvas);
    for (row, (bar, (value, interval))) in chart.bars.iter().zip(&told).enumerate() {
        let middle = TOP_PX + ROW_PX * (row as f64 + 0.5);
        canvas.text([left - 9.0, middle + 4.5], Anchor::End, Look::PLAIN, &names[row]);
        if let Some([end, _]) = bar.figure.value.and_then(|value| panel.at([value, 0.0])) {
            let [from, y] = [panel.left + panel.x.share(0.0) * width, middle - BAR_PX / 2.0];
            canvas.bar([from.min(end), y, (end - from).abs(), BAR_PX], &hex(bar.colour), None);
            // Without a line, yellow would hardly be seen.
            canvas.path([[from, y], [end, y], [end, y + BAR_PX], [from, y + BAR_PX]], &Pen::thin(FAINT));
        }
        if let Some((low, high)) = bar.figure.low.zip(bar.figure.high) {
            panel.whisker(&mut canvas, [low, high], middle, INK);
        }
        let numbers = left + width + 20.0 + value_px;
        canvas.text([numbers, middle + 4.5], Anchor::End, Look::PLAIN, value);
        canvas.text([numbers + 8.0, middle + 4.5], Anchor::Start, Look::FAINT, interval);
    }
    let zero = left + panel.x.share(0.0) * width;
    canvas.path([[zero, TOP_PX], [zero, TOP_PX + height]], &Pen::thin(FAINT));
    canvas.text([left + width / 2.0, TOP_PX + height + 38.0], Anchor::Middle, Look::PLAIN, &chart.x_name);
    canvas.finish(TOP_PX + height + NAMED_BELOW_PX + 2.0, &chart.about)
}

/// A figure and its interval in words.
fn told(figure: Figure) -> (String, String) {
    match figure.value.filter(|value| value.is_finite()) {
        Some(value) => (number(Some(value)), interval(figure).unwrap_or_default()),
        None => (number(None), String::new()),
    }
}
