//! Shapes and words → SVG text. Lengths are pixels of the figure's own width; it scales by its `viewBox`.
//!
//! Invariant: whatever text is given, what comes out is well-formed XML; there are no identifiers, so figures can stand in
//! one page.

use crate::map::palette;
use std::fmt::{self, Display, Formatter, Write};

/// Words and axes.
pub(super) const INK: &str = "#212529";
/// Words of less weight; 6:1 on white.
pub(super) const FAINT: &str = "#5c636a";
/// Lines of a grid.
pub(super) const GRID: &str = "#e1e5e9";
/// Size of words.
pub(super) const TEXT_PX: f64 = 13.0;

/// The colours of Okabe and Ito (see [`palette`]) as places there, those with most contrast to white first and yellow,
/// which has none, left out.
const ORDER: [usize; 7] = [0, 5, 2, 6, 7, 1, 4];
/// Lines differ in their dashes, too: not everyone sees colours, and not every printer has them.
const DASHES: [&str; 7] = ["", "7 3", "2 3", "10 3 2 3", "14 5", "5 5", "1 4"];

/// The colour of a series; the eighth has the first one's again.
pub(super) fn colour(series: usize) -> String {
    hex(palette::class_colours(8)[ORDER[series % ORDER.len()]])
}

/// `#0072b2`.
pub(in crate::report) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A finished figure: one `svg` element that stands in a page or, as it is, in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg(String);

impl Svg {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Svg {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How a line looks.
#[derive(Debug, Clone)]
pub(super) struct Pen {
    pub colour: String,
    pub width: f64,
    pub dashes: &'static str,
}

impl Pen {
    pub fn thin(colour: &str) -> Self {
        Self { colour: colour.to_owned(), width: 1.0, dashes: "" }
    }

    pub fn dashed(colour: &str) -> Self {
        Self { dashes: "4 4", ..Self::thin(colour) }
    }

    /// That of a series.
    pub fn of_series(series: usize) -> Self {
        Self { colour: colour(series), width: 2.0, dashes: DASHES[series % DASHES.len()] }
    }
}

/// Where the given place is in a line of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A figure under construction.
pub(super) struct Canvas {
    width: f64,
    body: String,
}

impl Canvas {
    pub fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    pub fn width(&self) -> f64 {
        self.width
    }

    /// A line through points, which are pixels.
    pub fn path(&mut self, points: impl IntoIterator<Item = [f64; 2]>, pen: &Pen) {
        let path = points.into_iter().enumerate().fold(String::new(), |mut path, (at, [x, y])| {
            put(&mut path, format_args!("{}{} {}", if at == 0 { 'M' } else { 'L' }, Px(x), Px(y)));
            path
        });
        if path.is_empty() {
            return;
        }
        let Pen { colour, width, dashes } = pen;
        self.put(format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\""));
        if !dashes.is_empty() {
            self.put(format_args!(" stroke-dasharray=\"{dashes}\""));
        }
        self.put(format_args!(" stroke-linejoin=\"round\"/>"));
    }

    /// Round dots. All are one element: lines of no length with round ends, a few bytes each.
    pub fn dots(&mut self, points: impl IntoIterator<Item = [f64; 2]>, colour: &str, size: f64, opacity: f64) {
        let path = points.into_iter().fold(String::new(), |mut path, [x, y]| {
            put(&mut path, format_args!("M{} {}h0", Px(x), Px(y)));
            path
        });
        if !path.is_empty() {
            self.put(format_args!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" stroke-linecap=\"round\" \
                 stroke-opacity=\"{}\"/>",
                Px(size),
                Px(opacity)
            ));
        }
    }

    /// A filled area between points, without a line around it.
    pub fn area(&mut self, points: impl IntoIterator<Item = [f64; 2]>, fill: &str, opacity: f64) {
        let corners: Vec<String> = points.into_iter().map(|[x, y]| format!("{} {}", Px(x), Px(y))).collect();
        if !corners.is_empty() {
            let path = corners.join("L");
            self.put(format_args!("<path d=\"M{path}Z\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>"));
        }
    }

    /// A filled rectangle; `about` is shown where a pointer rests on it.
    pub fn bar(&mut self, [x, y, w, h]: [f64; 4], fill: &str, about: Option<&str>) {
        let (x, y, w, h) = (Px(x), Px(y), Px(w), Px(h));
        self.put(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\""));
        match about {
            Some(about) => self.put(format_args!("><title>{}</title></rect>", Escaped(about))),
            None => self.put(format_args!("/>")),
        }
    }

    /// A line of text on the baseline at (`x`, `y`).
    pub fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, look: Look<'_>, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.put(format_args!("<text x=\"{}\" y=\"{}\"{anchor}", Px(x), Px(y)));
        if look.colour != INK {
            self.put(format_args!(" fill=\"{}\"", look.colour));
        }
        if (look.size - TEXT_PX).abs() > 0.01 {
            self.put(format_args!(" font-size=\"{}\"", Px(look.size)));
        }
        if look.bold {
            self.put(format_args!(" font-weight=\"600\""));
        }
        if look.turned != 0 {
            self.put(format_args!(" transform=\"rotate({} {} {})\"", look.turned, Px(x), Px(y)));
        }
        self.put(format_args!(">{}</text>", Escaped(text)));
    }

    /// The figure, so high, with what it shows in words for those who do not see it.
    pub fn finish(self, height: f64, about: &str) -> Svg {
        let (w, h, about) = (Px(self.width), Px(height), Escaped(about));
        Svg(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             role=\"img\" aria-label=\"{about}\" font-family=\"system-ui, 'Segoe UI', Roboto, Arial, sans-serif\" \
             font-size=\"{TEXT_PX}\" fill=\"{INK}\">{}</svg>",
            self.body
        ))
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        put(&mut self.body, text);
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub colour: &'a str,
    pub size: f64,
    pub bold: bool,
    /// Degrees clockwise about its place.
    pub turned: i32,
}

