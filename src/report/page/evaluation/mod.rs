//! An assessment, with what is known of model and data → sections of a page.
//!
//! Nothing is worked out here: figures come from [`evaluate`](crate::evaluate), and the page says what they rest on.

mod classes;
mod estimates;
mod findings;
mod sites;

use super::{Captioned, Cell, Fact, Note, Page, Part, Picture, Section, Table};
use crate::error::Result;
use crate::evaluate::{Assessment, Basis, Figure, LEAST_CLUSTERS, Reliability, Unit};
use crate::raster::RgbImage8;
use crate::report::figure::{LineChart, line_chart, reliability_plot};
use crate::report::words::{count, counted, fixed, label};
use crate::tile::Meaning;

/// All that a page on a model tells.
#[derive(Debug, Clone)]
pub struct EvaluationPage<'a> {
    /// Its title.
    pub title: &'a str,
    /// The model: name, version, task, licence, digest, resolution, network.
    pub model: &'a [Fact],
    /// The tiles: how many, from where, how they were divided.
    pub data: &'a [Fact],
    /// What else there is to know of the data.
    pub notes: &'a [Note],
    /// How good the model is.
    pub assessment: &'a Assessment,
    /// What its numbers mean, for the units of estimates.
    pub meaning: &'a Meaning,
    /// What calibration changed.
    pub calibration: Option<Calibration<'a>>,
    /// Losses and figures over epochs, when it was just trained.
    pub training: &'a [LineChart],
    /// Tiles to look at, such as the worst ones.
    pub gallery: &'a [GalleryTile<'a>],
    /// How these tiles were chosen, in a sentence.
    pub gallery_choice: &'a str,
    /// Date, device and whatever else the results follow from; the program's version is added.
    pub provenance: &'a [Fact],
}

/// The state before probabilities were calibrated; the assessment has the one after.
#[derive(Debug, Clone, Copy)]
pub struct Calibration<'a> {
    /// What the logits are divided by: one number for classes, one for each finding.
    pub temperatures: &'a [f64],
    /// One for classes, one for each finding.
    pub before: &'a [Reliability],
}

/// A tile to look at.
#[derive(Debug, Clone)]
pub struct GalleryTile<'a> {
    /// The tile.
    pub image: &'a RgbImage8,
    /// The tile with something laid over it, and what that is, such as `Grad-CAM`.
    pub second: Option<(&'a RgbImage8, &'a str)>,
    /// What it is.
    pub truth: String,
    /// What the model said.
    pub said: String,
    /// How surely, or how far off.
    pub score: String,
}

/// The text of the page on a model.
///
/// # Errors
/// `Usage` when a tile of the gallery has no pixels; `Io` when the text cannot be put together (`REP-0001`).
pub fn evaluation_page(page: &EvaluationPage<'_>) -> Result<String> {
    let mut data = vec![Part::Facts(page.data.to_vec())];
    let (text, warning) = basis_note(basis(page.assessment));
    let mut notes = vec![Note { text, warning }];
    notes.extend(page.notes.iter().cloned());
    data.push(Part::Notes(notes));
    let mut sections = vec![section("Model", vec![Part::Facts(page.model.to_vec())]), section("Data", data)];
    sections.extend(evaluation_sections(page.assessment, page.meaning, page.calibration));
    if !page.training.is_empty() {
        let chart = |chart: &LineChart| Captioned { svg: line_chart(chart), caption: format!("{}.", chart.about) };
        sections.push(section("Training", vec![Part::Figures(page.training.iter().map(chart).collect())]));
    }
    if !page.gallery.is_empty() {
        let pictures = page.gallery.iter().map(picture).collect::<Result<_>>()?;
        let choice = Part::Text(page.gallery_choice.to_owned());
        sections.push(section("Tiles to look at", vec![choice, Part::Pictures(pictures)]));
    }
    let program = Fact::new("Program", concat!("eosin ", env!("CARGO_PKG_VERSION")));
    let provenance = std::iter::once(program).chain(page.provenance.iter().cloned()).collect();
    sections.push(section("Provenance", vec![Part::Facts(provenance)]));
    Page { title: page.title.to_owned(), sections }.html()
}

/// The sections on an assessment alone, for pages that tell more than one.
pub fn evaluation_sections(
    assessment: &Assessment,
    meaning: &Meaning,
    calibration: Option<Calibration<'_>>,
) -> Vec<Section> {
    match assessment {
        Assessment::Classes(classes) => classes::sections(classes, calibration),
        Assessment::Findings(findings) => findings::sections(findings, calibration),
        Assessment::Estimates(estimates) => estimates::sections(estimates, meaning),
    }
}

