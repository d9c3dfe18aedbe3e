//! Weights and tiles by formula, so that networks can be compared with torch without a weights file.
//!
//! The rule stands in `parity/architectures/README.md` of the shared folder: a 64-bit hash of name and index gives each
//! value, scaled by the tensor's kind.

use eosin::nn::{NetworkSpec, TensorMap, Weight};
use serde_json::Value;

/// Hashes a name (Fowler, Noll and Vo's 1a, 64 bits).
pub(crate) fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Scatters a counter (Steele, Lea and Flood's SplitMix).
pub(crate) fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number for element `index` of tensor `name`, -0.5 to 0.5.
pub(crate) fn uniform(name: &str, index: usize) -> f64 {
    (splitmix64(fnv1a64(name).wrapping_add(index as u64)) >> 40) as f64 / f64::from(1 << 24) - 0.5
}

/// All tensors that a reference file lists, counters left out.
pub(crate) fn weights(reference: &Value) -> TensorMap {
    let gain = reference["gain"].as_f64().unwrap();
    let tensors = reference["tensors"].as_array().unwrap().iter().filter(|tensor| tensor[2] != "zero");
    let tensor = |tensor: &Value| {
        let name = tensor[0].as_str().unwrap();
        let dims = tensor[1].as_array().unwrap();
        let shape: Vec<usize> = dims.iter().map(|dim| usize::try_from(dim.as_u64().unwrap()).unwrap()).collect();
        (name.to_owned(), weight(name, shape, tensor[2].as_str().unwrap(), gain))
    };
    tensors.map(tensor).collect()
}

/// The weights of a network, each kind told from name and shape as the rule says.
pub(crate) fn weights_of(spec: &NetworkSpec, gain: f64) -> TensorMap {
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let kind = match name.rsplit('.').next().unwrap() {
            "pos_embed" | "cls_token" | "reg_token" | "running_mean" | "bias" => "small",
            "running_var" => "var",
            _ if shape.len() >= 2 => "weight",
            _ => "norm",
        };
        let weight = weight(&name, shape, kind, gain);
        (name, weight)
    };
    spec.tensors().unwrap().into_iter().map(tensor).collect()
}

/// The tensor of that name and kind.
#[expect(clippy::cast_possible_truncation, reason = "the rule ends with rounding to f32")]
fn weight(name: &str, shape: Vec<usize>, kind: &str, gain: f64) -> Weight {
    let fan_in: usize = shape.iter().skip(1).product();
    let value = |u: f64| match kind {
        "small" => 0.2 * u,
        "var" => 1.0 + 0.5 * (u + 0.5),
        "weight" => (u * (12.0 / fan_in as f64).sqrt()) * gain,
        "norm" => 1.0 + 0.2 * u,
        kind => panic!("unknown kind {kind}"),
    };
    let data = (0..shape.iter().product()).map(|index| value(uniform(name, index)) as f32).collect();
    Weight { shape, data }
}

/// Two tiles `[2, 3, side, side]`.
pub(crate) fn tiles(side: usize) -> Vec<f32> {
    many_tiles(side, 2)
}

/// As many tiles as wanted, `[N, 3, side, side]`.
#[expect(clippy::cast_possible_truncation, reason = "the rule ends with rounding to f32")]
pub(crate) fn many_tiles(side: usize, count: usize) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(count * 3 * side * side);
    for n in 0..count {
        for c in 0..3 {
            for h in 0..side {
                for w in 0..side {
                    let wave = (0.05 * h as f64 * f64::from(c + 1)).sin() * (0.07 * w as f64).cos();
                    pixels.push((wave + 0.1 * n as f64) as f32);
                }
            }
        }
    }
    pixels
}

#[test]
fn the_formula_gives_the_check_values_of_its_rule() {
    assert_eq!(fnv1a64("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
    assert_eq!(fnv1a64("conv1.weight"), 0x69a2_9a2c_ee47_d254);
    let first = [0, 1, 2].map(|index| uniform("conv1.weight", index));
    let expected = [0.045_074_939_727_783_2, -0.425_185_263_156_890_87, 0.460_018_873_214_721_7];
    assert!(first.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-16), "{first:?}");
}
