//! An evaluation → the page that people read: figures, curves, and the tiles of which the model is farthest from the truth,
//! with what its scores rest on.

use super::predictions::worst;
use super::record::EvaluationRecord;
use crate::dataset::{Targets, TileSet, Truth};
use crate::device::OpenDevice;
use crate::error::Result;
use crate::evaluate::{Assessment, Reliability, once};
use crate::export::blend;
use crate::geometry::Size;
use crate::infer::Explainer;
use crate::nn::Bundle;
use crate::raster::RgbImage8;
use crate::report::{Calibration, EvaluationPage, Fact, GalleryTile, LineChart, Note, evaluation_page};
use crate::tile::{Meaning, arg_max};

/// Tiles in the gallery.
const GALLERY: usize = 24;

/// What a page is made of besides the record.
pub struct Material<'a> {
    /// The model.
    pub bundle: &'a Bundle,
    /// Where heat maps are computed.
    pub device: &'a OpenDevice,
    /// The tiles that were read.
    pub set: &'a TileSet,
    /// Those that were looked at.
    pub tiles: &'a [usize],
    /// A row for each of these.
    pub scores: &'a [Vec<f32>],
    /// Curves of the training, when it was just trained.
    pub training: &'a [LineChart],
}

/// The page as HTML.
///
/// # Errors
/// Those of reading tiles back, of explaining them, and of putting the page together.
pub fn page(record: &EvaluationRecord, material: &Material<'_>) -> Result<String> {
    let (model, meaning) = (&record.model, material.bundle.meaning());
    let title = format!("Evaluation of {}", model.name);
    let facts = [
        Fact::new("Model", model.name.as_str()),
        Fact::new("Network", model.architecture.as_str()),
        Fact::new("Weights (BLAKE3)", model.digest.as_str()),
        Fact::new("Tiles", format!("{} px at {} um/px, seen at {} px", model.tile_px, model.um_per_px, model.input_px)),
        Fact::new("Temperature", model.temperature.map_or("none".to_owned(), |value| format!("{value:.3}"))),
    ];
    let card = material.bundle.card().map(|card| {
        [("Task", &card.task), ("Version", &card.version), ("Licence", &card.licence)]
            .map(|(label, value)| Fact::new(label, value.as_str()))
    });
    let facts: Vec<Fact> = facts.into_iter().chain(card.into_iter().flatten()).collect();
    let tiles = &record.tiles;
    let data = [
        Fact::new("Source", tiles.source.as_str()),
        Fact::new("Tiles read", tiles.read.to_string()),
        Fact::new("Tiles judged", tiles.evaluated.to_string()),
        Fact::new("Side", tiles.side.clone().unwrap_or("all".to_owned())),
    ];
    let notes: Vec<Note> = record.notes.iter().map(|note| Note::of(note)).collect();
    let before = model.temperature.and_then(|temperature| before(&record.assessment, material, temperature));
    let temperatures: Vec<f64> = model.temperature.into_iter().collect();
    let calibration =
        before.as_ref().map(|before| Calibration { temperatures: &temperatures, before: std::slice::from_ref(before) });
    let chosen = gallery(material, &meaning)?;
    let gallery: Vec<GalleryTile<'_>> = chosen
        .iter()
        .map(|tile| GalleryTile {
            image: &tile.image,
            second: tile.heat.as_ref().map(|heat| (heat, "what the answer rests on (Grad-CAM)")),
            truth: tile.truth.clone(),
            said: tile.said.clone(),
            score: tile.score.clone(),
        })
        .collect();
    let provenance = [
        Fact::new("Device", format!("{} ({}, {})", record.device.name, record.device.backend, record.device.dtype)),
        Fact::new("Pixels (BLAKE3)", tiles.digest.as_str()),
    ];
    evaluation_page(&EvaluationPage {
        title: &title,
        model: &facts,
        data: &data,
        notes: &notes,
        assessment: &record.assessment,
        meaning: &meaning,
        calibration,
        training: material.training,
        gallery: &gallery,
        gallery_choice: "The tiles of which the model is farthest from the truth, worst first.",
        provenance: &provenance,
    })
}

/// How sure the model would be without its temperature: probabilities are those of the logits times it, up to a factor.
fn before(assessment: &Assessment, material: &Material<'_>, temperature: f64) -> Option<Reliability> {
    let Assessment::Classes(found) = assessment else { return None };
    let (mut confidence, mut right) = (Vec::new(), Vec::new());
    for (&tile, row) in material.tiles.iter().zip(material.scores) {
        let raised: Vec<f64> = row.iter().map(|&score| f64::from(score).powf(temperature)).collect();
        confidence.push(raised.iter().copied().fold(0.0, f64::max) / raised.iter().sum::<f64>());
        right.push(arg_max(row) == material.set.tiles[tile].truth.class());
    }
    Some(Reliability::of(found.reliability.bins.len(), &confidence, &right, &once(right.len())))
}

/// A tile of the gallery.
struct Chosen {
    image: RgbImage8,
    heat: Option<RgbImage8>,
    truth: String,
    said: String,
    score: String,
}

fn gallery(material: &Material<'_>, meaning: &Meaning) -> Result<Vec<Chosen>> {
    let Material { bundle, device, set, tiles, scores, .. } = material;
    let names = set.targets.names();
    let places = worst(set, tiles, scores, GALLERY);
    // One output of several numbers would have to be picked, and transformers have no map; their tiles are shown alone.
    let explains = !places.is_empty() && matches!(set.targets, Targets::Classes(_));
    let explainer = if explains { Explainer::new(bundle, device).ok() } else { None };
    let side = Size::new(set.side_px, set.side_px);
    let mut chosen = Vec::new();
    for place in places {
        let (tile, row) = (&set.tiles[tiles[place]], &scores[place]);
        let bytes = set.pixels(tiles[place])?;
        let decided = meaning.decide(row);
        let map = match (&explainer, decided) {
            (Some(explainer), Some(output)) => explainer.explain(&bytes, Some(output))?.into_iter().next(),
            _ => None,
        };
        let Some(image) = RgbImage8::from_vec(side, bytes) else { continue };
        let name = |class: usize| names.get(class).cloned().unwrap_or_default();
        let list = |values: &[f32]| {
            let each = names.iter().zip(values).map(|(name, value)| format!("{name} {value:.3}"));
            each.collect::<Vec<_>>().join(", ")
        };
        let (truth, said, score) = match &tile.truth {
            Truth::Class(class) => (
                name(*class),
                decided.map_or("nothing".to_owned(), name),
                decided.map_or(String::new(), |class| format!("{:.3}", row[class])),
            ),
            Truth::Numbers(numbers) => (list(numbers), list(row), String::new()),
        };
        let heat = map.map(|found| blend(&image, &found.map));
        chosen.push(Chosen { image, heat, truth, said, score });
    }
    Ok(chosen)
}
