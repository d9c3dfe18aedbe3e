//! A seed in, a slide out: an H&E-like picture whose tissue is known at every point, and the file that holds it.
//!
//! Tests, benches and the demonstration need slides that are free, small to ship and exactly known. A slide here is a
//! function of seed, size and resolution: no pixel is stored, any region can be painted alone, and it is the same to the
//! bit on every platform. It looks like a colorectal resection to a network trained on one, but it is no substitute for
//! real tissue: nothing measured on it says anything about accuracy on patients.

mod canvas;
mod directory;
mod layout;
mod noise;
mod pyramid;
mod stain;
mod tissue;

pub use directory::Container;
pub use layout::{CLASS_NAMES, Truth};
pub use pyramid::{ChunkEdit, ChunkPlace, Flavour, Pixels, Progress, PyramidConfig, level_sizes, write_pyramid};

use crate::error::Result;
use crate::geometry::{Rect, Size};
use crate::raster::RgbImage8;
use crate::units::Mpp;
use canvas::{Canvas, pixel_um};
use layout::Layout;
use noise::Noise;
use rayon::prelude::*;
use stain::{Beer, GLASS};
use std::path::Path;
use tissue::{Epithelium, Glass, Immune, Loose, Muscle, REACH_UM, Tissue};

/// Which slide: every seed gives another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SyntheticConfig {
    /// Decides the layout and every cell.
    pub seed: u64,
    /// Size of level 0. The layout grows with it, cells do not.
    pub size: Size,
    /// Resolution of level 0: cells and fibres have their size in micrometres.
    pub mpp: Mpp,
}

/// A slide of known tissue. See the module's description.
pub struct SyntheticSlide {
    config: SyntheticConfig,
    mpp: f32,
    layout: Layout,
    /// In the order of [`Truth`].
    tissues: [Box<dyn Tissue>; 5],
    beer: Beer,
}

/// Side of the blocks in which regions are painted.
const BLOCK_PX: u32 = 256;

impl SyntheticSlide {
    /// Lays out the slide; nothing is painted yet.
    pub fn new(config: SyntheticConfig) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "rounded to single precision on purpose")]
        let mpp = config.mpp.get() as f32;
        let layout = Layout::new(config.seed, [config.size.w, config.size.h].map(|px| px as f32 * mpp));
        let seed = config.seed;
        let tissues: [Box<dyn Tissue>; 5] = [
            Box::new(Glass::new(seed)),
            Box::new(Epithelium::new(seed)),
            Box::new(Immune::new(seed)),
            Box::new(Loose::new(seed)),
            Box::new(Muscle::new(seed)),
        ];
        Self { config, mpp, layout, tissues, beer: Beer::new() }
    }

    /// What it was made from.
    pub fn config(&self) -> SyntheticConfig {
        self.config
    }

    /// Paints a rectangle of level 0; beyond the slide's edges it is the colour of glass.
    pub fn region(&self, rect_l0: Rect) -> RgbImage8 {
        let mut image = RgbImage8::filled(Size::new(rect_l0.w, rect_l0.h), GLASS);
        let Some(inside) = rect_l0.intersect(self.frame()) else { return image };
        let blocks: Vec<Rect> = (0..inside.h)
            .step_by(BLOCK_PX as usize)
            .flat_map(|y| (0..inside.w).step_by(BLOCK_PX as usize).map(move |x| (x, y)))
            .map(|(x, y)| Rect {
                x: inside.x + i64::from(x),
                y: inside.y + i64::from(y),
                w: BLOCK_PX.min(inside.w - x),
                h: BLOCK_PX.min(inside.h - y),
            })
            .collect();
        let painted: Vec<RgbImage8> = blocks.par_iter().map(|&block| self.block(block)).collect();
        for (block, pixels) in blocks.iter().zip(&painted) {
            image.paste(pixels, block.x - rect_l0.x, block.y - rect_l0.y);
        }
        image
    }

    /// The tissue at the centre of a pixel of level 0; beyond the slide's edges there is glass.
    pub fn truth_at(&self, x: i64, y: i64) -> Truth {
        let pixel = Rect::new(x, y, 1, 1);
        match pixel.intersect(self.frame()) {
            Some(_) => self.layout.truth(pixel_um(pixel, self.mpp, 0, 0)),
            None => Truth::Background,
        }
    }

    /// Parts of a rectangle's area that belong to each class, in the order of [`CLASS_NAMES`]; their sum is 1, or 0 for
    /// an empty rectangle. Exact for the points that are looked at: every fourth pixel along x and y, beginning with
    /// the rectangle's second.
    pub fn truth_fractions(&self, rect_l0: Rect) -> [f64; CLASS_NAMES.len()] {
        const STEP_PX: usize = 4;
        let from =
            |start: i64, length: u32| (start..start + i64::from(length)).skip(usize::from(length > 1)).step_by(STEP_PX);
        let mut counts = [0_u32; CLASS_NAMES.len()];
        for y in from(rect_l0.y, rect_l0.h) {
            for x in from(rect_l0.x, rect_l0.w) {
                counts[self.truth_at(x, y) as usize] += 1;
            }
        }
        let all = counts.iter().sum::<u32>().max(1);
        counts.map(|count| f64::from(count) / f64::from(all))
    }

    /// Writes the slide as an Aperio SVS with a full pyramid; `progress` is told chunks done and chunks in all.
    ///
    /// # Errors
    /// As [`write_pyramid`].
    pub fn write_svs(&self, path: &Path, progress: &Progress<'_>) -> Result<()> {
        self.write(path, &PyramidConfig::default(), None, progress)
    }

    /// Writes the slide in another form; resolution and origin are added to the configuration's.
    ///
    /// # Errors
    /// As [`write_pyramid`].
    pub fn write(
        &self,
        path: &Path,
        config: &PyramidConfig,
        edit: Option<&ChunkEdit<'_>>,
        progress: &Progress<'_>,
    ) -> Result<()> {
        let mut config = PyramidConfig { mpp: Some(self.config.mpp), ..config.clone() };
        config.properties.push(("Synthetic".into(), format!("eosin, seed {}", self.config.seed)));
        write_pyramid(path, self.config.size, &config, &|rect| self.region(rect), edit, progress)
    }

    fn frame(&self) -> Rect {
        Rect::new(0, 0, self.config.size.w, self.config.size.h)
    }

    fn block(&self, rect: Rect) -> RgbImage8 {
        let ground = |pixel, place| self.tissues[self.layout.truth(pixel) as usize].ground(&self.layout, place);
        let mut canvas = Canvas::new(rect, self.mpp, Noise::new(self.config.seed, 298), ground);
        for (class, tissue) in self.tissues.iter().enumerate() {
            for (grid, &pitch_um) in tissue.pitches_um().iter().enumerate() {
                let stream = 300 + 10 * class as u64 + grid as u64;
                canvas.scatter(Noise::new(self.config.seed, stream), pitch_um, REACH_UM, |at, draws| {
                    let here = self.layout.truth(at) as usize == class;
                    here.then(|| tissue.shape(grid, &self.layout, at, draws)).flatten()
                });
            }
        }
        canvas.into_image(&self.beer, Noise::new(self.config.seed, 299))
    }
}
