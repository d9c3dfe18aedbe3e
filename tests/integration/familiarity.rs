//! Tiles unlike the training data: what a bundle stores of these, what is refused, and that real tiles are told apart.

use crate::shared::shared;
use burn::tensor::{Device, Tensor, TensorData};
use eosin::ErrorKind;
use eosin::bench::write_random_model;
use eosin::dataset::{DataSource, FolderSource, Request, SizeRule, SlideSource, TileSet, read, split};
use eosin::device::{DeviceSpec, open};
use eosin::infer::{BatchFeed, Eye, Predictor, PredictorConfig, Scored};
use eosin::nn::{Architecture, Bundle, Card, Familiarity, FeatureModel, Input, write_familiar_bundle};
use eosin::ops::unpack::UnpackShape;
use eosin::tile::Batch;
use eosin::train::TrainConfig;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

/// Side that the toy model sees.
const SIDE_PX: u32 = 64;
/// Channels of ResNet-18 at the places that are looked at.
const FEATURES: usize = 64 + 64 + 128;
/// f32 sums of hundreds of squares against f64 ones.
const ROUNDING: f64 = 1e-4;

/// Batches of tiles that are in memory.
struct Feed(Mutex<Vec<Batch>>);

impl BatchFeed for Feed {
    fn next_batch(&self) -> Option<Batch> {
        self.0.lock().unwrap().pop()
    }

    fn recycle(&self, _: Batch) {}
}

/// What a model says of tiles, in their order.
fn said(bundle: &Bundle, tiles: &[Vec<u8>]) -> eosin::Result<Vec<(Vec<f32>, Option<f32>)>> {
    let device = open(DeviceSpec::Cpu)?;
    let predictor = Predictor::new(bundle, &device, PredictorConfig::for_device(&device, None))?;
    let batches = tiles.chunks(4).enumerate().map(|(at, tiles)| Batch {
        tiles: (0..tiles.len()).map(|tile| u32::try_from(at * 4 + tile).unwrap()).collect(),
        side_px: bundle.preprocess().input_px,
        pixels: tiles.concat(),
    });
    let rows = Mutex::new(vec![(Vec::new(), None); tiles.len()]);
    predictor.run(&Feed(Mutex::new(batches.collect())), &|scored: Scored| {
        for (at, (tile, scores)) in scored.tiles.iter().zip(scored.scores).enumerate() {
            let distance = scored.distances.as_ref().map(|distances| distances[at]);
            rows.lock().unwrap()[*tile as usize] = (scores, distance);
        }
    })?;
    Ok(rows.into_inner().unwrap())
}

/// Speckled tiles, each of another kind.
fn speckled(count: usize) -> Vec<Vec<u8>> {
    let bytes = (SIDE_PX * SIDE_PX * 3) as usize;
    let level = |tile: usize, at: usize| u8::try_from((at * (tile + 3) + at / 7 * 31 + tile * 40) % 251).unwrap();
    (0..count).map(|tile| (0..bytes).map(|at| level(tile, at)).collect()).collect()
}

fn cloud(features: usize) -> FeatureModel {
    let axis = |along: usize| (0..features).map(move |at| if at == along { 1.0 } else { 0.0 });
    FeatureModel::new(vec![0.25; features], vec![0.5; features], axis(3).chain(axis(9)).collect(), vec![2.0, 1.5], 0.5)
        .unwrap()
}

/// Writes a random model to `plain` and the same with a cloud to `familiar`.
fn write_both(folder: &Path, features: usize) -> Card {
    let input = Input { mpp: 0.5, tile_px: SIDE_PX, input_px: None, mean: [0.5; 3], std: [0.5; 3], stain: None };
    write_random_model(&folder.join("plain"), "random", Architecture::ResNet18, input, 1).unwrap();
    let plain = Bundle::open(&folder.join("plain")).unwrap();
    let table = Familiarity {
        file: String::new(),
        blake3: String::new(),
        features,
        directions: 2,
        fitted_on: "8 training tiles".to_owned(),
        judged_on: "4 validation tiles".to_owned(),
        tiles: 4,
        level: 0.8,
        median: 1.0,
        threshold: 2.0,
        flagged: None,
    };
    let card = Card { familiarity: Some(table), ..plain.card().unwrap().clone() };
    write_familiar_bundle(&folder.join("familiar"), &card, plain.weights(), Some(&cloud(features)), "").unwrap()
}

