//! The stream that `torch.save` wrote before 1.6: pickles one after the other (a magic number, a version, the computer, the
//! saved object, the keys of the storages), then the storages, each with its length.
//!
//! Invariant: every storage of the pickle is in the file once, with the length that the pickle says, and nothing follows.

use super::pickle::{self, Pickle};
use super::storage::Storage;
use super::value::Value;
use super::{damaged, select, shown, unread, view};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::tensor_map::{Precision, TensorMap};
use std::collections::BTreeMap;

/// 0x1950a86a20f9469cfc6c, lowest byte first.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const VERSION: i64 = 1001;

/// Reads the weights of a stream.
///
/// # Errors
/// Those of [`TensorMap::from_torch`].
pub(super) fn read(bytes: &[u8], part: Option<&str>) -> Result<(TensorMap, Precision)> {
    let (magic, rest) = pickle::read(bytes)?;
    if !matches!(magic.values.get(magic.root), Value::Wide(magic) if *magic == MAGIC) {
        let found = magic.values.describe(magic.root);
        return Err(unread(format!("expected a file of torch.save, found a pickle of {found}")));
    }
    let (version, rest) = pickle::read(rest)?;
    if !matches!(version.values.get(version.root), Value::Int(VERSION)) {
        return Err(unread(format!("expected a stream of version {VERSION}, found another")));
    }
    let (computer, rest) = pickle::read(rest)?;
    if !is_little_endian(&computer) {
        return Err(unread("expected numbers with the lowest byte first, found another order"));
    }
    let (pickle, rest) = pickle::read(rest)?;
    let (keys, rest) = pickle::read(rest)?;
    let storages = storages(&pickle, &keys, rest)?;
    let named = select::state_dict(&pickle, part)?;
    view::weights(&named, bytes.len(), |key| {
        storages.get(key).copied().ok_or_else(|| damaged(format!("expected the storage {}, found none", shown(key))))
    })
}

fn is_little_endian(computer: &Pickle<'_>) -> bool {
    let values = &computer.values;
    values.dict(computer.root).is_some_and(|pairs| {
        pairs.iter().any(|&(name, value)| {
            values.text(name) == Some("little_endian") && matches!(values.get(value), Value::Bool(true))
        })
    })
}

/// Cuts the bytes behind the last pickle at the lengths that the pickle of the tensors says.
fn storages<'a>(pickle: &Pickle<'a>, keys: &Pickle<'a>, mut rest: &'a [u8]) -> Result<BTreeMap<&'a str, &'a [u8]>> {
    let mut described: BTreeMap<&str, &Storage<'_>> = BTreeMap::new();
    for value in pickle.values.iter() {
        if let Value::Storage(storage) = value
            && described.insert(storage.key, storage).is_some_and(|before| before != storage)
        {
            return Err(damaged(format!("expected one description of the storage {}, found two", shown(storage.key))));
        }
    }
    let Value::List(order) = keys.values.get(keys.root) else {
        return Err(damaged(format!("expected a list of storages, found {}", keys.values.describe(keys.root))));
    };
    let mut storages = BTreeMap::new();
    for &key in order {
        let key = (keys.values.text(key)).ok_or_else(|| damaged("expected keys of storages, found something else"))?;
        let storage = described
            .get(key)
            .ok_or_else(|| damaged(format!("expected storages that tensors use, found {} too", shown(key))))?;
        let short =
            || damaged(format!("expected {} values in the storage {}, found fewer", storage.length, shown(key)));
        let (length, data) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let length = u64::from_le_bytes(*length);
        if length != storage.length {
            let (said, key) = (storage.length, shown(key));
            return Err(damaged(format!("expected {said} values in the storage {key}, found {length}")));
        }
        let bytes = storage.bytes().and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(short)?;
        let (data, behind) = data.split_at_checked(bytes).ok_or_else(short)?;
        rest = behind;
        if storages.insert(key, data).is_some() {
            let message = format!("expected each storage once, found {} twice", shown(key));
            return Err(Error::new(ErrorKind::Model, "MOD-0104", message));
        }
    }
    if rest.is_empty() {
        Ok(storages)
    } else {
        Err(damaged(format!("expected the end of the stream, found {} bytes", rest.len())))
    }
}
