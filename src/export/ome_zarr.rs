//! A map becomes the folder `ome-zarr/ID.ome.zarr`: OME-Zarr 0.5 with a channel a class, and label images.
//!
//! Scores are 32-bit floats with the axes c, y, x; NaN where nothing was scored. Labels have the axes y, x: `state` says why
//! (0 no tissue, 1 scored, 2 failed), and where classes can be
//! present, `decided` is the one that the map decides for, counted from 1, or 0.
//! Levels are those of `levels.rs`. Pixels are cells. As in OME-NGFF the place of a pixel is that of its centre, in um, in
//! the frame in which the centre of the slide's own first pixel is 0; `eosin` in the attributes has corners in level-0 pixels.
//!
//! # Source
//! OME-NGFF 0.5, <https://ngff.openmicroscopy.org/0.5>; the frame is that of its RFC 5.

use super::levels::{Level, STATES, cell_l0, levels};
use super::zarr::{Axes, Tree};
use super::{MapOutputs, RESEARCH_USE};
use crate::map::BiomarkerMap;
use crate::tile::Meaning;
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// Longest side of a chunk.
const CHUNK: u64 = 512;
const VERSION: &str = "0.5";

/// Writes the folder.
pub(super) fn write(outputs: &MapOutputs<'_>, folder: &Path) -> io::Result<()> {
    let map = outputs.map;
    let (levels, tree) = (levels(map), Tree::new(folder)?);
    let classes = map.class_names().len() as u64;
    let channels: Vec<Value> = (0..)
        .zip(map.class_names().iter().zip(outputs.colours))
        .map(|(at, (name, [r, g, b]))| {
            let (low, high) = window(map, at);
            json!({"label": map.meaning().titled(name, at), "color": format!("{r:02X}{g:02X}{b:02X}"), "active": at == 0,
                "coefficient": 1, "family": "linear", "inverted": false,
                "window": {"min": low, "max": high, "start": low, "end": high}})
        })
        .collect();
    let cell = cell_l0(outputs);
    let facts = json!({"model": outputs.model, "note": RESEARCH_USE, "eosin": env!("CARGO_PKG_VERSION"),
        "meaning": map.meaning().name(), "origin_l0": map.origin_l0(), "cell_side_l0": cell,
        "um_per_px_l0": map.mpp().get()});
    let axes = json!([{"name": "c", "type": "channel"}, axis("y"), axis("x")]);
    let image = json!({"version": VERSION, "multiscales": [multiscale(outputs, outputs.id, &axes, &levels)],
        "omero": {"name": outputs.id, "channels": channels, "rdefs": {"model": "color"}}});
    tree.group("/", json!({"ome": image, "eosin": facts}))?;
    for (at, level) in levels.iter().enumerate() {
        let sides = [classes, level.rows as u64, level.cols as u64];
        let axes = Axes { sides: &sides, chunk: &[1, CHUNK, CHUNK], names: &["c", "y", "x"] };
        tree.array(&format!("/{at}"), &axes, json!({}), &level.scores)?;
    }

    let decides = (0..map.class_names().len()).any(|class| map.can_be_present(class));
    let names: &[&str] = if decides { &["state", "decided"] } else { &["state"] };
    tree.group("/labels", json!({"ome": {"version": VERSION, "labels": names}}))?;
    let states = STATES.map(|(number, name, colour)| (u16::from(number), name.to_owned(), colour));
    put_label(&tree, outputs, &levels, "state", &states, |level| level.states.clone())?;
    if decides {
        let classes = map.class_names().iter().zip(outputs.colours).zip(1..);
        let classes: Vec<_> = classes.map(|((name, colour), number)| (number, name.clone(), *colour)).collect();
        put_label(&tree, outputs, &levels, "decided", &classes, |level| decided(map, level))?;
    }
    Ok(())
}

