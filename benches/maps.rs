//! How long do maps, numbers and reports of a slide of 100,000 tiles take, against scoring it? Both in one process: the slide's
//! predictions are made up (nine classes in patches), its maps are made as `eosin map` makes them, each stage is timed by
//! itself, too; the rate of scoring is that of a bundled model on a synthetic slide on this computer's CPU.
//!
//! `cargo bench --bench maps`; `EOSIN_BENCH_MODEL` is another model's folder. f32 scores, f64 sums. The ratio is the result:
//! absolute figures are those of a machine and a moment.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and ends when something is not there")]

#[path = "common/section.rs"]
mod section;
#[path = "common/slide.rs"]
mod slide;

use eosin::device::{DeviceSpec, open};
use eosin::export::{
    ColumnFacts, ModelFacts, SlideFacts, SlideOutputs, SlideRecord, SlideStatus, map_formats, write_all,
};
use eosin::geometry::Size;
use eosin::map::{BiomarkerMap, palette::class_colours};
use eosin::measure::{MeasureConfig, Subject, measure};
use eosin::nn::Bundle;
use eosin::pipeline::{MapSettings, ScoreConfig, map_slide, score};
use eosin::raster::{Mask, RgbImage8};
use eosin::tile::{Predictions, Reading, TilePlan};
use eosin::units::Mpp;
use section::{CLASSES, readings, section};
use slide::synthetic_slide;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Tiles of the section.
const TILES: u32 = 100_000;
/// Rounds; medians are reported.
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, predictions) = section(TILES);
    let names = predictions.class_names.clone();
    println!("{} tiles, {CLASSES} classes, {} cores", plan.len(), rayon::current_num_threads());
    let readings = readings();
    let mut map = None;
    let lay = median(|| map = Some(BiomarkerMap::new(&plan, &predictions).unwrap()));
    let map = map.unwrap();
    let subject = Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: None };
    let numbers = median(|| drop(measure(&subject, &MeasureConfig::default()).unwrap()));
    println!("map                             {lay:>8.2} s");
    println!("numbers with intervals          {numbers:>8.2} s");
    let record = stored(folder.path(), &plan, &predictions, &map, &readings, &names);
    let usual = MapSettings::usual();
    let all = MapSettings { formats: map_formats().map(str::to_owned).collect(), ..MapSettings::default() };
    let made = |settings: &MapSettings| median(|| drop(map_slide(folder.path(), &record, settings, true).unwrap()));
    let (usual, all) = (made(&usual), made(&all));
    println!("everything, the usual files     {usual:>8.2} s");
    println!("everything, all formats         {all:>8.2} s");
    let (name, rate) = scoring(folder.path());
    let scoring = plan.len() as f64 / rate;
    println!("scoring by {name}, flex/f32: {rate:.1} tiles/s, so {scoring:.0} s for this slide");
    println!("the usual files / scoring: {:.4}", usual / scoring);
    println!("all formats / scoring:     {:.4}", all / scoring);
}

/// The results of a scoring, from which maps are made.
fn stored(
    folder: &Path,
    plan: &TilePlan,
    predictions: &Predictions,
    map: &BiomarkerMap,
    readings: &[Reading],
    names: &[String],
) -> SlideRecord {
    let colours = class_colours(CLASSES);
    let thumbnail = RgbImage8::filled(Size::new(1600, 1600), [230, 190, 210]);
    let outputs = SlideOutputs {
        id: "bench",
        model: "made up",
        plan,
        predictions,
        map,
        colours: &colours,
        thumbnail: &thumbnail,
        overview: &thumbnail,
        mask: &Mask::filled(Size::new(64, 64), true),
        spacing: plan.mpp,
        drafts: folder,
    };
    let written = write_all(folder, &outputs).unwrap();
    let columns = colours.iter().zip(readings).map(|(&color, &reading)| ColumnFacts { color, reading }).collect();
    let model = ModelFacts { name: "made up".into(), classes: names.to_vec(), columns, ..ModelFacts::default() };
    let slide = SlideFacts { id: "bench".into(), mpp: Some(0.5), ..SlideFacts::default() };
    SlideRecord {
        tiles: map.tiles(),
        outputs: written,
        ..SlideRecord::new(SlideStatus::Scored, slide, model, "key".into())
    }
}

/// The model's name, and its tiles per second on a synthetic slide, reading included.
fn scoring(folder: &Path) -> (String, f64) {
    let model = std::env::var_os("EOSIN_BENCH_MODEL")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tissue-mobilenetv2.crc01"), PathBuf::from);
    let bundle = Bundle::open(&model).unwrap();
    let path = synthetic_slide(folder, 8192, Mpp::new(bundle.mpp()).unwrap());
    let config = ScoreConfig { overwrite: true, ..ScoreConfig::usual(vec![path], folder.join("scored")) };
    let device = open(DeviceSpec::Cpu).unwrap();
    let outcome = score(&config, &bundle, &device, None, &AtomicBool::new(false), &|_| {}).unwrap();
    let record = &outcome.records[0];
    assert!(record.error.is_none(), "{:?}", record.error);
    (bundle.name().to_owned(), record.tiles.scored as f64 / record.seconds.network)
}

/// Seconds of the middle of some rounds.
fn median(mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[ROUNDS / 2]
}
