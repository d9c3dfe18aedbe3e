//! A slide's map → the layers of its report, of which the reader chooses one.

use super::slide_page::PageFacts;
use crate::error::Result;
use crate::map::{Cell, entropy};
use crate::measure::{Measurements, Region, regions};
use crate::report::{Layer, LayerValues, Overview, Scale};
use crate::tile::{Meaning, Role};

/// Layers of single classes; more would make the page too long to choose from, and too large.
const CLASS_LAYERS: usize = 8;
/// Colours of the tumour's region and its surroundings: core, margin inside and outside, beyond.
const REGIONS: [(Region, [u8; 3]); 4] = [
    (Region::TumourCore, [123, 30, 60]),
    (Region::MarginInside, [214, 96, 77]),
    (Region::MarginOutside, [67, 147, 195]),
    (Region::Beyond, [190, 200, 210]),
];

/// Colours of cells with more and with less than chance.
const LOCAL: [(&str, [u8; 3]); 2] = [("more than chance", [213, 94, 0]), ("less than chance", [0, 114, 178])];

/// The slide in small with its layers.
pub(super) fn overview(facts: &PageFacts<'_>, measurements: &Measurements) -> Result<Overview> {
    let PageFacts { map, colours, readings, .. } = facts;
    let estimates = matches!(map.meaning(), Meaning::Estimates(_));
    let mut layers = Vec::new();
    if !estimates {
        layers.push(Layer::decisions("Classes", map, colours)?);
    }
    let shown = |class: &usize| readings.get(*class).is_none_or(|reading| reading.role != Some(Role::Background));
    for class in (0..map.class_names().len()).filter(shown).take(CLASS_LAYERS) {
        let values: Vec<Option<f32>> = map.cells().map(|(.., cell)| scores(cell).map(|scores| scores[class])).collect();
        let range = if estimates { map.range(class).unwrap_or((0.0, 1.0)) } else { (0.0, 1.0) };
        let name = map.meaning().titled(&map.class_names()[class], class);
        let of = LayerValues { values: &values, range: [range.0, range.1], name: &name, scale: Scale::Score };
        layers.push(Layer::values(&map.class_names()[class], map, of)?);
    }
    let places = regions(map, readings, facts.config);
    if places.iter().flatten().any(|region| *region != Region::Beyond) {
        let groups = REGIONS.map(|(region, colour)| (region.title().to_owned(), colour));
        let of = |region: &Option<Region>| REGIONS.iter().position(|(known, _)| Some(*known) == *region);
        let cells: Vec<Option<usize>> = places.iter().map(of).collect();
        layers.push(Layer::groups("Tumour and margin", map, &cells, &groups)?);
    }
    let entropies: Vec<Option<f32>> =
        map.cells().map(|(.., cell)| scores(cell).and_then(|scores| entropy(map.meaning(), scores))).collect();
    if entropies.iter().any(Option::is_some) {
        let name = "Predictive entropy";
        let of = LayerValues { values: &entropies, range: [0.0, 1.0], name, scale: Scale::Amount };
        layers.push(Layer::values("Doubt (entropy)", map, of)?);
    }
    for local in &measurements.local {
        // Layers lie on the map's cells, which may be others than the tiles'.
        if (local.origin_l0, local.step_l0) == (map.origin_l0(), map.step_l0()) {
            let cells: Vec<Option<usize>> =
                local.cells.iter().map(|standing| standing.map(|more| usize::from(!more))).collect();
            let groups = LOCAL.map(|(name, colour)| (name.to_owned(), colour));
            let layer = Layer::groups(&format!("Hot and cold: {}", local.of), map, &cells, &groups)?;
            layers.push(layer.with_text("Getis-Ord Gi*, false discovery rate 5 %"));
        }
    }
    let about = format!("Slide {} with the map of {}", facts.record.slide.id, facts.record.model.name);
    let width_mm = f64::from(map.slide_l0().w) * map.mpp().get() / 1000.0;
    Overview::new(about, facts.thumbnail, Some(width_mm), layers)
}

fn scores(cell: Cell<'_>) -> Option<&[f32]> {
    match cell {
        Cell::Scored(scores) => Some(scores),
        _ => None,
    }
}
