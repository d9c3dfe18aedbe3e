//! Trainings of a few steps on tiles of 32 px: what is learned, that it is the same again, and what is refused.

use crate::shared::shared;
use eosin::Error;
use eosin::dataset::{DataSource, FolderSource, InputConfig, ReadEvent, SlideSource, Split, check_leak, read};
use eosin::device::{DeviceSpec, OpenDevice, open};
use eosin::geometry::{Rect, Size};
use eosin::nn::{Architecture, Bundle, NetworkSpec, Padding, Precision, save};
use eosin::raster::Mask;
use eosin::slide::Slide;
use eosin::synthetic::{PyramidConfig, SyntheticConfig, SyntheticSlide};
use eosin::tiling::loader::{Loaded, LoaderConfig, load};
use eosin::tiling::plan::{SlideGeometry, TilingConfig, plan};
use eosin::train::{CardConfig, Layers, TrainConfig, TrainEvent, TrainReport, train};
use eosin::units::Mpp;
use image::RgbImage;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const SIDE_PX: u32 = 32;

/// Writes `each` speckled tiles for each of two classes, one reddish and one bluish.
fn tiles(dir: &Path, each: u32) -> PathBuf {
    let folder = dir.join("tiles");
    for (class, tint) in [("blue", [90, 90, 160]), ("red", [160, 90, 90])] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..each {
            let speckle = |x: u32, y: u32| u8::try_from((x * 31 + y * 17 + number * 7 + x * y) % 61).unwrap();
            let pixel = |x, y| image::Rgb(tint.map(|level: u8| level + speckle(x, y)));
            RgbImage::from_fn(SIDE_PX, SIDE_PX, pixel)
                .save(folder.join(class).join(format!("{number:03}.png")))
                .unwrap();
        }
    }
    folder
}

/// A small training on a folder of tiles, from chance.
fn config(tiles: &Path, out: &Path) -> TrainConfig {
    TrainConfig {
        out: out.to_path_buf(),
        epochs: Some(3),
        batch: Some(8),
        lr: Some(1e-3),
        data: DataSource::Folder(FolderSource { path: tiles.to_path_buf() }),
        input: InputConfig { tile_px: SIDE_PX, input_px: SIDE_PX, ..InputConfig::default() },
        card: CardConfig { name: "toy".to_owned(), ..CardConfig::default() },
        ..TrainConfig::default()
    }
}

/// The same without batch normalisation, so that batches are cut in shards and computed by several threads.
fn sharded(dir: &Path, tiles: &Path, out: &str) -> TrainConfig {
    let init = dir.join("start.safetensors");
    if !init.exists() {
        let device = open(DeviceSpec::Cpu).unwrap().device;
        let spec = NetworkSpec::torch(Architecture::MobileNetV2, 2).folded();
        let weights = save(&spec.init(&device).unwrap()).unwrap();
        fs::write(&init, weights.to_safetensors(Precision::F32).unwrap()).unwrap();
    }
    TrainConfig {
        init: Some(init),
        layers: Layers::All,
        epochs: Some(2),
        lr: Some(1e-4),
        familiarity: false,
        ..config(tiles, &dir.join(out))
    }
}

fn run(config: &TrainConfig) -> Result<(TrainReport, Vec<TrainEvent>), Error> {
    let mut events = Vec::new();
    let device = open(DeviceSpec::Cpu)?;
    let report = train(config, &device, &AtomicBool::new(false), &mut |event| events.push(event))?;
    Ok((report, events))
}

#[test]
fn a_network_learns_from_chance_and_its_bundle_opens() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 24);
    // A few steps from chance need the plainer network.
    let toy = TrainConfig {
        architecture: Architecture::ResNet18,
        epochs: Some(4),
        ..config(&tiles, &dir.path().join("out"))
    };
    let (report, events) = run(&toy).unwrap();
    let losses: Vec<f64> = report.history.iter().map(|row| row.train_loss).collect();
    assert!(losses[3] < losses[0] * 0.7, "{losses:?}");
    assert!(
        events.iter().any(|event| matches!(event, TrainEvent::Prepared { notes, .. } if notes[0].contains("patient")))
    );

    let bundle = Bundle::open(&report.dir).unwrap();
    assert_eq!(bundle.class_names(), ["blue", "red"]);
    assert_eq!(bundle.card(), Some(&report.card));
    let familiarity = bundle.familiarity().unwrap();
    assert_eq!((familiarity.directions, familiarity.fitted_on.as_str()), (4, "38 training tiles"));
    assert_eq!((familiarity.tiles, familiarity.level), (10, 0.9091), "ten tiles tell no 99 %");
    bundle.network(&open(DeviceSpec::Cpu).unwrap().device).unwrap();
    let text = fs::read_to_string(report.dir.join("CARD.md")).unwrap();
    assert!(text.contains("not for diagnosis") && text.contains("| blue | 19 | 5 | 0 |"), "{text}");
    let curves = fs::read_to_string(dir.path().join("out/curves.csv")).unwrap();
    assert_eq!(curves.lines().count(), 5);
}

