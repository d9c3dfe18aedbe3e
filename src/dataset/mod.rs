//! Labelled tiles: read once, checked, divided.
//!
//! A source (a folder per class, a table of files or of places, drawn areas) becomes a [`TileSet`], and [`split`] says which
//! of its tiles train, which validate and which test. Invariant: what is known to belong together (patients, pixels,
//! copies, blocks of a slide) is never on two sides unless that was asked for, and then a note says so. Knows no network.

mod annotations;
mod collector;
mod config;
mod event;
mod folder;
mod image_file;
mod labels;
mod manifest;
mod slides;
mod sources;
mod split;
mod store;
mod table;
mod targets;
mod tiles;

pub use config::{Duplicates, InputConfig, Request, SizeRule, SplitBy, SplitConfig};
pub use event::ReadEvent;
pub use sources::{AnnotationSource, DataSource, FolderSource, ManifestSource, SlideSource};
pub use split::{Grouping, Split, check_leak, split};
#[cfg(test)]
pub(crate) use tiles::tests;
pub use tiles::{Side, Targets, Tile, TileSet, Truth};

use crate::error::Result;
use std::sync::atomic::AtomicBool;

/// Reads all tiles of a source.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for data without two classes of two tiles, a table that cannot be understood, or labels to
/// exclude that the data do not have; [`crate::ErrorKind::Io`] (`TRN-0211`) when the disk is too full for tiles that do not
/// fit into the memory allowed; [`crate::ErrorKind::Format`] (`TRN-0202`) when too many cannot be read;
/// [`crate::ErrorKind::Interrupted`]; those of opening slides.
pub fn read(request: Request<'_>, cancel: &AtomicBool, on_event: &mut dyn FnMut(ReadEvent)) -> Result<TileSet> {
    match request.source {
        DataSource::Folder(source) => folder::read(source, request, cancel, on_event),
        DataSource::Manifest(source) => manifest::read(source, request, cancel, on_event),
        DataSource::Slide(source) => targets::read(source, request, cancel, on_event),
        DataSource::Annotations(source) => annotations::read(source, request, cancel, on_event),
    }
}
