//! Models on disk: what is written is read back, WSInfer's models open, and damaged ones are refused by code.

use crate::shared::shared;
use burn::tensor::{Device, Tensor, TensorData};
use eosin::nn::{
    Activation, Architecture, Bundle, Card, CardArchitecture, Class, Head, Input, Metrics, NetworkSpec, Padding,
    Precision, Preprocess, TensorMap, Weight, WeightsFile, fresh, load, save, write_bundle,
};
use eosin::{Error, ErrorKind};
use std::fs;
use std::path::Path;

fn card() -> Card {
    Card {
        schema: 1,
        name: "tissue-mobilenetv2.test".to_owned(),
        task: "tissue classification".to_owned(),
        version: "1".to_owned(),
        licence: "MIT".to_owned(),
        attribution: "nobody".to_owned(),
        intended_use: "tests".to_owned(),
        training_data: "none".to_owned(),
        activation: Activation::Softmax,
        classes: ["stroma", "tumour"].map(|name| Class { color: Some([1, 2, 3]), ..Class::named(name) }).to_vec(),
        input: Input { mpp: 0.5, tile_px: 64, input_px: None, mean: [0.5; 3], std: [0.25; 3], stain: None },
        architecture: CardArchitecture::from(&NetworkSpec {
            padding: Padding::TfSame,
            ..NetworkSpec::torch(Architecture::MobileNetV2, 2).folded()
        }),
        weights: WeightsFile { file: String::new(), blake3: String::new(), dtype: Precision::F16 },
        calibration: None,
        bf16: None,
        familiarity: None,
        metrics: Metrics::from([("auc".to_owned(), 0.93)]),
    }
}

/// Fresh weights for a network, as halves hold them.
fn weights(spec: NetworkSpec) -> TensorMap {
    let fresh = fresh(&spec, 1).unwrap();
    TensorMap::from_safetensors(&fresh.to_safetensors(Precision::F16).unwrap()).unwrap().0
}

fn tiles(side: usize) -> Tensor<4> {
    let pixels = crate::formula::tiles(side);
    Tensor::from_data(TensorData::new(pixels, [2, 3, side, side]), &Device::flex())
}

fn scores(bundle: &Bundle, side: usize) -> Vec<f32> {
    bundle.network(&Device::flex()).unwrap().forward(tiles(side)).into_data().iter::<f32>().collect()
}

#[test]
fn a_bundle_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("models/tissue");
    let weights = weights(card().spec());
    let written = write_bundle(&dir, &card(), &weights, "# Tissue\n").unwrap();
    let bundle = Bundle::open(&dir).unwrap();
    assert_eq!(bundle.card(), Some(&written));
    assert_eq!(bundle.digest(), written.weights.blake3);
    assert_eq!(bundle.weights(), &weights);
    assert_eq!(fs::read_to_string(dir.join("CARD.md")).unwrap(), "# Tissue\n");
    assert_eq!(fs::read_dir(dir.parent().unwrap()).unwrap().count(), 1, "nothing else is left behind");
    let network = load(card().spec().init(&Device::flex()).unwrap(), &weights, Head::FromFile).unwrap();
    let direct: Vec<f32> = network.forward(tiles(64)).into_data().iter::<f32>().collect();
    assert_eq!(scores(&bundle, 64), direct);

    let again = write_bundle(&dir, &card(), &weights, "").unwrap_err();
    assert_eq!((again.kind(), again.code()), (ErrorKind::Usage, "MOD-0401"));
    let other = folder.path().join("models/other");
    assert_eq!(write_bundle(&other, &card(), &weights, "").unwrap(), written, "the same weights give the same digest");
}

#[test]
fn models_are_listed_with_those_that_do_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let weights = weights(card().spec());
    for name in ["b", "a"] {
        write_bundle(&folder.path().join(name), &Card { name: name.to_owned(), ..card() }, &weights, "").unwrap();
    }
    fs::create_dir(folder.path().join("not a model")).unwrap();
    fs::write(folder.path().join("b/model.toml"), "schema = 7").unwrap();
    let folders = [folder.path().to_path_buf(), folder.path().join("a"), folder.path().join("absent")];
    let listed: Vec<_> = Bundle::list(&folders).collect();
    let said: Vec<String> = (listed.iter())
        .map(|bundle| bundle.as_ref().map_or_else(|error| error.code().to_owned(), |bundle| bundle.name().to_owned()))
        .collect();
    assert_eq!(said, ["a", "MOD-0201", "a", "IO-0001"]);
}

