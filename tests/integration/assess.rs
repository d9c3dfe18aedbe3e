//! A model on labelled tiles: whose labels are whose classes, the same scores in any company, and two models on the same tiles.

use eosin::assess::{EvaluateConfig, Evaluated, ask, evaluate, predict};
use eosin::bench::write_random_model;
use eosin::dataset::{DataSource, FolderSource, InputConfig, ManifestSource, Request, SizeRule, TileSet, Truth, read};
use eosin::device::{DeviceSpec, OpenDevice, open};
use eosin::evaluate::Bootstrap;
use eosin::nn::{Architecture, Bundle, Input};
use eosin::{Error, ErrorKind};
use image::RgbImage;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

const SIDE_PX: u32 = 32;
/// The same numbers in another order of summation.
const SAME: f32 = 1e-6;

/// A model of the classes a and b, and 4 speckled tiles in each of some folders and a table of all.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new(labels: &[&str]) -> Self {
        let here = Self(tempfile::tempdir().unwrap());
        let input = Input { mpp: 0.5, tile_px: SIDE_PX, input_px: None, mean: [0.5; 3], std: [0.5; 3], stain: None };
        write_random_model(&here.path().join("model"), "random", Architecture::MobileNetV2, input, 1).unwrap();
        let mut table = "file,label,y,x\n".to_owned();
        for (at, label) in labels.iter().enumerate() {
            fs::create_dir_all(here.path().join("tiles").join(label)).unwrap();
            for number in 0..4 {
                let tint = u8::try_from(at * 40 + number * 20).unwrap();
                let speckle = |x: u32, y: u32| u8::try_from((x * 31 + y * 17 + x * y) % 61).unwrap();
                let name = format!("{label}/{number}.png");
                RgbImage::from_fn(SIDE_PX, SIDE_PX, |x, y| {
                    image::Rgb([tint, 90, 160 - tint].map(|c| c + speckle(x, y)))
                })
                .save(here.path().join("tiles").join(&name))
                .unwrap();
                writeln!(table, "tiles/{name},{label},{at}.5,{number}").unwrap();
            }
        }
        fs::write(here.path().join("table.csv"), table).unwrap();
        here
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The model with some words of its card changed.
    fn model(&self, name: &str, changes: &[(&str, &str)]) -> Bundle {
        let (from, to) = (self.path().join("model"), self.path().join(name));
        if !to.exists() {
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().file_name()) {
                fs::copy(from.join(&file), to.join(&file)).unwrap();
            }
        }
        let mut card = fs::read_to_string(from.join("model.toml")).unwrap();
        for (from, to) in changes {
            assert!(card.contains(from), "{from} in {card}");
            card = card.replacen(from, to, 1);
        }
        fs::write(to.join("model.toml"), card).unwrap();
        Bundle::open(&to).unwrap()
    }

    /// One that estimates a and b.
    fn estimator(&self) -> Bundle {
        self.model("estimator", &[("\"softmax\"", "\"identity\"")])
    }

    fn folder(&self) -> DataSource {
        DataSource::Folder(FolderSource { path: self.path().join("tiles") })
    }

    fn numbers(&self, values: &[&str]) -> DataSource {
        let values = values.iter().map(|name| (*name).to_owned()).collect();
        DataSource::Manifest(ManifestSource {
            path: self.path().join("table.csv"),
            values,
            ..ManifestSource::default()
        })
    }

    fn set(&self, source: &DataSource) -> TileSet {
        let _ = self;
        let input = InputConfig { tile_px: SIDE_PX, input_px: SIDE_PX, ..InputConfig::default() };
        let memory_bytes = 1 << 20;
        let request = Request { source, exclude: &[], input: &input, memory_bytes, scratch: None, trains: false };
        read(request, &AtomicBool::new(false), &mut |_| ()).unwrap()
    }

    fn asked(&self, bundle: &Bundle, source: &DataSource, rename: &[(&str, &str)]) -> Result<TileSet, Error> {
        let mut set = self.set(source);
        ask(bundle, &mut set, &names(rename))?;
        Ok(set)
    }
}

