//! Tiles loaded in batches against the same tiles read one by one: the same bytes, each once, whatever the budget.

use crate::shared::shared;
use eosin::error::{ErrorKind, Result};
use eosin::geometry::Size;
use eosin::raster::{Filter, Resizer};
use eosin::slide::Slide;
use eosin::tile::{GridRule, TilePlan};
use eosin::tiling::loader::{BatchSource, LoadReport, Loaded, LoaderConfig, load};
use eosin::units::Mpp;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

const CRC01: &str = "data/wsi/CRC01_HE_dev.tif";
const CMU: &str = "data/wsi/CMU-1-Small-Region.svs";
const CONFIG: LoaderConfig = LoaderConfig { input_px: 224, batch: 16, workers: 4, memory_bytes: 1 << 30 };

fn open(name: &str) -> Option<Slide> {
    shared(name).map(|path| Slide::open(&path).unwrap())
}

/// Tiles of `read_px` at a level, every `step_px` of it in both directions from `offset_px` on, over the far edges too.
fn grid(slide: &Slide, level: usize, read_px: u32, step_px: u32, offset_px: i32) -> TilePlan {
    let shape = &slide.levels()[level];
    let axis = |length: u32, downsample: f64| -> Vec<i64> {
        let places = (i64::from(offset_px)..i64::from(length)).step_by(step_px as usize);
        #[expect(clippy::cast_possible_truncation, reason = "coordinates of a slide are far below 2^53")]
        places.map(|px| (px as f64 * downsample).round() as i64).collect()
    };
    let rows = axis(shape.size.h, shape.downsample_y);
    let columns = axis(shape.size.w, shape.downsample_x);
    TilePlan {
        rule: GridRule::Eosin,
        slide_l0: slide.size(),
        mpp: Mpp::new(0.5).unwrap(),
        side_l0: read_px,
        step_l0: step_px,
        level,
        downsample: (shape.downsample_x, shape.downsample_y),
        read_px,
        tile_px: read_px,
        fill: [255, 0, 128],
        places: rows.len() * columns.len(),
        origins_l0: columns.into_iter().flat_map(|x| rows.iter().map(move |&y| (x, y))).collect(),
    }
}

/// Pixels of each tile, or `None` for a lost one, and the tiles of each batch in order.
#[derive(Default, PartialEq)]
struct Outcome {
    tiles: BTreeMap<u32, Option<Vec<u8>>>,
    batches: Vec<Vec<u32>>,
    errors: Vec<String>,
}

fn collect(source: &BatchSource) -> Outcome {
    let mut outcome = Outcome::default();
    while let Some(loaded) = source.next() {
        match loaded {
            Loaded::Batch(batch) => {
                let bytes = (batch.side_px * batch.side_px * 3) as usize;
                assert_eq!(batch.pixels.len(), batch.tiles.len() * bytes);
                for (&tile, pixels) in batch.tiles.iter().zip(batch.pixels.chunks(bytes)) {
                    assert!(outcome.tiles.insert(tile, Some(pixels.to_vec())).is_none(), "tile {tile} came twice");
                }
                outcome.batches.push(batch.tiles.clone());
                source.recycle(batch);
            }
            Loaded::Lost { tile, error } => {
                assert!(outcome.tiles.insert(tile, None).is_none(), "tile {tile} came twice");
                outcome.errors.push(error.without_path());
            }
        }
    }
    outcome.batches.sort();
    outcome
}

fn load_all(slide: &Slide, plan: &TilePlan, config: &LoaderConfig) -> Result<(Outcome, LoadReport)> {
    load(slide, plan, config, &AtomicBool::new(false), collect)
}

/// The tile read by itself.
fn expected(slide: &Slide, plan: &TilePlan, tile: u32, input_px: u32) -> Vec<u8> {
    let region = slide.read_region(plan.level, plan.rect_lvl(tile as usize), plan.fill).unwrap();
    let mut pixels = vec![0; (input_px * input_px * 3) as usize];
    let size = Size::new(input_px, input_px);
    Resizer::new().resize_into(region.as_bytes(), region.size(), &mut pixels, size, Filter::Bilinear).unwrap();
    pixels
}

