//! Numbers of pairs as shaded cells, below 0 in one colour and above it in another.

use super::canvas::{Anchor, Canvas, FAINT, INK, Look, Svg, hex, text_px};
use super::cells::Cells;
use crate::map::palette::diverging;
use crate::report::words::fixed;

/// A number for each row and column, such as how much more often two classes touch than by chance.
#[derive(Debug, Clone, PartialEq)]
pub struct PairMatrix {
    /// What it shows, for those who do not see it.
    pub about: String,
    /// What the rows are.
    pub row_title: String,
    /// What the columns are.
    pub column_title: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The numbers, row by row; none where it is not defined.
    pub values: Vec<Vec<Option<f64>>>,
    /// What the numbers are, for the scale.
    pub name: String,
    /// What the two ends of the scale say, such as `apart` and `together`.
    pub ends: [String; 2],
    /// The number, and its negative, that has the full colour.
    pub limit: f64,
    /// Cells that stand out, row by row, such as those beyond chance: their numbers are bold. Empty where none do.
    pub bold: Vec<Vec<bool>>,
}

/// Up to so many columns a cell has room for two decimals.
const ROOMY: usize = 12;
/// Cells without a number.
const NOTHING: &str = "#f1f3f5";
const SCALE_PX: f64 = 220.0;
const STEPS: u8 = 44;

/// Draws a cell for each pair with its number, and the scale below. Resting the pointer on a cell tells names and number.
pub fn pair_matrix(matrix: &PairMatrix) -> Svg {
    let roomy = matrix.columns.len() <= ROOMY;
    let cell =
        if roomy { [(560.0 / matrix.columns.len().max(1) as f64).clamp(46.0, 72.0), 32.0] } else { [30.0, 24.0] };
    let size = if roomy { 13.0 } else { 12.0 };
    let cells = Cells::new(&matrix.rows, &matrix.columns, cell, size);
    let [low, high] = &matrix.ends;
    let words = format!("{}: {low} \u{2190} 0 \u{2192} {high}", matrix.name);
    let scale_px = SCALE_PX.max(text_px(&words, 12.0));
    let mut canvas = Canvas::new((cells.width() + 8.0).max(cells.left + scale_px + 30.0));
    cells.names(&mut canvas, [&matrix.row_title, &matrix.column_title]);
    let limit = if matrix.limit.is_finite() && matrix.limit > 0.0 { matrix.limit } else { 1.0 };
    for (row, (values, row_name)) in matrix.values.iter().zip(&matrix.rows).enumerate() {
        for (column, (value, column_name)) in values.iter().zip(&matrix.columns).enumerate() {
            let [x, y] = cells.corner(row, column);
            let value = value.filter(|value| value.is_finite());
            let place = value.map(|value| (value / limit).clamp(-1.0, 1.0));
            let shown = value.map_or_else(|| "\u{2013}".to_owned(), |value| written(value, limit, roomy));
            let bold = matrix.bold.get(row).and_then(|row| row.get(column)).copied().unwrap_or(false);
            let told = value.map_or_else(|| "not defined".to_owned(), |value| fixed(value, 3));
            let fill = place.map_or_else(|| NOTHING.to_owned(), shade);
            let tell = format!("{row_name}, {column_name}: {told}");
            canvas.bar([x, y, cells.cell_w - 1.0, cells.cell_h - 1.0], &fill, Some(&tell));
            let colour = match place {
                None => FAINT,
                Some(place) if place < -DARK => "#fff",
                Some(place) if place > DARK => "#000",
                Some(_) => INK,
            };
            let look = Look { colour, size: if roomy { 13.0 } else { 11.0 }, bold, turned: 0 };
            canvas.text([x + (cells.cell_w - 1.0) / 2.0, y + cells.cell_h / 2.0 + 4.0], Anchor::Middle, look, &shown);
        }
    }
    let top = cells.bottom() + 16.0;
    scale(&mut canvas, [cells.left, top], limit);
    canvas.text([cells.left, top + 42.0], Anchor::Start, Look::FAINT, &words);
    canvas.finish(top + 50.0, &matrix.about)
}

/// Beyond this share of the limit words need more contrast: white on blue, black on vermillion.
const DARK: f64 = 0.6;

/// As many decimals as tell something.
fn written(value: f64, limit: f64, roomy: bool) -> String {
    let decimals = match (roomy, limit) {
        (true, limit) if limit <= 2.0 => 2,
        (true, limit) if limit <= 50.0 => 1,
        (false, limit) if limit <= 2.0 => 1,
        _ => 0,
    };
    fixed(value, decimals)
}

#[expect(clippy::cast_possible_truncation, reason = "from -1 to 1, for a colour of bytes")]
fn shade(place: f64) -> String {
    hex(diverging(place as f32))
}

fn scale(canvas: &mut Canvas, [left, top]: [f64; 2], limit: f64) {
    let step_px = SCALE_PX / f64::from(STEPS);
    for step in 0..STEPS {
        let place = (f64::from(step) + 0.5) / f64::from(STEPS) * 2.0 - 1.0;
        // A little wider, so that no line shows between neighbours.
        canvas.bar([left + step_px * f64::from(step), top, step_px + 0.4, 10.0], &shade(place), None);
    }
    let decimals = if limit.fract() == 0.0 { 0 } else { 2 };
    let ends = [(0.0, -limit), (0.5, 0.0), (1.0, limit)];
    for (share, value) in ends {
        let x = left + SCALE_PX * share;
        canvas.text([x, top + 24.0], Anchor::Middle, Look::FAINT, &fixed(value, decimals));
    }
}
