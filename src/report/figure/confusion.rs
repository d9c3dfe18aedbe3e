//! Truth against prediction as a table of shaded cells.

use super::canvas::{Anchor, Canvas, FAINT, INK, Look, Svg, hex};
use super::cells::Cells;
use crate::map::palette::{class_colours, mix};
use crate::report::words::count;

/// Up to so many classes a cell has room for share and count; beyond, it holds the share in whole percent.
const ROOMY: usize = 10;
/// Rows without tiles.
const NOTHING: &str = "#f1f3f5";

/// Draws counts by true class (rows) and predicted class (columns), shaded by their share of the row. Resting the pointer
/// on a cell tells its classes, count and share.
pub fn confusion_matrix(about: &str, names: &[String], counts: &[Vec<u64>]) -> Svg {
    let classes = names.len();
    let roomy = classes <= ROOMY;
    let [cell_w, cell_h] = if roomy { [(620.0 / classes.max(1) as f64).clamp(54.0, 92.0), 44.0] } else { [26.0; 2] };
    let size = if roomy { 13.0 } else { 12.0 };
    let cells = Cells::new(names, names, [cell_w, cell_h], size);
    let columns_px = cells.right() - cells.left;
    let totals = cells.right() + 8.0;
    let mut canvas = Canvas::new((totals + 58.0).max(cells.width()).max(260.0));
    cells.names(&mut canvas, ["True class", "Predicted class"]);
    canvas.text([totals + 48.0, cells.bottom() + 18.0], Anchor::End, Look::FAINT, "tiles");
    for (truth, row) in counts.iter().enumerate().take(classes) {
        let [left, y] = cells.corner(truth, 0);
        let total: u64 = row.iter().sum();
        canvas.text([totals + 48.0, y + cell_h / 2.0 + 4.5], Anchor::End, Look::FAINT, &count(total));
        canvas.bar([left, y, columns_px - 1.0, cell_h - 1.0], if total == 0 { NOTHING } else { "#fafbfc" }, None);
        for (predicted, &tiles) in row.iter().enumerate().take(classes).filter(|cell| *cell.1 > 0) {
            let share = tiles as f64 / total as f64;
            let [x, _] = cells.corner(truth, predicted);
            let tell = format!(
                "{} taken for {}: {} tiles, {:.1} %",
                names[truth],
                names[predicted],
                count(tiles),
                share * 100.0
            );
            canvas.bar([x, y, cell_w - 1.0, cell_h - 1.0], &shade(share), Some(&tell));
            let (main, small) = if share > DARK { ("#fff", "#fff") } else { (INK, FAINT) };
            let middle = x + (cell_w - 1.0) / 2.0;
            if roomy {
                let plain = Look { colour: main, ..Look::PLAIN };
                canvas.text([middle, y + 19.0], Anchor::Middle, plain, &format!("{:.1} %", share * 100.0));
                let note = Look { colour: small, size: 11.0, ..Look::PLAIN };
                canvas.text([middle, y + 35.0], Anchor::Middle, note, &count(tiles));
            } else {
                let look = Look { colour: main, size: 11.0, ..Look::PLAIN };
                canvas.text([middle, y + 17.0], Anchor::Middle, look, &percent(share));
            }
        }
    }
    canvas.finish(cells.bottom() + 24.0, about)
}

/// Beyond this share white words are read better than dark ones.
const DARK: f64 = 0.6;

#[expect(clippy::cast_possible_truncation, reason = "a share, for a colour of bytes")]
fn shade(share: f64) -> String {
    hex(mix([255; 3], class_colours(1)[0], 0.06 + 0.94 * share as f32))
}

/// Whole percent; what is there is never 0.
fn percent(share: f64) -> String {
    if share < 0.005 { "<1".to_owned() } else { format!("{:.0}", share * 100.0) }
}
