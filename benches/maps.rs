//! How long do maps, numbers and reports of a slide of 100,000 tiles take, against scoring it? Both in one process: the slide's
//! predictions are made up (nine classes in patches), its maps are made as `eosin map` makes them, each stage is timed by
//! itself, too; the rate of scoring is that of a bundled model on a synthetic slide on this computer's CPU.
//!
//! `cargo bench --bench maps`; `EOSIN_BENCH_MODEL` is another model's folder. f32 scores, f64 sums. The ratio is the result:
//! absolute figures are those of a machine and a moment.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and ends when something is not there")]

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
use eosin::synthetic::{SyntheticConfig, SyntheticSlide};
use eosin::tile::{GridRule, Meaning, Predictions, Reading, Role, TilePlan};
use eosin::tissue::TissueConfig;
use eosin::units::Mpp;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Tiles of a row and of a column; the corners of the square are glass.
const SIDE: u32 = 355;
/// Side of a tile, level-0 pixels at 0.5 um/px.
const TILE_PX: u32 = 224;
const CLASSES: usize = 9;
/// Rounds; medians are reported.
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, predictions) = slide();
    let names = predictions.class_names.clone();
    println!("{} tiles, {CLASSES} classes, {} cores", plan.len(), rayon::current_num_threads());
    let roles = [Role::Tumour, Role::Stroma, Role::Immune].map(Some).into_iter().chain(std::iter::repeat(None));
    let readings: Vec<Reading> = roles.take(CLASSES).map(|role| Reading { role, threshold: None }).collect();
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

/// A round section of tiles whose classes lie in patches; one tile of a thousand is lost.
fn slide() -> (TilePlan, Predictions) {
    let (mut origins_l0, mut rows) = (Vec::new(), Vec::new());
    let middle = f64::from(SIDE) / 2.0;
    // A square has 4 / pi times the tiles of the disc in it.
    let radius = (100_000.0 / std::f64::consts::PI).sqrt();
    for x in 0..SIDE + 10 {
        for y in 0..SIDE + 10 {
            let (dx, dy) = (f64::from(x) - middle - 5.0, f64::from(y) - middle - 5.0);
            if dx.hypot(dy) >= radius {
                continue;
            }
            origins_l0.push((i64::from(x * TILE_PX), i64::from(y * TILE_PX)));
            let wave = |class: usize| {
                let turn = class as f64 * 0.7;
                ((dx * turn.cos() + dy * turn.sin()) / (6.0 + class as f64)).sin()
                    + 0.3 * f64::from((x * 7 + y * 13) % 17) / 17.0
            };
            let weights: Vec<f64> = (0..CLASSES).map(|class| (3.0 * wave(class)).exp()).collect();
            let total: f64 = weights.iter().sum();
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            let scores = weights.iter().map(|weight| (weight / total) as f32).collect();
            rows.push((rows.len() % 1000 != 999).then_some(scores));
        }
    }
    let side = (SIDE + 10) * TILE_PX;
    let plan = TilePlan {
        rule: GridRule::Eosin,
        slide_l0: Size::new(side, side),
        mpp: Mpp::new(0.5).unwrap(),
        side_l0: TILE_PX,
        step_l0: TILE_PX,
        level: 0,
        downsample: (1.0, 1.0),
        read_px: TILE_PX,
        tile_px: TILE_PX,
        fill: [255; 3],
        places: origins_l0.len(),
        origins_l0,
    };
    let class_names = (0..CLASSES).map(|class| format!("class {class}")).collect();
    (plan, Predictions { meaning: Meaning::Classes, class_names, rows, unfamiliarity: None })
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
    let path = folder.join("rate.svs");
    let config = SyntheticConfig { seed: 1, size: Size::new(8192, 8192), mpp: Mpp::new(bundle.mpp()).unwrap() };
    SyntheticSlide::new(config).write_svs(&path, &|_, _| {}).unwrap();
    let config = ScoreConfig {
        slides: vec![path],
        out: folder.join("scored"),
        grid: GridRule::Eosin,
        spacing: None,
        tile_px: None,
        overlap: 0.0,
        min_tissue: 0.25,
        mpp: None,
        tissue: TissueConfig::default(),
        memory_bytes: 512 << 20,
        workers: 0,
        overwrite: true,
        maps: MapSettings { formats: Vec::new(), ..MapSettings::default() },
    };
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
