//! A map becomes `regions/ID.geojson.gz`, which QuPath opens as it is: for each class one annotation, which is all regions
//! where the class was decided for or its score reaches the threshold.
//!
//! Coordinates are level-0 pixels, origin top-left; outlines run along the edges of cells and stay on the slide. Regions
//! below [`MIN_REGION_UM2`] are left out, in outlines and figures alike: files stay small, and viewers quick. A class without
//! regions has no annotation; nor has an estimate without threshold. Failed cells and glass are in no region.
//!
//! # Source
//! QuPath, `PathObjectTypeAdapters.java`: regions are objects of type `annotation`; a classification that is an object needs
//! its `color`; measurements are an object of numbers, metadata one of texts.

use super::geojson::{Classification, uuid};
use super::{MapOutputs, RESEARCH_USE};
use crate::map::{Cell, Polygon, clean, contours};
use crate::raster::Mask;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Smaller regions are left out: four cells of 50 µm, and less than one tile of common size.
const MIN_REGION_UM2: f64 = 10_000.0;

type Ring = Vec<[i64; 2]>;

#[derive(Serialize)]
struct Feature<'a> {
    r#type: &'static str,
    id: String,
    geometry: Geometry,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Ring>),
    MultiPolygon(Vec<Vec<Ring>>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    object_type: &'static str,
    is_locked: bool,
    name: &'a str,
    classification: Classification<'a>,
    measurements: BTreeMap<String, f64>,
    metadata: BTreeMap<&'static str, String>,
}

/// Writes the collection.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = GzEncoder::new(out, Compression::default());
    out.write_all(br#"{"type":"FeatureCollection","features":["#)?;
    let mut between: &[u8] = b"\n";
    for class in 0..outputs.map.class_names().len() {
        if let Some(feature) = feature(outputs, class) {
            out.write_all(between)?;
            serde_json::to_writer(&mut out, &feature)?;
            between = b",\n";
        }
    }
    out.write_all(b"\n]}\n")?;
    out.finish().map(|_| ())
}

fn feature<'a>(outputs: &MapOutputs<'a>, class: usize) -> Option<Feature<'a>> {
    let map = outputs.map;
    let threshold = outputs.map.threshold(class);
    let mask = clean(map.positive(class, threshold), map, MIN_REGION_UM2, 0.0);
    let polygons = contours(&mask, map);
    let name = map.class_names().get(class)?;
    let head = map.meaning().head(name, class);
    let mm2_per_px = (map.mpp().get() / 1000.0).powi(2);
    let area_mm2 = polygons.iter().map(Polygon::area_l0).sum::<f64>() * mm2_per_px;
    let figures = [("area_mm2".to_owned(), area_mm2), (format!("mean_{head}"), mean(outputs, &mask, class)?)];
    let mut polygons = polygons.into_iter().map(|Polygon { outer, holes }| [vec![outer], holes].concat());
    let geometry = match (polygons.next()?, polygons.next()) {
        (only, None) => Geometry::Polygon(only),
        (first, Some(second)) => Geometry::MultiPolygon([first, second].into_iter().chain(polygons).collect()),
    };
    let mut metadata = BTreeMap::from([
        ("model", outputs.model.to_owned()),
        ("cell_um", map.cell_um().to_string()),
        ("smallest_region_um2", MIN_REGION_UM2.to_string()),
        ("use", RESEARCH_USE.to_owned()),
    ]);
    metadata.extend(threshold.map(|threshold| ("threshold", threshold.to_string())));
    Some(Feature {
        r#type: "Feature",
        id: region_id(outputs.id, class),
        geometry,
        properties: Properties {
            object_type: "annotation",
            is_locked: true,
            name,
            classification: Classification { name, color: outputs.colours.get(class).copied()? },
            measurements: figures.into(),
            metadata,
        },
    })
}

/// Mean score of a class over the cells of a mask, weighed by their area on the slide; none without cells.
fn mean(outputs: &MapOutputs<'_>, mask: &Mask, class: usize) -> Option<f64> {
    let (mut area, mut sum) = (0.0, 0.0);
    for ((col, row, cell), &marked) in outputs.map.cells().zip(mask.as_slice()) {
        if let (Cell::Scored(scores), true, Some(rect)) = (cell, marked, outputs.map.rect_l0(col, row)) {
            let here = f64::from(rect.w) * f64::from(rect.h);
            area += here;
            sum += here * f64::from(scores[class]);
        }
    }
    (area > 0.0).then(|| sum / area)
}

