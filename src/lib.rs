//! **eosin**: whole-slide images in, spatial biomarker maps out. Research use only.
//!
//! The line of data: a [`slide`] file is opened and its tissue found, tiles are planned in micrometres and loaded as
//! bytes, a device turns them into predictions, and predictions become a map and files. ARCHITECTURE.md has the code map.
#![recursion_limit = "256"]

pub mod error;
pub mod geometry;
pub mod limits;
pub mod raster;
pub mod tile;
pub mod units;

pub use error::{Error, ErrorKind, Result};
