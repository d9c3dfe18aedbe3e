//! A map becomes `maps16/ID/`: one grey picture of 16 bits for each class, for programs to read, one with a palette beside it
//! for people, and `map.json`, which says where the pixels lie and what they mean.
//!
//! A pixel is a cell, rows top to bottom as on the slide. Value 0 is no tissue, 1 a failed cell; from 2 on
//! `score = value * scale + offset`, with the two numbers of the layer. Probabilities use the whole range for 0 to 1, estimates
//! for the smallest to the largest one on the slide. Where scores are probabilities, a layer more has their entropy,
//! unless there are scored cells that have none, such as those whose scores are all 0: neither state would be true of them.
//! `cells_without_entropy` counts them.

use super::folder::file_in;
use super::ids::safe;
use super::{MapOutputs, RESEARCH_USE};
use crate::map::{Cell, entropy, palette};
use crate::tile::Meaning;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;

/// Values of the two states without scores, and the first one of a score; the same in both pictures.
const NO_TISSUE: u16 = 0;
const FAILED: u16 = 1;
const LOWEST: u16 = 2;

/// One picture to be.
struct Layer<'a> {
    name: &'a str,
    unit: Option<&'a str>,
    /// Its two files, without their endings.
    file: String,
    /// The scores that the ends of the scale stand for.
    range: (f64, f64),
    /// Of each cell a score between them, or the value of its state.
    cells: Vec<Result<f64, u16>>,
}

/// Fills the folder.
pub(super) fn write(outputs: &MapOutputs<'_>, folder: &Path) -> io::Result<()> {
    let map = outputs.map;
    let mut layers = Vec::new();
    for (class, name) in map.class_names().iter().enumerate() {
        let Some(cells) = cells(outputs, |scores| scores.get(class).copied()) else { continue };
        let layer = Layer {
            name,
            unit: map.meaning().unit(class),
            // A number in front keeps apart what is the same once it is safe, or on a file system that ignores case.
            file: format!("{class:02}_{}", safe(name)),
            range: range(outputs, class),
            cells,
        };
        layers.push(write_layer(outputs, folder, &layer)?);
    }
    let doubts = cells(outputs, |scores| entropy(map.meaning(), scores));
    if let Some(doubts) = doubts.filter(|doubts| doubts.iter().any(Result::is_ok)) {
        let layer = Layer { name: "entropy", unit: None, file: "entropy".into(), range: (0.0, 1.0), cells: doubts };
        layers.push(write_layer(outputs, folder, &layer)?);
    }
    let lacks = |cell: Cell<'_>| matches!(cell, Cell::Scored(scores) if entropy(map.meaning(), scores).is_none());
    let ((x, y), slide) = (map.origin_l0(), map.slide_l0());
    let sidecar = json!({
        "schema": 1,
        "id": outputs.id,
        "model": outputs.model,
        "use": RESEARCH_USE,
        "scores": map.meaning().name(),
        "slide_l0_px": [slide.w, slide.h],
        "um_per_px_l0": map.mpp().get(),
        "columns": map.cols(),
        "rows": map.rows(),
        "origin_l0_px": [x, y],
        "step_l0_px": map.step_l0(),
        "step_um": map.step_um(),
        "cell_side_l0_px": map.cell_side_l0(),
        "cell_um": map.cell_um(),
        "no_tissue": NO_TISSUE,
        "failed": FAILED,
        "score": "value * scale + offset",
        "cells_without_entropy": map.cells().filter(|(_, _, cell)| lacks(*cell)).count(),
        "palette": "blue, yellow, vermillion of Okabe and Ito",
        "layers": layers,
    });
    file_in(folder, "map.json", |out| {
        serde_json::to_writer_pretty(&mut *out, &sidecar)?;
        out.write_all(b"\n")
    })
}

/// The scores between which a class lies.
fn range(outputs: &MapOutputs<'_>, class: usize) -> (f64, f64) {
    let found = outputs.map.range(class).map(|(low, high)| (f64::from(low), f64::from(high)));
    match outputs.map.meaning() {
        Meaning::Estimates(_) => found.unwrap_or((0.0, 1.0)),
        // A score that is none keeps its value all the same.
        _ => found.map_or((0.0, 1.0), |(low, high)| (low.min(0.0), high.max(1.0))),
    }
}

