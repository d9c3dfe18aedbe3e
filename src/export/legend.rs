//! Parts of legends that several figures have: words and numbers that fit, and the colours of one number.

use super::canvas::{Canvas, FAINT};
use super::font;
use crate::geometry::Rect;

/// Colour of the caution.
pub(super) const CAUTION: [u8; 3] = [178, 58, 0];

/// A field with all colours of a ramp, its ends and its middle named below.
pub(super) fn draw_ramp(
    canvas: &mut Canvas,
    field: Rect,
    scale: u32,
    colour: fn(f32) -> [u8; 3],
    values: &[String; 3],
) {
    let last = field.w.saturating_sub(1).max(1) as f32;
    canvas.paint(field, |x, _, _| colour(x as f32 / last));
    let start = |value: i64| u32::try_from(value).unwrap_or(0);
    let (x, below) = (start(field.x), start(field.bottom()) + 2 * scale);
    for (text, share_of_width) in values.iter().zip(0..) {
        let text_px = (font::width(text) - 1) * scale;
        canvas.text(x + field.w.saturating_sub(text_px) * share_of_width / 2, below, scale, FAINT, text);
    }
}

/// A number in three digits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 6 decimals")]
pub(super) fn digits(value: f32) -> String {
    let size = value.abs();
    if size < f32::MIN_POSITIVE {
        return "0".into();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let decimals = (2.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The text, or its beginning and two dots when it is longer than `chars`.
pub(super) fn shorten(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.into();
    }
    text.chars().take(chars.saturating_sub(2)).chain("..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let found = [0.0, 1.0, 0.5, -0.012_345, 1234.5, 12.345, 1e-7, 2e9, 0.999_9].map(digits);
        assert_eq!(found, ["0", "1", "0.5", "-0.0123", "1234", "12.3", "1.0e-7", "2.0e9", "1"]);
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(shorten("adenocarcinoma", 8), "adenoc..");
    }
}
