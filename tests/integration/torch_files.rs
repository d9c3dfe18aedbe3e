//! Files of `torch.save` and TorchScript give the values of a formula; those that are no weights are refused by code.
//!
//! `tests/reference/torch_files.py` made them with torch.

use eosin::Error;
use eosin::nn::{Precision, TensorMap, Weight, read_weights};
use std::fs;
use std::path::Path;

pub(crate) fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch").join(name)).unwrap()
}

fn read(name: &str) -> Result<(TensorMap, Precision), Error> {
    read_weights(&file(name), None)
}

/// Value `index` is (`start` + index) / 4, for each index in the order of the tensor.
fn tensor(shape: &[usize], indices: impl IntoIterator<Item = usize>) -> Weight {
    Weight { shape: shape.to_vec(), data: indices.into_iter().map(|index| index as f32 / 4.0).collect() }
}

fn map(tensors: Vec<(&str, Weight)>) -> TensorMap {
    tensors.into_iter().map(|(name, weight)| (name.to_owned(), weight)).collect()
}

/// The state dict that most of the files hold.
fn expected() -> TensorMap {
    map(vec![
        ("conv.weight", tensor(&[2, 3, 1, 2], 0..12)),
        ("conv.bias", tensor(&[2], 16..18)),
        ("bn.weight", tensor(&[3], 20..23)),
        ("bn.running_mean", tensor(&[3], 24..27)),
        ("turned", tensor(&[3, 4], (0..3).flat_map(|row| (0..4).map(move |column| 32 + column * 3 + row)))),
        ("channels_last", tensor(&[2, 2, 2, 1], 48..56)),
        ("shared.whole", tensor(&[24], 64..88)),
        ("shared.window", tensor(&[2, 3], 70..76)),
        ("shared.every_third", tensor(&[8], (65..88).step_by(3))),
        ("scalar", tensor(&[], [96])),
        ("empty", tensor(&[0, 3], [])),
    ])
}

#[test]
fn state_dicts_of_every_kind_give_the_values_of_the_formula() {
    let files = ["plain.pth", "plain_dict.bin", "legacy.pth", "protocol4.pth", "nested.pth", "nested_legacy.pth"];
    for name in files {
        assert_eq!(read(name).unwrap(), (expected(), Precision::F32), "{name}");
    }
}

#[test]
fn parameters_and_lightning_checkpoints_are_read() {
    let parameters = map(vec![("weight", tensor(&[2, 2], 0..4)), ("marked", tensor(&[2, 2], 8..12))]);
    assert_eq!(read("parameters.pth").unwrap().0, parameters);
    let lightning = map(vec![("model.conv.weight", tensor(&[2, 3, 1, 1], 0..6))]);
    assert_eq!(read("lightning.ckpt").unwrap().0, lightning);
}

#[test]
fn of_several_parts_one_must_be_named() {
    let bytes = file("two_parts.pth");
    let error = read_weights(&bytes, None).unwrap_err();
    assert_eq!(error.code(), "MOD-0109");
    assert!(error.message().contains("teacher and student"), "{error}");
    for (part, start) in [("student", 0), ("teacher", 8)] {
        let weights = read_weights(&bytes, Some(part)).unwrap().0;
        assert_eq!(weights, map(vec![("weight", tensor(&[2], start..start + 2))]));
    }
    let other = read_weights(&bytes, Some("ema")).unwrap_err();
    assert_eq!(other.message(), "expected the part ema, found student, teacher");
    let named = read_weights(&file("other_keys.pth"), Some("decoder")).unwrap().0;
    assert_eq!(named, map(vec![("w", tensor(&[2], 0..2))]));
    assert_eq!(read_weights(&file("script.pt"), Some("model")).unwrap_err().code(), "MOD-0109");
}

#[test]
fn safetensors_are_told_by_their_first_bytes() {
    let bytes = expected().to_safetensors(Precision::F32).unwrap();
    assert_eq!(read_weights(&bytes, None).unwrap().0, expected());
    assert_eq!(read_weights(&bytes, Some("model")).unwrap_err().code(), "MOD-0109");
    // A length that begins as a pickle does.
    let mut padded = bytes[8..].to_vec();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let length = 0x0480;
    assert!(header < length, "{header}");
    let end = usize::try_from(header).unwrap();
    padded.splice(end..end, vec![b' '; usize::try_from(length - header).unwrap()]);
    let padded = [&length.to_le_bytes()[..], &padded].concat();
    assert!(padded.starts_with(b"\x80\x04"));
    assert_eq!(read_weights(&padded, None).unwrap().0, expected());
}

#[test]
fn modules_of_torchscript_have_the_names_of_their_state_dict() {
    let expected = map(vec![
        ("bias", tensor(&[2], 16..18)),
        ("layers.0.weight", tensor(&[2, 2], 0..4)),
        ("layers.0.running_mean", tensor(&[2], 8..10)),
        ("layers.1.weight", tensor(&[2, 2], [24, 26, 25, 27])),
        ("layers.1.running_mean", tensor(&[2], 8..10)),
    ]);
    for name in ["script.pt", "traced.pt"] {
        assert_eq!(read(name).unwrap(), (expected.clone(), Precision::F32), "{name}");
    }
    let frozen = read("frozen.pt").unwrap_err();
    assert_eq!(frozen.code(), "MOD-0109");
    assert!(frozen.message().starts_with("expected named tensors, found none, and "), "{frozen}");
    assert!(frozen.advice().unwrap().contains("model.safetensors"), "{:?}", frozen.advice());
}

#[test]
fn files_that_torch_writes_and_networks_cannot_use_are_refused_by_code() {
    let cases = [
        ("integers.pth", "MOD-0102", "I64 in relative_position_index"),
        ("nan.pth", "MOD-0103", "NaN in weight"),
        ("infinite.pth", "MOD-0103", "-inf in weight"),
        ("beyond_f32.pth", "MOD-0103", "inf in weight"),
        ("expanded.pth", "MOD-0106", "[1048576]"),
        ("sparse.pth", "MOD-0107", "torch._utils._rebuild_sparse_tensor in weight"),
        ("quantised.pth", "MOD-0107", "torch._utils._rebuild_qtensor in weight"),
        ("number.pth", "MOD-0107", "an integer in step"),
        ("bare_tensor.pth", "MOD-0107", "a tensor"),
        ("module.pth", "MOD-0107", "torch.nn.modules.linear.Linear"),
        ("module_in_part.pth", "MOD-0107", "in model, found an object of torch.nn.modules.linear.Linear"),
        ("other_keys.pth", "MOD-0109", "encoder, decoder"),
    ];
    for (name, code, part) in cases {
        let error = read(name).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.message().contains(part), "{name}: {error}");
    }
}
