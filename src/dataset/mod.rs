//! Labelled tiles: read once, checked, divided.
//!
//! A source (a folder per class, or places of a slide) becomes a [`TileSet`], and [`split`] says which of its tiles train,
//! which validate and which test. Invariant: what is known to belong together (pixels, copies, blocks of a slide) is never
//! on two sides. Knows no network.

mod config;
mod event;
mod folder;
mod labels;
mod split;
mod targets;
mod tiles;

pub use config::{DataSource, FolderSource, InputConfig, Request, SlideSource, SplitConfig};
pub use event::ReadEvent;
pub use split::{Split, check_leak, split};
#[cfg(test)]
pub(crate) use tiles::tests;
pub use tiles::{Targets, Tile, TileSet, Truth, read};
