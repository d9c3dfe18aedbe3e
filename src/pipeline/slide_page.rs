//! What was measured of a slide → its report.
//!
//! Nothing is worked out here: numbers are put where they are looked for, with what they mean.

use super::slide_figures::{arrangement_figures, curves, pair_figures, profile_figure};
use super::slide_layers::overview;
use crate::error::Result;
use crate::evaluate::Figure;
use crate::export::SlideRecord;
use crate::map::BiomarkerMap;
use crate::measure::{
    HotSpots, ImmunePhenotype, MapAgreement, Measure, MeasureConfig, Measurements, Readout, Region, Topic,
};
use crate::raster::RgbImage8;
use crate::report::{
    self as page, Captioned, Cell, Fact, Note, Part, Quality, ReadoutDefinition, ReadoutGroup, ScatterPlot, SlidePage,
    Table, scatter_plot,
};
use crate::tile::Reading;
use std::collections::BTreeMap;

/// Everything that a page is made of besides the numbers.
pub(super) struct PageFacts<'a> {
    pub record: &'a SlideRecord,
    pub config: &'a MeasureConfig,
    pub settings: &'a serde_json::Value,
    pub map: &'a BiomarkerMap,
    pub readings: &'a [Reading],
    pub colours: &'a [[u8; 3]],
    pub thumbnail: &'a RgbImage8,
}

/// The report of a slide as HTML.
///
/// # Errors
/// Those of putting it together.
pub(super) fn slide_page(facts: &PageFacts<'_>, measurements: &Measurements) -> Result<String> {
    let record = facts.record;
    let notes: Vec<Note> = measurements.flags.iter().map(|flag| Note::of(flag)).collect();
    let intervals = intervals(facts.config);
    let unfamiliar = measurements.find(Measure::Unfamiliar, None, Region::Tissue);
    let quality = Quality {
        planned: record.tiles.planned as u64,
        scored: record.tiles.scored as u64,
        lost: record.tiles.lost as u64,
        tissue_mm2: record.tissue_mm2,
        um_per_px: record.slide.mpp,
        um_per_px_source: record.slide.mpp_source.clone().unwrap_or_default(),
        unfamiliar: unfamiliar.and_then(|readout| readout.figure.value),
    };
    let singles = Topic::ALL.map(|topic| singles(topic, measurements));
    let topics = Topic::ALL.into_iter().zip(&singles);
    let groups: Vec<ReadoutGroup<'_>> =
        topics.filter_map(|(topic, singles)| group(topic, singles, facts, measurements)).collect();
    let more = [hot_spots(&measurements.hot_spots), agreement(&measurements.agreement)];
    page::slide_page(&SlidePage {
        id: &record.slide.id,
        status: record.status,
        failure: None,
        notes: &notes,
        overview: Some(overview(facts, measurements)?),
        intervals: &intervals,
        groups: groups.into_iter().chain(more.into_iter().flatten()).collect(),
        quality: Some(quality),
        quality_facts: &tile_facts(facts),
        model: &model_facts(record),
        device: &device_facts(record),
        provenance: &provenance(facts),
    })
}

/// What intervals are.
pub(super) fn intervals(config: &MeasureConfig) -> String {
    match config.replicates {
        0 => String::new(),
        replicates => format!(
            "Intervals hold 95 % of {replicates} samples in which squares of tissue of {} um were drawn anew. They tell how \
             much a number depends on which parts of this section were seen, not how right the model is.",
            config.block_um
        ),
    }
}

fn of_topic(topic: Topic, measurements: &Measurements) -> impl Iterator<Item = &Readout> {
    measurements.readouts.iter().filter(move |readout| readout.measure.definition().topic == topic)
}

/// Whether a measure was made in several regions; it then has a table of its own.
fn by_region(measure: Measure, measurements: &Measurements) -> bool {
    let mut regions = measurements.readouts.iter().filter(|found| found.measure == measure).map(|found| found.region);
    let first = regions.next();
    regions.any(|region| Some(region) != first)
}

/// The numbers of a topic that are of the whole slide, not of one class.
fn singles(topic: Topic, measurements: &Measurements) -> Vec<(ReadoutDefinition, Figure)> {
    let of_all = of_topic(topic, measurements).filter(|readout| readout.of.is_none());
    of_all.filter(|readout| !by_region(readout.measure, measurements)).map(single).collect()
}

