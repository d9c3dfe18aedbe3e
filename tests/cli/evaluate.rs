//! `eosin evaluate`: figures that can be worked out from the table beside them, scores that are those of other commands, and
//! one line when nothing can be evaluated.

use crate::workplace::{Said, USER, Workplace};
use eosin::geometry::Rect;
use eosin::slide::Slide;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Side of a tile of the workplace's model.
const TILE_PX: u32 = 128;
/// Scores of the same tile from two commands.
const SAME: f64 = 1e-5;
/// Normalisation is a step of its own while a model is trained, and folded into the weights when it is used.
const FOLDED: f64 = 1e-4;
/// Figures from scores that were written with all their digits.
const EXACT: f64 = 1e-9;

const EVALUATE: &[&str] = &["evaluate", "--model", "model", "--device", "cpu", "--out", "out"];
const FILES: [&str; 3] = ["evaluation.html", "evaluation.json", "predictions.csv"];

/// Six tiles of each class, in folders and in a table that knows patients, sites and sides.
fn workplace() -> Workplace {
    let here = Workplace::new();
    let slide = Slide::open(&here.path("slides/good.svs")).unwrap();
    let mut table = "file,label,case,site,split\n".to_owned();
    for number in 0..12_u32 {
        let class = if number < 6 { "a" } else { "b" };
        std::fs::create_dir_all(here.path("tiles").join(class)).unwrap();
        let place = Rect::new(i64::from(number % 4) * 200 + 60, i64::from(number / 4) * 250 + 60, TILE_PX, TILE_PX);
        let pixels = slide.read_region(0, place, [255; 3]).unwrap().into_vec();
        let name = format!("tiles/{class}/{number}.png");
        image::RgbImage::from_raw(TILE_PX, TILE_PX, pixels).unwrap().save(here.path(&name)).unwrap();
        let (site, side) =
            (if number % 2 == 0 { "north" } else { "south" }, ["train", "val", "test"][number as usize % 3]);
        writeln!(table, "{name},{class},case-{},{site},{side}", number % 6).unwrap();
    }
    here.write("tiles.csv", table.as_bytes());
    here
}

fn evaluate(here: &Workplace, more: &[&str]) -> Said {
    here.run(&[EVALUATE, more].concat())
}

fn record(here: &Workplace, out: &str) -> Value {
    serde_json::from_slice(&here.read(&format!("{out}/evaluation.json"))).unwrap()
}

fn rows(here: &Workplace, name: &str) -> Vec<HashMap<String, String>> {
    let bytes = here.read(name);
    csv::Reader::from_reader(&bytes[..]).deserialize().map(Result::unwrap).collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    // Scores are f32, and written with as many digits as these have.
    f64::from(row[column].parse::<f32>().unwrap())
}