impl Look<'static> {
    pub const PLAIN: Self = Self { colour: INK, size: TEXT_PX, bold: false, turned: 0 };
    pub const FAINT: Self = Self { colour: FAINT, size: 12.0, bold: false, turned: 0 };
    pub const HEAD: Self = Self { bold: true, ..Self::PLAIN };
    /// From bottom to top.
    pub const UPWARDS: Self = Self { turned: -90, ..Self::PLAIN };
}

/// About how wide a text is: fonts differ, so somewhat too wide rather than too narrow.
pub(super) fn text_px(text: &str, size: f64) -> f64 {
    let share = |sign: char| match sign {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | ' ' | '(' | ')' => 0.36,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.72,
        '\0'..='\u{24f}' => 0.6,
        // Beyond Latin letters some are as wide as high.
        _ => 1.0,
    };
    text.chars().map(share).sum::<f64>() * size
}

/// The text, its end left out where it is wider than there is room.
pub(super) fn shortened(text: &str, room_px: f64, size: f64) -> String {
    if text_px(text, size) <= room_px {
        return text.to_owned();
    }
    let mut kept = String::new();
    for sign in text.chars() {
        kept.push(sign);
        if text_px(&kept, size) + size > room_px {
            kept.pop();
            break;
        }
    }
    kept.push('\u{2026}');
    kept
}

/// A length with at most two decimals.
struct Px(f64);

impl Display for Px {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 10.0).round() / 10.0;
        // Adding 0 turns a negative zero into zero.
        write!(out, "{}", if rounded.is_finite() { rounded + 0.0 } else { 0.0 })
    }
}

/// Text between tags or in quotes. Control characters, which XML cannot hold, become U+FFFD.
pub(super) struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for sign in self.0.chars() {
            match sign {
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '&' => out.write_str("&amp;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                '\n' | '\t' => out.write_char(' ')?,
                _ if !fits_xml(sign) => out.write_char('\u{fffd}')?,
                _ => out.write_char(sign)?,
            }
        }
        Ok(())
    }
}

/// Whether XML can hold a sign, as it is or by its name.
pub(in crate::report) fn fits_xml(sign: char) -> bool {
    matches!(sign, '\n' | '\t') || !(sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}'))
}

/// Writing to a `String` cannot fail.
fn put(to: &mut String, text: fmt::Arguments<'_>) {
    let _ = to.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_stays_text() {
        let mut canvas = Canvas::new(100.0);
        canvas.text([1.0, 2.26], Anchor::Start, Look::PLAIN, "<b>&\"'\0\u{ffff}");
        canvas.bar([0.0, -0.01, 10.0, f64::NAN], "#fff", Some("a<b"));
        assert_eq!(
            canvas.body,
            "<text x=\"1\" y=\"2.3\">&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}</text>\
             <rect x=\"0\" y=\"0\" width=\"10\" height=\"0\" fill=\"#fff\"><title>a&lt;b</title></rect>"
        );
        let svg = canvas.finish(50.0, "say \"this\"");
        assert!(svg.as_str().contains("viewBox=\"0 0 100 50\"") && svg.as_str().contains("\"say &quot;this&quot;\""));
    }

    #[test]
    fn a_text_without_room_is_cut_and_says_so() {
        assert_eq!(shortened("stroma", 100.0, 13.0), "stroma");
        let cut = shortened("lymphocytic infiltration of the stroma", 100.0, 13.0);
        assert!(cut.ends_with('\u{2026}') && text_px(&cut, 13.0) <= 113.0, "{cut}");
        assert_eq!(shortened("", 0.0, 13.0), "");
    }

    #[test]
    fn seven_series_differ_in_colour_and_in_dashes() {
        let looks: std::collections::HashSet<_> = (0..7).map(|at| (colour(at), DASHES[at])).collect();
        let dashes: std::collections::HashSet<_> = DASHES.into_iter().collect();
        assert_eq!((looks.len(), dashes.len(), colour(7)), (7, 7, colour(0)));
        assert!(!(0..7).any(|at| colour(at) == "#f0e442"), "yellow is not seen on white");
    }
}