/// Compares every `stride`th tile with the one read by itself, and all tiles with another number of workers.
fn check(slide: &Slide, plan: &TilePlan, config: &LoaderConfig, stride: usize) {
    let (outcome, report) = load_all(slide, plan, config).unwrap();
    assert!(outcome.tiles.keys().copied().eq(0..u32::try_from(plan.len()).unwrap()));
    for (&tile, pixels) in outcome.tiles.iter().step_by(stride) {
        assert!(pixels.as_ref() == Some(&expected(slide, plan, tile, config.input_px)), "tile {tile}");
    }
    assert_eq!((report.stripes, report.chunks_decoded), (1, report.chunks_distinct));
    let (alone, _) = load_all(slide, plan, &LoaderConfig { workers: 1, ..*config }).unwrap();
    assert!(alone == outcome, "1 worker gives something else than {}", config.workers);
}

#[test]
fn loaded_tiles_are_the_regions_read_one_by_one() {
    let Some(slide) = open(CMU) else { return };
    check(&slide, &grid(&slide, 0, 224, 224, 0), &CONFIG, 1);
    // Over all four edges, overlapping, across chunks of 240, reduced.
    check(&slide, &grid(&slide, 0, 350, 200, -150), &CONFIG, 1);
    // Enlarged; smaller than a chunk; more workers than cores.
    let small = LoaderConfig { workers: 16, batch: 7, ..CONFIG };
    check(&slide, &grid(&slide, 0, 96, 131, -7), &small, 1);
    // Far larger than a chunk, few tiles.
    check(&slide, &grid(&slide, 0, 1500, 1100, -40), &LoaderConfig { batch: 2, ..CONFIG }, 1);
}

#[test]
fn loaded_tiles_of_smaller_levels_are_the_regions_read_one_by_one() {
    let Some(slide) = open(CRC01) else { return };
    assert!(slide.levels().len() >= 4);
    check(&slide, &grid(&slide, 1, 448, 448, 13), &CONFIG, 3);
    check(&slide, &grid(&slide, 3, 224, 100, -100), &CONFIG, 1);
    check(&slide, &grid(&slide, 2, 300, 250, 0), &LoaderConfig { workers: 0, input_px: 128, ..CONFIG }, 2);
}

#[test]
fn a_tile_wholly_outside_is_fill() {
    let Some(slide) = open(CMU) else { return };
    let mut plan = grid(&slide, 0, 224, 1000, 0);
    plan.origins_l0 = vec![(-500, 0), (0, 100_000), (5_000_000_000, -5_000_000_000)];
    let (outcome, report) = load_all(&slide, &plan, &CONFIG).unwrap();
    assert_eq!((outcome.tiles.len(), report.chunks_decoded, report.peak_cache_bytes), (3, 0, 0));
    assert!(outcome.tiles.values().flatten().all(|pixels| pixels.chunks(3).all(|pixel| pixel == plan.fill)));
    plan.origins_l0.clear();
    let (outcome, report) = load_all(&slide, &plan, &CONFIG).unwrap();
    assert_eq!((outcome.tiles.len(), report.chunks_distinct), (0, 0));
}

#[test]
fn a_small_budget_costs_stripes_and_changes_no_pixel() {
    let Some(slide) = open(CRC01) else { return };
    let plan = grid(&slide, 1, 300, 280, -20);
    let config = LoaderConfig { batch: 8, workers: 2, ..CONFIG };
    let (whole, ample) = load_all(&slide, &plan, &config).unwrap();
    assert_eq!((ample.stripes, ample.chunks_decoded), (1, ample.chunks_distinct));
    // Half of the chunks held before, beside the 4 batches and what two workers hold.
    let buffers =
        4 * 8 * 224 * 224 * 3 + 2 * ((300 * 300 + 224 * 224 + 224 * 300) * 3 + slide.scratch_bytes(plan.level));
    let memory_bytes = buffers + ample.peak_cache_bytes / 2;
    let (striped, report) = load_all(&slide, &plan, &LoaderConfig { memory_bytes, ..config }).unwrap();
    assert!(striped.tiles == whole.tiles, "stripes change pixels");
    assert!(report.stripes > 1 && report.chunks_decoded > report.chunks_distinct, "{report:?}");
    assert!(report.peak_cache_bytes <= ample.peak_cache_bytes / 2, "{report:?}");
    assert_eq!(report.chunks_distinct, ample.chunks_distinct);
    let refused = load_all(&slide, &plan, &LoaderConfig { memory_bytes: 1 << 20, ..config }).err().unwrap();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Limits, "LOAD-0001"));
}

