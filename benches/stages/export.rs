//! A section's map → each kind of file: one file goes to memory, what is a folder of files goes to the disk.

use crate::input::Input;
use crate::section::{CLASSES, readings, section};
use crate::{group, skipped};
use criterion::{BatchSize, Criterion};
use eosin::export::{EXPORTERS, Form, MAP_EXPORTERS, MapOutputs, SlideOutputs};
use eosin::geometry::Size;
use eosin::map::BiomarkerMap;
use eosin::map::palette::class_colours;
use eosin::measure::MeasureConfig;
use eosin::raster::{Mask, RgbImage8};
use eosin::tile::{Meaning, Predictions};
use std::hint::black_box;

/// Tiles of the section.
const TILES: u32 = 10_000;
/// Numbers of a tile where they are features.
const FEATURES: usize = 512;

pub(crate) fn bench(criterion: &mut Criterion, _: &Input) {
    let (plan, predictions) = section(TILES);
    let drafts = tempfile::tempdir().unwrap();
    let (map, colours, readings) =
        (BiomarkerMap::new(&plan, &predictions).unwrap(), class_colours(CLASSES), readings());
    let features = as_features(&predictions);
    let features_map = BiomarkerMap::new(&plan, &features).unwrap();
    let thumbnail = RgbImage8::filled(Size::new(1600, 1600), [230, 190, 210]);
    let mask = Mask::filled(Size::new(64, 64), true);
    let (id, model) = ("bench", "made up");
    let outputs = SlideOutputs {
        id,
        model,
        plan: &plan,
        predictions: &predictions,
        map: &map,
        colours: &colours,
        thumbnail: &thumbnail,
        overview: &thumbnail,
        mask: &mask,
        spacing: plan.mpp,
        drafts: drafts.path(),
    };
    let described = SlideOutputs { predictions: &features, map: &features_map, colours: &[], ..outputs };
    let mut group = group(criterion, "cpu", "f32", "export", plan.len());
    for exporter in &EXPORTERS {
        let outputs = if (exporter.suits)(&predictions.meaning) { &outputs } else { &described };
        group.bench_function(exporter.folder, |bencher| {
            bencher.iter(|| {
                let mut file = Vec::new();
                (exporter.write)(black_box(outputs), &mut file).unwrap();
                file
            });
        });
    }
    let measure = MeasureConfig::default();
    let outputs = MapOutputs {
        id,
        model,
        plan: &plan,
        predictions: &predictions,
        map: &map,
        colours: &colours,
        readings: &readings,
        measure: &measure,
        thumbnail: &thumbnail,
        page: "",
        drafts: drafts.path(),
    };
    for exporter in MAP_EXPORTERS {
        if exporter.key == "report" {
            skipped("cpu/f32/export/report", "its page is made by the pipeline; `cargo bench --bench maps` holds it");
            continue;
        }
        group.bench_function(exporter.key, |bencher| match exporter.form {
            Form::File(write) => bencher.iter(|| {
                let mut file = Vec::new();
                write(black_box(&outputs), &mut file).unwrap();
                file
            }),
            Form::Folder(write) => bencher.iter_batched(
                || tempfile::tempdir().unwrap(),
                |folder| {
                    write(black_box(&outputs), folder.path()).unwrap();
                    folder
                },
                BatchSize::PerIteration,
            ),
        });
    }
    group.finish();
}

/// The same tiles, described by numbers without names.
fn as_features(predictions: &Predictions) -> Predictions {
    let described = |row: &Vec<f32>| row.iter().copied().cycle().take(FEATURES).collect();
    Predictions {
        meaning: Meaning::Features,
        class_names: (0..FEATURES).map(|number| format!("feature {number}")).collect(),
        rows: predictions.rows.iter().map(|row| row.as_ref().map(described)).collect(),
        unfamiliarity: None,
    }
}
