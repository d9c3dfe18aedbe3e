//! Pixels in memory: colour images, masks and their components, heat maps, resampling. No files, no slides, no devices.

mod components;
mod heat;
mod mask;
mod resample;
mod resize;
mod rgb;
mod thumbnail;

pub use components::{Connectivity, each_component, fill_small_holes, flip_components, remove_small_objects};
pub use heat::HeatMap;
pub use mask::Mask;
pub use resample::Filter;
pub use resize::{Resizer, resize};
pub use rgb::RgbImage8;
pub use thumbnail::{finish_thumbnail, reduce, reduction, thumbnail, thumbnail_size};
