//! Truth against prediction as a table of shaded cells.

use super::canvas::{Anchor, Canvas, FAINT, INK, Look, Svg, hex, shortened, text_px};
use crate::map::palette::{class_colours, mix};
use crate::report::words::count;

/// Up to so many classes a cell has room for share and count; beyond, it holds the share in whole percent.
const ROOMY: usize = 10;
/// Names of classes are cut beyond this.
const LONGEST_PX: f64 = 170.0;
/// Rows without tiles.
const NOTHING: &str = "#f1f3f5";

/// Draws counts by true class (rows) and predicted class (columns), shaded by their share of the row. Resting the pointer
/// on a cell tells its classes, count and share.
pub fn confusion_matrix(about: &str, names: &[String], counts: &[Vec<u64>]) -> Svg {
    let classes = names.len();
    let roomy = classes <= ROOMY;
    let [cell_w, cell_h] = if roomy { [(620.0 / classes.max(1) as f64).clamp(54.0, 92.0), 44.0] } else { [26.0; 2] };
    let size = if roomy { 13.0 } else { 12.0 };
    let short: Vec<String> = names.iter().map(|name| shortened(name, LONGEST_PX, size)).collect();
    let widest = short.iter().map(|name| text_px(name, size)).fold(0.0, f64::max);
    let flat = widest <= cell_w - 6.0;
    // Turned by 45 degrees, a name is as high as it reaches to the right.
    let slope = widest * std::f64::consts::FRAC_1_SQRT_2;
    let (left, top) = (widest + 38.0, if flat { 50.0 } else { slope + 48.0 });
    let (columns_px, rows_px) = (cell_w * classes as f64, cell_h * classes as f64);
    let totals = left + columns_px + 8.0;
    let last_reach = if flat { 0.0 } else { slope - cell_w / 2.0 + 8.0 };
    let width = (totals + 58.0).max(left + columns_px + last_reach).max(260.0);
    let mut canvas = Canvas::new(width);
    canvas.text([left + columns_px / 2.0, 14.0], Anchor::Middle, Look::HEAD, "Predicted class");
    let upwards = Look { turned: -90, ..Look::HEAD };
    canvas.text([14.0, top + rows_px / 2.0], Anchor::Middle, upwards, "True class");
    canvas.text([totals + 48.0, top + rows_px + 18.0], Anchor::End, Look::FAINT, "tiles");
    for (at, name) in short.iter().enumerate() {
        let place = at as f64 + 0.5;
        let x = left + cell_w * place;
        let look = Look { size, ..Look::PLAIN };
        if flat {
            canvas.text([x, top - 10.0], Anchor::Middle, look, name);
        } else {
            canvas.text([x + 3.0, top - 8.0], Anchor::Start, Look { turned: -45, ..look }, name);
        }
        canvas.text([left - 8.0, top + cell_h * place + 4.5], Anchor::End, look, name);
    }
    for (truth, row) in counts.iter().enumerate().take(classes) {
        let y = top + cell_h * truth as f64;
        let total: u64 = row.iter().sum();
        canvas.text([totals + 48.0, y + cell_h / 2.0 + 4.5], Anchor::End, Look::FAINT, &count(total));
        canvas.bar([left, y, columns_px - 1.0, cell_h - 1.0], if total == 0 { NOTHING } else { "#fafbfc" }, None);
        for (predicted, &tiles) in row.iter().enumerate().take(classes).filter(|cell| *cell.1 > 0) {
            let share = tiles as f64 / total as f64;
            let x = left + cell_w * predicted as f64;
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
    canvas.finish(top + rows_px + 24.0, about)
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
