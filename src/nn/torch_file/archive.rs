//! The zip archive that `torch.save` and TorchScript write: a folder with `data.pkl`, and a file per storage.
//!
//! Invariant: only entries that are stored as they are (as torch writes them) are read, in place, so an archive cannot grow
//! in memory; entries take no more than the file's bytes together, no name occurs twice, sizes and checksums hold. The zip
//! container is read by `rawzip`.

use super::input::MAX_PICKLE_BYTES;
use super::pickle;
use super::{damaged, limits, select, shown, unread, view};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::tensor_map::{Precision, TensorMap};
use rawzip::{CompressionMethod, ZipArchive};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

/// Entries of one archive: a checkpoint with the state of its optimiser has some thousand.
const MAX_ENTRIES: usize = 1 << 16;

/// Reads the weights of an archive.
///
/// # Errors
/// Those of [`TensorMap::from_torch`].
pub(super) fn read(bytes: &[u8], part: Option<&str>) -> Result<(TensorMap, Precision)> {
    let archive = Archive::open(bytes)?;
    if let Some(order) = archive.entry("byteorder")?
        && order.trim_ascii() != b"little"
    {
        let order = shown(&String::from_utf8_lossy(order));
        return Err(unread(format!("expected numbers with the lowest byte first, found the order {order}")));
    }
    let (pickle, _) = pickle::read(archive.pickle("data.pkl")?)?;
    let named = if archive.has("constants.pkl") {
        let (constants, _) = pickle::read(archive.pickle("constants.pkl")?)?;
        select::modules(&pickle, &constants, part)?
    } else {
        select::state_dict(&pickle, part)?
    };
    view::weights(&named, bytes.len(), |key| {
        let missing = || damaged(format!("expected the entry data/{}, found none", shown(key)));
        archive.entry(&format!("data/{key}"))?.ok_or_else(missing)
    })
}

struct Archive<'a> {
    bytes: &'a [u8],
    /// By name.
    entries: BTreeMap<Vec<u8>, Entry>,
    /// The folder of `data.pkl`, with its slash.
    folder: String,
}

struct Entry {
    /// Where its bytes are in the file.
    range: Range<usize>,
    /// Bytes that it says to have when unpacked.
    unpacked: u64,
    checksum: u32,
    method: CompressionMethod,
    encrypted: bool,
    /// Whether the checksum was found right: once is enough for all tensors that share the entry.
    sound: Cell<bool>,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self> {
        let unfit = |error: rawzip::Error| damaged(format!("expected a whole zip archive: {error}"));
        let zip = ZipArchive::from_slice(bytes).map_err(unfit)?;
        if zip.end_offset() != bytes.len() as u64 {
            return Err(damaged(format!(
                "expected {} bytes of a zip archive, found {}",
                zip.end_offset(),
                bytes.len()
            )));
        }
        let mut entries = BTreeMap::new();
        let mut held = 0_u64;
        for (index, record) in zip.entries().enumerate() {
            if index >= MAX_ENTRIES {
                return Err(limits(format!("expected at most {MAX_ENTRIES} entries of an archive, found more")));
            }
            let record = record.map_err(unfit)?;
            let entry = zip.get_entry(record.wayfinder()).map_err(unfit)?;
            let name = record.file_path().as_ref().to_vec();
            let title = shown(&String::from_utf8_lossy(&name));
            if entry.local_header().file_path().as_ref() != name.as_slice() {
                return Err(damaged(format!(
                    "expected the same name in both headers of an entry, found {title} in one"
                )));
            }
            held = held.saturating_add(record.compressed_size_hint());
            if held > bytes.len() as u64 {
                return Err(damaged(format!(
                    "expected entries that do not overlap, found more bytes than there are by {title}"
                )));
            }
            let (start, end) = entry.compressed_data_range();
            let beyond = |_| damaged(format!("expected the entry {title} within the archive, found it beyond"));
            let entry = Entry {
                range: usize::try_from(start).map_err(beyond)?..usize::try_from(end).map_err(beyond)?,
                unpacked: record.uncompressed_size_hint(),
                checksum: record.crc32(),
                method: record.compression_method(),
                encrypted: record.flags().is_encrypted() || record.flags().is_masked(),
                sound: Cell::new(false),
            };
            if entries.insert(name, entry).is_some() {
                let message = format!("expected each entry once, found {title} twice");
                return Err(Error::new(ErrorKind::Model, "MOD-0104", message));
            }
        }
        if entries.len() as u64 != zip.entries_hint() {
            let (said, found) = (zip.entries_hint(), entries.len());
            return Err(damaged(format!("expected {said} entries of an archive, found {found}")));
        }
        let folder = folder(entries.keys())?;
        Ok(Self { bytes, entries, folder })
    }

    fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(format!("{}{name}", self.folder).as_bytes())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The bytes of an entry beside `data.pkl`, if there is one.
    fn entry(&self, name: &str) -> Result<Option<&'a [u8]>> {
        let Some(entry) = self.get(name) else { return Ok(None) };
        if entry.encrypted || entry.method != CompressionMethod::STORE {
            let how = if entry.encrypted { "encrypted" } else { "compressed" };
            return Err(unread(format!("expected {} as it is, as torch stores it, found it {how}", shown(name))));
        }
        let bytes = self.bytes.get(entry.range.clone()).unwrap_or_default();
        if bytes.len() as u64 != entry.unpacked {
            let (said, found) = (entry.unpacked, bytes.len());
            return Err(damaged(format!("expected {said} bytes of {}, found {found}", shown(name))));
        }
        if entry.sound.get() {
            return Ok(Some(bytes));
        }
        let checksum = rawzip::crc32(bytes);
        if checksum != entry.checksum {
            let said = entry.checksum;
            return Err(damaged(format!("expected the checksum {said:08x} of {}, found {checksum:08x}", shown(name))));
        }
        entry.sound.set(true);
        Ok(Some(bytes))
    }

    fn pickle(&self, name: &str) -> Result<&'a [u8]> {
        let bytes = self.entry(name)?.ok_or_else(|| damaged(format!("expected {name}, found none")))?;
        if bytes.len() > MAX_PICKLE_BYTES {
            let found = bytes.len();
            return Err(limits(format!("expected a pickle of at most {MAX_PICKLE_BYTES} bytes, found {found}")));
        }
        Ok(bytes)
    }
}

/// The one folder that holds a `data.pkl`.
fn folder<'n>(names: impl Iterator<Item = &'n Vec<u8>>) -> Result<String> {
    let mut folders = names.filter_map(|name| {
        let folder = str::from_utf8(name).ok()?.strip_suffix("data.pkl")?;
        (folder.is_empty() || folder.find('/') == Some(folder.len() - 1)).then(|| folder.to_owned())
    });
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder),
        (None, _) => Err(unread("expected an archive of torch.save with data.pkl, found another zip archive")),
        (Some(_), Some(_)) => Err(damaged("expected one data.pkl in the archive, found several")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of empty entries, put together from its records.
    fn empty_entries(count: usize) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for index in 0..count {
            let (name, start) = (format!("{index:06}"), u32::try_from(bytes.len()).unwrap());
            let common = [&[0; 22][..], &[6, 0, 0, 0]].concat();
            bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes()].concat());
            let place = [&[0; 12][..], &start.to_le_bytes()].concat();
            directory.extend([b"PK\x01\x02\0\0", &common[..], &place[2..], name.as_bytes()].concat());
        }
        let start = u32::try_from(bytes.len()).unwrap();
        let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
        let size = u32::try_from(directory.len()).unwrap();
        let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size.to_le_bytes(), &start.to_le_bytes(), b"\0\0"];
        bytes.extend(directory);
        bytes.extend(end.concat());
        bytes
    }

    #[test]
    fn an_archive_has_a_bounded_number_of_entries() {
        // Two entries are read, and are found to be of something else than torch.save.
        assert_eq!(read(&empty_entries(2), None).unwrap_err().code(), "MOD-0108");
        assert_eq!(read(&empty_entries(MAX_ENTRIES + 1), None).unwrap_err().code(), "MOD-0106");
    }
}
