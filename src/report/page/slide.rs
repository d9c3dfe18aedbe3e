//! Read-outs of one slide, with what is known of it → a page.
//!
//! Nothing is worked out here: values, intervals and flags are given, and the page says what they rest on.

use super::{Cell, Fact, Note, Overview, Page, Part, Section, Table};
use crate::error::Result;
use crate::evaluate::Figure;
use crate::report::words::{count, fixed};
use crate::tile::SlideStatus;

/// What a read-out is, the same on all slides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadoutDefinition {
    /// Its name.
    pub name: String,
    /// Its unit; empty where it has none.
    pub unit: String,
    /// What it says, in a sentence.
    pub definition: String,
    /// The paper that defines it, with its doi; empty where there is none.
    pub source: String,
    /// Decimals, such as 0 for a count; without, as many digits as tell something.
    pub decimals: Option<usize>,
}

impl ReadoutDefinition {
    /// `Tumour share [%]`.
    pub fn titled(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{} [{}]", self.name, self.unit) }
    }
}

/// A read-out of a slide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readout<'a> {
    /// What it is.
    pub definition: &'a ReadoutDefinition,
    /// Its value, with an interval where there is one.
    pub value: Figure,
}

/// Read-outs that belong together, with what shows them.
#[derive(Debug, Clone, Default)]
pub struct ReadoutGroup<'a> {
    /// The heading.
    pub heading: String,
    /// What there is to say first; empty for nothing.
    pub text: String,
    /// The read-outs.
    pub readouts: Vec<Readout<'a>>,
    /// Figures and tables below them.
    pub parts: Vec<Part>,
}

/// How far the results of a slide can be relied on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quality {
    /// Tiles of the plan.
    pub planned: u64,
    /// Those that were scored.
    pub scored: u64,
    /// Those that were not.
    pub lost: u64,
    /// Area of the tissue, mm².
    pub tissue_mm2: Option<f64>,
    /// Micrometres per pixel of level 0.
    pub um_per_px: Option<f64>,
    /// Where that number comes from; empty where it is not known.
    pub um_per_px_source: String,
    /// Share of the scored tiles that are unlike those that the model was trained on, 0 to 1.
    pub unfamiliar: Option<f64>,
}

/// All that a page on a slide tells. No path, host or user: pages are handed on.
#[derive(Debug, Clone)]
pub struct SlidePage<'a> {
    /// The slide's name in all outputs.
    pub id: &'a str,
    /// How it ended.
    pub status: SlideStatus,
    /// Why it failed.
    pub failure: Option<&'a str>,
    /// Flags and remarks.
    pub notes: &'a [Note],
    /// The slide with its layers; absent when it could not be read.
    pub overview: Option<Overview>,
    /// What intervals are and rest on, in a sentence; empty where there are none.
    pub intervals: &'a str,
    /// The read-outs.
    pub groups: Vec<ReadoutGroup<'a>>,
    /// How far they can be relied on.
    pub quality: Option<Quality>,
    /// What else there is to know of the slide and its tiles.
    pub quality_facts: &'a [Fact],
    /// The model's card: name, version, task, licence, digest, resolution, classes.
    pub model: &'a [Fact],
    /// What computed the scores.
    pub device: &'a [Fact],
    /// Settings, digests, and whatever else the results follow from; the program's version is added.
    pub provenance: &'a [Fact],
}

/// The text of the page on a slide.
///
/// # Errors
/// `Io` when the text cannot be put together (`REP-0001`).
pub fn slide_page(page: &SlidePage<'_>) -> Result<String> {
    let mut first = vec![Part::Facts(vec![Fact::new("Slide", page.id), Fact::new("Status", status(page.status))])];
    let failure = page.failure.map(|why| Note { text: format!("There is no result: {why}"), warning: true });
    let notes: Vec<Note> = failure.into_iter().chain(page.notes.iter().cloned()).collect();
    if !notes.is_empty() {
        first.push(Part::Notes(notes));
    }
    first.extend(page.overview.clone().map(|overview| Part::Overview(Box::new(overview))));
    let mut sections = vec![section("The slide", first)];
    for (at, group) in page.groups.iter().enumerate() {
        let intervals = if at == 0 { page.intervals } else { "" };
        sections.push(section(&group.heading, group_parts(group, intervals)));
    }
    let quality = page.quality.iter().flat_map(quality_facts).chain(page.quality_facts.iter().cloned()).collect();
    sections.extend(facts("What the results rest on", quality));
    sections.extend(facts("Model", page.model.to_vec()));
    sections.push(provenance(page.device, page.provenance));
    Page { title: format!("Slide {}", page.id), sections }.html()
}