/// What a layer has in each cell; none when a scored cell would have nothing.
fn cells(outputs: &MapOutputs<'_>, score: impl Fn(&[f32]) -> Option<f32>) -> Option<Vec<Result<f64, u16>>> {
    let of_cell = |cell: Cell<'_>| match cell {
        Cell::NoTissue => Some(Err(NO_TISSUE)),
        Cell::Failed => Some(Err(FAILED)),
        Cell::Scored(scores) => score(scores).map(|score| Ok(f64::from(score))),
    };
    outputs.map.cells().map(|(_, _, cell)| of_cell(cell)).collect()
}

/// Writes both pictures of a layer, and gives what the sidecar says about it.
fn write_layer(outputs: &MapOutputs<'_>, folder: &Path, layer: &Layer<'_>) -> io::Result<Value> {
    let (low, high) = layer.range;
    // An encoder refuses a picture without pixels, which a slide without pixels would give.
    let size = (outputs.map.cols().max(1), outputs.map.rows().max(1));
    let pixels = |highest: u16| {
        let cells = layer
            .cells
            .iter()
            .map(move |cell| cell.map_or_else(|state| state, |score| value(score, low, high, highest)));
        cells.chain(layer.cells.is_empty().then_some(NO_TISSUE))
    };
    let (file, preview) = (format!("{}.png", layer.file), format!("{}.preview.png", layer.file));
    file_in(folder, &file, |out| {
        let mut encoder = png::Encoder::new(out, size.0, size.1);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Sixteen);
        finish(encoder, &pixels(u16::MAX).flat_map(u16::to_be_bytes).collect::<Vec<_>>())
    })?;
    file_in(folder, &preview, |out| {
        let mut encoder = png::Encoder::new(out, size.0, size.1);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(colours().concat());
        encoder.set_trns(&[0][..]);
        let indices = pixels(u16::from(u8::MAX)).map(|value| u8::try_from(value).unwrap_or(u8::MAX));
        finish(encoder, &indices.collect::<Vec<_>>())
    })?;
    let scale = (high - low) / f64::from(u16::MAX - LOWEST);
    Ok(json!({
        "name": layer.name,
        "unit": layer.unit,
        "file": file,
        "preview": preview,
        "scale": scale,
        "offset": low - f64::from(LOWEST) * scale,
        "lowest": low,
        "highest": high,
    }))
}

