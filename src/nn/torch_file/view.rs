//! A tensor of a file: a window with strides on a storage, and the row-major values in it.
//!
//! Invariant: every value that is read lies within the storage, and a tensor never has more values than its storage.

use super::select::Named;
use super::storage::Storage;
use super::{damaged, limits, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::tensor_map::{Precision, TensorMap, Weight};
use half::{bf16, f16};

/// Dimensions of a tensor; those of networks have five at most.
const MAX_DIMENSIONS: usize = 16;

/// How many times over the tensors of a file may use its bytes: tied layers use theirs twice.
const MAX_SHARING: u64 = 4;

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View<'a> {
    pub storage: Storage<'a>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    /// Values in it.
    count: usize,
}

impl<'a> View<'a> {
    /// A window on a storage; all in numbers, not bytes.
    ///
    /// # Errors
    /// `MOD-0101` when it reaches beyond the storage, `MOD-0106` when it has more values than that, or too many dimensions.
    pub(super) fn new(storage: Storage<'a>, offset: u64, shape: &[u64], strides: &[u64]) -> Result<Self> {
        if shape.len() > MAX_DIMENSIONS {
            return Err(limits(format!("expected at most {MAX_DIMENSIONS} dimensions, found {}", shape.len())));
        }
        if shape.len() != strides.len() {
            return Err(damaged(format!(
                "expected a stride per dimension, found {} for {}",
                strides.len(),
                shape.len()
            )));
        }
        let count = shape.iter().try_fold(1_u64, |count, &side| count.checked_mul(side));
        let Some(count) = count.filter(|&count| count <= storage.length) else {
            return Err(limits(format!(
                "expected a tensor of at most the {} values of its storage, found the shape {shape:?}",
                storage.length
            )));
        };
        let last = shape
            .iter()
            .zip(strides)
            .try_fold(offset, |last, (&side, &stride)| last.checked_add(side.saturating_sub(1).checked_mul(stride)?));
        // A tensor without values may begin where the storage ends, whatever its strides.
        let fits = if count == 0 { offset <= storage.length } else { last.is_some_and(|last| last < storage.length) };
        if !fits {
            return Err(damaged(format!(
                "expected a tensor within {} values, found the shape {shape:?} with strides {strides:?} from {offset}",
                storage.length
            )));
        }
        // Strides that are never taken may be of any size.
        let taken =
            |(&side, &stride): (&u64, &u64)| if count == 0 || side < 2 { Ok(0) } else { usize::try_from(stride) };
        let sizes = || -> std::result::Result<_, std::num::TryFromIntError> {
            Ok(Self {
                storage,
                offset: offset.try_into()?,
                shape: shape.iter().map(|&side| side.try_into()).collect::<std::result::Result<_, _>>()?,
                strides: shape.iter().zip(strides).map(taken).collect::<std::result::Result<_, _>>()?,
                count: count.try_into()?,
            })
        };
        sizes().map_err(|_| limits(format!("expected sizes that this computer can address, found {shape:?}")))
    }

    /// Bytes of its values as the file stores them, were each stored once.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.count as u64 * self.storage.kind.bytes
    }

    /// The values, row-major, from the bytes of the whole storage, and how they were stored.
    ///
    /// # Errors
    /// `MOD-0101` when there are other than the described bytes, `MOD-0102` for numbers that are no weights, `MOD-0103` for
    /// a value that is not finite, all with the tensor's `name`.
    pub(super) fn weight(&self, name: &str, bytes: &[u8]) -> Result<(Weight, Precision)> {
        if self.storage.bytes() != Some(bytes.len() as u64) {
            return Err(damaged(format!(
                "expected {} {} values in the storage of {name}, found {} bytes",
                self.storage.length,
                self.storage.kind.name,
                bytes.len()
            )));
        }
        let (data, precision) = match self.storage.kind.name {
            "F32" => (self.gather(bytes, f32::from_le_bytes), Precision::F32),
            "F16" => (self.gather(bytes, |word| f16::from_le_bytes(word).to_f32()), Precision::F16),
            "BF16" => (self.gather(bytes, |word| bf16::from_le_bytes(word).to_f32()), Precision::Bf16),
            "F64" => (self.gather(bytes, |word| narrow(f64::from_le_bytes(word))), Precision::F32),
            other => {
                let message = format!("expected F32, F16, BF16 or F64, found {other} in {name}");
                return Err(Error::new(ErrorKind::Model, "MOD-0102", message));
            }
        };
        let data = data.ok_or_else(|| damaged(format!("expected {name} within its storage, found values outside")))?;
        if let Some(bad) = data.iter().find(|value| !value.is_finite()) {
            let message = format!("expected finite numbers, found {bad} in {name}");
            return Err(Error::new(ErrorKind::Model, "MOD-0103", message));
        }
        Ok((Weight { shape: self.shape.clone(), data }, precision))
    }

    fn gather<const N: usize>(&self, bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Option<Vec<f32>> {
        let words = bytes.as_chunks::<N>().0;
        if self.is_row_major() {
            let words = words.get(self.offset..)?.get(..self.count)?;
            return Some(words.iter().map(|&word| value(word)).collect());
        }
        let mut data = Vec::with_capacity(self.count);
        let mut index = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..self.count {
            data.push(value(*words.get(at)?));
            // One step of the innermost dimension; a full one starts again and moves the next.
            for ((index, &side), &stride) in index.iter_mut().zip(&self.shape).zip(&self.strides).rev() {
                *index += 1;
                at += stride;
                if *index < side {
                    break;
                }
                at -= stride * side;
                *index = 0;
            }
        }
        Some(data)
    }

    fn is_row_major(&self) -> bool {
        let mut expected = 1;
        self.count == 0
            || self.shape.iter().zip(&self.strides).rev().all(|(&side, &stride)| {
                let fits = side == 1 || stride == expected;
                expected *= side;
                fits
            })
    }
}

