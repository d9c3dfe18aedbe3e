//! A table of image files → tiles.
//!
//! Invariant: a tile's name is its file's below the root, so that no output names a folder of this computer.

use crate::dataset::collector::Collector;
use crate::dataset::config::Request;
use crate::dataset::event::ReadEvent;
use crate::dataset::image_file;
use crate::dataset::sources::ManifestSource;
use crate::dataset::table::{Table, fault};
use crate::dataset::tiles::TileSet;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::atomic::AtomicBool;

/// Reads every file whose label is not excluded, in the order of the table.
pub(super) fn read(
    source: &ManifestSource,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    let at_table = |error: Error| error.at_path(&source.path);
    let bytes = std::fs::read(&source.path).map_err(|error| Error::io(&source.path, "read the table", error))?;
    let mut table = Table::parse(&bytes, &source.columns()).map_err(at_table)?;
    let root = source.root.as_deref().or(source.path.parent()).unwrap_or(Path::new(""));
    let targets = table.targets(&source.values, request.exclude).map_err(at_table)?;
    let mut seen = BTreeSet::new();
    let mut files = Vec::with_capacity(table.rows.len());
    for mut row in table.rows {
        let line = row.line;
        let name = below(&row.key.pop().unwrap_or_default()).map_err(|why| {
            at_table(fault(format!("line {line}: {why}")).with_advice("say where files are with `root`"))
        })?;
        if !seen.insert(name.clone()) {
            return Err(at_table(fault(format!("line {line}: expected each file once, found {name} again"))));
        }
        files.push((root.join(&name), row.into_tile(&targets, name)));
    }
    drop(seen);
    let mut collector = Collector::new(targets, files.len(), request, cancel, on_event).map_err(at_table)?;
    image_file::read_all(&mut collector, files, request.input)?;
    collector.finish(table.notes).map_err(at_table)
}

/// The shortest spelling of a file below the root.
fn below(file: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::CurDir => {}
            Component::ParentDir => return Err("expected a file below the root, found one with `..`".to_owned()),
            Component::RootDir | Component::Prefix(_) => {
                return Err("expected a file below the root, found an absolute path".to_owned());
            }
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_one_spelling_and_stay_below_the_root() {
        assert_eq!(below("./a//b.png").unwrap(), "a/b.png");
        assert!(below("a/../b.png").unwrap_err().contains("`..`"));
        assert!(below("/a.png").unwrap_err().contains("absolute"));
    }
}
