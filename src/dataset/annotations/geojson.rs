//! `QuPath`'s `GeoJSON` → areas. Coordinates are level-0 pixels.

use crate::dataset::annotations::area::{Area, Ring};
use crate::dataset::annotations::{Drawing, fault, numbered};
use crate::error::{Error, Result};
use serde_json::Value;

/// Reads a `FeatureCollection`, or a bare list of features as older versions write it.
///
/// # Errors
/// [`crate::ErrorKind::Format`]: `TRN-0220` for what is no such file, `TRN-0221` with the number of a feature whose shape
/// makes no sense.
pub(super) fn parse(bytes: &[u8]) -> Result<Drawing> {
    let root: Value =
        serde_json::from_slice(bytes).map_err(|error| fault("TRN-0220", format!("expected GeoJSON: {error}")))?;
    let features = match &root {
        Value::Array(features) => features,
        Value::Object(object) if root["type"] == "FeatureCollection" => object
            .get("features")
            .and_then(Value::as_array)
            .ok_or_else(|| fault("TRN-0220", "expected features in a FeatureCollection, found none"))?,
        _ => return Err(fault("TRN-0220", "expected a GeoJSON FeatureCollection, found something else")),
    };
    let mut drawing = Drawing::default();
    for (at, feature) in features.iter().enumerate() {
        self::feature(feature, at + 1, &mut drawing).map_err(|error| numbered("feature", at + 1, &error))?;
    }
    Ok(drawing)
}

fn feature(feature: &Value, number: usize, drawing: &mut Drawing) -> Result<()> {
    let (geometry, properties) = (&feature["geometry"], &feature["properties"]);
    if !feature.is_object() || feature["type"] != "Feature" {
        return Err(fault("TRN-0220", "expected a Feature, found something else"));
    }
    // Cells and detections are results of programs, not what a person drew.
    let drawn = properties["objectType"].as_str().is_none_or(|kind| kind == "annotation");
    let polygons: Vec<&Value> = match geometry["type"].as_str() {
        Some("Polygon") if drawn => vec![&geometry["coordinates"]],
        Some("MultiPolygon") if drawn => list(&geometry["coordinates"])?.iter().collect(),
        _ => {
            drawing.no_areas += 1;
            return Ok(());
        }
    };
    let Some(class) = class(&properties["classification"]) else {
        drawing.unnamed += 1;
        return Ok(());
    };
    for polygon in polygons {
        let mut rings = list(polygon)?.iter().map(ring).collect::<Result<Vec<Ring>>>()?.into_iter();
        let outer = rings.next().ok_or_else(|| fault("TRN-0221", "expected a ring, found none"))?;
        drawing.areas.push(Area { class: class.clone(), number, outer, holes: rings.collect() });
    }
    Ok(())
}

/// `QuPath` writes classes that were derived from others as a list of names.
fn class(classification: &Value) -> Option<String> {
    let names = || {
        let names = classification["names"].as_array()?;
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        names.map(|names| names.join(": "))
    };
    let name = classification["name"].as_str().map(str::to_owned).or_else(names)?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn ring(ring: &Value) -> Result<Ring> {
    let mut points = list(ring)?.iter().map(point).collect::<Result<Vec<_>>>()?;
    let last = points.pop();
    // Bit by bit: a closed ring repeats the same number.
    if last.is_none() || last != points.first().copied() {
        return Err(fault("TRN-0221", "expected a closed ring, whose last vertex is its first, found an open one"));
    }
    Ring::new(points)
}

fn point(point: &Value) -> Result<(f64, f64)> {
    let numbers = (point[0].as_f64(), point[1].as_f64());
    let (Some(x), Some(y)) = numbers else {
        return Err(fault("TRN-0221", format!("expected two numbers, found {}", short(point))));
    };
    Ok((x, y))
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().ok_or_else(|| -> Error { fault("TRN-0221", format!("expected a list, found {}", short(value))) })
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}
