//! A map becomes `stony-brook/ID/`, for the viewers of Stony Brook: the text pair of the TIL maps, and the heat map of
//! caMicroscope.
//!
//! - `prediction-ID`: a head, then `x_loc y_loc` and the score of each class, for each scored cell.
//! - `color-ID`: without a head, `x y whiteness blackness redness` of the same cells: the deviation and the mean of their
//!   levels, and the share of red ink. They are measured on the slide's small picture, so they tell glass, shadow and pen from
//!   tissue, but know no nuclei.
//! - `heatmap_ID.json`: one object a line for each of them, with all classes.
//! - `meta_ID.json`: what the lines belong to.
//!
//! Coordinates: the centre of a cell's part on the slide, level-0 pixels from the top-left, in the texts; in the lines a share
//! of the slide's width and height, 0 to 1. The formats know no failed cells, so these have no line; `meta_ID.json` lists
//! their centres. No time of writing and no random number, which other writers add: the same map gives the same files.
//!
//! # Source
//! Names of fields as WSInfer 0.6.1 writes them with `wsinfer tosbu`. Its `color-ID` has centres that are off by half of where
//! the tile begins; ours are those of `prediction-ID`.

use super::folder::file_in;
use super::{MapOutputs, RESEARCH_USE};
use crate::geometry::Rect;
use crate::map::Cell;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;

/// Fills the folder.
pub(super) fn write(outputs: &MapOutputs<'_>, folder: &Path) -> io::Result<()> {
    let id = outputs.id;
    file_in(folder, &format!("prediction-{id}"), |out| predictions(outputs, out))?;
    file_in(folder, &format!("color-{id}"), |out| colours(outputs, out))?;
    file_in(folder, &format!("heatmap_{id}.json"), |out| heat_map(outputs, out))?;
    file_in(folder, &format!("meta_{id}.json"), |out| {
        serde_json::to_writer(&mut *out, &meta(outputs))?;
        out.write_all(b"\n")
    })
}

/// The cells that lie on the slide.
fn cells<'a>(outputs: &MapOutputs<'a>) -> impl Iterator<Item = (Rect, Cell<'a>)> {
    let map = outputs.map;
    map.cells().filter_map(move |(col, row, cell)| Some((map.rect_l0(col, row)?, cell)))
}

fn scored<'a>(outputs: &MapOutputs<'a>) -> impl Iterator<Item = (Rect, &'a [f32])> {
    cells(outputs).filter_map(|(rect, cell)| if let Cell::Scored(scores) = cell { Some((rect, scores)) } else { None })
}

fn centre(rect: Rect) -> [i64; 2] {
    [i64::midpoint(rect.x, rect.right()), i64::midpoint(rect.y, rect.bottom())]
}

fn predictions(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "x_loc y_loc")?;
    for name in outputs.map.class_names() {
        // A space would be one column more.
        write!(out, " {}", name.replace(|c: char| c.is_whitespace() || c.is_control() || c == '"', "_"))?;
    }
    writeln!(out)?;
    for (rect, scores) in scored(outputs) {
        let [x, y] = centre(rect);
        write!(out, "{x} {y}")?;
        scores.iter().try_for_each(|score| write!(out, " {score}"))?;
        writeln!(out)?;
    }
    Ok(())
}

fn colours(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (rect, _) in scored(outputs) {
        let [x, y] = centre(rect);
        let Colour { whiteness, blackness, redness } = Colour::of(outputs, rect);
        writeln!(out, "{x} {y} {whiteness:.4} {blackness:.4} {redness:.4}")?;
    }
    Ok(())
}

/// How a cell looks.
#[derive(Debug, PartialEq)]
struct Colour {
    /// Standard deviation of the levels, mean of the three channels: 0 where all is one colour, such as glass.
    whiteness: f64,
    /// Mean of all levels, 0 to 255.
    blackness: f64,
    /// Share of pixels as red as ink.
    redness: f64,
}