fn group<'a>(
    topic: Topic,
    singles: &'a [(ReadoutDefinition, Figure)],
    facts: &PageFacts<'_>,
    measurements: &Measurements,
) -> Option<ReadoutGroup<'a>> {
    let readouts = singles.iter().map(|(definition, value)| page::Readout { definition, value: *value }).collect();
    let mut parts = class_table(topic, measurements, facts.map.class_names());
    let mut measures: Vec<Measure> = of_topic(topic, measurements).map(|readout| readout.measure).collect();
    measures.dedup();
    measures.retain(|&measure| by_region(measure, measurements));
    parts.extend(measures.into_iter().flat_map(|measure| region_table(measure, measurements, facts.map.class_names())));
    let figures = match topic {
        Topic::Tumour => profile_figure(measurements, facts).into_iter().collect(),
        Topic::Arrangement => arrangement_figures(measurements).into_iter().chain(curves(measurements)).collect(),
        Topic::Estimates => pair_figures(measurements),
        _ => Vec::new(),
    };
    parts.extend((!figures.is_empty()).then_some(Part::Figures(figures)));
    let text = match topic {
        Topic::Immune => measurements.phenotype.as_ref().map(phenotype).unwrap_or_default(),
        _ => String::new(),
    };
    let group = ReadoutGroup { heading: topic.title().to_owned(), text, readouts, parts };
    (!group.readouts.is_empty() || !group.parts.is_empty()).then_some(group)
}

/// One number that is of the whole slide.
fn single(readout: &Readout) -> (ReadoutDefinition, Figure) {
    let definition = readout.measure.definition();
    let p = readout.p.map(|p| format!(" p {}.", p_text(p))).unwrap_or_default();
    let of = ReadoutDefinition {
        name: definition.title.to_owned(),
        unit: readout.unit().to_owned(),
        definition: format!("{}{p}", definition.text),
        source: definition.source.to_owned(),
        decimals: None,
    };
    (of, readout.figure)
}

/// A measure in each region: a row for each class, or one for all of them together.
fn region_table(measure: Measure, measurements: &Measurements, names: &[String]) -> [Part; 2] {
    let found: Vec<&Readout> = measurements.readouts.iter().filter(|readout| readout.measure == measure).collect();
    let mut regions: Vec<Region> = found.iter().map(|readout| readout.region).collect();
    regions.sort_unstable();
    regions.dedup();
    let row = |of: Option<&String>, name: &str| {
        let cell = |&region: &Region| {
            let is = |readout: &&&Readout| readout.of.as_ref() == of && readout.region == region;
            Cell::figure(found.iter().find(is).map(|readout| readout.figure).unwrap_or_default())
        };
        let any = found.iter().any(|readout| readout.of.as_ref() == of);
        any.then(|| (Cell::text(name), regions.iter().map(cell).collect()))
    };
    let definition = measure.definition();
    let unit = if definition.unit.is_empty() { String::new() } else { format!(" [{}]", definition.unit) };
    let source = if definition.source.is_empty() { String::new() } else { format!(" Source: {}.", definition.source) };
    let rows = std::iter::once(row(None, "all classes")).chain(names.iter().map(|name| row(Some(name), name)));
    let head = std::iter::once("Class").chain(regions.iter().map(|region| region.title())).map(str::to_owned);
    let table = Table {
        caption: format!("{}{unit} by region", definition.title),
        head: head.collect(),
        rows: rows.flatten().collect(),
        dense: true,
        sortable: false,
    };
    [Part::Text(format!("{}: {}{source}", definition.title, definition.text)), Part::Table(table)]
}

