//! How good predictions are, as numbers. No files, no networks, no slides: labels and scores in, figures out.

mod confusion;
mod ranking;

pub use confusion::Confusion;
pub use ranking::{auroc, macro_auroc};