impl Colour {
    fn of(outputs: &MapOutputs<'_>, rect: Rect) -> Self {
        let (picture, slide) = (outputs.thumbnail, outputs.map.slide_l0());
        let columns = range(rect.x, rect.right(), slide.w, picture.size().w);
        let rows = range(rect.y, rect.bottom(), slide.h, picture.size().h);
        let places = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
        Self::of_pixels(places.map(|(x, y)| picture.pixel(x, y)))
    }

    fn of_pixels(pixels: impl Iterator<Item = [u8; 3]>) -> Self {
        let (mut count, mut red, mut sums, mut squares) = (0.0, 0.0, [0.0; 3], [0.0; 3]);
        for colour in pixels {
            count += 1.0;
            red += f64::from(u8::from(colour[0] >= 190 && colour[1] <= 100 && colour[2] <= 100));
            for (channel, level) in colour.into_iter().map(f64::from).enumerate() {
                sums[channel] += level;
                squares[channel] += level * level;
            }
        }
        let count = f64::max(count, 1.0);
        let means = sums.map(|sum| sum / count);
        let deviation = |channel: usize| (squares[channel] / count - means[channel].powi(2)).max(0.0).sqrt();
        Self {
            whiteness: (0..3).map(deviation).sum::<f64>() / 3.0,
            blackness: means.iter().sum::<f64>() / 3.0,
            redness: red / count,
        }
    }
}

/// The pixels of a picture that show `from..to` of a slide's length; at least one where there is any.
fn range(from: i64, to: i64, slide: u32, picture: u32) -> std::ops::Range<u32> {
    let scaled = |at: i64| at.unsigned_abs() * u64::from(picture) / u64::from(slide.max(1));
    let pixel = |at: u64| u32::try_from(at).unwrap_or(u32::MAX).min(picture);
    let first = pixel(scaled(from)).min(picture.saturating_sub(1));
    first..pixel(scaled(to)).max(first + 1).min(picture)
}