#[test]
fn the_same_seed_gives_the_same_bits_also_after_an_interruption() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 12);
    let card = run(&sharded(dir.path(), &tiles, "through")).unwrap().0.card;
    assert_eq!(card.familiarity, None, "switched off");
    let through = card.weights.blake3;

    let (cancel, device) = (AtomicBool::new(false), open(DeviceSpec::Cpu).unwrap());
    let stopped = sharded(dir.path(), &tiles, "stopped");
    let error = train(&stopped, &device, &cancel, &mut |event| {
        cancel.store(matches!(event, TrainEvent::Step { epoch: 2, step: 1, .. }), Ordering::Relaxed);
    });
    let error = error.unwrap_err();
    assert_eq!((error.code(), error.advice()), ("TRN-0001", Some("go on after epoch 1 with --resume")));
    let error = run(&stopped).unwrap_err();
    assert_eq!(error.code(), "TRN-0501", "a run is not overwritten");
    assert!(error.advice().unwrap().contains("--resume"));

    let gpu = OpenDevice { backend: "vulkan", ..device };
    let resumed = TrainConfig { resume: true, ..stopped.clone() };
    let error = train(&resumed, &gpu, &AtomicBool::new(false), &mut |_| ()).unwrap_err();
    assert_eq!(error.code(), "TRN-0502", "another kind of device gives other bits");
    // The same tiles and start weights by other paths.
    let init = dir.path().join("renamed.safetensors");
    fs::rename(stopped.init.as_ref().unwrap(), &init).unwrap();
    let data = DataSource::Folder(FolderSource { path: tiles.join("../tiles") });
    let (resumed, events) = run(&TrainConfig { init: Some(init), data, ..resumed }).unwrap();
    assert!(events.contains(&TrainEvent::Resumed { epochs: 1 }));
    assert_eq!(resumed.card.weights.blake3, through);

    let other = TrainConfig { seed: 2, ..sharded(dir.path(), &tiles, "other") };
    assert_ne!(run(&other).unwrap().0.card.weights.blake3, through);
    let changed = TrainConfig {
        resume: true,
        lr: Some(2e-4),
        card: CardConfig { name: "b".into(), ..stopped.card.clone() },
        ..stopped
    };
    assert_eq!(run(&changed).unwrap_err().code(), "TRN-0502");
}

#[test]
fn running_statistics_too_come_back_to_the_bit_after_an_interruption() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 8);
    let toy = |out: &str| TrainConfig {
        epochs: Some(2),
        padding: Padding::TfSame,
        layers: Layers::All,
        ..config(&tiles, &dir.path().join(out))
    };
    let through = run(&toy("through")).unwrap().0;
    assert!(through.card.architecture.batch_norm);
    assert_eq!(through.card.architecture.padding, Padding::TfSame);

    let (cancel, device) = (AtomicBool::new(false), open(DeviceSpec::Cpu).unwrap());
    let error = train(&toy("stopped"), &device, &cancel, &mut |event| {
        cancel.store(matches!(event, TrainEvent::Epoch(_)), Ordering::Relaxed);
    });
    assert_eq!(error.unwrap_err().code(), "TRN-0001");
    let (resumed, events) = run(&TrainConfig { resume: true, ..toy("stopped") }).unwrap();
    assert!(events.contains(&TrainEvent::Resumed { epochs: 1 }));
    assert_eq!(resumed.card.weights.blake3, through.card.weights.blake3);
    let last = |out: &str| fs::read(dir.path().join(out).join("checkpoint-00002.safetensors")).unwrap();
    assert!(last("stopped") == last("through"), "weights, statistics and moments of the last epoch");
}

#[test]
fn a_model_name_that_cannot_be_written_and_labels_that_never_occur_are_refused_before_training() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 2);
    let good = config(&tiles, &dir.path().join("out"));
    let named = |name: &str| CardConfig { name: name.to_owned(), ..CardConfig::default() };
    for name in ["..", "a/b", "checkpoint.json"] {
        let config = TrainConfig { card: named(name), ..good.clone() };
        assert_eq!(run(&config).unwrap_err().code(), "TRN-0102", "{name}");
        assert!(!good.out.exists());
    }
    let colors = [("rot".to_owned(), [1, 2, 3])].into();
    for config in [
        TrainConfig { exclude: vec!["rot".to_owned()], ..good.clone() },
        TrainConfig { card: CardConfig { colors, ..named("toy") }, ..good.clone() },
    ] {
        let error = run(&config).unwrap_err();
        assert!(error.code() == "TRN-0209" && error.message().contains("(blue, red), found \"rot\""), "{error}");
    }
}

