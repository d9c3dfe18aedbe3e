//! Figures with their intervals, a row for each class or site and a panel for each figure.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, GRID, Look, Pen, Svg, colour, shortened, text_px};
use super::panel::{BELOW_PX, Panel, labels_px};
use crate::evaluate::Figure;
use crate::report::words::UNDEFINED;

/// Rows with a name each, and panels beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestPlot {
    /// What it shows, for those who do not see it.
    pub about: String,
    /// The names of the rows.
    pub rows: Vec<String>,
    /// The figures; three panels fit well.
    pub panels: Vec<ForestPanel>,
}

/// One figure of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestPanel {
    /// Its name.
    pub name: String,
    /// It, for each row.
    pub figures: Vec<Figure>,
    /// Where a dashed line stands, such as the figure of all tiles.
    pub reference: Option<f64>,
}

const WIDTH_PX: f64 = 720.0;
const ROW_PX: f64 = 22.0;
const TOP_PX: f64 = 28.0;
/// Between panels, so that the labels of their last and first ticks stand apart; half of it is right of the last one.
const GAP_PX: f64 = 48.0;

/// Draws a dot for each figure and a whisker for its interval.
pub fn forest_plot(plot: &ForestPlot) -> Svg {
    let mut canvas = Canvas::new(WIDTH_PX);
    let rows: Vec<String> = plot.rows.iter().map(|name| shortened(name, 200.0, 13.0)).collect();
    let left = 36.0 + rows.iter().map(|name| text_px(name, 13.0)).fold(0.0, f64::max);
    let height = ROW_PX * rows.len() as f64;
    let middle = |row: usize| TOP_PX + ROW_PX * (row as f64 + 0.5);
    for (row, name) in rows.iter().enumerate() {
        canvas.text([left - 26.0, middle(row) + 4.5], Anchor::End, Look::PLAIN, name);
        canvas.path([[left, middle(row)], [WIDTH_PX - GAP_PX / 2.0, middle(row)]], &Pen::thin(GRID));
    }
    let count = plot.panels.len().max(1) as f64;
    let width = (WIDTH_PX - GAP_PX / 2.0 - left - GAP_PX * (count - 1.0)) / count;
    for (at, of) in plot.panels.iter().enumerate() {
        let left = left + (width + GAP_PX) * at as f64;
        let values = of.figures.iter().flat_map(|figure| [figure.value, figure.low, figure.high]);
        let values: Vec<f64> = values.chain([of.reference]).flatten().collect();
        let x = axis(&values, width);
        let panel = Panel { left, top: TOP_PX, width, height, x, y: Axis::unit() };
        panel.columns(&mut canvas);
        canvas.text(
            [left + width / 2.0, 16.0],
            Anchor::Middle,
            Look::HEAD,
            &shortened(&of.name, width + GAP_PX - 6.0, 13.0),
        );
        if let Some([x, _]) = of.reference.and_then(|value| panel.at([value, 0.0])) {
            canvas.path([[x, TOP_PX], [x, TOP_PX + height]], &Pen::dashed(FAINT));
        }
        for (row, figure) in of.figures.iter().enumerate().take(rows.len()) {
            draw(&mut canvas, &panel, middle(row), figure);
        }
    }
    canvas.finish(TOP_PX + height + BELOW_PX + 6.0, &plot.about)
}

/// As many ticks as have room for their labels.
fn axis(values: &[f64], width: f64) -> Axis {
    let fits = |axis: &Axis| (labels_px(axis) + 10.0) * (axis.ticks.len() as f64 - 1.0) <= width;
    let axis = |ticks: u32| Axis::around(values.iter().copied(), ticks);
    [4, 3, 2].map(axis).into_iter().find(fits).unwrap_or_else(|| axis(1))
}

fn draw(canvas: &mut Canvas, panel: &Panel, y: f64, figure: &Figure) {
    let x = |value: f64| panel.at([value, 0.0]).map(|place| place[0]);
    let Some(dot) = figure.value.and_then(x) else {
        canvas.text([panel.left + panel.width / 2.0, y + 4.0], Anchor::Middle, Look::FAINT, UNDEFINED);
        return;
    };
    if let Some((low, high)) = figure.low.zip(figure.high) {
        panel.whisker(canvas, [low, high], y, &colour(0));
    }
    canvas.dots([[dot, y]], &colour(0), 8.0, 1.0);
}