fn names(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

fn cpu() -> OpenDevice {
    open(DeviceSpec::Cpu).unwrap()
}

fn classes(set: &TileSet) -> Vec<usize> {
    set.tiles.iter().map(|tile| tile.truth.class().unwrap()).collect()
}

#[test]
fn labels_become_the_models_classes_in_its_order() {
    let here = Bench::new(&["gland", "stroma"]);
    let bundle = here.model("model", &[]);
    let set = here.asked(&bundle, &here.folder(), &[("gland", "b"), ("stroma", "a")]).unwrap();
    assert_eq!((set.targets.names(), classes(&set)), (&["a", "b"].map(str::to_owned)[..], [[1; 4], [0; 4]].concat()));
    // Two labels may be one class, and a class may have no tiles.
    let set = here.asked(&bundle, &here.folder(), &[("gland", "b"), ("stroma", "b")]).unwrap();
    assert_eq!(classes(&set), [1; 8]);
    for (rename, part) in [
        (&[][..], "expected classes of the model (a, b), found \"gland\""),
        (&[("gland", "a"), ("stroma", "c")], "found \"c\""),
        (&[("glands", "a")], "expected labels of the data (gland, stroma), found \"glands\""),
    ] {
        let error = here.asked(&bundle, &here.folder(), rename).unwrap_err();
        assert!(error.code() == "EVA-0008" && error.message().contains(part), "{error}");
    }
    let error = here.asked(&bundle, &here.numbers(&["x", "y"]), &[]).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("EVA-0009", ErrorKind::Usage));
}

#[test]
fn numbers_are_found_by_name_and_taken_in_order_only_when_no_name_fits() {
    let here = Bench::new(&["t"]);
    let bundle = here.estimator();
    let first = |source: &DataSource, rename: &[(&str, &str)]| {
        let set = here.asked(&bundle, source, rename).map_err(|error| error.code())?;
        Ok::<_, &str>((set.tiles[1].truth.clone(), set.notes.last().is_some_and(|note| note.contains("in order"))))
    };
    // Of tile 1 x is 1 and y is 0.5.
    let (xy, yx) = (here.numbers(&["x", "y"]), here.numbers(&["y", "x"]));
    assert_eq!(first(&xy, &[]).unwrap(), (Truth::Numbers(vec![1.0, 0.5]), true));
    for source in [&xy, &yx] {
        assert_eq!(first(source, &[("x", "b"), ("y", "a")]).unwrap(), (Truth::Numbers(vec![0.5, 1.0]), false));
    }
    assert_eq!(first(&xy, &[("x", "b")]), Err("EVA-0009"), "one name fits, and the other does not");
    assert_eq!(first(&here.numbers(&["x"]), &[]), Err("EVA-0009"));
    assert_eq!(first(&xy, &[("z", "b")]), Err("EVA-0008"));
    assert_eq!(first(&here.folder(), &[]), Err("EVA-0009"));
}