#[test]
fn cut_tiles_are_left_out_and_a_tile_of_another_size_is_not_even_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 150);
    let (whole, cut) = (tiles.join("red/007.jpg"), tiles.join("red/008.jpg"));
    for (number, path) in [("007", &whole), ("008", &cut)] {
        let png = tiles.join(format!("red/{number}.png"));
        image::open(&png).unwrap().to_rgb8().save(path).unwrap();
        fs::remove_file(png).unwrap();
    }
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() * 3 / 4]).unwrap();
    let mut large = fs::read(tiles.join("red/009.png")).unwrap();
    // The header of a PNG says 32 x 33 pixels, with the checksum that belongs to it; there are only 32 rows.
    large[16..33].copy_from_slice(&[0, 0, 0, 32, 0, 0, 0, 33, 8, 2, 0, 0, 0, 0x37, 0x44, 0x3e, 0x6]);
    fs::write(tiles.join("red/009.png"), large).unwrap();
    let small = fs::read(tiles.join("red/010.png")).unwrap();
    fs::write(tiles.join("red/010.png"), &small[..small.len() * 3 / 4]).unwrap();
    let mut skipped = Vec::new();
    let set = read(config(&tiles, &dir.path().join("out")).request(), &AtomicBool::new(false), &mut |event| {
        if let ReadEvent::Skipped { tile, reason } = event {
            skipped.push((tile, reason));
        }
    });
    let set = set.unwrap();
    assert_eq!((set.tiles.len(), skipped.len()), (297, 3), "{skipped:?}");
    assert!(skipped[0].0 == "red/008.jpg" && skipped[0].1.contains("the stream is cut"), "{skipped:?}");
    assert!(skipped[1].0 == "red/009.png" && skipped[1].1.contains("TRN-0205"), "{skipped:?}");
    assert!(skipped[2].0 == "red/010.png" && skipped[2].1.contains("TRN-0204"), "{skipped:?}");
    let at = set.tiles.iter().position(|tile| tile.name == "red/007.jpg").unwrap();
    // The encoder is lossy; a tile in other colours is off by far more.
    let truth = image::open(&whole).unwrap().to_rgb8().into_raw();
    assert!(set.pixels(at).unwrap().iter().zip(&truth).all(|(ours, theirs)| ours.abs_diff(*theirs) <= 2));
}

#[test]
fn one_unreadable_tile_is_left_out_and_many_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 60);
    let config = config(&tiles, &dir.path().join("out"));
    let mut skipped = Vec::new();
    let mut read = || {
        read(config.request(), &AtomicBool::new(false), &mut |event| {
            if let ReadEvent::Skipped { tile, .. } = event {
                skipped.push(tile);
            }
        })
    };
    fs::write(tiles.join("red/007.png"), b"no image").unwrap();
    assert_eq!(read().unwrap().tiles.len(), 119);
    RgbImage::new(SIDE_PX, SIDE_PX - 1).save(tiles.join("blue/030.png")).unwrap();
    assert_eq!(read().unwrap_err().code(), "TRN-0202");
    assert_eq!(skipped, ["red/007.png", "blue/030.png", "red/007.png"]);
}

#[test]
fn a_tile_on_both_sides_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 4);
    fs::copy(tiles.join("red/000.png"), tiles.join("red/copy.png")).unwrap();
    let set = read(config(&tiles, dir.path()).request(), &AtomicBool::new(false), &mut |_| ()).unwrap();
    let at = |name: &str| set.tiles.iter().position(|tile| tile.name == name).unwrap();
    let split = |train: &str, validation: &str| Split {
        train: vec![at(train)],
        validation: vec![at(validation)],
        ..Split::default()
    };
    check_leak(&set, &split("red/000.png", "red/001.png")).unwrap();
    let error = check_leak(&set, &split("red/000.png", "red/copy.png")).unwrap_err();
    assert_eq!(error.code(), "TRN-0301");
    assert!(error.message().contains("red/000.png") && error.message().contains("red/copy.png"), "{error}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_names_the_tiles() {
    let dir = tempfile::tempdir().unwrap();
    let tiles = tiles(dir.path(), 8);
    let mut config = config(&tiles, &dir.path().join("out"));
    // Dividing by this makes every input infinite.
    config.input.std = [1e-39; 3];
    let error = run(&config).unwrap_err();
    assert_eq!(error.code(), "TRN-0401");
    assert!(error.message().contains("red/0") && error.message().contains("blue/0"), "{error}");
}

