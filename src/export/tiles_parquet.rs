//! Tiles become `tiles/ID.parquet`: the columns of `tiles.rs` with their types, for Arrow, pandas, polars and R.
//!
//! Corners are `i64`, the side is `i32`, micrometres are `f64`, the state is text and scores are `f32`, null for lost tiles.
//! Key-value metadata: `slide_width_l0`, `slide_height_l0`, `um_per_px_l0`, `model`, `meaning` and `note`. No page is dated,
//! so the same tiles give the same bytes.

use super::tiles::{HEADS, TileRow, class_heads, rows};
use super::{MapOutputs, RESEARCH_USE};
use crate::draft::draft_in;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::sync::Arc;

/// Tiles that are compressed and read together.
const GROUP: usize = 1 << 18;

/// Writes the table.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    // Parquet writes from another thread if it likes, and `out` must stay on this one.
    let draft = draft_in(outputs.drafts)?;
    write_table(outputs, draft.as_file()).map_err(not_written)?;
    let mut whole = draft.as_file();
    whole.seek(SeekFrom::Start(0))?;
    io::copy(&mut whole, out)?;
    Ok(())
}

/// Why the system refused to write, so that a full disk can still be called one.
pub(super) fn not_written(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => cause.downcast().map_or_else(io::Error::other, |cause: Box<io::Error>| *cause),
        other => io::Error::other(other),
    }
}

fn write_table(outputs: &MapOutputs<'_>, file: &File) -> Result<()> {
    let (plan, map) = (outputs.plan, outputs.map);
    let facts = [
        ("slide_width_l0", plan.slide_l0.w.to_string()),
        ("slide_height_l0", plan.slide_l0.h.to_string()),
        ("um_per_px_l0", plan.mpp.get().to_string()),
        ("model", outputs.model.to_owned()),
        ("meaning", map.meaning().name().to_owned()),
        ("note", RESEARCH_USE.to_owned()),
    ];
    let facts = facts.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let mut table = table(file, columns(outputs)?, facts)?;
    let all: Vec<TileRow<'_>> = rows(outputs).collect();
    for tiles in all.chunks(GROUP) {
        let mut group = table.next_row_group()?;
        put::<Int64Type>(&mut group, tiles, |tile| Some(tile.rect_l0.x))?;
        put::<Int64Type>(&mut group, tiles, |tile| Some(tile.rect_l0.y))?;
        put::<Int32Type>(&mut group, tiles, |tile| Some(i32::try_from(tile.rect_l0.w).unwrap_or(i32::MAX)))?;
        put::<DoubleType>(&mut group, tiles, |tile| Some(tile.x_um))?;
        put::<DoubleType>(&mut group, tiles, |tile| Some(tile.y_um))?;
        put::<DoubleType>(&mut group, tiles, |tile| Some(tile.side_um))?;
        put::<ByteArrayType>(&mut group, tiles, |tile| Some(ByteArray::from(tile.state())))?;
        for class in 0..outputs.predictions.class_names.len() {
            put::<FloatType>(&mut group, tiles, |tile| tile.scores.map(|scores| scores[class]))?;
        }
        group.close()?;
    }
    table.close()?;
    Ok(())
}

/// An empty table.
pub(super) fn table(
    file: &File,
    columns: Vec<TypePtr>,
    facts: Vec<KeyValue>,
) -> Result<SerializedFileWriter<BufWriter<&File>>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("eosin version {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(facts))
        .build();
    let schema = Type::group_type_builder("tiles").with_fields(columns).build()?;
    SerializedFileWriter::new(BufWriter::new(file), Arc::new(schema), Arc::new(properties))
}