fn heat_map(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let slide = outputs.map.slide_l0();
    let share = |[x, y]: [i64; 2]| [x as f64 / f64::from(slide.w), y as f64 / f64::from(slide.h)];
    let names = outputs.map.class_names();
    let weights = vec!["1"; names.len()];
    for (rect, scores) in scored(outputs) {
        let [[left, top], [right, bottom]] = [[rect.x, rect.y], [rect.right(), rect.bottom()]].map(share);
        let metrics: Vec<f64> = scores.iter().map(|&score| as_written(score)).collect();
        let line = json!({
            "type": "Feature",
            "parent_id": "self",
            "object_type": "heatmap_multiple",
            "x": f64::midpoint(left, right),
            "y": f64::midpoint(top, bottom),
            "normalized": "true",
            "footprint": u64::from(rect.w) * u64::from(rect.h),
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[right, top], [right, bottom], [left, bottom], [left, top], [right, top]]],
            },
            "provenance": {
                "analysis": {
                    "source": "computer",
                    "execution_id": outputs.model,
                    "cancer_type": "quip",
                    "study_id": "",
                    "computation": "heatmap",
                },
                "image": image(outputs),
                "version": version(outputs),
            },
            "bbox": [left, top, right, bottom],
            "properties": {
                "multiheat_param": {
                    "human_weight": -1,
                    "metric_array": metrics,
                    "heatname_array": names,
                    "weight_array": weights,
                },
                "metric_value": metrics.first(),
                "metric_type": "tile_dice",
                "human_mark": -1,
            },
        });
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The number that is written with as few digits as the score: 0.1, and not 0.10000000149011612.
fn as_written(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

fn meta(outputs: &MapOutputs<'_>) -> Value {
    let failed: Vec<[i64; 2]> =
        cells(outputs).filter(|(_, cell)| *cell == Cell::Failed).map(|(rect, _)| centre(rect)).collect();
    json!({
        "color": "yellow",
        "title": outputs.model,
        "image": image(outputs),
        "provenance": {
            "analysis_execution_id": outputs.model,
            "study_id": "",
            "type": "computer",
            "version": version(outputs),
        },
        "failed_l0_px": failed,
        "use": RESEARCH_USE,
    })
}

fn image(outputs: &MapOutputs<'_>) -> Value {
    json!({"case_id": outputs.id, "subject_id": outputs.id})
}

fn version(outputs: &MapOutputs<'_>) -> Value {
    json!({"program": "eosin", "version": env!("CARGO_PKG_VERSION"), "model": outputs.model})
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example};
    use super::*;
    use crate::geometry::Size;
    use crate::raster::RgbImage8;

    fn written(example: &Example) -> impl Fn(&str) -> String + use<> {
        let folder = tempfile::tempdir().unwrap();
        write(&example.map_outputs(), folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
        move |name| std::fs::read_to_string(folder.path().join(name)).unwrap()
    }

    #[test]
    fn texts_and_lines_read_back_as_the_map_has_them() {
        let mut example = example(&["tumour cells", "b"], &[Some(&[0.1, 0.9]), None, Some(&[0.25, 0.75])]);
        // Red ink over the upper half of the first cell, which is 64 x 64 px of the small picture.
        (0..32).flat_map(|y| (0..64).map(move |x| (x, y))).for_each(|(x, y)| {
            example.thumbnail.paste(&RgbImage8::filled(Size::new(1, 1), [200, 10, 10]), x, y);
        });
        let read = written(&example);
        let text = read("prediction-slide");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("x_loc y_loc tumour_cells b"));
        for line in lines.clone() {
            let numbers: Vec<f32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            #[expect(clippy::cast_possible_truncation, reason = "whole pixels")]
            let cell = example.map.cell_at_l0(numbers[0] as i64, numbers[1] as i64);
            assert_eq!(cell, Cell::Scored(&numbers[2..]));
        }
        assert_eq!(lines.collect::<Vec<_>>(), ["128 128 0.1 0.9", "384 384 0.25 0.75"]);
        // Levels of [200, 10, 10] and [230, 190, 210] in equal parts.
        assert_eq!(read("color-slide"), "128 128 68.3333 141.6667 0.5000\n384 384 0.0000 210.0000 0.0000\n");
        let lines: Vec<Value> =
            read("heatmap_slide.json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["bbox"], json!([0.256, 256.0 / 700.0, 0.512, 512.0 / 700.0]));
        assert!((lines[1]["x"].as_f64().unwrap() - 0.384).abs() < 1e-12);
        assert_eq!(lines[0]["properties"]["multiheat_param"]["metric_array"], json!([0.1, 0.9]));
        assert_eq!(lines[1]["properties"]["multiheat_param"]["heatname_array"], json!(["tumour cells", "b"]));
        let meta: Value = serde_json::from_str(&read("meta_slide.json")).unwrap();
        assert_eq!((&meta["failed_l0_px"], &meta["image"]["case_id"]), (&json!([[128, 384]]), &json!("slide")));
    }

    #[test]
    fn a_slide_without_tissue_has_a_head_and_no_lines() {
        let read = written(&example(&["p"], &[]));
        assert_eq!(read("prediction-slide"), "x_loc y_loc p\n");
        assert_eq!(["color-slide", "heatmap_slide.json"].map(read), ["", ""]);
    }

    #[test]
    fn every_cell_has_a_pixel_of_a_small_picture() {
        assert_eq!(
            [range(0, 10, 1000, 20), range(990, 1000, 1000, 20), range(0, 1000, 1000, 20)],
            [0..1, 19..20, 0..20]
        );
        assert_eq!(range(0, 10, 1000, 0), 0..0);
        let none = Colour { whiteness: 0.0, blackness: 0.0, redness: 0.0 };
        assert_eq!(Colour::of_pixels(std::iter::empty()), none);
    }
}
