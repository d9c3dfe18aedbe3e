//! The CPU engine: a network planned once for a size of tile, then run by any number of threads.
//!
//! A [`Graph`] says what is computed. [`Engine::new`] joins what can be done in one pass (`fuse.rs`), finds all sizes
//! (`shapes.rs`) and places in memory (`place.rs`), packs the weights (`pack.rs`) and writes the steps (`plan.rs`); `kernels`
//! runs them. Each thread has a [`Workspace`] of its own and computes whole networks for its tiles, so threads never wait
//! for each other.
//!
//! Invariant: knows nothing of burn, files or slides; no tile takes memory, only a worker that comes does.

mod convolution;
mod engine;
mod fuse;
mod graph;
mod kernels;
mod layout;
#[cfg(test)]
pub(crate) mod oracle;
mod pack;
mod place;
mod plan;
mod rounded;
#[cfg(test)]
mod rounded_tests;
mod shapes;
#[cfg(test)]
mod tests;
mod way;

pub use engine::{CHUNK, Engine, Options, Sums, Tiles, Workspace};
pub use graph::{Act, Conv, Graph, Padding, Value, Window};
pub use kernels::BF16_TWIN;