#[test]
fn models_of_the_zoo_layout_open_in_both_schemas() {
    for (name, architecture) in [("resnet18", Architecture::ResNet18), ("mobilenetv2_100", Architecture::MobileNetV2)] {
        let Some(dir) = shared(&format!("parity/models/{name}")) else { return };
        let bundle = Bundle::open_wsinfer(&dir.join("config.json"), &dir.join("model.safetensors")).unwrap();
        assert!(bundle.name().starts_with(&format!("{architecture}-")), "{}", bundle.name());
        assert_eq!(Bundle::open(&dir).unwrap().name(), name);
        assert_eq!(bundle.spec(), &NetworkSpec::torch(architecture, 2));
        assert_eq!(bundle.class_names(), ["class0", "class1"]);
        assert_eq!(bundle.activation(), Activation::Softmax);
        let [mean, std] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
        assert_eq!(bundle.preprocess(), Preprocess { tile_px: 224, input_px: 224, mean, std, stain: None });
        assert!((bundle.mpp() - 0.5).abs() < 1e-12);

        let folder = tempfile::tempdir().unwrap();
        let config = fs::read_to_string(dir.join("config.json")).unwrap();
        let older: String =
            config.lines().filter(|line| !line.contains("spec_version") && !line.contains("architecture")).collect();
        fs::write(folder.path().join("config.json"), older).unwrap();
        fs::copy(dir.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
        let recognised = Bundle::open(folder.path()).unwrap();
        assert_eq!(recognised.spec(), bundle.spec());
        assert_eq!(recognised.digest(), bundle.digest());
        assert_eq!(recognised.weights(), bundle.weights());
        assert!(scores(&bundle, 64).iter().all(|score| score.is_finite()));
    }
}

/// Writes a good bundle, damages it, and gives the error of opening it.
fn damaged(damage: impl FnOnce(&Path)) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("model");
    write_bundle(&dir, &card(), &weights(card().spec()), "").unwrap();
    damage(&dir);
    Bundle::open(&dir).unwrap_err()
}