fn basis(assessment: &Assessment) -> &Basis {
    match assessment {
        Assessment::Classes(classes) => &classes.basis,
        Assessment::Findings(findings) => &findings.basis,
        Assessment::Estimates(estimates) => &estimates.basis,
    }
}

/// What the intervals are, and whether they are to be doubted.
fn basis_note(basis: &Basis) -> (String, bool) {
    let &Basis { tiles, unit, clusters, replicates, seed, level } = basis;
    let unit_name = match unit {
        Unit::Site => "site",
        Unit::Patient => "patient",
        Unit::Slide => "slide",
        Unit::Block => "block",
        Unit::Tile => "tile",
    };
    let (tiles, clusters_named) = (counted(tiles, "tile"), counted(clusters, unit_name));
    if clusters < LEAST_CLUSTERS || replicates == 0 {
        let why = if replicates == 0 {
            "none were asked for".to_owned()
        } else {
            format!("it takes at least {LEAST_CLUSTERS} to tell how much they differ")
        };
        return (format!("Figures are of {tiles}, from {clusters_named}. They have no intervals: {why}."), true);
    }
    let samples = count(replicates as u64);
    let told = format!(
        "Figures are of {tiles}. In brackets: an interval that holds the true value in about {} of 100 cases, from a \
         bootstrap over {clusters_named} ({samples} samples drawn anew, seed {seed}).",
        fixed(level * 100.0, 0)
    );
    match unit {
        Unit::Tile => (
            format!("{told} Single tiles were drawn: intervals are too narrow where tiles have anything in common."),
            true,
        ),
        Unit::Block => {
            (format!("{told} Blocks of one slide resemble each other: intervals are somewhat narrow."), true)
        }
        _ => (told, false),
    }
}

fn picture(tile: &GalleryTile<'_>) -> Result<Picture> {
    let GalleryTile { image, second, truth, said, score } = tile;
    let mut images = vec![(*image, format!("Tile of {truth}, taken for {said}"))];
    images.extend(second.map(|(image, name)| (image, format!("The same tile with {name}"))));
    Picture::new(&images, vec![Fact::new("Truth", truth), Fact::new("Said", said), Fact::new("Score", score)])
}

fn section(heading: &str, parts: Vec<Part>) -> Section {
    Section { heading: heading.to_owned(), parts }
}

fn figure(svg: crate::report::Svg, caption: impl Into<String>) -> Captioned {
    Captioned { svg, caption: caption.into() }
}

/// A table of figures: a row for each name with its support where it is known, a column for each figure.
fn figure_table(
    caption: &str,
    of: &str,
    figures: &[&str],
    rows: impl Iterator<Item = (String, Option<u64>, Vec<Figure>)>,
) -> Part {
    let mut counted = false;
    let rows = rows
        .map(|(name, tiles, figures)| {
            counted |= tiles.is_some();
            (
                Cell::text(name),
                tiles.map(Cell::count).into_iter().chain(figures.into_iter().map(Cell::figure)).collect(),
            )
        })
        .collect();
    let tiles = counted.then(|| "Tiles".to_owned());
    let head = std::iter::once(of.to_owned()).chain(tiles).chain(figures.iter().map(|name| label(name))).collect();
    Part::Table(Table { caption: caption.to_owned(), head, rows, ..Table::default() })
}

/// Reliability after calibration, and before where that is known.
fn reliability(title: &str, after: &Reliability, before: Option<(f64, &Reliability)>) -> Captioned {
    let how =
        "Dots on the dashed line: the model is right as often as it is sure. Below, the tiles of each confidence.";
    let mut curves = vec![("as it is used".to_owned(), after)];
    curves.extend(before.map(|(_, before)| ("before calibration".to_owned(), before)));
    let divided = before.map(|(by, _)| format!(" Calibration divides the logits by {}.", fixed(by, 3)));
    let caption = format!("{title}. {how}{}", divided.unwrap_or_default());
    figure(reliability_plot(&format!("Reliability: {title}"), &curves), caption)
}

impl<'a> Calibration<'a> {
    /// Temperature and reliability before, of one column.
    fn of(&self, column: usize) -> Option<(f64, &'a Reliability)> {
        Some((*self.temperatures.get(column)?, self.before.get(column)?))
    }
}

/// `tumour, AUROC 0.953`.
fn with_area(name: &str, area: Figure) -> String {
    match area.value {
        Some(value) => format!("{name}, AUROC {}", fixed(value, 3)),
        None => format!("{name}, AUROC not defined"),
    }
}
