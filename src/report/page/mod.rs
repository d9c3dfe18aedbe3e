//! A page as plain parts, and its text.
//!
//! A page is a list of sections, a section a list of parts; `evaluation/` makes those of an assessment, and other reports
//! make theirs of the same parts. `assets/report` has the template and the style sheet, both compiled in.

mod evaluation;
mod picture;

pub use evaluation::{Calibration, EvaluationPage, GalleryTile, evaluation_page, evaluation_sections};
pub use picture::Picture;

use super::figure::Svg;
use super::words::{self, UNDEFINED};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::Figure;
use askama::Template;

/// A whole page.
#[derive(Debug, Clone, Template)]
#[template(path = "page.html")]
pub struct Page {
    /// Its title.
    pub title: String,
    /// What is on it, from top to bottom.
    pub sections: Vec<Section>,
}

/// Some parts under a heading.
#[derive(Debug, Clone)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What is below it.
    pub parts: Vec<Part>,
}

/// What a section is made of.
#[derive(Debug, Clone)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// A list of remarks.
    Notes(Vec<Note>),
    /// Labels and values.
    Facts(Vec<Fact>),
    /// A table; one too wide for the page scrolls.
    Table(Table),
    /// Figures, beside each other where there is room.
    Figures(Vec<Captioned>),
    /// Tiles, beside each other.
    Pictures(Vec<Picture>),
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What there is to say.
    pub text: String,
    /// Whether it puts the results in doubt; it is then marked, in words and not by colour alone.
    pub warning: bool,
}

impl Note {
    /// A sentence, which warns when it begins with `WARNING: `.
    pub fn of(text: &str) -> Self {
        match text.strip_prefix("WARNING: ") {
            Some(text) => Self { text: text.to_owned(), warning: true },
            None => Self { text: text.to_owned(), warning: false },
        }
    }
}

/// A label and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The label.
    pub label: String,
    /// The value. No path, host or user: pages are handed on.
    pub value: String,
}

impl Fact {
    /// A label and its value.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

/// A table whose rows have names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The columns' names, that of the rows' names first.
    pub head: Vec<String>,
    /// Name and cells of each row.
    pub rows: Vec<(String, Vec<Cell>)>,
    /// Whether it has so many columns that smaller words are better than scrolling.
    pub dense: bool,
}

impl Table {
    /// The columns' names, and whether numbers stand below them.
    fn columns(&self) -> Vec<(&str, bool)> {
        let cells = self.rows.first().map_or(&[][..], |row| &row.1);
        let numbers = std::iter::once(false).chain(cells.iter().map(|cell| cell.number));
        self.head.iter().map(String::as_str).zip(numbers.chain(std::iter::repeat(false))).collect()
    }
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What follows in smaller words, such as an interval.
    pub note: Option<String>,
    /// Numbers are set to the right.
    pub number: bool,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), note: None, number: false }
    }

    /// A count.
    pub fn count(value: u64) -> Self {
        Self { text: words::count(value), note: None, number: true }
    }

    /// A figure with its interval.
    pub fn figure(figure: Figure) -> Self {
        Self { text: words::number(figure.value), note: words::interval(figure), number: true }
    }

    /// Whether it says that there is no value.
    fn is_undefined(&self) -> bool {
        self.text == UNDEFINED
    }
}

/// A figure and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captioned {
    /// The figure.
    pub svg: Svg,
    /// What it shows, and how to read it.
    pub caption: String,
}

impl Page {
    /// The text of the page.
    ///
    /// # Errors
    /// `Io` when the text cannot be put together (`REP-0001`).
    pub fn html(&self) -> Result<String> {
        self.render().map_err(|error| {
            Error::new(ErrorKind::Io, "REP-0001", format!("expected to write a report, found an error: {error}"))
        })
    }
}

/// What is written by `figure/` is markup and stays it; all other values are escaped.
impl askama::filters::HtmlSafe for Svg {}
