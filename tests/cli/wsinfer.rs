//! For those who come from WSInfer: its files are where its scripts look for them, and its faults are not.
//!
//! Other faults of its have tests elsewhere: an exit code of 0 although slides failed, a failure that names the folder and
//! an unreadable tile that ends the run in `slide_faults`, names of users and folders in `privacy`, a result cut by a kill
//! in `resume` and `stop`.

use crate::workplace::{Workplace, results_of, score_args, with_summary, write_model};
use eosin::nn::Architecture;
use serde_json::Value;

#[test]
fn the_places_of_tiles_are_those_of_the_table_with_either_grid() {
    let here = Workplace::new();
    for grid in ["eosin", "wsinfer"] {
        here.score(&["slides"], &["--grid", grid, "--overlap", "0.5"]).line("scored   good: ");
        let file = rust_hdf5::H5File::open(here.path("out/patches/good.h5")).unwrap();
        let coords = file.dataset("coords").unwrap();
        let flat = coords.read_raw::<i64>().unwrap();
        let side: i64 = coords.attr("patch_size").unwrap().read_numeric().unwrap();
        let mut table = csv::Reader::from_path(here.path("out/model-outputs-csv/good.csv")).unwrap();
        let rows: Vec<[i64; 4]> =
            table.records().map(|row| [0, 1, 2, 3].map(|at| row.as_ref().unwrap()[at].parse().unwrap())).collect();
        assert!(rows.len() > 20 && coords.shape() == [rows.len(), 2], "{grid}");
        let found: Vec<[i64; 4]> = flat.chunks(2).map(|place| [place[0], place[1], side, side]).collect();
        assert_eq!(found, rows, "{grid}");
        let mask = image::open(here.path("out/masks/good.jpg")).unwrap();
        assert!(mask.width().max(mask.height()) <= 1024 && mask.width() > 100, "{grid}");
    }
}

#[test]
fn a_run_says_what_it_was_when_it_is_through() {
    let here = Workplace::new();
    here.write("slides/text.svs", b"text");
    here.score(&["slides"], &["--tile-px", "96", "--spacing-um", "0.75", "--overlap", "0.25"]);
    let found = here.run_metadata();
    assert_eq!(found.len(), 1, "{found:?}");
    let metadata: Value = serde_json::from_slice(&here.read(&format!("out/{}", found[0]))).unwrap();
    let config = &metadata["model"]["config"];
    assert_eq!((&config["patch_size_pixels"], &config["spacing_um_px"]), (&96.into(), &0.75.into()));
    assert_eq!((&config["architecture"], &config["class_names"][1]), (&"resnet18".into(), &"b".into()));
    assert_eq!(config["transform"][0]["arguments"]["size"], 32);
    assert_eq!((&metadata["eosin"]["slides"], &metadata["eosin"]["failed"]), (&2.into(), &1.into()));
    assert_eq!(metadata["eosin"]["settings"]["overlap"], 0.25);
}

#[test]
fn another_model_in_the_same_folder_replaces_all_results() {
    let here = Workplace::new();
    write_model(&here.path("other"), Architecture::MobileNetV2);
    here.score(&["slides"], &[]).line("scored   good: ");
    let first = here.read("out/model-outputs-csv/good.csv");
    here.run(&score_args("other", "out", &["slides"], &[])).line("scored   good: ");
    assert_ne!(here.read("out/model-outputs-csv/good.csv"), first);
    assert_eq!(here.record("good")["model"]["digest"].as_str().map(str::len), Some(64));
    here.score(&["slides"], &[]).line("scored   good: ");
    assert_eq!(here.read("out/model-outputs-csv/good.csv"), first);
}

#[test]
fn a_table_that_lies_there_does_not_count_as_done() {
    let here = Workplace::new();
    std::fs::create_dir_all(here.path("out/model-outputs-csv")).unwrap();
    // What a kill leaves of a table that is written in place.
    here.write("out/model-outputs-csv/good.csv", b"minx,miny,width,height,prob_a,prob_b\n0,0,128,128,0.5,0.");
    here.score(&["slides"], &[]).line("scored   good: ");
    assert!(here.read("out/model-outputs-csv/good.csv").ends_with(b"\n"));
    assert_eq!(here.files("out"), with_summary(&[results_of("good")]));
}

#[test]
fn a_slide_without_tissue_has_a_table_without_rows_and_no_places() {
    let here = Workplace::new();
    here.write_glass("slides/good.svs");
    for grid in ["eosin", "wsinfer"] {
        let said = here.score(&["slides"], &["--grid", grid, "--overwrite"]);
        assert_eq!(said.code, Some(0), "{:#?}", said.lines);
        assert_eq!(here.read("out/model-outputs-csv/good.csv"), b"minx,miny,width,height,prob_a,prob_b\n");
        assert!(!here.path("out/patches/good.h5").exists() && here.path("out/masks/good.jpg").exists());
    }
}
