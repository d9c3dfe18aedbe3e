//! Tiles become the folder `anndata/ID.zarr`: an `AnnData` table, tiles by classes, for scanpy, squidpy and `SpatialData`.
//!
//! `X` has the scores, a row of NaN for a lost tile. `obs` is a row a tile, named after the slide and the tile's corner, with
//! `region` (the slide), `instance_id` (its place in the plan) and `state`; `var` a row a class. `obsm["spatial"]` has the
//! centres of tiles in level-0 pixels, x then y, origin top-left; `uns` says how large a pixel is and what
//! `SpatialData` needs to find shapes for the rows.
//!
//! # Source
//! `AnnData` on-disk format 0.1.0 with the encodings of anndata 0.12, in Zarr 3.

use super::tiles::{TileRow, rows};
use super::zarr::{Axes, Entry, Tree};
use super::{MapOutputs, RESEARCH_USE};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// Numbers of one chunk: 1 MB of scores.
const CHUNK_NUMBERS: usize = 1 << 18;

/// What makes a group such a table.
pub(super) const TABLE: [(&str, &str); 2] = [("encoding-type", "anndata"), ("encoding-version", "0.1.0")];

/// Writes the folder.
pub(super) fn write(outputs: &MapOutputs<'_>, folder: &Path) -> io::Result<()> {
    put_table(outputs, &Tree::new(folder)?, "", TABLE.into_iter().collect(), &plain(outputs.id))
}

/// Writes the table into a group of a tree, the root or `/a/b`; `region` is what its rows are tiles of.
pub(super) fn put_table(
    outputs: &MapOutputs<'_>,
    tree: &Tree,
    group: &str,
    attributes: Value,
    region: &str,
) -> io::Result<()> {
    let at = |name: &str| format!("{group}/{name}");
    let tiles: Vec<TileRow<'_>> = rows(outputs).collect();
    let classes = &outputs.predictions.class_names;
    tree.group(if group.is_empty() { "/" } else { group }, attributes)?;
    let lost = vec![f32::NAN; classes.len()];
    let scores: Vec<f32> = tiles.iter().flat_map(|tile| tile.scores.unwrap_or(&lost)).copied().collect();
    tree.put(&at("X"), &[tiles.len(), classes.len()], &scores)?;

    tree.frame(&at("obs"), &["region", "instance_id", "state"])?;
    let slide = plain(outputs.id);
    let name = |tile: &TileRow<'_>| format!("{slide}_{}_{}", tile.rect_l0.x, tile.rect_l0.y);
    tree.texts(&at("obs/_index"), &tiles.iter().map(name).collect::<Vec<_>>())?;
    tree.categories(&at("obs/region"), &[region], &vec![0; tiles.len()])?;
    tree.put(&at("obs/instance_id"), &[tiles.len()], &(0_i64..).take(tiles.len()).collect::<Vec<_>>())?;
    let states: Vec<i8> = tiles.iter().map(|tile| i8::from(tile.scores.is_none())).collect();
    tree.categories(&at("obs/state"), &["scored", "failed"], &states)?;

    tree.frame(&at("var"), &[])?;
    tree.texts(&at("var/_index"), classes)?;

    for name in ["layers", "obsm", "obsp", "uns", "varm", "varp", "uns/spatialdata_attrs"] {
        tree.group(&at(name), encoding("dict", "0.1.0"))?;
    }
    let half = f64::from(outputs.plan.side_l0) / 2.0;
    let centres = tiles.iter().flat_map(|tile| [tile.rect_l0.x, tile.rect_l0.y]).map(|corner| corner as f64 + half);
    tree.put(&at("obsm/spatial"), &[tiles.len(), 2], &centres.collect::<Vec<_>>())?;

    let texts = [
        ("model", outputs.model),
        ("meaning", outputs.predictions.meaning.name()),
        ("note", RESEARCH_USE),
        ("spatial_unit", "px of level 0"),
        ("spatialdata_attrs/region", region),
        ("spatialdata_attrs/region_key", "region"),
        ("spatialdata_attrs/instance_key", "instance_id"),
    ];
    for (name, text) in texts {
        tree.scalar(&at(&format!("uns/{name}")), "string", text.to_owned())?;
    }
    tree.scalar(&at("uns/um_per_px_l0"), "numeric-scalar", outputs.plan.mpp.get())?;
    tree.scalar(&at("uns/tile_side_l0"), "numeric-scalar", i64::from(outputs.plan.side_l0))
}

/// The slide's id as `SpatialData` takes it for a name: letters, digits, dots, dashes and underscores.
fn plain(id: &str) -> String {
    let safe = |sign: char| if sign.is_alphanumeric() || "._-".contains(sign) { sign } else { '_' };
    id.chars().map(safe).collect()
}

