//! Weights of other libraries become models that score.

use crate::workplace::Workplace;
use eosin::nn::{Architecture, NetworkSpec, Precision, fresh};
use serde_json::Value;

/// Writes weights of a small network as another library would.
fn write_weights(here: &Workplace, name: &str, classes: usize) {
    let spec = NetworkSpec::torch(Architecture::SqueezeNet, classes);
    here.write(name, &fresh(&spec, 1).unwrap().to_safetensors(Precision::F32).unwrap());
}

/// Arguments of an import into `made`, tiles as the slides have them.
fn import<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["models", "import", file, "-o", "made", "--mpp", "0.5", "--tile-px", "128", "--input-px", "64"];
    [&fixed[..], more].concat()
}

fn score(here: &Workplace) -> Value {
    let said = here.run(&["score", "slides/good.svs", "-o", "out", "--device", "cpu", "--model", "made"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    serde_json::from_slice(&here.read("out/good.json")).unwrap()
}

fn header(here: &Workplace) -> Vec<String> {
    let table = String::from_utf8(here.read("out/model-outputs-csv/good.csv")).unwrap();
    table.lines().next().unwrap().split(',').map(String::from).collect()
}

#[test]
fn weights_become_a_model_that_is_checked_and_scores() {
    let here = Workplace::new();
    write_weights(&here, "w.safetensors", 2);
    let said = here.run(&import("w.safetensors", &["--classes", "stroma,tumour", "--licence", "MIT"]));
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.out.contains("made is ready: squeezenet1-0, 2 outputs"), "{}", said.out);
    assert!(here.files("made").iter().eq(["CARD.md", "model.toml", "weights.safetensors"]), "{:?}", here.files("made"));
    let card = String::from_utf8(here.read("made/model.toml")).unwrap();
    assert!(card.contains("dtype = \"f32\"") && card.contains("licence = \"MIT\""), "{card}");
    let said = here.run(&["models", "check", "made", "--json"]);
    let checked: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&checked["works"], &checked["outputs"], &checked["tensors"]), (&true.into(), &2.into(), &52.into()));
    score(&here);
    assert_eq!(header(&here)[4..], ["prob_stroma", "prob_tumour"]);
}

#[test]
fn findings_and_estimates_are_named_and_have_units() {
    let here = Workplace::new();
    write_weights(&here, "w.safetensors", 2);
    let classes = ["--classes", "Ki67:cells/mm2,CD3", "--activation", "identity"];
    assert_eq!(here.run(&import("w.safetensors", &classes)).code, Some(0));
    let record = score(&here);
    assert_eq!(header(&here)[4..], ["value_Ki67", "value_CD3"]);
    let estimates = &record["summary"]["classes"];
    assert_eq!((&estimates[0]["unit"], &estimates[1]["unit"]), (&"cells/mm2".into(), &Value::Null));
    assert!(estimates[0]["mean"].is_f64() && estimates[0]["area_mm2"].is_null(), "{estimates}");
    let table = String::from_utf8(here.read("out/summary.csv")).unwrap();
    assert!(table.lines().next().unwrap().ends_with("mean_Ki67,mean_CD3"), "{table}");
    std::fs::remove_dir_all(here.path("made")).unwrap();
    std::fs::remove_dir_all(here.path("out")).unwrap();
    assert_eq!(here.run(&import("w.safetensors", &["--classes", "a,b", "--activation", "sigmoid"])).code, Some(0));
    score(&here);
    assert_eq!(header(&here)[4..], ["prob_a", "prob_b"]);
}