#[test]
fn batches_are_the_same_in_every_run() {
    let Some(slide) = open(CMU) else { return };
    let plan = grid(&slide, 0, 224, 150, 0);
    let (first, _) = load_all(&slide, &plan, &CONFIG).unwrap();
    assert_eq!(first.batches.len(), plan.len().div_ceil(CONFIG.batch));
    for _ in 0..5 {
        assert!(load_all(&slide, &plan, &CONFIG).unwrap().0.batches == first.batches);
    }
}

#[test]
fn a_damaged_chunk_loses_the_tiles_that_touch_it_and_no_others() {
    let Some(path) = shared(CMU) else { return };
    let sound = Slide::open(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // Chunk (3, 2) of level 0: its place is in tables that the first directory points to.
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let directory = word(4);
    let entries = usize::from(u16::from_le_bytes([bytes[directory], bytes[directory + 1]]));
    let table = |tag: u8| {
        let mut entries = (0..entries).map(|entry| directory + 2 + 12 * entry);
        word(entries.find(|&at| bytes[at..at + 2] == [tag, 1]).unwrap() + 8)
    };
    let index = 2 * sound.levels()[0].cols as usize + 3;
    let (offset, len) = (word(table(68) + 4 * index), word(table(69) + 4 * index));
    bytes[offset..offset + len].fill(0);
    let mut file = tempfile::NamedTempFile::with_suffix(".svs").unwrap();
    file.write_all(&bytes).unwrap();
    let damaged = Slide::open(file.path()).unwrap();

    let plan = grid(&sound, 0, 224, 170, 0);
    let (before, _) = load_all(&sound, &plan, &CONFIG).unwrap();
    let (after, _) = load_all(&damaged, &plan, &CONFIG).unwrap();
    assert_eq!(before.tiles.len(), after.tiles.len());
    let chunk = sound.levels()[0].chunk;
    let hole = eosin::geometry::Rect::new(3 * i64::from(chunk.w), 2 * i64::from(chunk.h), chunk.w, chunk.h);
    let mut lost = 0;
    for (tile, pixels) in &after.tiles {
        let touches = plan.rect_lvl(*tile as usize).intersect(hole).is_some();
        assert_eq!(pixels.is_none(), touches, "tile {tile}");
        assert!(touches || *pixels == before.tiles[tile], "tile {tile}");
        lost += usize::from(touches);
    }
    assert!(lost > 0 && after.errors.len() == lost);
    assert!(after.errors.iter().all(|error| error.starts_with("level 0: chunk 3, 2: ")), "{:?}", after.errors);
}

#[test]
fn cancelling_and_leaving_early_leave_the_rest_unread() {
    let Some(slide) = open(CRC01) else { return };
    let plan = grid(&slide, 0, 224, 112, 0);
    let cancel = AtomicBool::new(false);
    let outcome = load(&slide, &plan, &CONFIG, &cancel, |source| {
        let first = source.next();
        cancel.store(true, Ordering::Relaxed);
        while source.next().is_some() {}
        first
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Interrupted);
    for taken in 0..3 {
        let leave = |source: &BatchSource| (0..taken).filter_map(|_| source.next()).count();
        let (left, report) = load(&slide, &plan, &CONFIG, &AtomicBool::new(false), leave).unwrap();
        assert_eq!(left, taken);
        assert!(report.chunks_decoded < report.chunks_distinct, "{report:?}");
    }
}