#[test]
fn a_bundle_keeps_its_cloud_and_the_device_measures_in_the_pass_that_scores() {
    let folder = tempfile::tempdir().unwrap();
    let card = write_both(folder.path(), FEATURES);
    let [plain, familiar] = ["plain", "familiar"].map(|name| Bundle::open(&folder.path().join(name)).unwrap());
    assert_eq!((familiar.card(), familiar.feature_model()), (Some(&card), Some(&cloud(FEATURES))));
    assert_eq!(familiar.familiarity().unwrap().file, "familiarity.safetensors");
    assert!(plain.familiarity().is_none() && plain.feature_model().is_none());
    assert_eq!(plain.digest(), familiar.digest());

    // The last batch has one tile.
    let tiles = speckled(5);
    let (without, with) = (said(&plain, &tiles).unwrap(), said(&familiar, &tiles).unwrap());
    let network = familiar.network(&Device::flex()).unwrap();
    let shape = UnpackShape { tiles: 1, input_px: SIDE_PX as usize, output_px: SIDE_PX as usize };
    let eye = Eye::new([0.5; 3], [0.5; 3], None);
    for (tile, (without, with)) in tiles.iter().zip(without.into_iter().zip(with)) {
        assert_eq!(without, (with.0, None), "scores are the same to the bit");
        let (_, looks) = network.forward_and_looks(eye.see(tile, shape, &Device::flex()));
        assert_eq!(looks.dims(), [1, FEATURES]);
        let expected = cloud(FEATURES).distance(&looks.into_data().iter::<f32>().collect::<Vec<_>>());
        let found = f64::from(with.1.unwrap());
        assert!((found - expected).abs() <= ROUNDING * expected, "{found} {expected}");
    }
    // A card that speaks of a cloud is not written without it.
    let bare = write_familiar_bundle(&folder.path().join("bare"), &card, plain.weights(), None, "").unwrap();
    assert_eq!(bare.familiarity, None);
    assert!(Bundle::open(&folder.path().join("bare")).unwrap().familiarity().is_none());
}

#[test]
fn every_network_shows_how_tiles_look() {
    for architecture in Architecture::all().filter(|architecture| *architecture != Architecture::Vit) {
        let spec = eosin::nn::NetworkSpec::torch(architecture, 0);
        // The large ones take minutes.
        if spec.features() > 1100 && !matches!(architecture, Architecture::MobileNetV2 | Architecture::InceptionV4) {
            continue;
        }
        let side = spec.input_px() as usize;
        let network = spec.init(&Device::flex()).unwrap();
        let tiles = || {
            let pixels = crate::formula::tiles(side)[..3 * side * side].to_vec();
            Tensor::<4>::from_data(TensorData::new(pixels, [1, 3, side, side]), &Device::flex())
        };
        let (outputs, looks) = network.forward_and_looks(tiles());
        assert_eq!(outputs.into_data(), network.forward(tiles()).into_data(), "{architecture}");
        assert!(looks.dims()[1] >= 24, "{architecture}: {:?}", looks.dims());
        assert!(looks.into_data().iter::<f32>().all(f32::is_finite), "{architecture}");
    }
}