/// Odd sides make the second level coarser than half, within what scoring takes for the same.
const ODD_SLIDE: Size = Size::new(1023, 1021);

#[test]
fn tiles_of_a_slide_are_read_as_when_it_is_scored() {
    let dir = tempfile::tempdir().unwrap();
    let mpp = Mpp::new(0.5).unwrap();
    let path = dir.path().join("slide.svs");
    let synthetic = SyntheticSlide::new(SyntheticConfig { seed: 1, size: ODD_SLIDE, mpp });
    synthetic.write(&path, &PyramidConfig::default(), None, &|_, _| {}).unwrap();
    let slide = Slide::open(&path).unwrap();
    let level = &slide.levels()[1];
    assert!(level.downsample() > 2.0 && level.downsample() < 2.01);

    let geometry = SlideGeometry {
        size_l0: slide.size(),
        mpp: slide.mpp().unwrap(),
        downsamples: slide.levels().iter().map(|level| (level.downsample_x, level.downsample_y)).collect(),
    };
    let all = Mask::filled(Size::new(1, 1), true);
    let wanted = Mpp::new(1.0).unwrap();
    let plan = plan(&geometry, &all, 64, wanted, &TilingConfig { min_tissue: 0.0, ..TilingConfig::default() }).unwrap();
    assert_eq!(plan.level, 1);
    let loader = LoaderConfig { input_px: SIDE_PX, batch: 8, workers: 2, memory_bytes: 1 << 28 };
    let (scored, _) = load(&slide, &plan, &loader, &AtomicBool::new(false), |source| {
        let mut scored = BTreeMap::new();
        while let Some(Loaded::Batch(batch)) = source.next() {
            let bytes = batch.pixels.len() / batch.tiles.len();
            for (&tile, pixels) in batch.tiles.iter().zip(batch.pixels.chunks(bytes)) {
                scored.insert(plan.origins_l0[tile as usize], pixels.to_vec());
            }
            source.recycle(batch);
        }
        scored
    })
    .unwrap();

    let targets = dir.path().join("targets.csv");
    let row = |(at, (x, y)): (usize, &(i64, i64))| format!("{x},{y},{}\n", ["a", "b"][at % 2]);
    let rows: String = plan.origins_l0.iter().enumerate().map(row).collect();
    fs::write(&targets, format!("x,y,label\n{rows}")).unwrap();
    let data = DataSource::Slide(SlideSource { slide: path, targets, ..SlideSource::default() });
    let input = InputConfig { um_per_px: 1.0, tile_px: 64, input_px: SIDE_PX, ..InputConfig::default() };
    let config = TrainConfig { data, input, ..config(Path::new("x"), Path::new("x")) };
    let set = read(config.request(), &AtomicBool::new(false), &mut |_| ()).unwrap();
    assert_eq!((set.tiles.len(), scored.len()), (plan.len(), plan.len()));
    for (at, tile) in set.tiles.iter().enumerate() {
        let rect = tile.rect_l0.unwrap();
        assert!(set.pixels(at).unwrap() == scored[&(rect.x, rect.y)], "{}", tile.name);
    }
}

#[test]
fn tiles_of_a_slide_are_its_own_pixels() {
    let (Some(slide), Some(targets)) = (shared("data/wsi/CRC01_HE_dev.tif"), shared("data/wsi/CRC01_targets_dev.csv"))
    else {
        return;
    };
    let data = DataSource::Slide(SlideSource { slide: slide.clone(), targets, ..SlideSource::default() });
    let input = InputConfig { um_per_px: 1.3, tile_px: 256, input_px: 256, ..InputConfig::default() };
    let exclude = ["background", "epithelium", "mixed", "other"].map(str::to_owned).to_vec();
    let config = TrainConfig { data, input, exclude, ..config(Path::new("x"), Path::new("x")) };
    let set = read(config.request(), &AtomicBool::new(false), &mut |_| ()).unwrap();
    assert_eq!((set.targets.names(), set.tiles.len()), (&["immune".to_owned(), "smooth_muscle".to_owned()][..], 47));
    let slide = Slide::open(&slide).unwrap();
    for (at, tile) in set.tiles.iter().enumerate() {
        let rect: Rect = tile.rect_l0.unwrap();
        assert_eq!(set.pixels(at).unwrap(), slide.read_region(0, rect, [255; 3]).unwrap().as_bytes(), "{}", tile.name);
    }
}
