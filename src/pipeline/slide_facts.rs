//! What numbers of a slide rest on: tiles, model, device and where everything comes from, as a report's facts.

use super::slide_page::PageFacts;
use crate::export::SlideRecord;
use crate::report::Fact;
use std::collections::BTreeMap;

pub(super) fn tile_facts(facts: &PageFacts<'_>) -> Vec<Fact> {
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

pub(super) fn provenance(facts: &PageFacts<'_>) -> Vec<Fact> {
    let fingerprint = facts.record.slide.fingerprint.clone().unwrap_or_default();
    vec![
        Fact::new("Slide (BLAKE3 of its ends)", fingerprint),
        Fact::new("Scoring", facts.record.settings.to_string()),
        Fact::new("Maps and numbers", facts.settings.to_string()),
    ]
}