#[test]
fn clouds_that_were_tampered_with_or_are_of_another_network_are_refused() {
    let damaged = |damage: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        write_both(folder.path(), FEATURES);
        let dir = folder.path().join("familiar");
        damage(&dir);
        Bundle::open(&dir).unwrap_err()
    };
    let file = |dir: &Path| dir.join("familiarity.safetensors");
    let flipped = damaged(&|dir| {
        let mut bytes = fs::read(file(dir)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file(dir), bytes).unwrap();
    });
    assert_eq!((flipped.kind(), flipped.code()), (ErrorKind::Integrity, "MOD-0301"));
    assert_eq!(damaged(&|dir| fs::remove_file(file(dir)).unwrap()).code(), "IO-0001");
    // Other bytes with the digest that the card then states.
    let replaced = |bytes: Vec<u8>| {
        damaged(&|dir| {
            let card = fs::read_to_string(dir.join("model.toml")).unwrap();
            let [before, after] = [&fs::read(file(dir)).unwrap(), &bytes].map(|bytes| blake3::hash(bytes).to_hex());
            fs::write(file(dir), &bytes).unwrap();
            fs::write(dir.join("model.toml"), card.replace(before.as_str(), after.as_str())).unwrap();
        })
    };
    let wide = replaced(cloud(FEATURES + 1).to_safetensors().unwrap().0);
    assert_eq!((wide.code(), wide.path().is_some()), ("MOD-0105", true), "{wide}");
    assert_eq!(replaced(vec![1, 2, 3]).code(), "MOD-0101");

    let folder = tempfile::tempdir().unwrap();
    write_both(folder.path(), FEATURES + 1);
    let other = Bundle::open(&folder.path().join("familiar")).unwrap();
    assert_eq!(said(&other, &speckled(1)).unwrap_err().code(), "MOD-0105");
}

/// Tiles of a set, evenly spaced.
fn some(set: &TileSet, tiles: &[usize], count: usize) -> Vec<Vec<u8>> {
    let step = tiles.len().div_ceil(count).max(1);
    tiles.iter().step_by(step).map(|&tile| set.pixels(tile).unwrap()).collect()
}

fn flagged(bundle: &Bundle, tiles: &[Vec<u8>]) -> f64 {
    let threshold = bundle.familiarity().unwrap().threshold;
    let unlike = said(bundle, tiles).unwrap().iter().filter(|row| row.1.unwrap() > threshold).count();
    unlike as f64 / tiles.len() as f64
}

#[test]
fn bundled_models_tell_kept_apart_tiles_from_other_tissue_ink_and_noise() {
    let (Some(slide), Some(targets)) = (shared("data/wsi/CRC01_HE_dev.tif"), shared("data/wsi/CRC01_targets_dev.csv"))
    else {
        return;
    };
    let (Some(other), Some(oral)) = (shared("data/tiles/crc7k"), shared("data/tiles/oscc")) else { return };
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let name = "tissue-mobilenetv2.crc01";
    let bundle = Bundle::open(&top.join(name)).unwrap();
    let text = fs::read_to_string(top.join(format!("training/{name}.toml"))).unwrap();
    let mut config = TrainConfig::from_toml(&text).unwrap();
    config.data = DataSource::Slide(SlideSource { slide, targets, ..SlideSource::default() });
    let load = |config: &TrainConfig| {
        let request = Request { scratch: None, ..config.request() };
        read(request, &AtomicBool::new(false), &mut |_| {}).unwrap()
    };
    let set = load(&config);
    let split = split(&set, &config.split, config.seed).unwrap();
    let kept = some(&set, &[&split.validation[..], &split.test].concat(), 140);
    let of = |path: &Path| {
        let mut config = config.clone();
        config.exclude.clear();
        (config.input.tile_px, config.input.size) = (224, SizeRule::Exact);
        config.data = DataSource::Folder(FolderSource { path: path.to_path_buf() });
        let set = load(&config);
        some(&set, &(0..set.tiles.len()).collect::<Vec<_>>(), 70)
    };
    let changed = |change: &dyn Fn(usize, u8) -> u8| -> Vec<Vec<u8>> {
        kept.iter()
            .take(70)
            .map(|tile| tile.iter().enumerate().map(|(at, &level)| change(at, level)).collect())
            .collect()
    };
    let plain = flagged(&bundle, &kept);
    // One in a hundred is expected; 140 tiles of one slide lie together.
    assert!(plain <= 0.05, "{plain}");
    let unlike = [
        ("inverted colours", changed(&|_, level| 255 - level)),
        ("noise", changed(&|at, _| u8::try_from((at * 7919 + at / 13 * 104_729) % 256).unwrap())),
        ("blue ink", changed(&|at, level| if at % 3 == 2 { level / 2 + 100 } else { level / 4 })),
        ("other slides of the same organ", of(&other)),
        ("another organ", of(&oral)),
    ];
    for (what, tiles) in unlike {
        let share = flagged(&bundle, &tiles);
        assert!(share >= 0.8 && share > 15.0 * plain, "{what}: {share}, kept apart: {plain}");
    }
}