/// The values of all tensors, from a file of `length` bytes whose storages `storage` gives by their key.
///
/// # Errors
/// Those of [`View::weight`] and of `storage`; `MOD-0106` when the tensors share more storage than tied layers do.
pub(super) fn weights<'a>(
    named: &Named<'_, '_>,
    length: usize,
    storage: impl Fn(&str) -> Result<&'a [u8]>,
) -> Result<(TensorMap, Precision)> {
    let mut map = TensorMap::default();
    let mut precision = Precision::F16;
    let mut used = 0_u64;
    for (name, view) in named {
        if view.storage.kind.name == "I64" && name.ends_with("num_batches_tracked") {
            continue;
        }
        used = used.saturating_add(view.stored_bytes());
        if used > MAX_SHARING * length as u64 {
            return Err(limits(format!(
                "expected tensors of at most {MAX_SHARING} times the file's {length} bytes, found more"
            )));
        }
        let (weight, stored) = view.weight(&shown(name), storage(view.storage.key)?)?;
        precision = precision.max(stored);
        map.insert(name.clone(), weight);
    }
    Ok((map, precision))
}

/// To the nearest f32; what lies beyond its range becomes infinite, which is refused.
#[expect(clippy::cast_possible_truncation, reason = "weights are used as f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::super::storage::Kind;
    use super::*;

    fn storage(length: u64) -> Storage<'static> {
        Storage { key: "0", kind: Kind::of("FloatStorage").unwrap(), length }
    }

    /// The storage of 24 values holds its own indices, so the values of a view are the indices that it visits.
    fn visited(offset: u64, shape: &[u64], strides: &[u64]) -> Vec<f32> {
        let bytes: Vec<u8> = (0_u8..24).flat_map(|index| f32::from(index).to_le_bytes()).collect();
        View::new(storage(24), offset, shape, strides).unwrap().weight("a", &bytes).unwrap().0.data
    }

    #[test]
    fn a_view_visits_offset_plus_index_times_stride() {
        let cases: [(u64, &[u64], &[u64]); 8] = [
            (3, &[2, 3], &[3, 1]),
            (3, &[3, 2], &[1, 3]),
            (0, &[2, 3, 4], &[1, 8, 2]),
            (1, &[5], &[4]),
            (0, &[2, 3, 2, 2], &[12, 1, 6, 3]),
            (7, &[1, 4, 1], &[99, 1, 5]),
            (2, &[4, 3], &[1, 1]),
            (23, &[], &[]),
        ];
        for (offset, shape, strides) in cases {
            let mut expected = vec![offset];
            for (&side, &stride) in shape.iter().zip(strides) {
                expected = expected.iter().flat_map(|&at| (0..side).map(move |index| at + index * stride)).collect();
            }
            let expected: Vec<f32> = expected.into_iter().map(|index| index as f32).collect();
            assert_eq!(visited(offset, shape, strides), expected, "{offset} {shape:?} {strides:?}");
        }
        assert_eq!(visited(24, &[0, 3], &[u64::MAX, 1]), [0.0; 0]);
    }

    #[test]
    fn views_beyond_their_storage_are_refused() {
        let far = u64::MAX;
        let cases: [(u64, &[u64], &[u64], &str); 9] = [
            (1, &[24], &[1], "MOD-0101"),
            (24, &[], &[], "MOD-0101"),
            (25, &[0], &[1], "MOD-0101"),
            (0, &[2], &[24], "MOD-0101"),
            (far, &[2], &[1], "MOD-0101"),
            (0, &[2, 2], &[far, far], "MOD-0101"),
            (0, &[1], &[1, 1], "MOD-0101"),
            (0, &[25], &[0], "MOD-0106"),
            (0, &[far, far], &[0, 0], "MOD-0106"),
        ];
        for (offset, shape, strides, code) in cases {
            let error = View::new(storage(24), offset, shape, strides).unwrap_err();
            assert_eq!(error.code(), code, "{offset} {shape:?} {strides:?}");
        }
        assert_eq!(View::new(storage(24), 0, &[1; 17], &[1; 17]).unwrap_err().code(), "MOD-0106");
        assert_eq!(View::new(storage(2), 0, &[2], &[1]).unwrap().weight("a", &[0; 9]).unwrap_err().code(), "MOD-0101");
    }
}
