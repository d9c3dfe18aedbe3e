//! Values become a Zarr tree (version 3) in a folder: groups with attributes, arrays in chunks of gzip.
//!
//! Invariant: the same values give the same bytes. Chunks that hold nothing but the fill value are left out, as Zarr allows.

use serde_json::{Map, Value};
use std::io;
use std::path::Path;
use std::sync::Arc;
use zarrs::array::builder::ArrayBuilderFillValue;
use zarrs::array::codec::GzipCodec;
use zarrs::array::{ArrayBuilder, ArrayError, ArrayMetadataOptions, DataType, Element, ZARR_NAN_F32, data_type};
use zarrs::filesystem::FilesystemStore;
use zarrs::group::GroupBuilder;
use zarrs::storage::StorageError;

/// gzip's own default: higher ones hardly gain with scores.
const COMPRESSION: u32 = 6;

/// A tree that is being written.
pub(super) struct Tree(Arc<FilesystemStore>);

/// What an array of Zarr can hold.
pub(super) trait Entry: Element {
    /// Its type, and the value of places that were never written.
    fn kind() -> (DataType, ArrayBuilderFillValue);
}

impl Entry for f32 {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::float32(), ZARR_NAN_F32.into())
    }
}

impl Entry for f64 {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::float64(), 0.0_f64.into())
    }
}

impl Entry for u8 {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::uint8(), 0_u8.into())
    }
}

impl Entry for i8 {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::int8(), 0_i8.into())
    }
}

impl Entry for u16 {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::uint16(), 0_u16.into())
    }
}

impl Entry for i64 {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::int64(), 0_i64.into())
    }
}

impl Entry for String {
    fn kind() -> (DataType, ArrayBuilderFillValue) {
        (data_type::string(), "".into())
    }
}

impl Tree {
    /// A tree in an empty folder.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        FilesystemStore::new(folder).map(|store| Self(Arc::new(store))).map_err(io::Error::other)
    }

    /// Makes a group. Paths begin with a slash, which alone is the root.
    pub(super) fn group(&self, path: &str, attributes: Value) -> io::Result<()> {
        let mut builder = GroupBuilder::new();
        builder.attributes(fields(attributes));
        builder.build(self.0.clone(), path).map_err(io::Error::other)?.store_metadata().map_err(not_stored)
    }

    /// Makes an array; `values` are in the order of its axes, the last one changes fastest.
    pub(super) fn array<T: Entry>(
        &self,
        path: &str,
        axes: &Axes<'_>,
        attributes: Value,
        values: &[T],
    ) -> io::Result<()> {
        let (kind, fill) = T::kind();
        let mut builder = ArrayBuilder::new(axes.sides.to_vec(), axes.chunk, kind, fill);
        builder.attributes(fields(attributes));
        if !axes.names.is_empty() {
            builder.dimension_names(Some(axes.names.iter().copied()));
        }
        builder.bytes_to_bytes_codecs(vec![Arc::new(GzipCodec::new(COMPRESSION).map_err(io::Error::other)?)]);
        let array = builder.build(self.0.clone(), path).map_err(io::Error::other)?;
        // Who wrote it is in our own attributes.
        let options = ArrayMetadataOptions::default().with_include_zarrs_metadata(false);
        array.store_metadata_opt(&options).map_err(not_stored)?;
        if values.is_empty() {
            return Ok(());
        }
        array.store_array_subset(&array.subset_all(), values).map_err(|error| match error {
            ArrayError::StorageError(error) => not_stored(error),
            other => io::Error::other(other),
        })
    }
}

/// Why the system refused to store, so that a full disk can still be called one.
fn not_stored(error: StorageError) -> io::Error {
    match error {
        StorageError::IOError(cause) => io::Error::new(cause.kind(), cause),
        other => io::Error::other(other),
    }
}

/// The axes of an array.
pub(super) struct Axes<'a> {
    /// Its sides.
    pub(super) sides: &'a [u64],
    /// The sides of a chunk, none of them 0.
    pub(super) chunk: &'a [u64],
    /// Names of the axes, or nothing.
    pub(super) names: &'a [&'a str],
}

fn fields(attributes: Value) -> Map<String, Value> {
    match attributes {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use zarrs::array::{Array, ElementOwned};

    /// The sides and the values of an array.
    pub(in super::super) fn values<T: ElementOwned>(folder: &Path, path: &str) -> (Vec<u64>, Vec<T>) {
        let store = Arc::new(FilesystemStore::new(folder).unwrap());
        let array = Array::open(store, path).unwrap();
        (array.shape().to_vec(), array.retrieve_array_subset(&array.subset_all()).unwrap())
    }

    /// The attributes of a group or an array.
    pub(in super::super) fn attributes(folder: &Path, path: &str) -> Value {
        let text = fs::read_to_string(folder.join(path).join("zarr.json")).unwrap();
        let mut fields: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(fields["zarr_format"], 3);
        fields["attributes"].take()
    }

    /// All files of a folder with their bytes.
    pub(in super::super) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                let inner = self::files(&entry.path());
                files.extend(inner.into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
            } else {
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
        files
    }

    #[test]
    fn chunks_without_values_are_no_files_and_read_as_what_fills_them() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::new(folder.path()).unwrap();
        let axes = Axes { sides: &[4, 3], chunk: &[2, 2], names: &["y", "x"] };
        let mut numbers = [f32::NAN; 12];
        numbers[11] = -0.0;
        tree.array("/a", &axes, Value::Null, &numbers).unwrap();
        let found = files(folder.path());
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a/c/1/1", "a/zarr.json"]);
        let (sides, values) = values::<f32>(folder.path(), "/a");
        assert_eq!(sides, [4, 3]);
        assert!(values[..11].iter().all(|value| value.is_nan()) && values[11].to_bits() == (-0.0_f32).to_bits());
        assert!(!String::from_utf8(found["a/zarr.json"].clone()).unwrap().contains("zarrs"));
    }

    #[test]
    fn what_the_system_answers_is_not_lost() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tree = Tree::new(file.path()).unwrap();
        assert_eq!(
            tree.group("/a", Value::Null).unwrap_err().kind(),
            fs::create_dir_all(file.path().join("a")).unwrap_err().kind()
        );
    }
}
