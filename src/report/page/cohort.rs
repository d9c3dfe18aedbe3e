//! Read-outs of many slides → a page with a table of them and how their values are spread.

use super::slide::{facts, provenance, section, status};
use super::{Captioned, Cell, Fact, Note, Page, Part, ReadoutDefinition, Section, Table};
use crate::error::Result;
use crate::evaluate::Figure;
use crate::raster::RgbImage8;
use crate::report::figure::{Histogram, histogram};
use crate::report::words::{count, counted};
use crate::tile::SlideStatus;

/// Fewer values are read from the table.
const SPREAD_FROM: usize = 5;

/// A read-out that has a column.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortColumn<'a> {
    /// What it is.
    pub definition: &'a ReadoutDefinition,
    /// A place on its axis with a name, such as a threshold.
    pub mark: Option<(f64, String)>,
}

/// A slide of a cohort.
#[derive(Debug, Clone)]
pub struct CohortSlide<'a> {
    /// Its name in all outputs.
    pub id: &'a str,
    /// The file of its own page, below this page's folder; none where there is none.
    pub page: Option<&'a str>,
    /// The slide in small.
    pub thumbnail: Option<&'a RgbImage8>,
    /// How it ended.
    pub status: SlideStatus,
    /// Why it failed, without a path.
    pub failure: Option<&'a str>,
    /// A value for each column, in their order; missing ones are not defined.
    pub values: Vec<Figure>,
    /// Flags and remarks.
    pub notes: Vec<Note>,
}

/// All that a page on a cohort tells. No path, host or user: pages are handed on.
#[derive(Debug, Clone)]
pub struct CohortPage<'a> {
    /// Its title.
    pub title: &'a str,
    /// Flags and remarks on all of them.
    pub notes: &'a [Note],
    /// The read-outs that are shown.
    pub columns: &'a [CohortColumn<'a>],
    /// The slides.
    pub slides: &'a [CohortSlide<'a>],
    /// What intervals are and rest on, in a sentence; empty where there are none.
    pub intervals: &'a str,
    /// Further figures on all slides.
    pub figures: &'a [Captioned],
    /// Further sections on all slides.
    pub sections: &'a [Section],
    /// The model's card.
    pub model: &'a [Fact],
    /// The settings of the run.
    pub settings: &'a [Fact],
    /// What computed the scores.
    pub device: &'a [Fact],
    /// Digests, and whatever else the results follow from; the program's version is added.
    pub provenance: &'a [Fact],
}

/// The text of the page on a cohort.
///
/// # Errors
/// `Usage` when a thumbnail has no pixels (`REP-0002`); `Io` when the text cannot be put together (`REP-0001`).
pub fn cohort_page(page: &CohortPage<'_>) -> Result<String> {
    let ended = |as_this: SlideStatus| count(page.slides.iter().filter(|slide| slide.status == as_this).count() as u64);
    let mut first = vec![Part::Facts(vec![
        Fact::new("Slides", count(page.slides.len() as u64)),
        Fact::new("Scored", ended(SlideStatus::Scored)),
        Fact::new("No tissue found", ended(SlideStatus::NoTissue)),
        Fact::new("Failed", ended(SlideStatus::Failed)),
    ])];
    if !page.notes.is_empty() {
        first.push(Part::Notes(page.notes.to_vec()));
    }
    let mut table = Vec::new();
    if !page.intervals.is_empty() {
        table.push(Part::Text(page.intervals.to_owned()));
    }
    table.push(Part::Table(slides(page)?));
    let mut sections = vec![section("All slides", first), section("Each slide", table)];
    let figures: Vec<Captioned> = spreads(page).chain(page.figures.iter().cloned()).collect();
    if !figures.is_empty() {
        sections.push(section("How values are spread", vec![Part::Figures(figures)]));
    }
    sections.extend_from_slice(page.sections);
    if !page.columns.is_empty() {
        sections.push(section("What the read-outs are", vec![definitions(page.columns)]));
    }
    let failed = page.slides.iter().filter(|slide| slide.status == SlideStatus::Failed);
    let failed = failed.map(|slide| (Cell::text(slide.id), vec![Cell::text(slide.failure.unwrap_or("not known"))]));
    let rows: Vec<_> = failed.collect();
    if !rows.is_empty() {
        let head = ["Slide", "Why"].map(str::to_owned).to_vec();
        let table = Table { caption: "Slides without a result".to_owned(), head, rows, ..Table::default() };
        sections.push(section("Failures", vec![Part::Table(table)]));
    }
    sections.extend(facts("Model", page.model.to_vec()));
    sections.extend(facts("Settings", page.settings.to_vec()));
    sections.push(provenance(page.device, page.provenance));
    Page { title: page.title.to_owned(), sections }.html()
}

/// A row for each slide.
fn slides(page: &CohortPage<'_>) -> Result<Table> {
    let row = |slide: &CohortSlide<'_>| {
        let mut name = Cell::text(slide.id);
        if let Some(file) = slide.page {
            name = name.linked(file);
        }
        if let Some(picture) = slide.thumbnail {
            name = name.with_picture(picture, format!("Slide {} in small", slide.id))?;
        }
        let values = page.columns.iter().enumerate().map(|(at, column)| {
            Cell::figure_of(slide.values.get(at).copied().unwrap_or_default(), column.definition.decimals)
        });
        let cells = std::iter::once(Cell::text(status(slide.status)));
        Ok((name, cells.chain(values).chain([Cell::remarks(slide.notes.clone())]).collect()))
    };
    let names = page.columns.iter().map(|column| column.definition.titled());
    let head = ["Slide", "Status"].map(str::to_owned).into_iter().chain(names).chain(["Flags".to_owned()]);
    let interval = page.slides.iter().flat_map(|slide| &slide.values).any(|value| value.low.is_some());
    let brackets = if interval { ", intervals in brackets" } else { "" };
    Ok(Table {
        caption: format!("{}{brackets}", counted(page.slides.len(), "slide")),
        head: head.collect(),
        rows: page.slides.iter().map(row).collect::<Result<_>>()?,
        sortable: true,
        ..Table::default()
    })
}

/// A histogram of each read-out that enough slides have.
fn spreads<'a>(page: &'a CohortPage<'_>) -> impl Iterator<Item = Captioned> + 'a {
    page.columns.iter().enumerate().filter_map(|(at, column)| {
        let values = page.slides.iter().filter_map(|slide| slide.values.get(at)?.value);
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let (name, slides) = (&column.definition.name, counted(values.len(), "slide"));
        (values.len() >= SPREAD_FROM).then(|| {
            let about = format!("How {name} is spread over {slides}");
            let figure = Histogram::of(about, column.definition.titled(), "Slides", &values);
            let svg = histogram(&Histogram { mark: column.mark.clone(), ..figure });
            Captioned { svg, caption: format!("{name}, {slides}.") }
        })
    })
}

fn definitions(columns: &[CohortColumn<'_>]) -> Part {
    let row = |column: &CohortColumn<'_>| {
        let of = column.definition;
        (Cell::text(&of.name), [&of.unit, &of.definition, &of.source].map(Cell::text).to_vec())
    };
    Part::Table(Table {
        caption: "Read-outs of each slide".to_owned(),
        head: ["Read-out", "Unit", "What it says", "Source"].map(str::to_owned).to_vec(),
        rows: columns.iter().map(row).collect(),
        ..Table::default()
    })
}
