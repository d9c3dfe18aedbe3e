//! Our own kernels inside burn's tensor graph, and everything that knows burn's internals.
//!
//! Invariant: a kernel, its launcher, its CPU twin in [`crate::ops`] and its test carry one name. A custom kernel is opaque
//! to burn's fusion, so each one does a whole pass.

mod kernels;
pub mod unpack;