/// Writes the next column; every tile has a value or, where the schema allows it, none.
pub(super) fn put<D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, BufWriter<&File>>,
    tiles: &[TileRow<'_>],
    value: impl Fn(&TileRow<'_>) -> Option<D::T>,
) -> Result<()> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    let levels: Vec<i16> = tiles.iter().map(|tile| i16::from(value(tile).is_some())).collect();
    let values: Vec<D::T> = tiles.iter().filter_map(value).collect();
    column.typed::<D>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

/// A column of a table.
pub(super) fn column(
    name: &str,
    physical: Physical,
    logical: Option<LogicalType>,
    needed: Repetition,
) -> Result<TypePtr> {
    let builder = Type::primitive_type_builder(name, physical).with_repetition(needed);
    Ok(Arc::new(builder.with_logical_type(logical).build()?))
}

fn columns(outputs: &MapOutputs<'_>) -> Result<Vec<TypePtr>> {
    use Physical::{BYTE_ARRAY, DOUBLE, FLOAT, INT32, INT64};
    let kinds = [INT64, INT64, INT32, DOUBLE, DOUBLE, DOUBLE, BYTE_ARRAY];
    let places = HEADS.into_iter().zip(kinds).map(|(name, kind)| {
        let logical = (kind == BYTE_ARRAY).then_some(LogicalType::String);
        column(name, kind, logical, Repetition::REQUIRED)
    });
    let heads = class_heads(outputs);
    let scores = heads.iter().map(|name| column(name, FLOAT, None, Repetition::OPTIONAL));
    places.chain(scores).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example};
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    fn read(example: &Example) -> SerializedFileReader<File> {
        let path = example.drafts.path().join("read.parquet");
        let mut bytes = Vec::new();
        write(&example.map_outputs(), &mut bytes).unwrap();
        std::fs::write(&path, bytes).unwrap();
        SerializedFileReader::new(File::open(&path).unwrap()).unwrap()
    }

    #[test]
    fn rows_types_and_facts_read_back() {
        let example = example(&["Tumor", "größer"], &[Some(&[0.25, 1e-45]), None, Some(&[1.0, f32::NAN])]);
        let reader = read(&example);
        let facts = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let fact = |key: &str| facts.iter().find(|fact| fact.key == key).unwrap().value.clone().unwrap();
        assert_eq!([fact("slide_width_l0"), fact("um_per_px_l0"), fact("model")], ["1000", "0.5", "model"]);
        assert_eq!(fact("note"), RESEARCH_USE);
        let rows: Vec<Vec<(String, Field)>> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect();
        let names: Vec<&str> = rows[0].iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..7], HEADS);
        assert_eq!(names[7..], ["prob_Tumor", "prob_größer"]);
        let fields: Vec<Vec<Field>> = rows.iter().map(|row| row.iter().map(|cell| cell.1.clone()).collect()).collect();
        let place = |x, y, um: [f64; 2]| {
            vec![
                Field::Long(x),
                Field::Long(y),
                Field::Int(256),
                Field::Double(um[0]),
                Field::Double(um[1]),
                Field::Double(128.0),
            ]
        };
        let scored = vec![Field::Str("scored".into()), Field::Float(0.25), Field::Float(1e-45)];
        let failed = vec![Field::Str("failed".into()), Field::Null, Field::Null];
        assert_eq!(fields[0], [place(0, 0, [64.0; 2]), scored].concat());
        assert_eq!(fields[1], [place(0, 256, [64.0, 192.0]), failed.clone()].concat());
        assert_eq!(fields[2], [place(256, 256, [192.0; 2]), failed].concat());
    }

    #[test]
    fn a_slide_without_tissue_has_columns_but_no_rows_and_many_tiles_have_groups() {
        let mut example = example(&["a"], &[]);
        assert_eq!(read(&example).metadata().file_metadata().num_rows(), 0);
        example.plan.origins_l0 = (0..).map(|tile| (tile % 100, tile)).take(GROUP + 7).collect();
        example.predictions.rows = (0..GROUP + 7).map(|tile| Some(vec![tile as f32])).collect();
        let reader = read(&example);
        assert_eq!(reader.num_row_groups(), 2);
        let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap().into_columns();
        assert_eq!(last[7].1, Field::Float((GROUP + 6) as f32));
    }
}
