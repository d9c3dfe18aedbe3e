//! Whole runs against those of WSInfer 0.6.1 with the same models, on the CPU.

use crate::shared::shared;
use eosin::device::{DeviceSpec, open};
use eosin::export::SlideStatus;
use eosin::nn::Bundle;
use eosin::pipeline::{ScoreConfig, score};
use eosin::tile::GridRule;
use eosin::tissue::TissueConfig;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::AtomicBool;

type Table = Vec<([i64; 4], Vec<f64>)>;

fn read(table: impl std::io::Read) -> Table {
    csv::Reader::from_reader(table)
        .records()
        .map(|row| {
            let row = row.unwrap();
            let place = [0, 1, 2, 3].map(|column| row[column].parse().unwrap());
            (place, row.iter().skip(4).map(|field| field.parse().unwrap()).collect())
        })
        .collect()
}

/// Runs a case and gives both tables, ours first.
fn run(case: &str, model: &str, slide: &str) -> Option<(Table, Table)> {
    let weights = shared(&format!("parity/models/{model}/model.safetensors"))?;
    let config = shared(&format!("parity/wsinfer/{case}/config.json"))?;
    let slide = shared(&format!("data/wsi/{slide}"))?;
    let stem = slide.file_stem().unwrap().to_str().unwrap().to_string();
    let reference = shared(&format!("parity/wsinfer/{case}/{stem}.csv.gz"))?;
    let out = tempfile::tempdir().unwrap();
    let run = ScoreConfig {
        slides: vec![slide],
        out: out.path().into(),
        grid: GridRule::WsInfer,
        overlap: 0.0,
        min_tissue: 0.0,
        mpp: None,
        tissue: TissueConfig::default(),
        memory_bytes: 512 << 20,
        workers: 0,
        overwrite: false,
    };
    let bundle = Bundle::open_wsinfer(&config, &weights).unwrap();
    let outcome =
        score(&run, &bundle, &open(DeviceSpec::Cpu).unwrap(), None, &AtomicBool::new(false), &|_| {}).unwrap();
    assert_eq!(outcome.records[0].status, SlideStatus::Scored);
    let ours = read(File::open(out.path().join(format!("model-outputs-csv/{stem}.csv"))).unwrap());
    Some((ours, read(GzDecoder::new(File::open(reference).unwrap()))))
}

/// Largest and median difference of a probability over the tiles that both have.
fn differences(ours: &Table, theirs: &Table) -> (f64, f64) {
    let theirs: BTreeMap<_, _> = theirs.iter().cloned().collect();
    let mut all: Vec<f64> = ours
        .iter()
        .filter_map(|(place, scores)| Some(scores.iter().zip(theirs.get(place)?)))
        .flatten()
        .map(|(a, b)| (a - b).abs())
        .collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() - 1], all[all.len() / 2])
}

fn agrees(case: &str, model: &str, slide: &str) {
    let Some((ours, theirs)) = run(case, model, slide) else { return };
    assert!(ours.iter().map(|row| row.0).eq(theirs.iter().map(|row| row.0)), "other tiles or another order");
    let (worst, median) = differences(&ours, &theirs);
    println!("{case}: {} tiles, worst {worst:.6}, median {median:.7}", ours.len());
    assert!(worst <= 0.01 && median <= 0.001, "worst {worst}, median {median}");
}

#[test]
fn resnet18_on_an_aperio_slide_without_resizing() {
    agrees("a_cmu_resnet18_224px_0.5um", "resnet18", "CMU-1-Small-Region.svs");
}

#[test]
fn resnet18_on_a_generic_tiff_at_half_its_resolution() {
    agrees("b_crc01dev_resnet18_224px_2.6um", "resnet18", "CRC01_HE_dev.tif");
}

#[test]
fn mobilenetv2_on_an_aperio_slide_enlarged() {
    agrees("f_cmu_mobilenetv2_224px_0.4um", "mobilenetv2_100", "CMU-1-Small-Region.svs");
}