/// Changes the weights and puts the new digest into the card, as someone who made a wrong model would.
fn with_other_weights(change: impl FnOnce(&mut Vec<u8>)) -> Error {
    damaged(|dir| {
        let path = dir.join("weights.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let before = blake3::hash(&bytes).to_hex();
        change(&mut bytes);
        let after = blake3::hash(&bytes).to_hex();
        fs::write(&path, bytes).unwrap();
        let card = fs::read_to_string(dir.join("model.toml")).unwrap();
        fs::write(dir.join("model.toml"), card.replace(before.as_str(), after.as_str())).unwrap();
    })
}

fn with_other_tensors(change: impl FnOnce(&mut TensorMap)) -> Error {
    with_other_weights(|bytes| {
        let (mut map, _) = TensorMap::from_safetensors(bytes).unwrap();
        change(&mut map);
        *bytes = map.to_safetensors(Precision::F16).unwrap();
    })
}

fn assert_error(error: &Error, kind: ErrorKind, code: &str, parts: &[&str]) {
    assert_eq!((error.kind(), error.code()), (kind, code), "{error}");
    for part in parts {
        assert!(error.message().contains(part), "{part:?} is not in: {error}");
    }
    assert!(error.path().is_some(), "no path: {error}");
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let zeros = |shape: &[usize]| Weight { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
    let missing = with_other_tensors(|map| drop(map.remove("blocks.3.1.conv_dw.bias")));
    assert_error(&missing, ErrorKind::Model, "MOD-0105", &["missing blocks.3.1.conv_dw.bias [384]"]);
    let unknown = with_other_tensors(|map| map.insert("aux.weight", zeros(&[3])));
    assert_error(&unknown, ErrorKind::Model, "MOD-0105", &["unknown aux.weight [3]"]);
    let misshapen = with_other_tensors(|map| map.insert("conv_stem.weight", zeros(&[32, 3, 5, 5])));
    assert_error(
        &misshapen,
        ErrorKind::Model,
        "MOD-0105",
        &["conv_stem.weight: expected [32, 3, 3, 3], found [32, 3, 5, 5]"],
    );
    let classes = with_other_tensors(|map| {
        map.insert("classifier.weight", zeros(&[3, 1280]));
        map.insert("classifier.bias", zeros(&[3]));
    });
    let parts = ["classifier.weight: expected [2, 1280], found [3, 1280]", "classifier.bias"];
    assert_error(&classes, ErrorKind::Model, "MOD-0105", &parts);
    let other_network = with_other_tensors(|map| *map = weights(NetworkSpec::torch(Architecture::ResNet18, 2)));
    assert_error(&other_network, ErrorKind::Model, "MOD-0105", &["missing conv_stem.weight", "and 203 more"]);
}

#[test]
fn damaged_weights_are_refused() {
    let flipped = damaged(|dir| {
        let path = dir.join("weights.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    assert_error(&flipped, ErrorKind::Integrity, "MOD-0301", &["digest"]);
    let truncated = damaged(|dir| {
        let path = dir.join("weights.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 2]).unwrap();
    });
    assert_error(&truncated, ErrorKind::Integrity, "MOD-0301", &["digest"]);
    let short = with_other_weights(|bytes| bytes.truncate(bytes.len() - 2));
    assert_error(&short, ErrorKind::Model, "MOD-0101", &[]);
    let longer = with_other_weights(|bytes| bytes.push(0));
    assert_error(&longer, ErrorKind::Model, "MOD-0101", &[]);
    let header = with_other_weights(|bytes| bytes[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes()));
    assert_error(&header, ErrorKind::Limits, "MOD-0106", &["1099511627776"]);
    let nan = with_other_weights(|bytes| {
        let end = bytes.len();
        bytes[end - 2..].copy_from_slice(&half::f16::NAN.to_le_bytes());
    });
    assert_error(&nan, ErrorKind::Model, "MOD-0103", &["NaN"]);
    let wider = with_other_weights(|bytes| {
        *bytes = TensorMap::from_safetensors(bytes).unwrap().0.to_safetensors(Precision::F32).unwrap();
    });
    assert_error(&wider, ErrorKind::Model, "MOD-0205", &["F16", "F32"]);
    let absent = damaged(|dir| fs::remove_file(dir.join("weights.safetensors")).unwrap());
    assert_error(&absent, ErrorKind::Io, "IO-0001", &[]);
}

#[test]
fn bad_cards_and_folders_are_refused() {
    let key = damaged(|dir| {
        let path = dir.join("model.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("colour = 1\n{text}")).unwrap();
    });
    assert_error(&key, ErrorKind::Model, "MOD-0201", &["line 1", "colour"]);
    let binary = damaged(|dir| fs::write(dir.join("model.toml"), [0xff, 0xfe]).unwrap());
    assert_error(&binary, ErrorKind::Model, "MOD-0201", &["UTF-8"]);
    let large = damaged(|dir| fs::write(dir.join("model.toml"), vec![b'\n'; 2 << 20]).unwrap());
    assert_error(&large, ErrorKind::Limits, "MOD-0106", &[]);
    let empty = damaged(|dir| fs::remove_file(dir.join("model.toml")).unwrap());
    assert_error(&empty, ErrorKind::Model, "MOD-0209", &["model.toml"]);
}

#[test]
fn a_negative_variance_is_refused() {
    let spec = NetworkSpec::torch(Architecture::ResNet18, 2);
    let mut map = weights(spec);
    map.insert("layer2.0.bn1.running_var", Weight { shape: vec![128], data: vec![-0.5; 128] });
    let error = load(spec.init(&Device::flex()).unwrap(), &map, Head::FromFile).unwrap_err();
    assert_eq!(error.code(), "MOD-0103");
    assert!(error.message().contains("layer2.0.bn1.running_var"), "{error}");
}

#[test]
fn wrappers_around_the_names_are_taken_off() {
    let spec = card().spec();
    let map = weights(spec);
    let wrapped: TensorMap =
        map.clone().into_iter().map(|(name, weight)| (format!("module.model.{name}"), weight)).collect();
    let network = load(spec.init(&Device::flex()).unwrap(), &wrapped, Head::FromFile).unwrap();
    assert_eq!(save(&network).unwrap(), map);
}

#[test]
fn a_fresh_head_is_only_kept_when_asked_for() {
    let device = Device::flex();
    let pretrained = weights(NetworkSpec { classes: 1001, ..card().spec() });
    let start = || load(card().spec().init(&device).unwrap(), &weights(card().spec()), Head::FromFile).unwrap();
    let error = load(start(), &pretrained, Head::FromFile).unwrap_err();
    assert_eq!(error.code(), "MOD-0105");
    let network = start();
    let head = save(&network).unwrap();
    let tuned = save(&load(network, &pretrained, Head::Fresh).unwrap()).unwrap();
    for name in ["classifier.weight", "classifier.bias"] {
        assert_eq!(tuned.get(name), head.get(name), "{name} stays as it was");
    }
    assert_eq!(tuned.get("conv_stem.weight"), pretrained.get("conv_stem.weight"));
    // What is missing elsewhere stays an error.
    let mut holed = pretrained;
    holed.remove("conv_stem.weight");
    assert!(load(start(), &holed, Head::Fresh).unwrap_err().message().contains("missing conv_stem.weight"));
}
