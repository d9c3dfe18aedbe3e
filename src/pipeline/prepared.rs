//! A slide up to the point where its tiles are loaded, for those who load them themselves.

use super::resume::fingerprint;
use super::score::ScoreConfig;
use super::slide_run::{plan_tiles, resolution};
use super::survey::survey;
use crate::error::Result;
use crate::slide::Slide;
use crate::tile::TilePlan;
use crate::units::Mpp;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// An open slide with its plan.
#[derive(Debug)]
pub struct Prepared {
    /// The slide.
    pub slide: Slide,
    /// Its resolution: what was given, or what the file states.
    pub mpp: Mpp,
    /// The tiles that [`super::score`] would score with the same settings.
    pub plan: TilePlan,
    /// Tells the file from others, as in its record.
    pub fingerprint: String,
}

/// Opens a slide, finds its tissue and places tiles of a side in pixels at a resolution.
///
/// # Errors
/// Those that would make the slide's record a failed one.
pub fn prepare(config: &ScoreConfig, path: &Path, tile_px: u32, spacing: Mpp, cancel: &AtomicBool) -> Result<Prepared> {
    let slide = Slide::open(path)?;
    let fingerprint = fingerprint(path)?;
    let (mpp, _) = resolution(config.mpp, &slide).map_err(|error| error.at_path(path))?;
    let mask = survey(config, &slide, mpp, cancel)?.mask;
    let plan = plan_tiles(config, (tile_px, spacing), &slide, mpp, &mask)?;
    Ok(Prepared { slide, mpp, plan, fingerprint })
}