/// A row for each class, a column for each measure that is of one region, and what the columns are.
fn class_table(topic: Topic, measurements: &Measurements, names: &[String]) -> Vec<Part> {
    let of_class = |readout: &&Readout| readout.of.as_ref().is_some_and(|of| names.contains(of));
    let readouts: Vec<&Readout> = of_topic(topic, measurements)
        .filter(of_class)
        .filter(|readout| !by_region(readout.measure, measurements))
        .collect();
    let mut columns: Vec<(Measure, bool)> = Vec::new();
    for readout in &readouts {
        match columns.iter_mut().find(|known| known.0 == readout.measure) {
            Some(known) => known.1 |= readout.p.is_some(),
            None => columns.push((readout.measure, readout.p.is_some())),
        }
    }
    if columns.is_empty() {
        return Vec::new();
    }
    let mut head = vec!["Class".to_owned()];
    for &(measure, tested) in &columns {
        let definition = measure.definition();
        let unit = if definition.unit.is_empty() { String::new() } else { format!(" [{}]", definition.unit) };
        head.push(format!("{}{unit}", definition.title));
        head.extend(tested.then(|| "p".to_owned()));
    }
    let row = |name: &String| {
        let own: Vec<&&Readout> = readouts.iter().filter(|readout| readout.of.as_ref() == Some(name)).collect();
        let unit = own.iter().find_map(|readout| readout.unit.as_deref());
        let titled = unit.map_or_else(|| name.clone(), |unit| format!("{name} [{unit}]"));
        let cells = columns.iter().flat_map(|&(measure, tested)| {
            let found = own.iter().find(|readout| readout.measure == measure);
            let p = tested.then(|| Cell::number(found.and_then(|readout| readout.p).map(p_text).unwrap_or_default()));
            std::iter::once(Cell::figure(found.map(|readout| readout.figure).unwrap_or_default())).chain(p)
        });
        (!own.is_empty()).then(|| (Cell::text(titled), cells.collect()))
    };
    let caption = format!("{} by class", topic.title());
    let rows = names.iter().filter_map(row).collect();
    let table = Table { caption, head, rows, dense: columns.len() > 3, sortable: false };
    let explained = columns.iter().map(|(measure, _)| {
        let definition = measure.definition();
        (Cell::text(definition.title), [definition.text, definition.source].map(Cell::text).to_vec())
    });
    let head = ["Column", "What it says", "Source"].map(str::to_owned).to_vec();
    let caption = "What the columns are".to_owned();
    let explained = Table { caption, head, rows: explained.collect(), ..Table::default() };
    vec![Part::Table(table), Part::Table(explained)]
}

/// A chance as it is read.
pub(super) fn p_text(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

fn phenotype(found: &ImmunePhenotype) -> String {
    let ImmunePhenotype { phenotype, from, clear, .. } = found;
    let sure =
        if *clear { "" } else { " The intervals do not settle it: another sample of this tissue could say otherwise." };
    let percent = from * 100.0;
    format!(
        "Immune phenotype: {}. Inflamed means at least {percent} % immune cells in the tumour's region; excluded, fewer \
         there but as many in the margin outside; desert, fewer in both (after Chen and Mellman 2017, \
         doi:10.1038/nature21349; the share is a setting).{sure}",
        phenotype.name()
    )
}

fn hot_spots(found: &[HotSpots]) -> Option<ReadoutGroup<'static>> {
    let rows = found.iter().flat_map(|of| of.spots.iter().zip(1..).map(move |(spot, rank)| (of, spot, rank)));
    let number = |value: f64| Cell::figure(Figure { value: Some(value), ..Figure::default() });
    let rows: Vec<_> = rows
        .map(|(of, spot, rank)| {
            let place = format!("{}, {} ({} x {})", spot.x_l0, spot.y_l0, spot.w_l0, spot.h_l0);
            let p = Cell::number(spot.p.map(p_text).unwrap_or_default());
            let cells = vec![Cell::count(rank), number(spot.value), p, number(spot.tissue_mm2), Cell::text(place)];
            (Cell::text(of.of.as_str()), cells)
        })
        .collect();
    let head = ["Class", "Rank", "Share or mean", "p", "Tissue [mm²]", "Place: left, top (width x height), level-0 px"];
    let caption = "Squares with most of a class or number, without overlap".to_owned();
    let table = Table { caption, head: head.map(str::to_owned).to_vec(), rows, ..Table::default() };
    let text = "p: how often the largest of all squares reaches as much when the cells of the tissue are shuffled.";
    (!found.is_empty()).then(|| ReadoutGroup {
        heading: "Hot spots".to_owned(),
        text: text.to_owned(),
        readouts: Vec::new(),
        parts: vec![Part::Table(table)],
    })
}