/// The pixel of a score, from [`LOWEST`] to `highest`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of a pixel")]
fn value(score: f64, low: f64, high: f64, highest: u16) -> u16 {
    let place = if high > low { ((score - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
    LOWEST + (place * f64::from(highest - LOWEST)).round() as u16
}

/// The palette: glass, which is transparent, failed cells, and the ramp of all pictures.
fn colours() -> Vec<[u8; 3]> {
    let ramp = (LOWEST..=255).map(|value| palette::ramp(f32::from(value - LOWEST) / f32::from(255 - LOWEST)));
    [[255; 3], [128; 3]].into_iter().chain(ramp).collect()
}

fn finish<W: Write>(encoder: png::Encoder<'_, W>, bytes: &[u8]) -> io::Result<()> {
    let mut writer = encoder.write_header().map_err(into_io)?;
    writer.write_image_data(bytes).map_err(into_io)?;
    writer.finish().map_err(into_io)
}

/// A full disk must still be called one.
fn into_io(error: png::EncodingError) -> io::Error {
    match error {
        png::EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example, example_of};
    use super::*;

    fn written(example: &Example) -> (tempfile::TempDir, Value) {
        let folder = tempfile::tempdir().unwrap();
        write(&example.map_outputs(), folder.path()).unwrap();
        let sidecar = serde_json::from_slice(&std::fs::read(folder.path().join("map.json")).unwrap()).unwrap();
        (folder, sidecar)
    }

    /// Holds the pictures of a layer against what each cell should have.
    fn check(folder: &Path, example: &Example, layer: &Value, score: impl Fn(&[f32]) -> f32) {
        let open = |key: &str| image::open(folder.join(layer[key].as_str().unwrap())).unwrap();
        let (values, preview) = (open("file").into_luma16(), open("preview").into_rgba8());
        let map = &example.map;
        assert_eq!([values.dimensions(), preview.dimensions()], [(map.cols(), map.rows()); 2]);
        let [scale, offset] = ["scale", "offset"].map(|key| layer[key].as_f64().unwrap());
        for (col, row, cell) in map.cells() {
            let (value, colour) = (values.get_pixel(col, row).0[0], preview.get_pixel(col, row).0);
            match cell {
                Cell::NoTissue => assert_eq!((value, colour), (0, [255, 255, 255, 0])),
                Cell::Failed => assert_eq!((value, colour), (1, [128, 128, 128, 255])),
                Cell::Scored(scores) => {
                    let read = f64::from(value) * scale + offset;
                    assert!(value >= 2 && (read - f64::from(score(scores))).abs() <= scale / 2.0 + 1e-9, "{read}");
                    assert_eq!(colour[3], 255);
                }
            }
        }
    }

    #[test]
    fn values_and_places_read_back_as_the_map_has_them() {
        let example = example(&["a/b", "A:B"], &[Some(&[0.1, 0.9]), None, Some(&[0.3, 0.7])]);
        let (folder, sidecar) = written(&example);
        assert_eq!((&sidecar["origin_l0_px"], &sidecar["step_l0_px"]), (&json!([0, 0]), &json!(256)));
        assert_eq!((&sidecar["step_um"], &sidecar["columns"], &sidecar["rows"]), (&json!(128.0), &json!(4), &json!(3)));
        assert_eq!(sidecar["use"], RESEARCH_USE);
        let layers = sidecar["layers"].as_array().unwrap();
        assert_eq!(layers[0]["file"], "00_a_b.png");
        for class in 0..2 {
            assert_eq!(layers[class]["name"], example.map.class_names()[class]);
            check(folder.path(), &example, &layers[class], |scores| scores[class]);
        }
        let doubt = |scores: &[f32]| entropy(&Meaning::Classes, scores).unwrap();
        check(folder.path(), &example, &layers[2], doubt);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!((layers.len(), files), (3, 7));
    }

    #[test]
    fn a_scored_cell_without_entropy_is_never_called_failed() {
        let example = example(&["a", "b"], &[Some(&[0.0, 0.0]), Some(&[0.3, 0.7]), None]);
        let (folder, sidecar) = written(&example);
        let layers = sidecar["layers"].as_array().unwrap();
        assert_eq!((layers.len(), &sidecar["cells_without_entropy"]), (2, &json!(1)));
        assert!(!folder.path().join("entropy.png").exists());
        check(folder.path(), &example, &layers[0], |scores| scores[0]);
        assert_eq!(written(&super::super::tests::example(&["p"], &[Some(&[0.0])])).1["cells_without_entropy"], 0);
    }

    #[test]
    fn estimates_use_their_own_range_and_have_no_entropy() {
        let units = Meaning::Estimates(vec![Some("cells/mm2".into()), None]);
        let example = example_of(units, &["Ki67", "flat"], &[Some(&[-20.0, 7.5]), Some(&[4000.0, 7.5]), None]);
        let (folder, sidecar) = written(&example);
        let layers = sidecar["layers"].as_array().unwrap();
        assert_eq!((layers.len(), &layers[0]["unit"], &layers[0]["lowest"]), (2, &json!("cells/mm2"), &json!(-20.0)));
        check(folder.path(), &example, &layers[0], |scores| scores[0]);
        check(folder.path(), &example, &layers[1], |scores| scores[1]);
    }

    #[test]
    fn a_slide_without_tissue_has_empty_pictures() {
        let example = example(&["p"], &[]);
        let (folder, sidecar) = written(&example);
        let layers = sidecar["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 1);
        check(folder.path(), &example, &layers[0], |_| panic!("nothing was scored"));
    }
}
