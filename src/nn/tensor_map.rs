//! A weights file in memory: safetensors bytes to named f32 tensors and back.
//!
//! Invariant: every value is finite, every tensor has as many values as its shape says. Knows no network.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_WEIGHTS_BYTES;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the header: far above that of any network here (a few hundred tensors).
const MAX_HEADER_BYTES: u64 = 8 << 20;

/// How numbers are stored in a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 16 bits, 11 of them significant.
    F16,
    /// 16 bits, 8 of them significant, with the range of f32.
    Bf16,
    /// 32 bits.
    F32,
}

/// One tensor: row-major values.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// The dimensions as weights files have them.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// Named tensors, sorted by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorMap(BTreeMap<String, Weight>);

impl TensorMap {
    /// Reads a safetensors file: F32, F16 and BF16, widened to f32; I64 counters named `num_batches_tracked` are left out
    /// because inference has no use for them. Also says how the numbers were stored (the widest kind met).
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0101` not a whole safetensors file, `MOD-0102` another kind of number, `MOD-0103` a value
    /// that is not finite, `MOD-0104` a name that occurs twice. [`ErrorKind::Limits`] (`MOD-0106`): too large.
    pub fn from_safetensors(bytes: &[u8]) -> Result<(Self, Precision)> {
        check_header(bytes)?;
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| fault("MOD-0101", format!("expected a whole safetensors file: {error}")))?;
        let mut precision = Precision::F16;
        let mut map = BTreeMap::new();
        for (name, view) in file.iter() {
            if view.dtype() == Dtype::I64 && name.ends_with("num_batches_tracked") {
                continue;
            }
            let (data, stored) = widen(name, &view)?;
            precision = precision.max(stored);
            if let Some(bad) = data.iter().find(|value| !value.is_finite()) {
                return Err(fault("MOD-0103", format!("expected finite numbers, found {bad} in {name}")));
            }
            map.insert(name.to_owned(), Weight { shape: view.shape().to_vec(), data });
        }
        Ok((Self(map), precision))
    }

    /// Writes a safetensors file; the same tensors give the same bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when a value does not fit `precision` or is not finite (`MOD-0103`).
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>> {
        let stored: Vec<(&String, &Weight, Vec<u8>)> = self
            .0
            .iter()
            .map(|(name, weight)| Ok((name, weight, narrow(name, &weight.data, precision)?)))
            .collect::<Result<_>>()?;
        let dtype = match precision {
            Precision::F16 => Dtype::F16,
            Precision::Bf16 => Dtype::BF16,
            Precision::F32 => Dtype::F32,
        };
        let unfit = |error| fault("MOD-0101", format!("cannot lay out the weights: {error}"));
        let views = stored
            .iter()
            .map(|(name, weight, data)| Ok((name, TensorView::new(dtype, weight.shape.clone(), data)?)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(unfit)?;
        safetensors::serialize(views, None).map_err(unfit)
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Weight> {
        self.0.get(name)
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, weight: Weight) {
        self.0.insert(name.into(), weight);
    }

    /// Takes a tensor out.
    pub fn remove(&mut self, name: &str) -> Option<Weight> {
        self.0.remove(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Weight)> {
        self.0.iter().map(|(name, weight)| (name.as_str(), weight))
    }

    /// Names and shapes alone, with no values.
    pub(super) fn shapes(&self) -> Self {
        let bare = |(name, weight): (&str, &Weight)| {
            (name.to_owned(), Weight { shape: weight.shape.clone(), data: Vec::new() })
        };
        self.iter().map(bare).collect()
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for TensorMap {
    type Item = (String, Weight);
    type IntoIter = std::collections::btree_map::IntoIter<String, Weight>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, Weight)> for TensorMap {
    fn from_iter<I: IntoIterator<Item = (String, Weight)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}

fn fault(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Model, code, message)
}

/// Refuses what the parser would allocate for or pass over: sizes beyond the limits, names that occur twice.
fn check_header(bytes: &[u8]) -> Result<()> {
    if bytes.len() as u64 > MAX_WEIGHTS_BYTES {
        let message = format!("expected at most {MAX_WEIGHTS_BYTES} bytes of weights, found {}", bytes.len());
        return Err(Error::new(ErrorKind::Limits, "MOD-0106", message));
    }
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(fault("MOD-0101", format!("expected a safetensors file, found {} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        let message = format!("expected a header of at most {MAX_HEADER_BYTES} bytes, found {length}");
        return Err(Error::new(ErrorKind::Limits, "MOD-0106", message));
    }
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(|| {
        fault("MOD-0101", format!("expected a header of {length} bytes, found {} bytes after its length", rest.len()))
    })?;
    let Keys(keys) = serde_json::from_slice(header)
        .map_err(|error| fault("MOD-0101", format!("expected a JSON object as header: {error}")))?;
    let mut seen = BTreeSet::new();
    match keys.iter().find(|key| !seen.insert(key.as_str())) {
        Some(twice) => Err(fault("MOD-0104", format!("expected each tensor once, found {twice} twice"))),
        None => Ok(()),
    }
}

/// The keys of a JSON object as they come; ordinary maps keep only the last of two equal ones.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;
        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(KeysVisitor)
    }
}

fn widen(name: &str, view: &TensorView<'_>) -> Result<(Vec<f32>, Precision)> {
    let words = || view.data().as_chunks::<2>().0.iter();
    match view.dtype() {
        Dtype::F16 => Ok((words().map(|&word| f16::from_le_bytes(word).to_f32()).collect(), Precision::F16)),
        Dtype::BF16 => Ok((words().map(|&word| bf16::from_le_bytes(word).to_f32()).collect(), Precision::Bf16)),
        Dtype::F32 => {
            Ok((view.data().as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect(), Precision::F32))
        }
        other => Err(fault("MOD-0102", format!("expected F32, F16 or BF16, found {other:?} in {name}"))),
    }
}

fn narrow(name: &str, data: &[f32], precision: Precision) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(data.len() * 4);
    for &value in data {
        let finite = match precision {
            Precision::F16 => {
                let word = f16::from_f32(value);
                bytes.extend(word.to_le_bytes());
                word.is_finite()
            }
            Precision::Bf16 => {
                let word = bf16::from_f32(value);
                bytes.extend(word.to_le_bytes());
                word.is_finite()
            }
            Precision::F32 => {
                bytes.extend(value.to_le_bytes());
                value.is_finite()
            }
        };
        if !finite {
            let message = format!("expected numbers that fit {precision:?}, found {value} in {name}");
            return Err(fault("MOD-0103", message));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> TensorMap {
        [("b", vec![1.0, -2.5]), ("a.weight", vec![0.0, 65504.0])]
            .into_iter()
            .map(|(name, data)| (name.to_owned(), Weight { shape: vec![2], data }))
            .collect()
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn what_is_written_is_read_back_and_the_bytes_are_stable() {
        for precision in [Precision::F16, Precision::Bf16, Precision::F32] {
            let bytes = map().to_safetensors(precision).unwrap();
            assert_eq!(bytes, map().to_safetensors(precision).unwrap());
            let (read, stored) = TensorMap::from_safetensors(&bytes).unwrap();
            assert_eq!(stored, precision);
            assert_eq!(read.get("b"), map().get("b"));
        }
    }

    #[test]
    fn a_value_beyond_half_precision_is_refused_when_written() {
        let mut map = map();
        map.insert("big", Weight { shape: vec![1], data: vec![70_000.0] });
        let error = map.to_safetensors(Precision::F16).unwrap_err();
        assert_eq!(error.code(), "MOD-0103");
        assert!(error.message().contains("big"), "{error}");
        assert!(map.to_safetensors(Precision::Bf16).is_ok());
    }

    #[test]
    fn damaged_and_hostile_files_are_refused_by_code() {
        let one = |dtype: &str| format!(r#"{{"a":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,4]}}}}"#);
        let entry = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        let cases: [(&str, Vec<u8>, &str); 9] = [
            ("empty", vec![], "MOD-0101"),
            ("short", vec![1, 0, 0], "MOD-0101"),
            ("no header", 100_u64.to_le_bytes().to_vec(), "MOD-0101"),
            ("huge header", u64::MAX.to_le_bytes().to_vec(), "MOD-0106"),
            ("not JSON", file("[1, 2]", &[]), "MOD-0101"),
            ("truncated data", file(&one("F32"), &[0, 0]), "MOD-0101"),
            ("integers", file(&one("I32"), &[0; 4]), "MOD-0102"),
            ("not a number", file(&one("F32"), &f32::NAN.to_le_bytes()), "MOD-0103"),
            ("twice", file(&format!("{{{entry},{entry}}}"), &[0; 4]), "MOD-0104"),
        ];
        for (what, bytes, code) in cases {
            assert_eq!(TensorMap::from_safetensors(&bytes).unwrap_err().code(), code, "{what}");
        }
        assert!(TensorMap::from_safetensors(&file(&one("F32"), &1_f32.to_le_bytes())).is_ok());
    }
}
