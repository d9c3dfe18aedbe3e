//! The GPU source, which lives in `shaders/` so that it can be read in one place.
#![allow(missing_docs, reason = "the cube macro generates public items without documentation")]
#![allow(clippy::pedantic, reason = "the cube macro generates the code that would be complained about")]

#[path = "../../shaders/blur.rs"]
pub mod blur;
#[path = "../../shaders/colour.rs"]
pub mod colour;
#[path = "../../shaders/conv.rs"]
pub mod conv;
#[path = "../../shaders/unpack.rs"]
pub mod unpack;
#[path = "../../shaders/warp.rs"]
pub mod warp;