fn group_parts(group: &ReadoutGroup<'_>, intervals: &str) -> Vec<Part> {
    let texts = [group.text.as_str(), intervals].into_iter().filter(|text| !text.is_empty());
    let mut parts: Vec<Part> = texts.map(|text| Part::Text(text.to_owned())).collect();
    if !group.readouts.is_empty() {
        let rows = group.readouts.iter().map(|readout| {
            let Readout { definition: of, value } = readout;
            let cells = vec![
                Cell::figure_of(*value, of.decimals),
                Cell::text(&of.unit),
                Cell::text(&of.definition),
                Cell::text(&of.source),
            ];
            (Cell::text(&of.name), cells)
        });
        let interval = group.readouts.iter().any(|readout| readout.value.low.is_some());
        let caption = if interval { "Values, their intervals in brackets" } else { "Values" };
        let head = ["Read-out", "Value", "Unit", "What it says", "Source"].map(str::to_owned).to_vec();
        parts.push(Part::Table(Table { caption: caption.to_owned(), head, rows: rows.collect(), ..Table::default() }));
    }
    parts.extend(group.parts.iter().cloned());
    parts
}

fn quality_facts(quality: &Quality) -> Vec<Fact> {
    let share = |tiles: u64| match quality.planned {
        0 => String::new(),
        planned => format!(" ({} %)", fixed(tiles as f64 / planned as f64 * 100.0, 1)),
    };
    let unknown = || "not known".to_owned();
    let resolution = quality.um_per_px.map_or_else(unknown, |mpp| match quality.um_per_px_source.as_str() {
        "" => format!("{} um/px", fixed(mpp, 4)),
        source => format!("{} um/px, from {source}", fixed(mpp, 4)),
    });
    let mut facts = vec![
        Fact::new("Tiles planned", count(quality.planned)),
        Fact::new("Tiles scored", format!("{}{}", count(quality.scored), share(quality.scored))),
        Fact::new("Tiles lost", format!("{}{}", count(quality.lost), share(quality.lost))),
        Fact::new("Tissue", quality.tissue_mm2.map_or_else(unknown, |area| format!("{} mm\u{b2}", fixed(area, 2)))),
        Fact::new("Resolution", resolution),
    ];
    facts.extend(
        quality
            .unfamiliar
            .map(|share| Fact::new("Unfamiliar tiles", format!("{} % of those scored", fixed(share * 100.0, 1)))),
    );
    facts
}

/// How a slide ended, as it is read.
pub(super) fn status(status: SlideStatus) -> &'static str {
    match status {
        SlideStatus::Scored => "scored",
        SlideStatus::NoTissue => "no tissue found",
        SlideStatus::Failed => "failed",
    }
}

/// Some facts under a heading, where there are any.
pub(super) fn facts(heading: &str, facts: Vec<Fact>) -> Option<Section> {
    (!facts.is_empty()).then(|| section(heading, vec![Part::Facts(facts)]))
}

/// What the results follow from.
pub(super) fn provenance(device: &[Fact], more: &[Fact]) -> Section {
    let program = Fact::new("Program", concat!("eosin ", env!("CARGO_PKG_VERSION")));
    let facts = std::iter::once(program).chain(device.iter().cloned()).chain(more.iter().cloned());
    section("Provenance", vec![Part::Facts(facts.collect())])
}

pub(super) fn section(heading: &str, parts: Vec<Part>) -> Section {
    Section { heading: heading.to_owned(), parts }
}
