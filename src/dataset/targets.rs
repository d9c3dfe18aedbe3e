//! A table of labelled places of one slide or of several → tiles.

use crate::dataset::config::Request;
use crate::dataset::event::ReadEvent;
use crate::dataset::slides::{self, Places};
use crate::dataset::sources::SlideSource;
use crate::dataset::table::{Row, Table, fault};
use crate::dataset::tiles::{Targets, Tile, TileSet};
use crate::error::{Error, Result};
use crate::limits::MAX_LEVEL_SIDE_PX;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// No place on a slide is farther from its corner, so sums of coordinates cannot overflow.
const FARTHEST_PX: i64 = MAX_LEVEL_SIDE_PX as i64;

/// Reads all labelled tiles that are not excluded, slide by slide as the table first names them.
pub(super) fn read(
    source: &SlideSource,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    let at_table = |error: Error| error.at_path(&source.targets);
    let bytes = std::fs::read(&source.targets).map_err(|error| Error::io(&source.targets, "read the table", error))?;
    let mut table = Table::parse(&bytes, &source.columns()).map_err(at_table)?;
    let targets = table.targets(&source.values, request.exclude).map_err(at_table)?;
    let slides = places(table.rows, &targets, source).map_err(at_table)?;
    slides::read(slides, targets, table.notes, request, cancel, on_event).map_err(at_table)
}

/// Rows by slide. Two names of one file are one slide, or a tile could be on both sides with two labels.
fn places(rows: Vec<Row>, targets: &Targets, source: &SlideSource) -> Result<Vec<Places>> {
    let folder = source.targets.parent().unwrap_or(Path::new(""));
    let mut slides: Vec<(Places, BTreeSet<(i64, i64)>)> = Vec::new();
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_file: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for row in rows {
        let line = row.line;
        let (x, y) = corner(&row)?;
        // Of one slide nothing is said in each row.
        let name = row.slide.clone().unwrap_or_default();
        let at = if let Some(&at) = by_name.get(&name) {
            at
        } else {
            let slide = if row.slide.is_some() { folder.join(&name) } else { source.slide.clone() };
            let file = slide.canonicalize().map_err(|error| Error::io(&slide, "open the slide", error))?;
            let at = *by_file.entry(file).or_insert(slides.len());
            if at == slides.len() {
                let places = Places { slide, origins_l0: Vec::new(), tiles: Vec::new() };
                slides.push((places, BTreeSet::new()));
            }
            by_name.insert(name, at);
            at
        };
        let (places, seen) = &mut slides[at];
        if !seen.insert((x, y)) {
            return Err(fault(format!("line {line}: expected each place once, found {x}, {y} again")));
        }
        let file = row.slide.as_ref().and_then(|_| places.slide.file_name()).map(|name| name.to_string_lossy());
        let name = file.map_or(String::new(), |file| format!("{file} ")) + &format!("x {x}, y {y}");
        // The first name that the table has for the file.
        let slide = places.tiles.first().map_or(row.slide.clone(), |tile| tile.slide.clone());
        places.tiles.push(Tile { slide, ..row.into_tile(targets, name) });
        places.origins_l0.push((x, y));
    }
    Ok(slides.into_iter().map(|(places, _)| places).collect())
}

