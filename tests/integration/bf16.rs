//! How far scores move in bf16: cards of bundled models say what is found again, and a measurement that is stopped leaves
//! nothing.

use crate::shared::shared;
use eosin::ErrorKind;
use eosin::dataset::{DataSource, FolderSource, ManifestSource};
use eosin::nn::{Bf16Difference, Bundle};
use eosin::train::{Bf16Config, Bf16Event, PROBABILITY_BOUND, TrainConfig, measure_bf16};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// How far the largest and the middle difference may be from the card's, as a share of it. Kernels of other processors add
/// up in another order, and what lies at the edge of a step of bf16 is then rounded to its other side.
const OTHER_KERNELS: f64 = 0.3;

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

/// The configuration that a bundled model was trained with, on tiles that lie elsewhere.
fn training(name: &str, data: impl FnOnce(DataSource) -> DataSource, out: PathBuf) -> TrainConfig {
    let text = std::fs::read_to_string(model(&format!("training/{name}.toml"))).unwrap();
    let config = TrainConfig::from_toml(&text).unwrap();
    TrainConfig { data: data(config.data), out, ..config }
}

#[test]
fn cards_of_bundled_models_say_what_is_found_again() {
    let (Some(breast), Some(oral)) = (shared("data/tiles/idc/labels.csv"), shared("data/tiles/oscc")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let breast = |data| match data {
        DataSource::Manifest(source) => DataSource::Manifest(ManifestSource { path: breast, ..source }),
        other => panic!("expected a table, found {other:?}"),
    };
    let configs = [
        training("tumour-mobilenetv2.idc", breast, folder.path().join("idc")),
        training(
            "tumour-mobilenetv2.oscc",
            |_| DataSource::Folder(FolderSource { path: oral }),
            folder.path().join("oscc"),
        ),
    ];
    for config in configs {
        let name = config.card.name.clone();
        let stated = Bundle::open(&model(&name)).unwrap().bf16().unwrap().clone();
        let asked = Bf16Config::default();
        let found = measure_bf16(&model(&name), &config, &asked, &AtomicBool::new(false), &|_| {}).unwrap().difference;
        println!("{name}: {found:?}");
        for (found, stated) in [(found.max, stated.max), (found.median, stated.median)] {
            assert!((found - stated).abs() <= OTHER_KERNELS * stated, "{name}: {found}, the card says {stated}");
        }
        assert_eq!((found.tiles, found.is_within_bound()), (stated.tiles, stated.is_within_bound()), "{name}");
    }
}

#[test]
fn every_bundled_model_has_a_table_with_the_usual_bound_or_a_stricter_one() {
    for (name, path) in Bundle::names(&[model("")]) {
        let bundle = Bundle::open(&path).unwrap();
        let Bf16Difference { bound, tiles, .. } = *bundle.bf16().unwrap();
        assert!(bound <= PROBABILITY_BOUND && tiles >= 500, "{name}");
        let text = std::fs::read_to_string(path.join("CARD.md")).unwrap();
        assert!(text.contains(&bundle.bf16().unwrap().describe()), "{name}");
    }
}

#[test]
fn a_measurement_that_is_stopped_leaves_nothing() {
    let Some(oral) = shared("data/tiles/oscc") else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = "tumour-mobilenetv2.oscc";
    let out = folder.path().join("new");
    let config = training(name, |_| DataSource::Folder(FolderSource { path: oral }), out.clone());
    // While tiles are read, and while they are scored.
    for reading in [true, false] {
        let cancel = AtomicBool::new(false);
        let stop = |event: Bf16Event| {
            cancel.fetch_or(reading || matches!(event, Bf16Event::Scoring { .. }), Ordering::Relaxed);
        };
        let error = measure_bf16(&model(name), &config, &Bf16Config::default(), &cancel, &stop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        assert!(!out.exists() && std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