#[test]
fn a_model_without_a_last_layer_gives_features_and_places_of_tiles() {
    let here = Workplace::new();
    write_weights(&here, "w.safetensors", 2);
    let said = here.run(&import("w.safetensors", &["--features"]));
    assert!(said.out.contains("512 outputs"), "{} {:#?}", said.out, said.lines);
    let record = score(&here);
    let outputs: Vec<&str> =
        record["outputs"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(outputs, ["patches/good.h5", "features/good.h5", "masks/good.jpg"]);
    let file = rust_hdf5::H5File::open(here.path("out/features/good.h5")).unwrap();
    let [rows, length] = file.dataset("features").unwrap().shape()[..] else { panic!("a matrix") };
    assert_eq!((rows as u64, length), (record["tiles"]["scored"].as_u64().unwrap(), 512));
    assert_eq!(file.dataset("coords").unwrap().shape(), [rows, 2]);
    assert!(!here.path("out/model-outputs-csv").exists() && !here.path("out/maps").exists());
    // The same folder with a model of classes: the features of the other model are not left beside its scores.
    let said = here.run(&["score", "slides/good.svs", "-o", "out", "--device", "cpu", "--model", "model"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(here.path("out/model-outputs-csv/good.csv").exists() && !here.path("out/features/good.h5").exists());
}

/// Arguments, words of the message.
const REFUSED: &[(&[&str], &[&str])] = &[
    (&[], &["--classes or --features", "MOD-0402"]),
    (&["--classes", "a"], &["classifier.1.weight: expected [1, 512, 1, 1], found [2, 512, 1, 1]", "MOD-0105"]),
    (&["--classes", "a,a"], &["\"a\" again", "MOD-0203"]),
    (&["--classes", "a,b", "--arch", "resnet18"], &["missing conv1.weight", "MOD-0105"]),
    (&["--classes", "a,b", "--arch", "vgg11"], &["found \"vgg11\"", "MOD-0208"]),
    (&["--classes", "a,b", "--width", "2"], &["--arch with --width", "MOD-0402"]),
    (&["--classes", "a,b", "--arch", "squeezenet1_0", "--width", "2"], &["one width", "MOD-0208"]),
    (&["--classes", "a,b", "--arch", "squeezenet1_0", "--padding", "tf-same"], &["tf-same", "MOD-0208"]),
    (&["--classes", "a:mm,b"], &["units with the activation identity", "MOD-0203"]),
    (&["--classes", "a,b", "--part", "model"], &["a PyTorch file", "MOD-0109"]),
    (&["--classes", "a,b", "--std", "0,1,1"], &["input.std", "MOD-0204"]),
    (&["--classes", "a,b", "--vit", "nowhere.toml", "--arch", "vit"], &["nowhere.toml", "no such file"]),
];

#[test]
fn what_is_missing_or_does_not_fit_is_named_and_nothing_is_left() {
    let here = Workplace::new();
    write_weights(&here, "w.safetensors", 2);
    let before = here.files(".");
    for (more, words) in REFUSED {
        let said = here.run(&import("w.safetensors", more));
        let line = said.line("eosin: ");
        assert!(words.iter().all(|word| line.contains(word)), "{more:?}: {words:?} in {line}");
        assert_eq!((here.files("."), said.out.as_str()), (before.clone(), ""), "{more:?}");
    }
    let said = here.run(&["models", "import", "w.safetensors", "-o", "model", "--mpp", "0.5", "--classes", "a,b"]);
    assert!(said.line("eosin: ").contains("MOD-0401"), "an existing folder is never written into");
    let said = here.run(&["models", "import", "w.safetensors", "-o", "made", "--classes", "a,b"]);
    assert!(said.line("eosin: ").contains("--mpp"));
}

#[test]
fn architectures_are_listed_with_their_other_names_and_papers() {
    let said = Workplace::new().run(&["models", "architectures", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(rows.len(), Architecture::all().count());
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!((&row("virchow2")["features"], &row("inception-v4")["input_px"]), (&2560.into(), &299.into()));
    assert!(row("mobilenetv2")["also"].as_array().unwrap().contains(&"mobilenet_v2".into()));
    assert!(rows.iter().all(|row| row["source"].as_str().unwrap().contains("arXiv")));
}