/// An identifier that is the same in every run for the same class of the same slide.
fn region_id(slide_id: &str, class: usize) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("eosin 2026 geojson region id");
    hasher.update(&(class as u64).to_le_bytes());
    hasher.update(slide_id.as_bytes());
    uuid(&hasher)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example, example_of};
    use super::*;
    use crate::map::{BiomarkerMap, MapConfig};
    use crate::tile::Meaning;
    use serde_json::{Value, json};
    use std::io::Read;

    fn parsed(example: &Example, thresholds: &[Option<f32>]) -> Vec<Value> {
        let (mut packed, mut text) = (Vec::new(), String::new());
        let map = example.map.clone().with_thresholds(thresholds.to_vec());
        write(&MapOutputs { map: &map, ..example.map_outputs() }, &mut packed).unwrap();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["type"], "FeatureCollection");
        document["features"].as_array().unwrap().clone()
    }

    #[test]
    fn each_class_is_one_annotation_with_area_and_mean_as_the_map_has_them() {
        let features = parsed(&example(&["a \"b\"", "c"], &[Some(&[0.1, 0.9]), None, Some(&[0.25, 0.75])]), &[]);
        let [only] = &features[..] else { panic!("one class was decided for: {features:?}") };
        let square = |x: i64, y: i64| json!([[[x, y], [x + 256, y], [x + 256, y + 256], [x, y + 256], [x, y]]]);
        assert_eq!(only["geometry"], json!({"type": "MultiPolygon", "coordinates": [square(0, 0), square(256, 256)]}));
        let properties = &only["properties"];
        assert_eq!((&properties["objectType"], &properties["isLocked"]), (&json!("annotation"), &json!(true)));
        assert_eq!((&properties["name"], &properties["classification"]["name"]), (&json!("c"), &json!("c")));
        assert_eq!(properties["classification"]["color"].as_array().unwrap().len(), 3);
        let measured = |key: &str| properties["measurements"][key].as_f64().unwrap();
        assert!((measured("area_mm2") - 2.0 * 0.128 * 0.128).abs() < 1e-12);
        assert!((measured("mean_prob_c") - 0.825).abs() < 1e-6);
        assert!(properties["metadata"].as_object().unwrap().values().all(Value::is_string));
        assert_eq!(only["id"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn a_region_with_a_hole_is_one_polygon_and_small_ones_are_left_out() {
        let mut example = example(&["p"], &[Some(&[0.9]), Some(&[0.9]), Some(&[0.9])]);
        // Cells of 64 px, 1024 um² each: a ring of eight with two below it, and one apart.
        let at = |col: i64, row: i64| (col * 64, row * 64);
        let ring = (0..9).filter(|&cell| cell != 4).map(|cell| at(cell % 3, cell / 3));
        let (ring, apart): (Vec<_>, _) = (ring.chain([(at(0, 3)), at(1, 3)]).collect(), [at(8, 8)]);
        example.plan.origins_l0 = ring.iter().chain(&apart).copied().collect();
        (example.plan.side_l0, example.plan.step_l0) = (64, 64);
        example.predictions.rows = vec![Some(vec![0.9]); 11];
        let config = MapConfig { cell_um: Some(32.0), smooth_um: None };
        example.map = BiomarkerMap::with(&example.plan, &example.predictions, &config).unwrap();
        let features = parsed(&example, &[]);
        let rings = features[0]["geometry"]["coordinates"].as_array().unwrap();
        assert_eq!((&features[0]["geometry"]["type"], rings.len()), (&json!("Polygon"), 2));
        assert_eq!(rings[1], json!([[64, 128], [128, 128], [128, 64], [64, 64], [64, 128]]));
        let area = features[0]["properties"]["measurements"]["area_mm2"].as_f64().unwrap();
        assert!((area - 10.0 * 1024e-6).abs() < 1e-12, "the cell apart is left out: {area}");
    }

    #[test]
    fn estimates_have_regions_by_threshold_only_and_a_slide_without_tissue_has_none() {
        let example = example_of(Meaning::Estimates(vec![]), &["a", "b"], &[Some(&[1.0, 7.0]), Some(&[3.0, 0.0])]);
        assert_eq!(parsed(&example, &[]), Vec::<Value>::new());
        let features = parsed(&example, &[Some(2.0), None]);
        assert_eq!(features.len(), 1);
        assert_eq!(features[0]["properties"]["measurements"]["mean_value_a"], 3.0);
        assert_eq!(features[0]["properties"]["metadata"]["threshold"], "2");
        assert_eq!(parsed(&example_of(Meaning::Classes, &["a", "b"], &[]), &[]), Vec::<Value>::new());
    }
}
