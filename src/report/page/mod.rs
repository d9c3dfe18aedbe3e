//! A page as plain parts, and its text.
//!
//! A page is a list of sections, a section a list of parts; `evaluation/` makes those of an assessment, `slide.rs` and
//! `cohort.rs` those of read-outs. `assets/report` has the template, the style sheet and the script, all compiled in. The
//! one script sorts tables, and is there only where a table asks for it.

mod address;
mod cohort;
mod evaluation;
mod key;
mod layer;
mod overview;
mod picture;
mod slide;
mod table;

pub use cohort::{CohortColumn, CohortPage, CohortSlide, cohort_page};
pub use evaluation::{Calibration, EvaluationPage, GalleryTile, evaluation_page, evaluation_sections};
pub use key::Scale;
pub use layer::{Layer, LayerValues};
pub use overview::Overview;
pub use picture::Picture;
pub use slide::{Quality, Readout, ReadoutDefinition, ReadoutGroup, SlidePage, slide_page};
pub use table::{Cell, Table};

use super::figure::{Svg, fits_xml};
use crate::error::{Error, ErrorKind, Result};
use askama::Template;
use key::Key;

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
    /// The slide with layers over it.
    Overview(Box<Overview>),
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

/// A figure and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captioned {
    /// The figure.
    pub svg: Svg,
    /// What it shows, and how to read it.
    pub caption: String,
}

impl Page {
    /// The text of the page. Signs that XML cannot hold become U+FFFD.
    ///
    /// # Errors
    /// `Io` when the text cannot be put together (`REP-0001`).
    pub fn html(&self) -> Result<String> {
        let text = self.render().map_err(|error| {
            Error::new(ErrorKind::Io, "REP-0001", format!("expected to write a report, found an error: {error}"))
        })?;
        Ok(if text.chars().all(fits_xml) { text } else { text.replace(|sign| !fits_xml(sign), "\u{fffd}") })
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.sections.iter().flat_map(|section| &section.parts)
    }

    /// Whether a table is sorted by a click.
    fn sorts(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Table(table) if table.sortable))
    }

    /// The most choices that an overview has; 0 without any.
    fn choices(&self) -> usize {
        let choices = |part: &Part| if let Part::Overview(overview) = part { overview.choices() } else { 0 };
        self.parts().map(choices).max().unwrap_or(0)
    }
}

/// What is written by `figure/` is markup and stays it; all other values are escaped.
impl askama::filters::HtmlSafe for Svg {}