#[test]
fn the_figures_are_those_of_the_predictions_beside_them() {
    let here = workplace();
    let said = evaluate(&here, &["--manifest", "tiles.csv", "--column", "patient=case", "--replicates", "200"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert_eq!(here.files("out"), FILES);
    let (record, rows) = (record(&here, "out"), rows(&here, "out/predictions.csv"));
    assert_eq!((rows.len(), &*rows[0]["tile"]), (12, "tiles/a/0.png"));
    let share = |of: &dyn Fn(&HashMap<String, String>) -> bool, among: &dyn Fn(&HashMap<String, String>) -> bool| {
        let among: Vec<_> = rows.iter().filter(|row| among(row)).collect();
        f64::from(u32::try_from(among.iter().filter(|row| of(row)).count()).unwrap())
            / f64::from(u32::try_from(among.len()).unwrap())
    };
    let right = |row: &HashMap<String, String>| row["truth"] == row["said"];
    let recalls = ["a", "b"].map(|class| share(&right, &|row| row["truth"] == class));
    let losses: f64 = rows.iter().map(|row| -number(row, &format!("prob_{}", row["truth"])).ln()).sum();
    let briers: f64 = rows
        .iter()
        .flat_map(|row| ["a", "b"].map(|c| number(row, &format!("prob_{c}")) - f64::from(u8::from(row["truth"] == c))))
        .map(|miss| miss * miss)
        .sum();
    // The chance that a tile of the class has a larger probability of it than one of the other class.
    let pairs: Vec<f64> = rows
        .iter()
        .filter(|row| row["truth"] == "b")
        .flat_map(|b| {
            rows.iter().filter(|row| row["truth"] == "a").map(move |a| number(b, "prob_b") - number(a, "prob_b"))
        })
        .map(|lead| {
            if lead > 0.0 {
                1.0
            } else if lead < 0.0 {
                0.0
            } else {
                0.5
            }
        })
        .collect();
    let overall = &record["assessment"]["overall"];
    for (name, expected) in [
        ("accuracy", share(&right, &|_| true)),
        ("balanced_accuracy", f64::midpoint(recalls[0], recalls[1])),
        ("log_loss", losses / 12.0),
        ("brier", briers / 12.0),
    ] {
        let found = overall[name]["value"].as_f64().unwrap();
        assert!((found - expected).abs() < EXACT, "{name}: {found} against {expected}");
    }
    let found = record["assessment"]["classes"][1]["auroc"]["value"].as_f64().unwrap();
    assert!((found - pairs.iter().sum::<f64>() / 36.0).abs() < EXACT);
    let basis = &record["assessment"]["basis"];
    assert_eq!((basis["unit"].as_str(), basis["clusters"].as_u64()), (Some("patient"), Some(6)));
    assert!(overall["accuracy"]["low"].as_f64() <= overall["accuracy"]["high"].as_f64());
    assert_eq!(record["assessment"]["sites"][1]["site"], "south");

    let bundle = eosin::nn::Bundle::open(&here.path("model")).unwrap();
    assert_eq!((&record["model"]["name"], &record["model"]["digest"]), (&"random".into(), &bundle.digest().into()));
    assert_eq!((&record["model"]["temperature"], &record["device"]["backend"]), (&Value::Null, &"flex".into()));
    assert_eq!((&record["tiles"]["source"], &record["tiles"]["evaluated"]), (&"manifest".into(), &12.into()));
    assert!(record["notes"].to_string().contains("4 of these tiles are for training"), "{}", record["notes"]);

    let text = &said.out;
    for part in
        ["random on 12 tiles", "balanced accuracy", "AUROC", "95 % intervals", "6 patients", "research use only"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    for secret in ["department-of", "case-", USER] {
        assert!(!text.contains(secret), "{secret}");
        for file in FILES {
            let bytes = here.read(&format!("out/{file}"));
            assert!(!String::from_utf8(bytes).unwrap().contains(secret), "{secret} in {file}");
        }
    }
    let again =
        ["-o", "again", "--json", "-q", "--replicates", "200", "--manifest", "tiles.csv", "--column", "patient=case"];
    let json = here.run(&[&EVALUATE[..5], &again].concat());
    assert_eq!((json.code, json.lines.len()), (Some(0), 0), "{:#?}", json.lines);
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap(), record, "the same run says the same");
}

#[test]
fn scores_are_those_of_scoring_and_of_explaining() {
    let here = workplace();
    assert_eq!(here.score_into("scored", &["slides"], &[]).code, Some(0));
    let scored = rows(&here, "scored/model-outputs-csv/good.csv");
    let mut tables = ["x,y,label\n", "slide,x,y,label\n"].map(str::to_owned);
    for (at, row) in scored.iter().enumerate() {
        for (table, slide) in tables.iter_mut().zip(["", "good.svs,"]) {
            writeln!(table, "{slide}{},{},{}", row["minx"], row["miny"], ["a", "b"][at % 2]).unwrap();
        }
    }
    here.write("places.csv", tables[0].as_bytes());
    here.write("slides/places.csv", tables[1].as_bytes());
    let said = evaluate(&here, &["--slide", "slides/good.svs", "--targets", "places.csv"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.lines.iter().any(|line| line.starts_with("note     one slide of one patient")), "{:#?}", said.lines);
    // The order is that of the slide.
    let found: HashMap<String, f64> =
        rows(&here, "out/predictions.csv").iter().map(|row| (row["tile"].clone(), number(row, "prob_b"))).collect();
    assert!(scored.len() > 8 && found.len() == scored.len());
    for row in &scored {
        let (expected, found) = (number(row, "prob_b"), found[&format!("x {}, y {}", row["minx"], row["miny"])]);
        assert!((found - expected).abs() <= SAME, "expected {expected}, found {found}");
    }

    let said = here.run(&[&EVALUATE[..5], &["-o", "several", "--targets", "slides/places.csv", "-q"]].concat());
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert_eq!(rows(&here, "several/predictions.csv").len(), scored.len());

    let said = here.run(&[&EVALUATE[..5], &["-o", "files", "--tiles", "tiles", "-q"]].concat());
    assert_eq!((said.code, said.lines.len()), (Some(0), 0), "{:#?}", said.lines);
    let said = here.run(&["explain", "--model", "model", "--class", "b", "--out", "explained", "tiles"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let mut explained: Vec<f64> = rows(&here, "explained/explain.csv").iter().map(|row| number(row, "score")).collect();
    let mut found: Vec<f64> = rows(&here, "files/predictions.csv").iter().map(|row| number(row, "prob_b")).collect();
    explained.sort_by(f64::total_cmp);
    found.sort_by(f64::total_cmp);
    assert_eq!(found.len(), 12);
    assert!(found.iter().zip(&explained).all(|(a, b)| (a - b).abs() <= SAME), "{found:?} {explained:?}");
}

#[test]
fn sides_labels_and_single_classes_are_as_asked() {
    let here = workplace();
    let run = |out: &str, more: &[&str]| {
        let said = here.run(&[&EVALUATE[..5], &["--out", out, "-q", "--replicates", "20"], more].concat());
        assert_eq!((said.code, said.lines.len()), (Some(0), 0), "{more:?}: {:#?}", said.lines);
        (record(&here, out), said.out)
    };
    let (side, text) = run("side", &["--manifest", "tiles.csv", "--split", "test"]);
    assert_eq!((&side["tiles"]["evaluated"], &side["tiles"]["side"]), (&4.into(), &"test".into()));
    assert!(
        text.contains("random on 4 test tiles") && text.contains("no intervals: the tiles are of 4 tiles"),
        "{text}"
    );
    assert!(
        rows(&here, "side/predictions.csv")
            .iter()
            .all(|row| ["2", "5", "8", "11"].iter().any(|n| row["tile"].ends_with(&format!("/{n}.png"))))
    );

    std::fs::rename(here.path("tiles/b"), here.path("tiles/gland")).unwrap();
    let (renamed, _) = run("renamed", &["--tiles", "tiles", "--rename", "gland=b"]);
    assert_eq!(renamed["assessment"]["classes"][1]["support"], 6);
    let (one, text) = run("one", &["--tiles", "tiles", "--exclude", "gland"]);
    assert_eq!(one["assessment"]["classes"][1]["support"], 0);
    assert_eq!(one["assessment"]["classes"][0]["auroc"]["value"], Value::Null);
    let overall = &one["assessment"]["overall"];
    assert_eq!(overall["balanced_accuracy"]["value"], overall["accuracy"]["value"]);
    assert!(text.contains("b                               0  -"), "{text}");

    let (_, text) = run("both", &["--tiles", "tiles", "--rename", "gland=b", "--compare", "model"]);
    assert!(text.contains("random less random") && text.contains("0.000 [0.000, 0.000]"), "{text}");
    assert_eq!(here.files("both"), [&["comparison.json"], &FILES[..]].concat());
}

#[test]
fn findings_and_estimates_have_figures_of_their_own() {
    let here = workplace();
    let mut table = "file,cells,nuclei\n".to_owned();
    for number in 0..12 {
        let class = if number < 6 { "a" } else { "b" };
        writeln!(table, "tiles/{class}/{number}.png,{},{number}", number % 5).unwrap();
    }
    here.write("numbers.csv", table.as_bytes());
    let card = String::from_utf8(here.read("model/model.toml")).unwrap();
    let run = |activation: &str, more: &[&str]| {
        here.write("model/model.toml", card.replacen("\"softmax\"", activation, 1).as_bytes());
        let fixed = ["--out", &activation[1..activation.len() - 1], "--replicates", "20"];
        let said = here.run(&[&EVALUATE[..5], &fixed, more].concat());
        assert_eq!(said.code, Some(0), "{more:?}: {:#?}", said.lines);
        said
    };
    let found = run("\"sigmoid\"", &["--tiles", "tiles", "--compare", "model"]);
    assert!(found.out.contains("specificity") && found.out.contains("AUROC b"), "{}", found.out);
    assert_eq!(record(&here, "sigmoid")["assessment"]["findings"][0]["support"], 6);
    let found = run("\"identity\"", &["--manifest", "numbers.csv", "--values", "cells,nuclei"]);
    assert!(found.out.contains("mean R2") && found.out.contains("mean absolute error"), "{}", found.out);
    found.line("note     columns are taken in order: cells for a, nuclei for b");
    let heads = String::from_utf8(here.read("identity/predictions.csv")).unwrap();
    assert!(heads.starts_with("tile,truth_a,truth_b,value_a,value_b\n"), "{heads}");
}

#[test]
fn a_trained_model_is_as_good_as_its_training_said() {
    let here = workplace();
    let manifest = ["--manifest", "tiles.csv", "--column", "patient=case"];
    let small = ["--architecture", "resnet18", "--tile-px", "128", "--input-px", "32", "--epochs", "1", "--batch", "2"];
    let said = here.run(&[&["train", "--name", "mine", "--out", "runs", "-q"], &manifest[..], &small].concat());
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let test = ["evaluate", "--model", "runs/mine", "--device", "cpu", "--out", "out", "-q", "--split", "test"];
    let said = here.run(&[&test, &manifest[..]].concat());
    assert_eq!((said.code, said.lines.len()), (Some(0), 0), "{:#?}", said.lines);
    let [trained, found] = ["runs", "out"].map(|folder| rows(&here, &format!("{folder}/predictions.csv")));
    assert_eq!(found.len(), 4);
    for (trained, found) in trained.iter().zip(&found) {
        assert_eq!((&trained["tile"], &trained["truth"]), (&found["tile"], &found["truth"]));
        let (expected, found) = (number(trained, "prob_b"), number(found, "prob_b"));
        assert!((found - expected).abs() < FOLDED, "expected {expected}, found {found}");
    }
}

/// Arguments, exit code, words of the message.
type Row = (&'static [&'static str], i32, &'static [&'static str]);

const ROWS: &[Row] = &[
    (&[], 4, &["--tiles", "--annotated", "RUN-0014"]),
    (&["--tiles", "tiles", "--column", "patient=case"], 4, &["patient_column", "RUN-0014"]),
    (&["--tiles", "tiles", "--manifest", "tiles.csv"], 4, &["--manifest"]),
    (&["--tiles", "other"], 4, &["(a, b)", "\"fat\"", "--rename LABEL=CLASS", "EVA-0008"]),
    (&["--tiles", "tiles", "--rename", "c=a"], 4, &["(a, b)", "\"c\"", "EVA-0008"]),
    (&["--tiles", "tiles", "--rename", "c"], 4, &["RUN-0005"]),
    (&["--tiles", "tiles", "--exclude", "c"], 4, &["TRN-0209"]),
    (&["--manifest", "tiles.csv", "--label-column", "tissue"], 4, &["a column tissue", "tiles.csv", "TRN-0206"]),
    (&["--manifest", "tiles.csv", "--column", "site=place"], 4, &["a column place", "TRN-0206"]),
    (&["--manifest", "places.csv", "--column", "file=x", "--values", "y"], 4, &["TRN-0202"]),
    (&["--slide", "slides/good.svs", "--targets", "places.csv", "--values", "x"], 4, &["found numbers", "EVA-0009"]),
    (&["--slide", "slides/good.svs", "--targets", "places.csv", "--split", "test"], 4, &["--split", "EVA-0012"]),
    (&["--tiles", "empty"], 4, &["found 0", "TRN-0203"]),
    (&["--tiles", "damaged"], 4, &["1 %", "TRN-0202"]),
    (&["--tiles", "nowhere"], 3, &["nowhere", "IO-0001"]),
    (&["--tiles", "tiles", "--model", "nowhere"], 4, &["MOD-0002"]),
    (&["--tiles", "tiles", "--compare", "tissue-mobilenetv2.crc01"], 4, &["classes a, b", "EVA-0013"]),
    (&["--tiles", "tiles", "--device", "vulkan:99"], 3, &["number 99", "DEV-0002"]),
    (&["--annotated", "slides/good.svs"], 4, &["good.svs"]),
];

#[test]
fn what_cannot_be_evaluated_is_one_error_and_nothing_is_left() {
    let here = workplace();
    here.write("places.csv", b"x,y,label\n0,0,a\n200,200,b\n");
    for folder in ["empty", "other/fat", "damaged/a"] {
        std::fs::create_dir_all(here.path(folder)).unwrap();
    }
    here.copy("tiles/a/0.png", "other/fat/0.png");
    here.copy("tiles/a/0.png", "damaged/a/0.png");
    let png = here.read("tiles/a/1.png");
    here.write("damaged/a/1.png", &png[..png.len() / 2]);
    for (args, code, words) in ROWS {
        let twice = args.iter().any(|arg| ["--model", "--device"].contains(arg));
        let fixed = if twice { &["evaluate", "--out", "out"][..] } else { EVALUATE };
        let said = here.run(&[fixed, *args].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(*code), ""), "{args:?}: {:#?}", said.lines);
        let text = said.lines.join("\n");
        assert!(words.iter().all(|word| text.contains(word)), "{args:?}: {words:?} in {text}");
        assert!(!here.path("out").exists(), "{args:?}");
    }
    // What an earlier evaluation left is not written over.
    assert_eq!(evaluate(&here, &["--tiles", "tiles", "-q"]).code, Some(0));
    let before = here.read("out/evaluation.json");
    let said = evaluate(&here, &["--tiles", "tiles", "--seed", "2"]);
    assert_eq!((said.code, said.out.as_str()), (Some(4), ""), "{:#?}", said.lines);
    assert!(said.line("eosin: ").contains("EVA-0011"));
    assert_eq!(here.read("out/evaluation.json"), before);
    let said = here.run(&[&EVALUATE[..5], &["--out", "tiles.csv", "--tiles", "tiles"]].concat());
    assert!(said.code == Some(3) && said.line("eosin: ").contains("OUT-0001"), "{:#?}", said.lines);
}

#[cfg(unix)]
#[test]
fn an_evaluation_that_is_stopped_leaves_nothing() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let here = workplace();
    // So many samples that it is not done before the signal comes.
    let args = [EVALUATE, &["--tiles", "tiles", "--replicates", "200000"]].concat();
    let mut child = here.program(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("note ") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0);
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let rest: Vec<String> = lines.lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:#?}");
    assert!(rest.iter().any(|line| line.starts_with("eosin: ") && line.contains("stopped")), "{rest:#?}");
    assert!(!here.path("out").exists());
}