/// The class of each place, counted from 1.
fn decided(map: &BiomarkerMap, level: &Level) -> Vec<u16> {
    let class = |at| level.scores_at(at).and_then(|scores| map.decide(&scores));
    (0..level.states.len()).map(|at| class(at).map_or(0, |class| u16::try_from(class + 1).unwrap_or(0))).collect()
}

/// The range in which a class is shown: probabilities have theirs.
fn window(map: &BiomarkerMap, class: usize) -> (f32, f32) {
    match map.meaning() {
        Meaning::Classes | Meaning::Findings => (0.0, 1.0),
        Meaning::Estimates(_) | Meaning::Features => map.range(class).unwrap_or((0.0, 1.0)),
    }
}

fn put_label<T: super::zarr::Entry>(
    tree: &Tree,
    outputs: &MapOutputs<'_>,
    levels: &[Level],
    name: &str,
    values: &[(u16, String, [u8; 3])],
    pixels: impl Fn(&Level) -> Vec<T>,
) -> io::Result<()> {
    let colours: Vec<Value> =
        values.iter().map(|(number, _, [r, g, b])| json!({"label-value": number, "rgba": [r, g, b, 255]})).collect();
    let properties: Vec<Value> =
        values.iter().map(|(number, name, _)| json!({"label-value": number, "name": name})).collect();
    let ome = json!({"version": VERSION, "multiscales": [multiscale(outputs, name, &json!([axis("y"), axis("x")]), levels)],
        "image-label": {"colors": colours, "properties": properties, "source": {"image": "../../"}}});
    tree.group(&format!("/labels/{name}"), json!({"ome": ome}))?;
    for (at, level) in levels.iter().enumerate() {
        let sides = [level.rows as u64, level.cols as u64];
        let axes = Axes { sides: &sides, chunk: &[CHUNK, CHUNK], names: &["y", "x"] };
        tree.array(&format!("/labels/{name}/{at}"), &axes, json!({}), &pixels(level))?;
    }
    Ok(())
}

fn axis(name: &str) -> Value {
    json!({"name": name, "type": "space", "unit": "micrometer"})
}

