//! Every kind of file that is made of a map, for a slide of known numbers; other programs read them in
//! `tests/reference/open_exports.py`, which needs them in a folder: `EOSIN_EXPORT_DIR`.

use eosin::export::{Form, MAP_EXPORTERS, MapOutputs, SlideOutputs, write_all};
use eosin::geometry::Size;
use eosin::map::{BiomarkerMap, palette};
use eosin::raster::{Mask, RgbImage8};
use eosin::tile::{GridRule, Meaning, Predictions, TilePlan};
use eosin::units::Mpp;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

/// Tiles of 100 px, 150 x 110 of them, less those of a corner without tissue.
fn plan(columns: i64, rows: i64) -> TilePlan {
    let tiles = (0..columns).flat_map(|x| (0..rows).map(move |y| (x * 100 - 30, y * 100)));
    TilePlan {
        rule: GridRule::Eosin,
        slide_l0: Size::new(14_960, 10_950),
        mpp: Mpp::new(0.499).unwrap(),
        side_l0: 100,
        step_l0: 100,
        level: 0,
        downsample: (1.0, 1.0),
        read_px: 100,
        tile_px: 100,
        fill: [255; 3],
        places: 150 * 110,
        origins_l0: tiles.filter(|(x, y)| x + y > 2000).collect(),
    }
}

/// Scores that differ from tile to tile; every eleventh tile is lost.
fn predictions(plan: &TilePlan, meaning: Meaning, names: &[&str]) -> Predictions {
    let score = |tile: usize, class: usize| ((tile * 7 + class * 13) % 1009) as f32 / 1009.0;
    let row =
        |tile: usize| (!tile.is_multiple_of(11)).then(|| (0..names.len()).map(|class| score(tile, class)).collect());
    let class_names = names.iter().map(ToString::to_string).collect();
    Predictions { meaning, class_names, rows: (0..plan.len()).map(row).collect(), unfamiliarity: None }
}

fn write_slide(out: &Path, id: &str, plan: &TilePlan, predictions: &Predictions) {
    let map = BiomarkerMap::new(plan, predictions).unwrap();
    let colours = palette::class_colours(predictions.class_names.len());
    let thumbnail = RgbImage8::filled(Size::new(150, 110), [230, 190, 210]);
    let mask = Mask::filled(Size::new(15, 11), true);
    let drafts = tempfile::tempdir().unwrap();
    let (model, drafts, map, colours) = ("made-up", drafts.path(), &map, &colours[..]);
    let (thumbnail, page) = (&thumbnail, "<html/>");
    let readings = vec![eosin::tile::Reading::default(); predictions.class_names.len()];
    let (readings, measure) = (&readings[..], &eosin::measure::MeasureConfig::default());
    let outputs = MapOutputs { id, model, plan, predictions, map, colours, readings, measure, thumbnail, page, drafts };
    let of_slide = SlideOutputs {
        id,
        model,
        plan,
        predictions,
        map,
        colours,
        thumbnail,
        overview: thumbnail,
        mask: &mask,
        spacing: plan.mpp,
        drafts,
    };
    write_all(out, &of_slide).unwrap();
    for exporter in MAP_EXPORTERS {
        let path = out.join(exporter.folder).join(format!("{id}{}", exporter.suffix));
        match exporter.form {
            Form::File(write) => {
                fs::create_dir_all(out.join(exporter.folder)).unwrap();
                write(&outputs, &mut File::create(&path).unwrap()).unwrap();
            }
            Form::Folder(write) => {
                fs::create_dir_all(&path).unwrap();
                write(&outputs, &path).unwrap();
            }
        }
    }
    assert_eq!(fs::read_dir(drafts).unwrap().count(), 0, "no draft is left");
}

fn write_all_slides(out: &Path) {
    let (whole, none) = (plan(150, 110), plan(0, 0));
    let units = Meaning::Estimates(vec![Some("cells/mm²".into()), None]);
    write_slide(out, "slide", &whole, &predictions(&whole, Meaning::Classes, &["Tumor", "Stroma <&>", "größer"]));
    write_slide(out, "one finding", &whole, &predictions(&whole, Meaning::Findings, &["TIL"]));
    write_slide(out, "numbers", &whole, &predictions(&whole, units, &["Ki67", "n"]));
    write_slide(out, "empty", &none, &predictions(&none, Meaning::Classes, &["Tumor", "Other"]));
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn every_file_of_a_map_is_the_same_each_time_and_names_no_path() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chosen = std::env::var_os("EOSIN_EXPORT_DIR").map(std::path::PathBuf::from);
    let out = chosen.as_deref().unwrap_or(first.path());
    write_all_slides(out);
    write_all_slides(second.path());
    let (found, again) = (files(out), files(second.path()));
    let private = [out, second.path()].map(|path| path.to_string_lossy().into_owned());
    for (name, bytes) in &again {
        assert!(found[name] == *bytes, "{name} differs");
        for path in &private {
            assert!(!bytes.windows(path.len()).any(|part| part == path.as_bytes()), "{name} names a path");
        }
    }
    let keys: Vec<&str> = MAP_EXPORTERS.iter().map(|exporter| exporter.key).collect();
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len(), "{keys:?}");
}
