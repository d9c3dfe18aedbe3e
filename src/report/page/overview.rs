//! A slide in small with layers over it, of which the reader chooses one, without a script; the chosen one is printed.

use super::address;
use super::layer::Layer;
use crate::error::Result;
use crate::map::scale_bar_mm;
use crate::raster::RgbImage8;

/// Twice what a page shows, for sharp screens and print.
const LONGEST_PX: u32 = 1280;
/// Width of a picture as wide as high, and the least and largest of any, in sizes of the page's letters.
const SQUARE_REM: f64 = 40.0;
const NARROWEST_REM: f64 = 6.0;
const WIDEST_REM: f64 = 44.0;

/// The whole slide and what can be laid over it.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// What is seen, for those who do not see it.
    pub(super) about: String,
    pub(super) address: String,
    pub(super) layers: Vec<Layer>,
    /// A length in words and in percent of the picture's width.
    pub(super) bar: Option<(String, f64)>,
    /// Width on the page, so that a high picture still fits a screen.
    pub(super) width_rem: f64,
}

impl Overview {
    /// The slide in small, which is `width_mm` wide where that is known, and its layers, the first of which is shown.
    ///
    /// # Errors
    /// `Usage` when the picture has no pixels (`REP-0002`).
    pub fn new(about: impl Into<String>, slide: &RgbImage8, width_mm: Option<f64>, layers: Vec<Layer>) -> Result<Self> {
        let size = slide.size();
        let aspect = f64::from(size.h.max(1)) / f64::from(size.w.max(1));
        let bar = width_mm.filter(|width| width.is_finite() && *width > 0.0).and_then(|width| {
            let mm = scale_bar_mm(width / 4.0)?;
            Some((format!("{mm} mm"), mm / width * 100.0))
        });
        Ok(Self {
            about: about.into(),
            address: address::jpeg(slide, LONGEST_PX)?,
            layers,
            bar,
            width_rem: (SQUARE_REM / aspect).clamp(NARROWEST_REM, WIDEST_REM),
        })
    }

    /// What can be chosen: the layers, and none of them.
    pub(super) fn choices(&self) -> usize {
        self.layers.len() + 1
    }
}