fn agreement(found: &[MapAgreement]) -> Option<ReadoutGroup<'static>> {
    let row = |of: &MapAgreement| {
        let figures = [of.pearson, of.spearman, of.r2, of.concordance].map(Cell::figure);
        (Cell::text(of.name.as_str()), std::iter::once(Cell::count(of.cells as u64)).chain(figures).collect())
    };
    let head = ["Number", "Cells", "Pearson", "Spearman", "R²", "Concordance"].map(str::to_owned).to_vec();
    let caption = "The map against the measured one, cell by cell".to_owned();
    let table = Table { caption, head, rows: found.iter().map(row).collect(), ..Table::default() };
    let figure = |of: &MapAgreement| {
        let about = format!("{}: measured and mapped value of each cell", of.name);
        let svg = scatter_plot(&ScatterPlot { about: &about, name: &of.name, points: &of.pairs });
        Captioned { svg, caption: format!("{}, {} cells: measured to the right, mapped upwards.", of.name, of.cells) }
    };
    (!found.is_empty()).then(|| ReadoutGroup {
        heading: "Agreement with a measured map".to_owned(),
        text: "A cell's measured value is the mean of the measured places whose centre lies in it.".to_owned(),
        readouts: Vec::new(),
        parts: vec![Part::Table(table), Part::Figures(found.iter().map(figure).collect())],
    })
}

fn tile_facts(facts: &PageFacts<'_>) -> Vec<Fact> {
    let mut found = Vec::new();
    if let Some(grid) = &facts.record.grid {
        found.push(Fact::new("Tiles", format!("{} px at {} um/px", grid.tile_px, grid.model_mpp)));
        found.push(Fact::new("Rule", grid.rule.as_str()));
    }
    found.push(Fact::new("Cells of the map", format!("{:.1} um", facts.map.step_um())));
    let format = facts.record.slide.format.clone().unwrap_or_default();
    found.extend((!format.is_empty()).then(|| Fact::new("Format", format)));
    found
}

pub(super) fn model_facts(record: &SlideRecord) -> Vec<Fact> {
    let model = &record.model;
    let mut facts = vec![
        Fact::new("Name", model.name.as_str()),
        Fact::new("Task", model.task.as_str()),
        Fact::new("Classes", model.classes.join(", ")),
        Fact::new("Weights (BLAKE3)", model.digest.as_str()),
    ];
    if let Some(card) = &model.card {
        facts.extend([
            Fact::new("Version", card.version.as_str()),
            Fact::new("Licence", card.licence.as_str()),
            Fact::new("Intended use", card.intended_use.as_str()),
            Fact::new("Trained on", card.training_data.as_str()),
            Fact::new("Attribution", card.attribution.as_str()),
            Fact::new("Figures on kept-apart tiles", figures(&card.metrics)),
        ]);
    }
    facts.extend(model.temperature.map(|value| Fact::new("Temperature of the probabilities", format!("{value:.3}"))));
    facts.retain(|fact| !fact.value.is_empty());
    facts
}

/// The figures of a card that tell how good a model is as a whole, with their intervals.
fn figures(metrics: &BTreeMap<String, f64>) -> String {
    const TOLD: [(&str, &str); 6] = [
        ("test_balanced_accuracy", "balanced accuracy"),
        ("test_auroc", "AUROC"),
        ("test_macro_auroc", "macro AUROC"),
        ("test_mean_r2", "mean R\u{b2}"),
        ("test_ece", "calibration error"),
        ("test_tiles", "tiles"),
    ];
    let told = TOLD.iter().filter_map(|(key, title)| {
        let value = metrics.get(*key)?;
        let end = |end: &str| metrics.get(&format!("{key}_{end}"));
        Some(match (end("low"), end("high")) {
            (Some(low), Some(high)) => format!("{title} {value} ({low} to {high})"),
            _ => format!("{title} {value}"),
        })
    });
    told.collect::<Vec<_>>().join("; ")
}

pub(super) fn device_facts(record: &SlideRecord) -> Vec<Fact> {
    let device = record.device.as_ref();
    device
        .map(|device| Fact::new("Device", format!("{} ({}, {})", device.name, device.backend, device.dtype)))
        .into_iter()
        .collect()
}

fn provenance(facts: &PageFacts<'_>) -> Vec<Fact> {
    let fingerprint = facts.record.slide.fingerprint.clone().unwrap_or_default();
    vec![
        Fact::new("Slide (BLAKE3 of its ends)", fingerprint),
        Fact::new("Scoring", facts.record.settings.to_string()),
        Fact::new("Maps and numbers", facts.settings.to_string()),
    ]
}
