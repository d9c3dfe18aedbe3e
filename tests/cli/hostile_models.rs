//! Models that are wrong or hostile: each is refused in one line that names what is wrong, before a slide is opened.

use crate::workplace::Workplace;
use eosin::nn::{
    Activation, Architecture, Card, CardArchitecture, Class, Input, Metrics, NetworkSpec, Precision, TensorMap,
    Variant, Weight, WeightsFile, fresh, write_bundle,
};
use serde_json::json;
use std::fs;
use std::path::Path;

const SPEC: NetworkSpec = NetworkSpec {
    architecture: Architecture::MobileNetV3Small,
    classes: 2,
    batch_norm: true,
    padding: eosin::nn::Padding::Torch,
    variant: Variant { width: Some(0.5), epsilon: None, vit: None },
};
const CARD: &str = "model.toml";
const WEIGHTS: &str = "weights.safetensors";

/// A sound model.
fn write_good(dir: &Path) {
    let card = Card {
        schema: 1,
        name: "good".to_owned(),
        task: "none".to_owned(),
        version: "1".to_owned(),
        licence: "MIT".to_owned(),
        attribution: "none".to_owned(),
        intended_use: "tests".to_owned(),
        training_data: "none".to_owned(),
        activation: Activation::Softmax,
        classes: ["a", "b"].map(Class::named).to_vec(),
        input: Input { mpp: 0.5, tile_px: 128, input_px: Some(32), mean: [0.5; 3], std: [0.25; 3], stain: None },
        architecture: CardArchitecture::from(&SPEC),
        weights: WeightsFile { file: String::new(), blake3: String::new(), dtype: Precision::F16 },
        calibration: None,
        bf16: None,
        familiarity: None,
        metrics: Metrics::new(),
    };
    write_bundle(dir, &card, &fresh(&SPEC, 1).unwrap(), "a model").unwrap();
}

/// What is done to a sound model.
enum Edit {
    /// Other tensors, whose digest the card states.
    Tensors(fn(&mut TensorMap)),
    /// Other bytes of the weights, whose digest the card states.
    Bytes(fn(&mut Vec<u8>)),
    /// Other bytes of the weights behind the card's back.
    Secretly(fn(&mut Vec<u8>)),
    /// One text of the card in place of another.
    Card(&'static str, &'static str),
    /// Anything else.
    Folder(fn(&Path)),
    /// A configuration of WSInfer's zoo in place of the card: one text of it in place of another.
    Zoo(&'static str, &'static str),
}

