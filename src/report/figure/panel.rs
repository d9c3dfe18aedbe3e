//! A frame with two axes, and marks at places given in the axes' values.
//!
//! Values for which an axis has no place are left out; such as lie beyond it are put at its end.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, GRID, Look, Pen, shortened, text_px};

/// The frame: its inside in pixels, and its axes.
pub(super) struct Panel {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x: Axis,
    pub y: Axis,
}

/// Room for the ticks' labels below a panel.
pub(super) const BELOW_PX: f64 = 20.0;
/// Room for ticks' labels and the axis's name below a panel.
pub(super) const NAMED_BELOW_PX: f64 = 44.0;

impl Panel {
    /// Where a pair of values lies, in pixels; `None` when an axis has no place for one.
    pub fn at(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        (self.x.places(x) && self.y.places(y))
            .then(|| [self.left + self.x.share(x) * self.width, self.top + (1.0 - self.y.share(y)) * self.height])
    }

    /// Grid and ticks' labels of both axes, and their names. The vertical axis's name stands at `name_left`.
    pub fn frame(&self, canvas: &mut Canvas, names: [&str; 2], name_left: f64) {
        self.rows(canvas);
        self.columns(canvas);
        let bottom = self.top + self.height;
        canvas.text([self.left + self.width / 2.0, bottom + 38.0], Anchor::Middle, Look::PLAIN, names[0]);
        let middle = [name_left, self.top + self.height / 2.0];
        canvas.text(middle, Anchor::Middle, Look::UPWARDS, &shortened(names[1], self.height + 20.0, 13.0));
    }

    /// Horizontal lines with their labels.
    pub fn rows(&self, canvas: &mut Canvas) {
        for (&tick, label) in self.y.ticks.iter().zip(self.y.labels()) {
            let y = self.top + (1.0 - self.y.share(tick)) * self.height;
            canvas.path([[self.left, y], [self.left + self.width, y]], &Pen::thin(GRID));
            canvas.text([self.left - 7.0, y + 4.0], Anchor::End, Look::FAINT, &label);
        }
    }

    /// Vertical lines with their labels.
    pub fn columns(&self, canvas: &mut Canvas) {
        let bottom = self.top + self.height;
        for (&tick, label) in self.x.ticks.iter().zip(self.x.labels()) {
            let x = self.left + self.x.share(tick) * self.width;
            canvas.path([[x, self.top], [x, bottom]], &Pen::thin(GRID));
            canvas.text([x, bottom + 17.0], Anchor::Middle, Look::FAINT, &label);
        }
    }

    /// A line through values.
    pub fn line(&self, canvas: &mut Canvas, points: &[[f64; 2]], pen: &Pen) {
        canvas.path(points.iter().filter_map(|&point| self.at(point)), pen);
    }

    /// Dots at values.
    pub fn dots(&self, canvas: &mut Canvas, points: &[[f64; 2]], colour: &str, size: f64, opacity: f64) {
        canvas.dots(points.iter().filter_map(|&point| self.at(point)), colour, size, opacity);
    }

    /// A dashed line at a place on x, its name above the frame.
    pub fn mark(&self, canvas: &mut Canvas, place: f64, name: &str) {
        let Some([x, _]) = self.at([place, self.y.low]) else { return };
        canvas.path([[x, self.top], [x, self.top + self.height]], &Pen::dashed(FAINT));
        let name = shortened(name, canvas.width() - 8.0, 12.0);
        let half = text_px(&name, 12.0) / 2.0;
        let middle = x.min(canvas.width() - half).max(half);
        canvas.text([middle, self.top - 8.0], Anchor::Middle, Look::FAINT, &name);
    }

    /// A level line at the height `y` in pixels between two values on x, with ends, such as an interval.
    pub fn whisker(&self, canvas: &mut Canvas, ends: [f64; 2], y: f64, colour: &str) {
        let [Some([low, _]), Some([high, _])] = ends.map(|end| self.at([end, self.y.low])) else { return };
        let pen = Pen { width: 1.5, ..Pen::thin(colour) };
        canvas.path([[low, y], [high, y]], &pen);
        for end in [low, high] {
            canvas.path([[end, y - 4.0], [end, y + 4.0]], &pen);
        }
    }

    /// The dashed line where both values are equal, between the ranges of both axes.
    pub fn identity(&self, canvas: &mut Canvas) {
        let ends = [self.x.low.max(self.y.low), self.x.high.min(self.y.high)];
        self.line(canvas, &ends.map(|end| [end, end]), &Pen::dashed(FAINT));
    }
}

/// The room that the widest label of an axis takes.
pub(super) fn labels_px(axis: &Axis) -> f64 {
    axis.labels().iter().map(|label| text_px(label, 12.0)).fold(0.0, f64::max)
}

/// What stands before a name in a legend.
pub(super) enum Sign {
    Line(Pen),
    /// A field of this colour, and a line through it.
    Band(String, Pen),
}

/// Names of series with their lines; see [`legend_of`].
pub(super) fn legend(canvas: &mut Canvas, area: [f64; 3], names: &[String]) -> f64 {
    let entries = names.iter().enumerate().map(|(series, name)| (Sign::Line(Pen::of_series(series)), name.as_str()));
    legend_of(canvas, area, entries)
}

/// Names with their signs, in as many rows as it takes, from (`left`, `top`) and no wider than `width` → the height they
/// take.
pub(super) fn legend_of<'a>(
    canvas: &mut Canvas,
    [left, top, width]: [f64; 3],
    entries: impl IntoIterator<Item = (Sign, &'a str)>,
) -> f64 {
    const ROW_PX: f64 = 20.0;
    const SWATCH_PX: f64 = 34.0;
    let (mut x, mut y) = (left, top);
    for (sign, name) in entries {
        let name = shortened(name, width - SWATCH_PX - 8.0, 13.0);
        let needed = SWATCH_PX + 8.0 + text_px(&name, 13.0);
        if x > left && x + needed > left + width {
            (x, y) = (left, y + ROW_PX);
        }
        let pen = match sign {
            Sign::Line(pen) => pen,
            Sign::Band(fill, pen) => {
                canvas.bar([x, y + 2.0, SWATCH_PX, 14.0], &fill, None);
                pen
            }
        };
        canvas.path([[x, y + 9.0], [x + SWATCH_PX, y + 9.0]], &pen);
        canvas.text([x + SWATCH_PX + 7.0, y + 13.5], Anchor::Start, Look::PLAIN, &name);
        x += needed + 18.0;
    }
    y + ROW_PX - top
}
