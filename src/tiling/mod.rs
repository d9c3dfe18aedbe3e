//! Where to look on a slide, and how to read it.

pub mod plan;
pub mod wsinfer_grid;