fn encoding(kind: &str, version: &str) -> Value {
    json!({"encoding-type": kind, "encoding-version": version})
}

/// The encodings of anndata.
impl Tree {
    fn put<T: Entry>(&self, path: &str, sides: &[usize], values: &[T]) -> io::Result<()> {
        self.encoded(path, "array", sides, values)
    }

    fn texts(&self, path: &str, texts: &[String]) -> io::Result<()> {
        self.encoded(path, "string-array", &[texts.len()], texts)
    }

    fn scalar<T: Entry>(&self, path: &str, kind: &str, value: T) -> io::Result<()> {
        self.encoded(path, kind, &[], &[value])
    }

    /// A column of few different words.
    fn categories(&self, path: &str, words: &[&str], codes: &[i8]) -> io::Result<()> {
        let mut attributes = encoding("categorical", "0.2.0");
        attributes["ordered"] = false.into();
        self.group(path, attributes)?;
        self.texts(&format!("{path}/categories"), &words.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        self.put(&format!("{path}/codes"), &[codes.len()], codes)
    }

    /// A data frame, whose columns follow.
    fn frame(&self, path: &str, columns: &[&str]) -> io::Result<()> {
        let mut attributes = encoding("dataframe", "0.2.0");
        attributes["_index"] = "_index".into();
        attributes["column-order"] = columns.into();
        self.group(path, attributes)
    }

    fn encoded<T: Entry>(&self, path: &str, kind: &str, sides: &[usize], values: &[T]) -> io::Result<()> {
        let across: usize = sides.iter().skip(1).product();
        let rows_a_chunk = (CHUNK_NUMBERS / across.max(1)).clamp(1, sides.first().copied().unwrap_or(1).max(1));
        let chunk = |(at, side): (usize, &usize)| if at == 0 { rows_a_chunk } else { (*side).max(1) } as u64;
        let chunk: Vec<u64> = sides.iter().enumerate().map(chunk).collect();
        let sides: Vec<u64> = sides.iter().map(|&side| side as u64).collect();
        let axes = Axes { sides: &sides, chunk: &chunk, names: &[] };
        self.array(path, &axes, encoding(kind, "0.2.0"), values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example};
    use super::super::zarr::tests::{attributes, files, values};
    use super::*;

    fn written(example: &Example) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&example.map_outputs(), folder.path()).unwrap();
        folder
    }

    #[test]
    fn scores_names_and_places_read_back() {
        let example = example(&["Tumor", "größer"], &[Some(&[0.25, 1e-45]), None, Some(&[1.0, 0.0])]);
        let folder = written(&example);
        let (sides, scores) = values::<f32>(folder.path(), "/X");
        assert_eq!(sides, [3, 2]);
        assert_eq!((&scores[..2], &scores[4..]), (&[0.25, 1e-45][..], &[1.0, 0.0][..]));
        assert!(scores[2..4].iter().all(|score| score.is_nan()));
        let texts = |path: &str| values::<String>(folder.path(), path).1;
        assert_eq!(texts("/obs/_index"), ["slide_0_0", "slide_0_256", "slide_256_256"]);
        assert_eq!(texts("/var/_index"), ["Tumor", "größer"]);
        assert_eq!(texts("/obs/state/categories"), ["scored", "failed"]);
        assert_eq!(texts("/obs/region/categories"), ["slide"]);
        assert_eq!(texts("/uns/spatialdata_attrs/region"), ["slide"]);
        assert_eq!(values::<i8>(folder.path(), "/obs/state/codes").1, [0, 1, 0]);
        assert_eq!(values::<i64>(folder.path(), "/obs/instance_id").1, [0, 1, 2]);
        let (sides, centres) = values::<f64>(folder.path(), "/obsm/spatial");
        assert_eq!((sides, centres), (vec![3, 2], vec![128.0, 128.0, 128.0, 384.0, 384.0, 384.0]));
        assert_eq!(values::<f64>(folder.path(), "/uns/um_per_px_l0"), (vec![], vec![0.5]));
        assert_eq!(attributes(folder.path(), "")["encoding-type"], "anndata");
        assert_eq!(attributes(folder.path(), "obs")["column-order"], json!(["region", "instance_id", "state"]));
        assert_eq!(files(folder.path()), files(written(&example).path()), "two runs make the same files");
    }

    #[test]
    fn a_slide_without_tissue_has_classes_but_no_tiles() {
        let folder = written(&example(&["a", "b"], &[]));
        assert_eq!(values::<f32>(folder.path(), "/X").0, [0, 2]);
        assert_eq!(values::<f64>(folder.path(), "/obsm/spatial").0, [0, 2]);
        assert_eq!(values::<String>(folder.path(), "/obs/_index").0, [0]);
    }
}
