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
    assert_eq!(header(&here)[4..], ["value_Ki67 [cells/mm2]", "value_CD3"]);
    assert_eq!(record["model"]["scores"], "estimates");
    let estimates = &record["summary"]["classes"];
    assert_eq!((&estimates[0]["unit"], &estimates[1]["unit"]), (&"cells/mm2".into(), &Value::Null));
    assert!(estimates[0]["mean"].is_f64() && estimates[0]["area_mm2"].is_null(), "{estimates}");
    let table = String::from_utf8(here.read("out/summary.csv")).unwrap();
    assert!(table.lines().next().unwrap().ends_with("mean_Ki67 [cells/mm2],mean_CD3"), "{table}");
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

/// A model of WSInfer's zoo: its configuration and weights.
fn write_zoo(here: &Workplace, folder: &str, architecture: &str) {
    let spec = NetworkSpec::named(architecture, 2).unwrap();
    std::fs::create_dir_all(here.path(folder)).unwrap();
    let weights = fresh(&spec, 1).unwrap().to_safetensors(Precision::F32).unwrap();
    here.write(&format!("{folder}/model.safetensors"), &weights);
    let config = serde_json::json!({
        "spec_version": "1.0", "architecture": architecture, "num_classes": 2, "class_names": ["a", "b"],
        "patch_size_pixels": 128, "spacing_um_px": 0.5,
        "transform": [
            { "name": "Resize", "arguments": { "size": 64 } }, { "name": "ToTensor" },
            { "name": "Normalize", "arguments": { "mean": [0.7, 0.5, 0.6], "std": [0.2, 0.2, 0.2] } },
        ],
    });
    here.write(&format!("{folder}/config.json"), config.to_string().as_bytes());
}

#[test]
fn a_configuration_and_weights_score_as_their_folder_and_name_nobody() {
    let here = Workplace::new();
    write_zoo(&here, "jane.pathologist", "squeezenet1_0");
    let (config, weights) = ("jane.pathologist/config.json", "jane.pathologist/model.safetensors");
    let fixed = ["score", "slides/good.svs", "--device", "cpu", "--grid", "wsinfer"];
    let said = here.run(&[&fixed[..], &["-o", "out", "--config", config, "--weights", weights]].concat());
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.line("model ").contains("squeezenet1-0-"), "{:#?}", said.lines);
    assert!(said.lines.iter().all(|line| !line.contains("jane")), "{:#?}", said.lines);
    let said = here.run(&[&fixed[..], &["-o", "folder", "--model", "jane.pathologist"]].concat());
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let table = "model-outputs-csv/good.csv";
    assert_eq!(here.read(&format!("out/{table}")), here.read(&format!("folder/{table}")));
    for file in here.files("out").into_iter().filter(|file| file.ends_with("json")) {
        assert!(!String::from_utf8_lossy(&here.read(&format!("out/{file}"))).contains("jane"), "{file}");
    }
    // Half of the pair, or the pair beside a model.
    for wrong in
        [&["--config", config][..], &["--weights", weights], &["--config", config, "--weights", weights, "-m", "model"]]
    {
        let said = here.run(&[&fixed[..], &["-o", "out"], wrong].concat());
        assert_eq!(said.code, Some(4), "{wrong:?}");
    }
}

#[test]
fn a_folder_of_the_zoo_becomes_a_model_and_no_flag_is_dropped() {
    let here = Workplace::new();
    write_zoo(&here, "zoo", "mobilenetv2_050");
    let said = here.run(&["models", "import", "zoo", "-o", "made", "--name", "mine"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let card = String::from_utf8(here.read("made/model.toml")).unwrap();
    for part in ["name = \"mine\"", "width = 0.5", "mean = [0.7, 0.5, 0.6]", "tile_px = 128", "input_px = 64"] {
        assert!(card.contains(part), "{part} in {card}");
    }
    for flag in [&["--classes", "a,b"][..], &["--features"], &["--mpp", "1"], &["--tile-px", "9"], &["--mean", "0,0,0"]]
    {
        let said = here.run(&[&["models", "import", "zoo", "-o", "other"], flag].concat());
        assert!(said.line("eosin: ").contains("MOD-0402") && !here.path("other").exists(), "{flag:?}");
    }
}

#[test]
fn what_a_file_cannot_say_is_asked_for_and_what_its_names_say_is_taken() {
    let here = Workplace::new();
    // TensorFlow's padding leaves no trace in tensors.
    let spec = NetworkSpec::named("efficientnet_b0", 2).unwrap();
    here.write("e.safetensors", &fresh(&spec, 1).unwrap().to_safetensors(Precision::F16).unwrap());
    let said = here.run(&import("e.safetensors", &["--classes", "a,b"]));
    assert!(said.line("eosin: ").contains("efficientnet-b0 and tf_efficientnet_b0"), "{:#?}", said.lines);
    // Weights of one transformer are published with different colours.
    let shape =
        "input_px = 64\ntoken_px = 16\ndim = 12\ndepth = 1\nheads = 3\nhidden = 12\nmlp = \"gelu\"\npool = \"token\"";
    here.write("shape.toml", shape.as_bytes());
    let mut spec = NetworkSpec::torch(Architecture::Vit, 2);
    spec.variant.vit = Some(eosin::nn::VitShape::read(&here.path("shape.toml")).unwrap());
    here.write("v.safetensors", &fresh(&spec, 1).unwrap().to_safetensors(Precision::F16).unwrap());
    let vit = ["--classes", "a,b", "--arch", "vit", "--vit", "shape.toml"];
    let said = here.run(&import("v.safetensors", &vit));
    assert!(said.line("eosin: ").contains("--mean and --std"), "{:#?}", said.lines);
    let colours = ["--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"];
    let said = here.run(&import("v.safetensors", &[&vit[..], &colours].concat()));
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.out.contains("mean [0.5, 0.5, 0.5]") && said.out.contains("epsilon 0.000001"), "{}", said.out);
    score(&here);
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
