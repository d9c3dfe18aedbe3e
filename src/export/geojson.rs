//! Predictions become `model-outputs-geojson/ID.geojson`, which QuPath opens by drag and drop: one tile object per
//! tile.
//!
//! Coordinates are level-0 pixels, origin top-left. Written tile by tile, never held as a whole.
//!
//! - Scored: class by the largest score with its colour, and `prob_<class>` as measurements. A tile without any finding
//!   has no classification, nor has one with estimated numbers, whose measurements are `value_<name>`.
//! - Failed: class `failed`, and no `measurements` member at all. QuPath itself omits an empty list, and a null or the
//!   text "NaN" would enter its tables as a value.
//!
//! # Source
//! QuPath, `PathObjectTypeAdapters.java`: scores belong to objects of type `tile`; a classification that is an object
//! needs its `color`; measurements are an object of numbers.

use super::SlideOutputs;
use crate::geometry::Rect;
use crate::map::finite_scores;
use crate::tile::Meaning;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, Write};

/// Class and colour of tiles that were lost.
const FAILED: Classification<'static> = Classification { name: "failed", color: [128, 128, 128] };

#[derive(serde::Serialize)]
struct Feature<'a> {
    r#type: &'static str,
    id: String,
    geometry: Polygon,
    properties: Properties<'a>,
}

#[derive(serde::Serialize)]
struct Polygon {
    r#type: &'static str,
    /// One closed ring, clockwise on the screen.
    coordinates: [[[i64; 2]; 5]; 1],
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    object_type: &'static str,
    is_locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<Classification<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measurements: Option<Measurements<'a>>,
}

/// A class as QuPath takes it.
#[derive(serde::Serialize)]
pub(super) struct Classification<'a> {
    pub name: &'a str,
    pub color: [u8; 3],
}

struct Measurements<'a> {
    meaning: &'a Meaning,
    names: &'a [String],
    scores: &'a [f32],
}

impl Serialize for Measurements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.scores.len()))?;
        for ((name, score), column) in self.names.iter().zip(self.scores).zip(0..) {
            map.serialize_entry(&self.meaning.head(name, column), score)?;
        }
        map.end()
    }
}

/// Writes the collection.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(br#"{"type":"FeatureCollection","features":["#)?;
    for (index, row) in outputs.predictions.rows.iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(b"\n")?;
        serde_json::to_writer(&mut *out, &feature(outputs, index, finite_scores(row.as_deref())))?;
    }
    out.write_all(b"\n]}\n")
}

fn feature<'a>(outputs: &SlideOutputs<'a>, index: usize, scores: Option<&'a [f32]>) -> Feature<'a> {
    let tile = outputs.plan.rect_l0(index);
    let (names, meaning) = (&outputs.predictions.class_names, &outputs.predictions.meaning);
    let of_class =
        |class: usize| Some(Classification { name: names.get(class)?, color: outputs.colours.get(class).copied()? });
    let (left, top, right, bottom) = (tile.x, tile.y, tile.right(), tile.bottom());
    let ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
    Feature {
        r#type: "Feature",
        id: tile_id(outputs.id, tile),
        geometry: Polygon { r#type: "Polygon", coordinates: [ring] },
        properties: Properties {
            object_type: "tile",
            is_locked: true,
            classification: scores.map_or(Some(FAILED), |scores| meaning.decide(scores).and_then(of_class)),
            measurements: scores.map(|scores| Measurements { meaning, names, scores }),
        },
    }
}

/// An identifier that is the same in every run for the same tile of the same slide.
fn tile_id(slide_id: &str, tile: Rect) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("eosin 2026 geojson tile id");
    hasher.update(slide_id.as_bytes());
    for edge in [tile.x, tile.y, tile.right(), tile.bottom()] {
        hasher.update(&edge.to_le_bytes());
    }
    uuid(&hasher)
}

/// An identifier made of whatever was hashed.
///
/// # Source
/// RFC 9562 section 5.8: version 8 holds whatever its maker wants; ours is a hash.
pub(super) fn uuid(hasher: &blake3::Hasher) -> String {
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    let value = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (8 << 76) | (0b10 << 62);
    let hex = format!("{value:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example};
    use super::*;
    use serde_json::{Value, json};

    fn parsed(example: &Example) -> Value {
        let mut bytes = Vec::new();
        write(&example.outputs(), &mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// What QuPath's reader asks of a feature, and what makes an import useful.
    fn check_rules_of_qupath(feature: &Value) {
        assert_eq!(feature["type"], "Feature");
        let id = feature["id"].as_str().unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
        assert!(id.as_bytes()[14] == b'8' && b"89ab".contains(&id.as_bytes()[19]), "version and variant of {id}");
        let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
        assert_eq!(feature["geometry"]["type"], "Polygon");
        assert!(ring.len() == 5 && ring[0] == ring[4]);
        let properties = feature["properties"].as_object().unwrap();
        assert_eq!(properties["objectType"], "tile");
        assert_eq!(properties["isLocked"], true);
        if let Some(classification) = properties.get("classification") {
            assert!(classification["name"].is_string() && classification["color"].as_array().unwrap().len() == 3);
        }
        if let Some(measurements) = properties.get("measurements") {
            assert!(measurements.as_object().unwrap().values().all(Value::is_number));
        }
    }

    #[test]
    fn every_tile_follows_the_rules_and_reads_back_the_same() {
        let example = example(&["a \"b\"", "c"], &[Some(&[0.1, 0.9]), None, Some(&[f32::NAN, 0.5])]);
        let document = parsed(&example);
        assert_eq!(document["type"], "FeatureCollection");
        let features = document["features"].as_array().unwrap();
        features.iter().for_each(check_rules_of_qupath);
        assert_eq!(features.len(), 3);
        assert_eq!(features[0]["geometry"]["coordinates"], json!([[[0, 0], [256, 0], [256, 256], [0, 256], [0, 0]]]));
        let colour = example.colours[1];
        assert_eq!(features[0]["properties"]["classification"], json!({"name": "c", "color": colour}));
        let measurements: std::collections::HashMap<String, f32> =
            serde_json::from_value(features[0]["properties"]["measurements"].clone()).unwrap();
        assert_eq!(measurements, [("prob_a \"b\"".into(), 0.1), ("prob_c".into(), 0.9)].into());
        for failed in &features[1..] {
            assert_eq!(failed["properties"]["classification"]["name"], "failed");
            assert!(failed["properties"].get("measurements").is_none());
        }
    }

    #[test]
    fn negative_tiles_of_one_class_have_scores_but_no_class() {
        let document = parsed(&example(&["p"], &[Some(&[0.4]), Some(&[0.6]), None]));
        let properties = |index: usize| document["features"][index]["properties"].clone();
        assert!(properties(0).get("classification").is_none() && properties(0)["measurements"]["prob_p"].is_number());
        assert_eq!(properties(1)["classification"]["name"], "p");
    }

    #[test]
    fn ids_are_stable_and_different_for_each_tile_and_slide() {
        let tile = Rect::new(0, 0, 256, 256);
        assert_eq!(tile_id("s", tile), tile_id("s", tile));
        let others = [
            tile_id("s", tile),
            tile_id("t", tile),
            tile_id("s", Rect::new(0, 256, 256, 256)),
            tile_id("s", Rect::new(0, 0, 1, 1)),
        ];
        assert_eq!(others.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }
}
