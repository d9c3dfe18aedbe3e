//! A model whose card has a temperature: its scores are corrected, and every place that names them says so.

use crate::workplace::{Said, Workplace};

/// `prob_a` of all tiles of the slide.
fn scores(here: &Workplace, out: &str) -> Vec<f64> {
    let table = String::from_utf8(here.read(&format!("{out}/model-outputs-csv/good.csv"))).unwrap();
    let mut table = csv::Reader::from_reader(table.as_bytes());
    let column = table.headers().unwrap().iter().position(|head| head == "prob_a").unwrap();
    table.records().map(|row| row.unwrap()[column].parse().unwrap()).collect()
}

#[test]
fn scores_follow_the_temperature_and_the_record_names_it() {
    let here = Workplace::new();
    assert_eq!(here.score_into("plain", &["slides"], &[]).code, Some(0));
    let card = String::from_utf8(here.read("model/model.toml")).unwrap();
    let calibration = "[calibration]\ntemperature = 2.5\nfitted_on = \"validation tiles\"\n\n[metrics]";
    assert!(card.contains("[metrics]"), "{card}");
    here.write("model/model.toml", card.replace("[metrics]", calibration).as_bytes());

    assert_eq!(here.score(&["slides"], &[]).code, Some(0));
    assert_eq!(here.record("good")["model"]["temperature"], 2.5);
    let [run] = &here.run_metadata()[..] else { panic!("one file about the run") };
    let run: serde_json::Value = serde_json::from_slice(&here.read(&format!("out/{run}"))).unwrap();
    assert_eq!(run["eosin"]["temperature"], 2.5);
    let (plain, corrected) = (scores(&here, "plain"), scores(&here, "out"));
    assert!(!plain.is_empty() && plain.len() == corrected.len());
    for (plain, corrected) in plain.iter().zip(&corrected) {
        // Of two classes the logits differ by ln(p / (1 - p)).
        let expected = 1.0 / (1.0 + (-(plain / (1.0 - plain)).ln() / 2.5).exp());
        assert!((corrected - expected).abs() < 1e-5, "{plain}: expected {expected}, found {corrected}");
        assert_eq!(*plain > 0.5, *corrected > 0.5);
    }

    // Without the correction it is another run, which keeps nothing of the first.
    let said = here.score(&["slides"], &["--uncalibrated"]);
    assert_eq!(said.code, Some(0));
    said.line("scored   good");
    assert_eq!(scores(&here, "out"), plain);
    assert!(here.record("good")["model"].get("temperature").is_none());

    let ask = |args: &[&str]| Said::new(&here.program(args).env("EOSIN_MODELS", here.path("")).output().unwrap());
    assert!(ask(&["models"]).out.contains("temperature 2.5, fitted on validation tiles"));
    let models: serde_json::Value = serde_json::from_str(&ask(&["models", "--json"]).out).unwrap();
    let random = models.as_array().unwrap().iter().find(|model| model["name"] == "random").unwrap();
    assert_eq!(random["calibration"]["temperature"], 2.5);
}
