//! Tiles → PNG pictures inside the page.

use super::address;
use crate::error::Result;
use crate::raster::RgbImage8;

/// Larger tiles are made smaller: a page with many stays small enough to be sent.
const LONGEST_PX: u32 = 256;

/// A tile with some words below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The address that holds the picture itself, and what it shows, for those who do not see it; one or two.
    pub(super) images: Vec<(String, String)>,
    /// Labels and values.
    pub(super) facts: Vec<super::Fact>,
}

impl Picture {
    /// Pictures beside each other, each with what it shows, and words below them.
    ///
    /// # Errors
    /// `Usage` when a picture has no pixels.
    pub fn new(images: &[(&RgbImage8, String)], facts: Vec<super::Fact>) -> Result<Self> {
        let images = images.iter().map(|(image, about)| Ok((address::png(image, LONGEST_PX)?, about.clone())));
        Ok(Self { images: images.collect::<Result<_>>()?, facts })
    }
}