#[test]
fn a_tile_has_the_same_scores_in_any_company() {
    let here = Bench::new(&["a", "b", "c"]);
    let (bundle, device) = (here.model("model", &[]), cpu());
    let set = here.set(&here.folder());
    let scores = |tiles: &[usize]| {
        let done = std::sync::atomic::AtomicUsize::new(0);
        let progress = |now: usize| {
            done.fetch_max(now, std::sync::atomic::Ordering::Relaxed);
        };
        let scores = predict(&bundle, &device, &set, tiles, &AtomicBool::new(false), &progress).unwrap();
        assert_eq!(done.into_inner(), tiles.len());
        scores
    };
    let all: Vec<usize> = (0..12).collect();
    let expected = scores(&all);
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]), "tiles differ");
    for tiles in [&[7][..], &[11, 0, 4], &[3, 3, 2, 1, 9], &all[..7]] {
        for (&tile, row) in tiles.iter().zip(scores(tiles)) {
            let differs = row.iter().zip(&expected[tile]).any(|(found, expected)| (found - expected).abs() > SAME);
            assert!(!differs && row.len() == 2, "tile {tile}: {row:?} against {:?}", expected[tile]);
        }
    }
    assert!(scores(&[]).is_empty());
    let stopped = predict(&bundle, &device, &set, &all, &AtomicBool::new(true), &|_| ()).unwrap_err();
    assert_eq!((stopped.code(), stopped.kind()), ("EVA-0007", ErrorKind::Interrupted));
    let other = here.model("other", &[("tile_px = 32", "tile_px = 64")]);
    let refused = predict(&other, &device, &set, &all, &AtomicBool::new(false), &|_| ()).unwrap_err();
    assert_eq!(refused.code(), "EVA-0006");
}

fn evaluated(here: &Bench, bundle: &Bundle, other: Option<&Bundle>, source: DataSource) -> Result<Evaluated, Error> {
    let config = EvaluateConfig {
        source,
        exclude: Vec::new(),
        size: SizeRule::Exact,
        rename: BTreeMap::new(),
        side: None,
        ordered: true,
        bootstrap: Bootstrap { replicates: 50, seed: 1 },
        memory_bytes: 0,
        scratch: Some(here.path().to_path_buf()),
    };
    evaluate(bundle, other, &cpu(), &config, &AtomicBool::new(false), &|_| ())
}

#[test]
fn another_model_is_judged_by_the_same_tiles_whatever_the_order_of_its_classes() {
    let here = Bench::new(&["a", "b"]);
    let bundle = here.model("model", &[]);
    let swapped = here.model(
        "swapped",
        &[("name = \"a\"", "name = \"?\""), ("name = \"b\"", "name = \"a\""), ("name = \"?\"", "name = \"b\"")],
    );
    let found = evaluated(&here, &bundle, Some(&swapped), here.folder()).unwrap();
    let kappa = |name: &str| {
        let rows = found.record.assessment.figures();
        rows.into_iter().find(|row| row.name == name).and_then(|row| row.figure.value)
    };
    // Two grades are never more than one apart.
    assert!(kappa("quadratic_kappa").is_some() && kappa("quadratic_kappa") == kappa("kappa"));
    let comparison = &found.comparison.as_ref().unwrap().comparison;
    let accuracy = comparison.differences.iter().find(|row| row.name == "accuracy").unwrap();
    // What one takes for a, the other takes for b.
    assert!((accuracy.first.unwrap() + accuracy.second.unwrap() - 1.0).abs() < 1e-12, "{accuracy:?}");
    let itself = evaluated(&here, &bundle, Some(&bundle), here.folder()).unwrap().comparison.unwrap();
    assert!(
        itself.comparison.differences.iter().all(|row| row.difference.value.is_none_or(|value| value.abs() <= 0.0))
    );

    let renamed = here.model("renamed", &[("name = \"b\"", "name = \"c\"")]);
    for other in [&renamed, &here.estimator()] {
        assert_eq!(evaluated(&here, &bundle, Some(other), here.folder()).unwrap_err().code(), "EVA-0013");
    }
}

#[test]
fn a_model_that_estimates_is_asked_for_its_own_numbers() {
    let here = Bench::new(&["t", "u"]);
    let table = fs::read_to_string(here.path().join("table.csv")).unwrap().replacen("y,x", "b,a", 1);
    fs::write(here.path().join("table.csv"), table).unwrap();
    let found = evaluated(&here, &here.estimator(), None, here.numbers(&[])).unwrap();
    assert_eq!(found.set.tiles[5].truth, Truth::Numbers(vec![1.0, 1.5]));
    assert_eq!((found.record.model.scores.as_str(), found.record.tiles.evaluated), ("estimates", 8));
}