/// What is wrong, how, exit code, code and words of the message.
type Row = (&'static str, Edit, i32, &'static [&'static str]);

fn zeros(shape: &[usize]) -> Weight {
    Weight { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
}

/// A safetensors file of any header.
fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn one_tensor(dtype: &str, shape: &str, end: &str) -> String {
    format!(r#"{{"conv_stem.weight":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
}

fn set_last_half(bytes: &mut [u8], value: half::f16) {
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&value.to_le_bytes());
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Tensors.
    ("missing tensor", Edit::Tensors(|map| drop(map.remove("conv_head.bias"))), 4, &["MOD-0105", "missing conv_head.bias"]),
    ("extra tensor", Edit::Tensors(|map| map.insert("aux.weight", zeros(&[3]))), 4, &["MOD-0105", "unknown aux.weight"]),
    (
        "misshapen tensor",
        Edit::Tensors(|map| map.insert("conv_stem.weight", zeros(&[16, 3, 5, 5]))),
        4,
        &["MOD-0105", "conv_stem.weight: expected [16, 3, 3, 3], found [16, 3, 5, 5]"],
    ),
    (
        "another number of classes",
        Edit::Tensors(|map| {
            map.insert("classifier.weight", zeros(&[9, 1024]));
            map.insert("classifier.bias", zeros(&[9]));
        }),
        4,
        &["MOD-0105", "classifier.weight: expected [2, 1024], found [9, 1024]"],
    ),
    (
        "another network",
        Edit::Tensors(|map| *map = fresh(&NetworkSpec::torch(Architecture::SqueezeNet, 2), 1).unwrap()),
        4,
        &["MOD-0105", "missing conv_stem.weight"],
    ),
    ("no tensor", Edit::Tensors(|map| *map = TensorMap::default()), 4, &["MOD-0105", "missing conv_stem.weight"]),
    (
        "negative variance",
        Edit::Tensors(|map| map.insert("bn1.running_var", Weight { shape: vec![16], data: vec![-1.0; 16] })),
        4,
        &["MOD-0103", "bn1.running_var"],
    ),
    // Bytes of the weights.
    ("not a number", Edit::Bytes(|bytes| set_last_half(bytes, half::f16::NAN)), 4, &["MOD-0103", "NaN"]),
    ("infinity", Edit::Bytes(|bytes| set_last_half(bytes, half::f16::INFINITY)), 4, &["MOD-0103", "inf"]),
    ("empty file", Edit::Bytes(Vec::clear), 4, &["MOD-0101", "0 bytes"]),
    ("one byte", Edit::Bytes(|bytes| bytes.truncate(1)), 4, &["MOD-0101"]),
    ("half of it", Edit::Bytes(|bytes| bytes.truncate(bytes.len() / 2)), 4, &["MOD-0101", "whole safetensors file"]),
    ("last value cut off", Edit::Bytes(|bytes| bytes.truncate(bytes.len() - 2)), 4, &["MOD-0101"]),
    ("a byte too many", Edit::Bytes(|bytes| bytes.push(0)), 4, &["MOD-0101"]),
    (
        "header of 100 MB",
        Edit::Bytes(|bytes| bytes[..8].copy_from_slice(&100_000_000_u64.to_le_bytes())),
        4,
        &["MOD-0106", "100000000"],
    ),
    ("header without end", Edit::Bytes(|bytes| bytes[..8].fill(0xff)), 4, &["MOD-0106", "18446744073709551615"]),
    ("header that is no JSON", Edit::Bytes(|bytes| bytes[8] = b'!'), 4, &["MOD-0101", "JSON"]),
    (
        "deep header",
        Edit::Bytes(|bytes| *bytes = raw(&format!("{}{}", r#"{"a":"#, "[".repeat(1_000_000)), &[])),
        4,
        &["MOD-0101"],
    ),
    (
        "a name twice",
        Edit::Bytes(|bytes| {
            let entry = r#""bias":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}"#;
            *bytes = raw(&format!("{{{entry},{entry}}}"), &[0; 2]);
        }),
        4,
        &["MOD-0104", "bias twice"],
    ),
    ("whole numbers", Edit::Bytes(|bytes| *bytes = raw(&one_tensor("I32", "[1]", "4"), &[0; 4])), 4, &["MOD-0102", "I32"]),
    ("doubles", Edit::Bytes(|bytes| *bytes = raw(&one_tensor("F64", "[1]", "8"), &[0; 8])), 4, &["MOD-0102", "F64"]),
    ("an unknown kind", Edit::Bytes(|bytes| *bytes = raw(&one_tensor("F7", "[1]", "4"), &[0; 4])), 4, &["MOD-0101", "F7"]),
    (
        "a shape beyond counting",
        Edit::Bytes(|bytes| *bytes = raw(&one_tensor("F16", "[4294967296,4294967296,16]", "2"), &[0; 2])),
        4,
        &["MOD-0101"],
    ),
    (
        "a shape beyond the data",
        Edit::Bytes(|bytes| *bytes = raw(&one_tensor("F16", "[1000000000]", "2000000000"), &[0; 2])),
        4,
        &["MOD-0101"],
    ),
    ("a negative side", Edit::Bytes(|bytes| *bytes = raw(&one_tensor("F16", "[-1]", "2"), &[0; 2])), 4, &["MOD-0101"]),
    (
        "tensors that overlap",
        Edit::Bytes(|bytes| {
            let entry = |name: &str| format!(r#""{name}":{{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#);
            *bytes = raw(&format!("{{{},{}}}", entry("a"), entry("b")), &[0; 4]);
        }),
        4,
        &["MOD-0101"],
    ),
    ("a flipped bit", Edit::Secretly(|bytes| bytes[5000] ^= 1), 5, &["MOD-0301", "digest"]),
    ("a cut behind the card's back", Edit::Secretly(|bytes| bytes.truncate(99)), 5, &["MOD-0301", "digest"]),
    // The card.
    ("unknown key", Edit::Card("schema = 1", "schema = 1\ncolour = 1"), 4, &["MOD-0201", "colour"]),
    ("another schema", Edit::Card("schema = 1", "schema = 2"), 4, &["MOD-0202", "found 2"]),
    ("unknown network", Edit::Card("mobilenetv3-small", "vgg11"), 4, &["MOD-0201", "vgg11"]),
    ("another width", Edit::Card("width = 0.5", "width = 0.75"), 4, &["MOD-0105", "expected"]),
    ("absurd width", Edit::Card("width = 0.5", "width = 1e9"), 4, &["MOD-0204", "architecture.width", "1000000000"]),
    ("width of one that has none", Edit::Card("mobilenetv3-small", "densenet121"), 4, &["MOD-0208", "densenet121"]),
    ("a transformer without shape", Edit::Folder(|dir| architecture(dir, "name = \"vit\"")), 4, &["MOD-0204", "architecture.vit: expected a shape"]),
    ("a transformer of a million tokens", Edit::Folder(|dir| architecture(dir, &format!("name = \"vit\"\nvit = {{ {HUGE} }}"))), 4, &["MOD-0204", "262145 tokens"]),
    ("the shape of a transformer elsewhere", Edit::Folder(|dir| architecture(dir, &format!("name = \"resnet18\"\nvit = {{ {HUGE} }}"))), 4, &["MOD-0208", "the architecture vit"]),
    ("a tile that a transformer cannot see", Edit::Folder(|dir| architecture(dir, "name = \"vit-small-16\"")), 4, &["MOD-0204", "expected 224 px"]),
    ("classes alike", Edit::Card("name = \"b\"", "name = \"a\""), 4, &["MOD-0203", "\"a\" again"]),
    ("unknown activation", Edit::Card("softmax", "argmax"), 4, &["MOD-0201", "argmax"]),
    ("a unit of a probability", Edit::Card("name = \"b\"", "name = \"b\"\nunit = \"mm\""), 4, &["MOD-0203", "units"]),
    ("no resolution", Edit::Card("mpp = 0.5", "mpp = 0.0"), 4, &["MOD-0204", "input.mpp"]),
    ("absurd tile", Edit::Card("tile_px = 128", "tile_px = 1000000"), 4, &["MOD-0204", "input.tile_px"]),
    ("division by zero", Edit::Card("std = [0.25,", "std = [0.0,"), 4, &["MOD-0204", "input.std"]),
    ("weights outside the folder", Edit::Card(WEIGHTS, "../weights.safetensors"), 4, &["MOD-0205", "plain file name"]),
    ("weights anywhere", Edit::Card(WEIGHTS, "/etc/passwd"), 4, &["MOD-0205", "plain file name"]),
    ("another precision", Edit::Card("dtype = \"f16\"", "dtype = \"f32\""), 4, &["MOD-0205", "F16"]),
    ("a digest of nothing", Edit::Card("blake3 = \"", "blake3 = \"zz"), 4, &["MOD-0205", "64 hexadecimal"]),
    ("a card of 2 MB", Edit::Folder(|dir| fs::write(dir.join(CARD), vec![b'#'; 2 << 20]).unwrap()), 4, &["MOD-0106"]),
    ("a card that is no text", Edit::Folder(|dir| fs::write(dir.join(CARD), [0xff, 0xfe]).unwrap()), 4, &["MOD-0201"]),
    ("no weights", Edit::Folder(|dir| fs::remove_file(dir.join(WEIGHTS)).unwrap()), 3, &["IO-0001", "no such file"]),
    ("no card", Edit::Folder(|dir| fs::remove_file(dir.join(CARD)).unwrap()), 4, &["MOD-0209", CARD]),
    // WSInfer's configurations.
    ("zoo: another version", Edit::Zoo("\"1.0\"", "\"2.0\""), 4, &["MOD-0206", "2.0"]),
    ("zoo: unknown key", Edit::Zoo("\"num_classes\"", "\"n\""), 4, &["MOD-0206"]),
    ("zoo: cut", Edit::Zoo("}]}", ""), 4, &["MOD-0206"]),
    ("zoo: unknown network", Edit::Zoo("mobilenetv3_small_050", "vgg16mod"), 4, &["MOD-0208", "vgg16mod"]),
    ("zoo: another width", Edit::Zoo("small_050", "small_075"), 4, &["MOD-0105"]),
    ("zoo: unknown transform", Edit::Zoo("ToTensor", "ColorJitter"), 4, &["MOD-0207", "ColorJitter"]),
    ("zoo: another interpolation", Edit::Zoo("\"size\":32", "\"size\":32,\"interpolation\":3"), 4, &["MOD-0207"]),
    ("zoo: classes", Edit::Zoo("\"num_classes\":2", "\"num_classes\":3"), 4, &["MOD-0203", "3 class names"]),
    ("zoo: three logits", Edit::Zoo("\"num_classes\":2,\"class_names\":[", "\"num_classes\":3,\"class_names\":[\"c\","), 4, &["MOD-0105"]),
    // PyTorch's files, of which `tests/integration/torch_hostile.rs` has a hundred more.
    ("zoo: a program", Edit::Folder(|dir| torch(dir, "program_in_archive.pth")), 4, &["MOD-0107", "posix.system"]),
    ("zoo: a program beside weights", Edit::Folder(|dir| torch(dir, "program_beside_weights.ckpt")), 4, &["MOD-0107"]),
    ("zoo: an archive bomb", Edit::Folder(|dir| torch(dir, "archive_bomb.pth")), 4, &["MOD-0108", "compressed"]),
    ("zoo: a memo bomb", Edit::Folder(|dir| torch(dir, "doubling_tuples.pth")), 4, &["MOD-0107", "a tuple"]),
    ("zoo: a pickle without end", Edit::Folder(|dir| torch(dir, "no_end.pth")), 4, &["MOD-0101"]),
];

/// A megabyte of positions, and attention that would take 275 gigabytes.
const HUGE: &str =
    "input_px = 2048, token_px = 4, dim = 1, depth = 1, heads = 1, hidden = 1, mlp = \"gelu\", pool = \"token\"";

/// Another network in the card.
fn architecture(dir: &Path, lines: &str) {
    let card = fs::read_to_string(dir.join(CARD)).unwrap();
    let start = card.find("[architecture]").unwrap();
    let end = card.find("[weights]").unwrap();
    let head = format!("[architecture]\n{lines}\npadding = \"torch\"\nbatch_norm = false\n\n");
    fs::write(dir.join(CARD), format!("{}{head}{}", &card[..start], &card[end..])).unwrap();
}

/// The file that every program in the hostile fixtures makes where it is run.
const MARKER: &str = "eosin-torch-marker";

/// A model of WSInfer's zoo.
fn zoo_config() -> String {
    json!({
        "spec_version": "1.0", "architecture": "mobilenetv3_small_050", "num_classes": 2, "class_names": ["a", "b"],
        "patch_size_pixels": 128, "spacing_um_px": 0.5,
        "transform": [
            { "name": "Resize", "arguments": { "size": 32 } }, { "name": "ToTensor" },
            { "name": "Normalize", "arguments": { "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25] } },
        ],
    })
    .to_string()
}

fn to_zoo(dir: &Path, config: &str) {
    fs::remove_file(dir.join(CARD)).unwrap();
    fs::rename(dir.join(WEIGHTS), dir.join("model.safetensors")).unwrap();
    fs::write(dir.join("config.json"), config).unwrap();
}

/// The zoo's kind of model with a PyTorch file.
fn torch(dir: &Path, fixture: &str) {
    to_zoo(dir, &zoo_config());
    fs::remove_file(dir.join("model.safetensors")).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch/hostile").join(fixture);
    fs::copy(fixture, dir.join("pytorch_model.bin")).unwrap();
}

/// States the digest of the weights as they are.
fn state_digest(dir: &Path) {
    let digest = blake3::hash(&fs::read(dir.join(WEIGHTS)).unwrap()).to_hex();
    let card = fs::read_to_string(dir.join(CARD)).unwrap();
    let at = card.find("blake3 = \"").unwrap() + 10;
    fs::write(dir.join(CARD), format!("{}{digest}{}", &card[..at], &card[at + 64..])).unwrap();
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

fn apply(edit: &Edit, dir: &Path) {
    let change = |edit: fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(dir.join(WEIGHTS)).unwrap();
        edit(&mut bytes);
        fs::write(dir.join(WEIGHTS), bytes).unwrap();
    };
    match edit {
        Edit::Tensors(edit) => {
            let (mut map, _) = TensorMap::from_safetensors(&fs::read(dir.join(WEIGHTS)).unwrap()).unwrap();
            edit(&mut map);
            fs::write(dir.join(WEIGHTS), map.to_safetensors(Precision::F16).unwrap()).unwrap();
            state_digest(dir);
        }
        Edit::Bytes(edit) => {
            change(*edit);
            state_digest(dir);
        }
        Edit::Secretly(edit) => change(*edit),
        Edit::Card(from, to) => {
            let card = replaced(&fs::read_to_string(dir.join(CARD)).unwrap(), from, to);
            fs::write(dir.join(CARD), card).unwrap();
        }
        Edit::Folder(edit) => edit(dir),
        Edit::Zoo(from, to) => to_zoo(dir, &replaced(&zoo_config(), from, to)),
    }
}

#[test]
fn hostile_models_are_refused_by_name_before_a_slide_is_opened() {
    assert!(ROWS.len() >= 40);
    let here = Workplace::new();
    for (what, edit, code, words) in ROWS {
        let dir = here.path("hostile");
        write_good(&dir);
        apply(edit, &dir);
        let said = here.run(&["score", "slides/good.svs", "-o", "out", "--device", "cpu", "--model", "hostile"]);
        assert_eq!((said.code, said.out.as_str()), (Some(*code), ""), "{what}: {:#?}", said.lines);
        let line = said.line("eosin: ");
        assert!(words.iter().all(|word| line.contains(word)), "{what}: {words:?} in {line}");
        assert!(line.len() < 600 && !here.path("out").exists(), "{what}");
        fs::remove_dir_all(&dir).unwrap();
    }
    assert!(!here.path(MARKER).exists() && !Path::new("/tmp").join(MARKER).exists(), "a program was run");
}

#[test]
fn the_model_that_the_others_are_made_of_is_sound() {
    let here = Workplace::new();
    write_good(&here.path("model-of-zoo"));
    let said = here.run(&["models", "check", "model-of-zoo"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    to_zoo(&here.path("model-of-zoo"), &zoo_config());
    let said = here.run(&["models", "check", "model-of-zoo"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.out.contains("mobilenetv3-small") && said.out.contains("all finite"), "{}", said.out);
}
