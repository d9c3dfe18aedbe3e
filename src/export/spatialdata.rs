//! Tiles become the folder `spatialdata/ID.zarr`: a `SpatialData` object with the squares of the tiles and a table of them.
//!
//! `shapes/tiles` has a polygon a tile in level-0 pixels, origin top-left, which are the coordinate system `global`; a slide
//! opened beside it has the same. `tables/table` is that of `anndata.rs`, its rows annotating the shapes by `instance_id`.
//! Lost tiles have their square, and a row of NaN. A slide without tissue is an object without elements, as those of
//! `SpatialData` must not be empty.
//!
//! # Source
//! The layout of spatialdata 0.7 (container 0.2, shapes 0.3, tables 0.2); `GeoParquet` 1.1; OGC 06-103r4 (WKB).

use super::MapOutputs;
use super::anndata::{TABLE, put_table};
use super::tiles::{TileRow, rows};
use super::tiles_parquet::{column, not_written, put, table};
use super::zarr::Tree;
use crate::geometry::Rect;
use parquet::basic::{Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::path::Path;

/// The name of the shapes, which the rows of the table refer to.
const SHAPES: &str = "tiles";

/// Writes the folder.
pub(super) fn write(outputs: &MapOutputs<'_>, folder: &Path) -> io::Result<()> {
    let tree = Tree::new(folder)?;
    let software = format!("eosin {}", env!("CARGO_PKG_VERSION"));
    tree.group("/", json!({"spatialdata_attrs": {"version": "0.2", "spatialdata_software_version": software}}))?;
    if outputs.plan.is_empty() {
        return Ok(());
    }
    tree.group("/shapes", Value::Null)?;
    tree.group("/tables", Value::Null)?;
    let axes: Vec<Value> = ["x", "y"].map(|name| json!({"name": name, "type": "space", "unit": "unit"})).to_vec();
    let same =
        json!({"type": "identity", "input": {"name": "xy", "axes": axes}, "output": {"name": "global", "axes": axes}});
    tree.group(
        &format!("/shapes/{SHAPES}"),
        json!({"encoding-type": "ngff:shapes", "axes": ["x", "y"], "coordinateTransformations": [same],
            "spatialdata_attrs": {"version": "0.3"}}),
    )?;
    let file = File::create_new(folder.join("shapes").join(SHAPES).join("shapes.parquet"))?;
    put_shapes(outputs, &file).map_err(not_written)?;
    let refers = [
        ("spatialdata-encoding-type", "ngff:regions_table"),
        ("region", SHAPES),
        ("region_key", "region"),
        ("instance_key", "instance_id"),
        ("version", "0.2"),
    ];
    let attributes = TABLE.into_iter().chain(refers).collect();
    put_table(outputs, &tree, "/tables/table", attributes, SHAPES)
}

fn put_shapes(outputs: &MapOutputs<'_>, file: &File) -> Result<()> {
    let facts = json!({"version": "1.1.0", "primary_column": "geometry", "columns":
        {"geometry": {"encoding": "WKB", "crs": null, "geometry_types": ["Polygon"]}}});
    let facts = vec![KeyValue::new("geo".to_owned(), facts.to_string())];
    let columns = vec![column("geometry", Physical::BYTE_ARRAY, None, Repetition::REQUIRED)?];
    let mut table = table(file, columns, facts)?;
    let tiles: Vec<TileRow<'_>> = rows(outputs).collect();
    let mut group = table.next_row_group()?;
    put::<ByteArrayType>(&mut group, &tiles, |tile| Some(ByteArray::from(polygon(tile.rect_l0))))?;
    group.close()?;
    table.close()?;
    Ok(())
}

/// A rectangle as well-known binary, little endian: one closed ring, counter-clockwise where y goes up.
fn polygon(rect: Rect) -> Vec<u8> {
    let [left, top, right, bottom] = [rect.x, rect.y, rect.right(), rect.bottom()].map(|edge| edge as f64);
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    let head = [3_u32, 1, 5].map(u32::to_le_bytes).concat();
    let ring = corners.into_iter().flat_map(|(x, y)| [x.to_le_bytes(), y.to_le_bytes()]).flatten();
    [1].into_iter().chain(head).chain(ring).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::super::zarr::tests::{attributes, files, values};
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn the_table_refers_to_the_shapes() {
        let example = example(&["Tumor", "Other"], &[Some(&[0.25, 0.75]), None, Some(&[1.0, 0.0])]);
        let (folder, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(&example.map_outputs(), folder.path()).unwrap();
        write(&example.map_outputs(), again.path()).unwrap();
        assert_eq!(files(folder.path()), files(again.path()), "two runs make the same files");
        let table = attributes(folder.path(), "tables/table");
        assert_eq!((&table["region"], &table["encoding-type"]), (&json!("tiles"), &json!("anndata")));
        let regions = values::<String>(folder.path(), "/tables/table/obs/region/categories").1;
        assert_eq!(regions, ["tiles"]);
        let shapes = File::open(folder.path().join("shapes/tiles/shapes.parquet")).unwrap();
        let shapes = SerializedFileReader::new(shapes).unwrap();
        let found: Vec<Field> =
            shapes.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns().remove(0).1).collect();
        let expected = (0..3).map(|tile| Field::Bytes(polygon(example.plan.rect_l0(tile)).into()));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_slide_without_tissue_has_no_elements() {
        let folder = tempfile::tempdir().unwrap();
        write(&example(&["a"], &[]).map_outputs(), folder.path()).unwrap();
        assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), ["zarr.json"]);
    }

    #[test]
    fn a_polygon_has_the_bytes_of_the_standard() {
        let bytes = polygon(Rect::new(-1, 2, 3, 4));
        assert_eq!(bytes.len(), 93);
        assert_eq!(bytes[..13], [1, 3, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0]);
        let numbers: Vec<f64> =
            bytes[13..].chunks_exact(8).map(|n| f64::from_le_bytes(n.try_into().unwrap())).collect();
        assert_eq!(numbers, [-1.0, 2.0, 2.0, 2.0, 2.0, 6.0, -1.0, 6.0, -1.0, 2.0]);
    }
}
