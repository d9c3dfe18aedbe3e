//! `eosin map`: maps, numbers and reports made again of what was scored, and what stands in the way.

use crate::workplace::{Workplace, results_of, score_args, with_summary, write_model};
use eosin::nn::Architecture;

/// What is told by numbers, without how long it took.
fn measurements(here: &Workplace, id: &str) -> serde_json::Value {
    let mut record: serde_json::Value =
        serde_json::from_slice(&here.read(&format!("out/measurements/{id}.json"))).unwrap();
    record.as_object_mut().unwrap().remove("seconds");
    record
}

/// All files but the record of the numbers, which holds how long they took.
fn results(here: &Workplace, id: &str) -> Vec<(String, Vec<u8>)> {
    let names = results_of(id).into_iter().filter(|name| !name.starts_with("measurements/"));
    names.map(|name| (name.clone(), here.read(&format!("out/{name}")))).collect()
}

#[test]
fn maps_are_made_again_without_slide_and_model_and_are_the_same() {
    let here = Workplace::new();
    here.score(&["slides"], &[]).line("scored   good: ");
    let (files, numbers) = (results(&here, "good"), measurements(&here, "good"));
    let cohort = here.read("out/cohort.csv");
    for gone in ["slides", "model"] {
        std::fs::remove_dir_all(here.path(gone)).unwrap();
    }
    let said = here.run(&["map", "out"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    said.line("kept     good: made before with the same settings");
    let said = here.run(&["map", "out", "--overwrite"]);
    said.line("mapped   good in ");
    said.line("1 of 1 slides mapped; ");
    assert_eq!((results(&here, "good"), measurements(&here, "good")), (files.clone(), numbers.clone()));

    // Other settings make other maps, and the old ones come back with the old settings.
    let said = here.run(&["map", "out", "--cell-um", "100", "--smooth-um", "80", "--tumour", "a", "--immune", "b"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let other = measurements(&here, "good");
    assert_ne!(other["measurements"], numbers["measurements"]);
    assert_eq!(other["settings"]["map"]["cells"]["cell_um"], 100.0);
    assert_eq!(other["measurements"]["roles"], serde_json::json!([["tumour", ["a"]], ["immune", ["b"]]]));
    here.run(&["map", "out"]).line("mapped   good in ");
    assert_eq!((results(&here, "good"), measurements(&here, "good")), (files, numbers));
    assert_eq!(here.read("out/cohort.csv"), cohort);
    assert_eq!(here.files("out"), with_summary(&[results_of("good")]));
}

#[test]
fn all_formats_are_made_when_asked_for_and_gone_when_not() {
    let here = Workplace::new();
    here.score(&["slides"], &["--formats", "all", "--permutations", "0", "--replicates", "0"]);
    let files = here.files("out");
    for name in
        ["ome-tiff/good.ome.tif", "tiles/good.parquet", "tiles/good.csv", "dicom/good.seg.dcm", "dicom/good.pm.dcm"]
    {
        assert!(files.iter().any(|file| file == name), "{name} in {files:#?}");
    }
    for folder in ["ome-zarr/good.ome.zarr/", "anndata/good.zarr/", "maps16/good/", "stony-brook/good/"] {
        assert!(files.iter().any(|file| file.starts_with(folder)), "{folder} in {files:#?}");
    }
    assert!(!files.iter().any(|file| file.contains(".eosin-")), "no drafts are left: {files:#?}");
    here.run(&["map", "out"]).line("mapped   good in ");
    assert_eq!(here.files("out"), with_summary(&[results_of("good")]));
}

#[test]
fn what_cannot_be_mapped_is_said_by_name_and_the_others_are() {
    let here = Workplace::new();
    for name in ["cut", "old"] {
        here.copy("slides/good.svs", &format!("slides/{name}.svs"));
    }
    here.write("slides/text.svs", b"text");
    assert_eq!(here.score(&["slides"], &[]).code, Some(2));
    let whole = here.read("out/predictions/cut.h5");
    here.write("out/predictions/cut.h5", &whole[..whole.len() - 7]);
    let mut record = here.record("old");
    let outputs = record["outputs"].as_array_mut().unwrap();
    outputs.retain(|file| !file["name"].as_str().unwrap().starts_with("predictions/"));
    here.write("out/old.json", record.to_string().as_bytes());
    here.write("out/text.json", b"{");
    let said = here.run(&["map", "out", "--margin-um", "300"]);
    assert_eq!(said.code, Some(2), "{:#?}", said.lines);
    assert!(said.line("no maps  cut: ").contains("[MAP-0012]"));
    assert!(
        said.line("no maps  old: ").contains("[MAP-0013]") && said.line("no maps  old: ").contains("score it again")
    );
    said.line("mapped   good in ");
    assert!(said.line("no maps  text: ").contains("[MAP-0016]"), "a record that was damaged is not passed over");
    said.line("1 of 4 slides mapped, 3 failed; ");
    // Scored with another model, a slide has no numbers of the one before, not even when maps of it cannot be made.
    write_model(&here.path("other"), Architecture::MobileNetV2);
    let said = here.run(&score_args("other", "out", &["slides/good.svs"], &["--cell-um", "0.1"]));
    assert_eq!(said.code, Some(2), "{:#?}", said.lines);
    assert!(said.line("no maps  good: ").contains("[MAP-0004]"));
    let table = String::from_utf8(here.read("out/measurements.csv")).unwrap();
    assert!(!table.contains("good"), "{table}");
    assert!(!here.path("out/reports/good.html").exists());
}

#[test]
fn wrong_settings_are_refused_before_anything_is_made() {
    let here = Workplace::new();
    here.score(&["slides"], &[]);
    let before = results(&here, "good");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["map", "out", "--formats", "pdf"], 4, "MAP-0010"),
        (&["map", "out", "--margin-um", "0"], 4, "MEA-0001"),
        (&["map", "out", "--tumour", "unheard-of"], 2, "MAP-0011"),
        (&["map", "out", "--cell-um", "0.1"], 2, "MAP-0004"),
        (&["map", "slides"], 4, "MAP-0014"),
        (&["map", "nowhere"], 3, "IO-"),
        (&["score", "slides", "--model", "model", "--out", "out", "--tumour", "unheard-of"], 4, "MAP-0011"),
        (&["score", "slides", "--model", "model", "--out", "out", "--formats", "pdf"], 4, "MAP-0010"),
    ];
    for (args, code, word) in cases {
        let said = here.run(args);
        assert_eq!(said.code, Some(code), "{args:?}: {:#?}", said.lines);
        assert!(said.lines.iter().any(|line| line.contains(word)), "{args:?}: {:#?}", said.lines);
    }
    assert_eq!(here.run(&["map", "out", "--threshold", "a"]).code, Some(4));
    here.run(&["map", "out"]).line("1 of 1 slides mapped; ");
    assert_eq!(results(&here, "good"), before);
}

#[test]
fn a_measured_map_is_compared_with_the_one_that_was_made() {
    let here = Workplace::new();
    here.score(&["slides"], &[]);
    let table = String::from_utf8(here.read("out/model-outputs-csv/good.csv")).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{},{},{}\n", cells[0], cells[1], cells[4])
    });
    here.write("measured.csv", format!("x,y,a\n{}", rows.collect::<String>()).as_bytes());
    let said = here.run(&["map", "out", "--measured", "measured.csv"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let found = &measurements(&here, "good")["measurements"]["agreement"][0];
    assert_eq!(found["name"], "a");
    assert!(found["pearson"]["value"].as_f64().unwrap() > 0.999_999, "{found}");
    let report = String::from_utf8(here.read("out/reports/good.html")).unwrap();
    assert!(report.contains("Agreement with a measured map"));
    here.write("measured.csv", b"x,y,a\n0,0,one\n");
    let said = here.run(&["map", "out", "--measured", "measured.csv"]);
    assert!(said.line("no maps  good: ").contains("[MEA-0002]"), "{:#?}", said.lines);
}

#[test]
fn outcomes_are_told_beside_the_maps_and_go_when_they_are_not_given() {
    let here = Workplace::new();
    here.copy("slides/good.svs", "slides/two.svs");
    let cases = [
        ("id,time\ngood,1\n", "SUR-0020"),
        ("id,time,event\ngood,-1,1\n", "line 2: expected a time of 0 or more"),
        ("id,time,event\ngood,1,2\n", "line 2: expected an event of 0 or 1"),
        ("id,time,event\nbad,1,1\n", "found \"bad\" [SUR-0022]"),
        ("id,time,event,patient\ngood,1,1,Jane\ntwo,2,1,Jane\n", "SUR-0021"),
    ];
    let given = ["--outcomes", "given.csv"];
    // Before anything is scored, too.
    here.write("given.csv", cases[3].0.as_bytes());
    let said = here.score(&["slides"], &given);
    assert_eq!(said.code, Some(4), "{:#?}", said.lines);
    assert!(!here.path("out").exists(), "{:#?}", here.files("out"));
    here.write("given.csv", b"id,time,event,patient\ngood,1,1,Jane\ntwo,1,1,Jane\n");
    let said = here.score(&["slides"], &given);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let table = String::from_utf8(here.read("out/outcomes.csv")).unwrap();
    assert!(
        table.contains("tissue_area,,tissue,mm\u{b2},1,1,months,") && table.contains("fewer than 10 events"),
        "{table}"
    );
    let report = String::from_utf8(here.read("out/report.html")).unwrap();
    assert!(report.contains("Numbers and outcomes") && !report.contains("Jane"));
    // Slides do not depend on them.
    here.run(&["map", "out", "--outcomes", "given.csv", "--outcome-unit", "days"]).line("kept     good: ");
    assert!(String::from_utf8(here.read("out/outcomes.csv")).unwrap().contains(",days,"));
    for (table, words) in cases {
        here.write("given.csv", table.as_bytes());
        let said = here.run(&["map", "out", "--outcomes", "given.csv"]);
        assert_eq!(said.code, Some(4), "{table:?}: {:#?}", said.lines);
        assert!(said.lines.iter().any(|line| line.contains(words)), "{table:?}: {:#?}", said.lines);
        assert!(!said.lines.iter().any(|line| line.contains("Jane")), "{table:?}: {:#?}", said.lines);
    }
    assert_eq!(here.run(&["map", "out", "--outcome-unit", "days"]).code, Some(4), "the unit of nothing");
    assert_eq!(here.run(&["map", "out", "--outcomes", "nowhere.csv"]).code, Some(3));
    here.run(&["map", "out"]).line("kept     good: ");
    assert_eq!(here.files("out"), with_summary(&[results_of("good"), results_of("two")]));
    here.write("text.svs", b"text");
    here.score_into("failed", &["text.svs"], &[]);
    let said = here.run(&["map", "failed", "--outcomes", "given.csv"]);
    assert!(said.code == Some(4) && said.lines.iter().any(|line| line.contains("[SUR-0023]")), "{:#?}", said.lines);
}
