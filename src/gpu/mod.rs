//! Our own kernels inside burn's tensor graph, and everything that knows burn's internals.
//!
//! Invariant: a kernel, its launcher, its CPU twin in [`crate::ops`] and its test carry one name. A custom kernel is opaque
//! to burn's fusion, so each one does a whole pass.

pub mod augment;
pub mod backbone;
pub mod blur;
pub mod colour;
pub mod conv;
mod kernels;
mod transfer;
pub mod unpack;
pub mod warp;

use crate::ops::unpack::UnpackShape;
use burn::tensor::Shape;

/// Threads of one cube.
const THREADS: u32 = 256;

/// What our kernels write.
fn nhwc(shape: &UnpackShape) -> Shape {
    Shape::new([shape.tiles, shape.output_px, shape.output_px, 3])
}

/// What networks take.
fn nchw(shape: &UnpackShape) -> Shape {
    Shape::new([shape.tiles, 3, shape.output_px, shape.output_px])
}