/// The last two cells of the key.
fn corner(row: &Row) -> Result<(i64, i64)> {
    let place = |cell: &String| {
        let px = cell.parse().ok().filter(|px| (-FARTHEST_PX..=FARTHEST_PX).contains(px));
        px.ok_or_else(|| {
            let range = format!("-{FARTHEST_PX} to {FARTHEST_PX}");
            fault(format!("line {}: expected whole pixels from {range}, found {cell:?}", row.line))
        })
    };
    match row.key.as_slice() {
        [.., x, y] => Ok((place(x)?, place(y)?)),
        _ => Err(fault(format!("line {}: expected x and y", row.line))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tiles::Truth;

    /// A folder with empty files `a.tif` and `b.tif`; what matters here is which file is meant.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.tif", "b.tif"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        dir
    }

    fn parse(dir: &Path, slide: &str, values: &[&str], table: &str) -> Result<Vec<Places>> {
        let slide = if slide.is_empty() { PathBuf::new() } else { dir.join(slide) };
        let values = values.iter().map(|name| (*name).to_owned()).collect();
        let source = SlideSource { slide, targets: dir.join("a.csv"), values, ..SlideSource::default() };
        let mut table = Table::parse(table.as_bytes(), &source.columns())?;
        let targets = table.targets(&source.values, &[])?;
        places(table.rows, &targets, &source)
    }

    #[test]
    fn a_table_is_read_by_the_names_of_its_columns() {
        let dir = folder();
        let table = "label,y,x,other\nstroma,7,5,0.1\n tumour ,-1,0,\n";
        let places = parse(dir.path(), "a.tif", &[], table).unwrap();
        assert_eq!(places[0].origins_l0, [(5, 7), (0, -1)]);
        let tiles = &places[0].tiles;
        assert_eq!((tiles[1].name.as_str(), &tiles[1].truth, &tiles[1].slide), ("x 0, y -1", &Truth::Class(1), &None));
        let places = parse(dir.path(), "a.tif", &["b", "a"], "a,x,y,b\n1,2,3,0.5\n").unwrap();
        assert_eq!(places[0].tiles[0].truth, Truth::Numbers(vec![0.5, 1.0]));
    }

    #[test]
    fn rows_of_several_slides_are_kept_apart_and_names_of_one_file_together() {
        let dir = folder();
        let table = "slide,x,y,label,patient\na.tif,0,0,s,p\nb.tif,0,0,t,q\n./a.tif,1,0,t,p\n";
        let places = parse(dir.path(), "", &[], table).unwrap();
        assert_eq!((places.len(), &places[0].origins_l0[..]), (2, &[(0, 0), (1, 0)][..]));
        assert_eq!(places[0].tiles[1].slide.as_deref(), Some("a.tif"));
        assert_eq!(places[1].tiles[0].name, "b.tif x 0, y 0");
        // One slide for all: what the column says is not asked.
        assert_eq!(parse(dir.path(), "a.tif", &[], "slide,x,y,label\n,0,0,s\n,1,0,t\n").unwrap().len(), 1);
    }

    #[test]
    fn tables_that_cannot_be_trusted_are_refused_with_their_line() {
        let dir = folder();
        for (slide, table, code, part) in [
            ("a.tif", "x,y\n1,2\n", "TRN-0206", "column label"),
            ("a.tif", "x,y,label\n1,b,a\n", "TRN-0206", "line 2"),
            ("a.tif", "x,y,label\n1,2,a\n1,2,b\n", "TRN-0206", "line 3"),
            ("a.tif", "x,y,label\n1,2,a\n01,2,b\n", "TRN-0206", "line 3: expected each place once"),
            ("a.tif", "x,y,label\n1,2,\n", "TRN-0206", "line 2"),
            ("a.tif", "x,y,label\n1,2\n", "TRN-0206", "line: 2"),
            ("a.tif", "x,y,label\n1,2,a\n9223372036854775807,2,a\n", "TRN-0206", "line 3"),
            ("a.tif", "x,y,label\n1,-16777217,a\n", "TRN-0206", "line 2"),
            ("a.tif", "x,y,label\n1,99999999999999999999,a\n", "TRN-0206", "line 2"),
            ("", "x,y,label\n1,2,a\n", "TRN-0206", "column slide"),
            ("", "slide,x,y,label\na.tif,1,2,a\n,1,2,a\n", "TRN-0206", "line 3: expected slide and x and y"),
            ("", "slide,x,y,label\na.tif,1,2,a\n./a.tif,1,2,a\n", "TRN-0206", "line 3: expected each place once"),
            ("", "slide,x,y,label\na.tif,1,2,a\nc.tif,1,2,a\n", "IO-0001", "no such file"),
        ] {
            let error = parse(dir.path(), slide, &[], table).err().unwrap();
            assert!(error.code() == code && error.message().contains(part), "{table:?}: {error}");
        }
        for bad in ["", "nan", "inf", "much"] {
            let error = parse(dir.path(), "a.tif", &["b"], &format!("x,y,b\n2,3,{bad}\n")).err().unwrap();
            assert!(error.code() == "TRN-0206" && error.message().contains("line 2"), "{bad}: {error}");
        }
    }
}
