//! Compressed chunks to pixels, each chunk on one thread.
//!
//! Invariant: a decoder gives an image of exactly the size it was asked for or an error, and refuses hostile sizes
//! before it allocates.

pub(crate) mod jpeg;
