//! Tables whose rows have names.

use super::{Note, address};
use crate::error::Result;
use crate::evaluate::Figure;
use crate::raster::RgbImage8;
use crate::report::words::{self, UNDEFINED};
use std::fmt::Write;

/// Longest side of a picture in a table: twice what is shown, for sharp screens.
const LONGEST_PX: u32 = 160;

/// A table whose rows have names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The columns' names, that of the rows' names first.
    pub head: Vec<String>,
    /// Name and cells of each row.
    pub rows: Vec<(Cell, Vec<Cell>)>,
    /// Whether it has so many columns that smaller words are better than scrolling.
    pub dense: bool,
    /// Whether a click on a head sorts it; it needs the page's script, and is read as well without.
    pub sortable: bool,
}

impl Table {
    /// The columns' names, and whether numbers stand below them.
    pub(super) fn columns(&self) -> Vec<(&str, bool)> {
        let cells = self.rows.first().map_or(&[][..], |row| &row.1);
        let numbers = std::iter::once(false).chain(cells.iter().map(|cell| cell.number));
        self.head.iter().map(String::as_str).zip(numbers.chain(std::iter::repeat(false))).collect()
    }
}

/// A cell of a table, or the name of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What follows in smaller words, such as an interval.
    pub note: Option<String>,
    /// Numbers are set to the right.
    pub number: bool,
    /// What it is sorted by, where that is a number; cells without stand last.
    pub sort: Option<f64>,
    /// Remarks, each on a line of its own; warnings are marked in words.
    pub remarks: Vec<Note>,
    /// Where a click leads: a page beside this one.
    link: Option<String>,
    /// A picture before the words: the address that holds it, and what it shows.
    picture: Option<(String, String)>,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number as it is written, set to the right.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), number: true, ..Self::default() }
    }

    /// A number as it is written, and what it is sorted by.
    pub fn sorted(text: impl Into<String>, by: f64) -> Self {
        Self { sort: Some(by), ..Self::number(text) }
    }

    /// A count.
    pub fn count(value: u64) -> Self {
        Self::sorted(words::count(value), value as f64)
    }

    /// A figure with its interval.
    pub fn figure(figure: Figure) -> Self {
        Self::figure_of(figure, None)
    }

    /// A figure with its interval and a number of decimals; without one, as many digits as tell something. What is not
    /// finite is not defined.
    pub fn figure_of(figure: Figure, decimals: Option<usize>) -> Self {
        let value = figure.value.filter(|value| value.is_finite());
        let figure = Figure { value, ..figure };
        let note = words::interval_of(figure, decimals);
        Self { note, sort: value, ..Self::number(words::number_of(value, decimals)) }
    }

    /// Remarks; a table is sorted by the number of warnings among them.
    pub fn remarks(remarks: Vec<Note>) -> Self {
        let warnings = remarks.iter().filter(|note| note.warning).count();
        Self { sort: Some(warnings as f64), remarks, ..Self::default() }
    }

    /// The same cell leading to a page beside this one: its file name, after those of folders where it is in some.
    #[must_use]
    pub fn linked(self, page: &str) -> Self {
        Self { link: Some(relative_address(page)), ..self }
    }

    /// The same cell with a picture before its words, made small.
    ///
    /// # Errors
    /// `Usage` when the picture has no pixels (`REP-0002`).
    pub fn with_picture(self, picture: &RgbImage8, about: impl Into<String>) -> Result<Self> {
        Ok(Self { picture: Some((address::jpeg(picture, LONGEST_PX)?, about.into())), ..self })
    }

    /// Whether it says that there is no value.
    pub(super) fn is_undefined(&self) -> bool {
        self.text == UNDEFINED
    }

    pub(super) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    pub(super) fn picture(&self) -> Option<&(String, String)> {
        self.picture.as_ref()
    }

    /// What the script sorts by: a number, nothing where there is none, or `None` for words, which are sorted as they are.
    pub(super) fn key(&self) -> Option<String> {
        match self.sort {
            Some(value) if value.is_finite() => Some(value.to_string()),
            _ => self.number.then(String::new),
        }
    }
}

/// A file's name, after those of its folders, as an address that can lead nowhere but below this page's folder.
///
/// # Source
/// Signs that stand for themselves: RFC 3986, section 2.3; without a colon there is no scheme, without an empty name no
/// host.
fn relative_address(name: &str) -> String {
    let names = name.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
    let escaped = names.map(|name| {
        name.bytes().fold(String::new(), |mut text, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                text.push(char::from(byte));
            } else {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
    });
    escaped.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_beside_its_page() {
        let cases = [
            ("slide 1.html", "slide%201.html"),
            ("slides/a.html", "slides/a.html"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("//host/a", "host/a"),
            ("../../a?b#c", "a%3Fb%23c"),
            ("é\"<", "%C3%A9%22%3C"),
        ];
        for (name, address) in cases {
            assert_eq!(relative_address(name), address);
        }
    }

    #[test]
    fn numbers_are_sorted_as_numbers_and_words_as_words() {
        let figure = |value| Figure { value, ..Figure::default() };
        assert_eq!(Cell::figure(figure(Some(-0.25))).key().as_deref(), Some("-0.25"));
        assert_eq!(Cell::figure(figure(None)).key().as_deref(), Some(""));
        assert_eq!(Cell::figure(figure(Some(f64::NAN))), Cell::figure(figure(None)));
        assert_eq!(Cell::count(12_345).key().as_deref(), Some("12345"));
        assert_eq!(Cell::text("12").key(), None);
        assert_eq!(Cell::remarks(vec![Note::of("WARNING: a"), Note::of("b")]).key().as_deref(), Some("1"));
    }
}