/// Where the pixels of each level lie; a channel axis has a scale of 1.
fn multiscale(outputs: &MapOutputs<'_>, name: &str, axes: &Value, levels: &[Level]) -> Value {
    let (mpp, (x, y)) = (outputs.map.mpp().get(), outputs.map.origin_l0());
    let channel = axes.as_array().map_or(0, Vec::len) - 2;
    let datasets: Vec<Value> = levels
        .iter()
        .enumerate()
        .map(|(at, level)| {
            let side_l0 = f64::from(level.cells) * f64::from(cell_l0(outputs));
            let centre = |corner: i64| (corner as f64 + (side_l0 - 1.0) / 2.0) * mpp;
            let scale = [vec![1.0; channel], vec![side_l0 * mpp; 2]].concat();
            let translation = [vec![0.0; channel], vec![centre(y), centre(x)]].concat();
            json!({"path": at.to_string(), "coordinateTransformations":
                [{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}]})
        })
        .collect();
    json!({"name": name, "axes": axes, "datasets": datasets, "type": "mean of scored cells"})
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example, example_of};
    use super::super::zarr::tests::{attributes, files, values};
    use super::*;

    fn written(example: &Example) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&example.map_outputs(), folder.path()).unwrap();
        folder
    }

    /// A map of 250 x 175 cells with an origin that is not that of the slide.
    fn large() -> Example {
        let mut example = example(&["a", "b"], &[]);
        (example.plan.side_l0, example.plan.step_l0) = (4, 4);
        example.plan.origins_l0 = (0..250).flat_map(|x| (0..175).map(move |y| (4 * x - 2, 4 * y))).collect();
        let rows = (0..250 * 175_i32).map(|tile| (tile % 5 > 0).then(|| vec![tile as f32, (1000 - tile) as f32]));
        example.predictions.rows = rows.collect();
        example.map = BiomarkerMap::new(&example.plan, &example.predictions).unwrap();
        example
    }

    #[test]
    fn scores_states_and_decisions_of_all_levels_read_back() {
        let example = large();
        let folder = written(&example);
        let levels = levels(&example.map);
        assert_eq!(levels.len(), 3);
        for (at, level) in levels.iter().enumerate() {
            let sides = [level.rows as u64, level.cols as u64];
            let (found, scores) = values::<f32>(folder.path(), &format!("/{at}"));
            assert_eq!(found, [2, sides[0], sides[1]]);
            assert!(
                scores.iter().zip(&level.scores).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
            );
            assert_eq!(
                values::<u8>(folder.path(), &format!("/labels/state/{at}")),
                (sides.to_vec(), level.states.clone())
            );
            let decided = values::<u16>(folder.path(), &format!("/labels/decided/{at}")).1;
            for (place, class) in decided.into_iter().enumerate() {
                let expected = level.scores_at(place).map_or(0, |scores| if scores[0] >= scores[1] { 1 } else { 2 });
                assert_eq!(class, expected);
            }
        }
        assert_eq!(files(folder.path()), files(written(&example).path()), "two runs make the same files");
    }

    #[test]
    fn the_centre_of_a_place_is_the_same_on_every_level() {
        let example = large();
        let folder = written(&example);
        let root = attributes(folder.path(), "");
        assert_eq!(root["eosin"]["origin_l0"], json!([-2, 0]));
        let image = &root["ome"]["multiscales"][0];
        assert_eq!(image["axes"][2], json!({"name": "x", "type": "space", "unit": "micrometer"}));
        for (at, cells) in [1.0, 2.0, 4.0].into_iter().enumerate() {
            let transformations = &image["datasets"][at]["coordinateTransformations"];
            assert_eq!(transformations[0]["scale"], json!([1.0, cells * 2.0, cells * 2.0]));
            // Half a place, less half a pixel of the slide.
            let centre = (cells * 4.0 - 1.0) / 2.0 * 0.5;
            assert_eq!(transformations[1]["translation"], json!([0.0, centre, centre - 1.0]));
        }
        let label = attributes(folder.path(), "labels/decided");
        assert_eq!(label["ome"]["image-label"]["properties"][1], json!({"label-value": 2, "name": "b"}));
        assert_eq!(attributes(folder.path(), "labels")["ome"]["labels"], json!(["state", "decided"]));
    }

    #[test]
    fn decisions_obey_thresholds() {
        let rows = [Some(&[0.7_f32, 0.3][..]), None, Some(&[0.45, 0.55])];
        let decided = |meaning: Meaning, thresholds: [Option<f32>; 2]| {
            let mut example = example_of(meaning, &["a", "b"], &rows);
            example.map = example.map.with_thresholds(thresholds.to_vec());
            let cells = values::<u16>(written(&example).path(), "/labels/decided/0").1;
            // Four cells a row; the two scored ones.
            [cells[0], cells[5]]
        };
        assert_eq!(decided(Meaning::Classes, [None; 2]), [1, 2]);
        assert_eq!(decided(Meaning::Classes, [Some(0.4), Some(0.6)]), [1, 1]);
        assert_eq!(decided(Meaning::Findings, [Some(0.8), None]), [0, 2]);
        assert_eq!(decided(Meaning::Estimates(vec![]), [Some(0.5), None]), [1, 0]);
    }

    #[test]
    fn estimates_have_no_decision_and_their_own_range() {
        let rows = [Some(&[2.0_f32][..]), None, Some(&[7.5])];
        let folder = written(&example_of(Meaning::Estimates(vec![Some("cells".into())]), &["Ki67"], &rows));
        assert_eq!(attributes(folder.path(), "labels")["ome"]["labels"], json!(["state"]));
        let channel = attributes(folder.path(), "")["ome"]["omero"]["channels"][0].take();
        assert_eq!((&channel["label"], &channel["window"]["max"]), (&json!("Ki67 [cells]"), &json!(7.5)));
        let empty = written(&example(&["a"], &[]));
        assert!(values::<f32>(empty.path(), "/0").1.iter().all(|score| score.is_nan()));
    }
}
