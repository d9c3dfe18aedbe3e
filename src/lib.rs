//! **eosin**: whole-slide images in, spatial biomarker maps out. Research use only.
//!
//! The line of data: a [`slide`] file is opened and its [`tissue`] found, tiles are planned in micrometres and loaded as
//! bytes by [`tiling`], a [`device`] turns them into predictions through [`infer`], and these become a [`map`] and files
//! ([`export`]). [`pipeline`] is the whole line for many slides. ARCHITECTURE.md has the code map.
#![recursion_limit = "256"]

pub mod assess;
pub mod bench;
pub mod cpu;
pub mod dataset;
pub mod device;
mod draft;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod geometry;
pub mod gpu;
pub mod infer;
pub mod limits;
pub mod map;
pub mod measure;
pub mod nn;
pub mod ops;
pub mod pipeline;
mod random;
pub mod raster;
pub mod report;
pub mod slide;
pub mod spatial;
pub mod synthetic;
mod tiff_directory;
pub mod tile;
pub mod tiling;
pub mod tissue;
pub mod train;
pub mod units;

pub use error::{Error, ErrorKind, Result};
