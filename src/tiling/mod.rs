//! Where to look on a slide, and how to read it.

mod batches;
mod chunk_pool;
pub mod loader;
pub mod plan;
mod schedule;
mod worker;
pub mod wsinfer_grid;
