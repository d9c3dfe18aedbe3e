//! What was measured of a slide → its report.
//!
//! Nothing is worked out here: numbers are put where they are looked for, with what they mean.

use super::slide_facts::{device_facts, model_facts, provenance, tile_facts};
use super::slide_figures::{arrangement_figures, curves, pair_figures, profile_figure};
use super::slide_layers::overview;
use super::slide_tables::{agreement, by_region, class_table, hot_spots, of_topic, p_text, region_table};
use crate::error::Result;
use crate::evaluate::Figure;
use crate::export::SlideRecord;
use crate::map::BiomarkerMap;
use crate::measure::{ImmunePhenotype, Measure, MeasureConfig, Measurements, Readout, Region, Topic};
use crate::raster::RgbImage8;
use crate::report::{self as page, Note, Part, Quality, ReadoutDefinition, ReadoutGroup, SlidePage};
use crate::tile::Reading;

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
