//! The CPU twin of each GPU kernel, under the kernel's own name. Plain loops over host memory; a test holds each equal
//! to its kernel. Beside them what makes the kernels' parameters: stains measured on tiles.

pub mod augment;
pub mod blur;
pub mod colour;
pub mod conv;
mod exponential;
mod matrix;
pub mod stain;
pub mod unpack;
pub mod warp;
