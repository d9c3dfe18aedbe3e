//! Pixels in memory: colour images, masks. No files, no slides, no devices.

mod mask;
mod rgb;

pub use mask::Mask;
pub use rgb::RgbImage8;
