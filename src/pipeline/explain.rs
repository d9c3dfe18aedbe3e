//! Tiles of folders or of a slide → a figure for each of what its score rests on, and a table of all.
//!
//! Invariant: a tile of a slide has the pixels that the network gets when it scores the slide. A tile that cannot be read is
//! one row that says why, and the others go on.

use super::inputs::find_tiles;
use super::slide_run::resolution;
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{
    ExplainRow, Explained, ExplainedTile, RecordedError, assign_ids, check_folder, write_explain_table, write_explained,
};
use crate::geometry::{Rect, Size};
use crate::infer::{Explainer, Explanation};
use crate::nn::Bundle;
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::{Slide, read_picture};
use crate::tile::TilePlan;
use crate::tiling::plan::{SlideGeometry, plan_places};
use crate::units::Mpp;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Tiles held in memory at once.
const AT_ONCE: usize = 8;

/// What to explain.
#[derive(Debug, Clone)]
pub struct ExplainConfig {
    /// The tiles.
    pub tiles: TileSource,
    /// The class, finding or estimate; without it each tile's largest score.
    pub class: Option<String>,
    /// The results folder.
    pub out: PathBuf,
}

/// Where tiles come from.
#[derive(Debug, Clone)]
pub enum TileSource {
    /// Pictures, and folders that are searched for them.
    Files(Vec<PathBuf>),
    /// Places on a slide, read at the model's resolution.
    Places {
        /// The slide.
        slide: PathBuf,
        /// Top-left corners, level-0 pixels.
        origins_l0: Vec<(i64, i64)>,
        /// The slide's resolution, in place of what the file states.
        mpp: Option<Mpp>,
    },
}

/// One tile that is through, with how many are.
#[derive(Debug)]
pub struct ExplainEvent<'a> {
    /// Its row of the table.
    pub row: &'a ExplainRow,
    /// Its file, for the terminal alone; none for a tile of a slide.
    pub file: Option<&'a Path>,
    /// Tiles that are through, this one included.
    pub done: usize,
    /// Tiles there are.
    pub total: usize,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainOutcome {
    /// One row for each tile that was looked at.
    pub rows: Vec<ExplainRow>,
    /// True when it was stopped before the last tile.
    pub interrupted: bool,
}

impl ExplainOutcome {
    /// Tiles that could not be read.
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.found.is_err()).count()
    }
}

/// Explains tiles, one after another, and writes a figure for each and `explain.csv`.
///
/// # Errors
/// What concerns all tiles: a model that cannot be explained or has no such class, an output folder that cannot be written,
/// a slide that cannot be opened, has no resolution or no such place (`RUN-0013`), a device that fails.
pub fn explain(
    config: &ExplainConfig,
    bundle: &Bundle,
    device: &OpenDevice,
    cancel: &AtomicBool,
    listen: &mut dyn FnMut(ExplainEvent<'_>),
) -> Result<ExplainOutcome> {
    let tiles = Tiles::open(&config.tiles, bundle)?;
    let explainer = Explainer::new(bundle, device)?;
    let output = explainer.output(config.class.as_deref())?;
    check_folder(&config.out)?;
    let input_px = bundle.preprocess().input_px;
    let input = Size::new(input_px, input_px);
    let ids = tiles.ids();
    let mut outcome = ExplainOutcome { rows: Vec::new(), interrupted: false };
    for first in (0..ids.len()).step_by(AT_ONCE) {
        if cancel.load(Ordering::Relaxed) {
            outcome.interrupted = true;
            break;
        }
        let now = first..ids.len().min(first + AT_ONCE);
        let read: Vec<Result<(RgbImage8, RgbImage8)>> =
            now.clone().into_par_iter().map(|tile| tiles.read(tile, input)).collect();
        let pixels: Vec<u8> = read.iter().flatten().flat_map(|(_, seen)| seen.as_bytes()).copied().collect();
        let mut explained = explainer.explain(&pixels, output)?.into_iter();
        for (tile, read) in now.zip(read) {
            let found = match (read, &mut explained) {
                (Err(error), _) => Err(RecordedError::from(&error)),
                (Ok((picture, _)), explained) => match explained.next() {
                    Some(explanation) => Ok(write(config, bundle, &ids[tile], &picture, &explanation)?),
                    None => break,
                },
            };
            let row = ExplainRow { id: ids[tile].clone(), place_l0: tiles.place_l0(tile), found };
            listen(ExplainEvent { row: &row, file: tiles.file(tile), done: tile + 1, total: ids.len() });
            outcome.rows.push(row);
        }
    }
    write_explain_table(&config.out, &outcome.rows)?;
    Ok(outcome)
}

/// Writes the figure of a tile and gives what its row says.
fn write(
    config: &ExplainConfig,
    bundle: &Bundle,
    id: &str,
    tile: &RgbImage8,
    explanation: &Explanation,
) -> Result<Explained> {
    let Explanation { scores, output, map } = explanation;
    let name = bundle.classes().get(*output).map(|class| class.name.as_str()).unwrap_or_default();
    let class = bundle.meaning().titled(name, *output);
    let score = scores.get(*output).copied().unwrap_or_default();
    write_explained(&config.out, &ExplainedTile { id, model: bundle.name(), class: &class, score, tile, map })?;
    Ok(Explained { side_px: tile.size().w, class, score, maximum: map.peak(), centre: map.centre() })
}

/// Tiles that can be read.
enum Tiles {
    Files(Vec<PathBuf>),
    Places { slide: Slide, path: PathBuf, plan: TilePlan },
}

impl Tiles {
    fn open(source: &TileSource, bundle: &Bundle) -> Result<Self> {
        let (path, origins_l0, mpp) = match source {
            TileSource::Files(inputs) => return Ok(Self::Files(find_tiles(inputs)?)),
            TileSource::Places { slide, origins_l0, mpp } => (slide, origins_l0, *mpp),
        };
        let slide = Slide::open(path)?;
        let at_path = |error: Error| error.at_path(path);
        let (mpp, _) = resolution(mpp, &slide).map_err(at_path)?;
        let geometry = SlideGeometry::new(slide.levels(), mpp);
        let tile_px = bundle.preprocess().tile_px;
        let plan = plan_places(&geometry, origins_l0.clone(), tile_px, Mpp::new(bundle.mpp())?).map_err(at_path)?;
        let bounds = Rect::new(0, 0, slide.size().w, slide.size().h);
        if let Some(tile) = (0..plan.len()).find(|&tile| bounds.intersect(plan.rect_l0(tile)).is_none()) {
            let (x, y) = plan.origins_l0[tile];
            let message = format!("expected places on a slide of {}, found {x},{y}", slide.size());
            return Err(at_path(Error::new(ErrorKind::Usage, "RUN-0013", message)));
        }
        Ok(Self::Places { slide, path: path.clone(), plan })
    }

    /// Names of the tiles in all outputs, no two alike.
    fn ids(&self) -> Vec<String> {
        match self {
            Self::Files(files) => assign_ids(files),
            Self::Places { path, plan, .. } => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                // The extension is what an id leaves out, so that a stem with a point in it stays whole.
                let named = |(x, y): &(i64, i64)| PathBuf::from(format!("{stem}_x{x}_y{y}.tile"));
                assign_ids(&plan.origins_l0.iter().map(named).collect::<Vec<_>>())
            }
        }
    }

    fn file(&self, tile: usize) -> Option<&Path> {
        match self {
            Self::Files(files) => files.get(tile).map(PathBuf::as_path),
            Self::Places { .. } => None,
        }
    }

    fn place_l0(&self, tile: usize) -> Option<(i64, i64)> {
        match self {
            Self::Files(_) => None,
            Self::Places { plan, .. } => plan.origins_l0.get(tile).copied(),
        }
    }

    /// A tile as it lies in its file, and as the network sees it.
    fn read(&self, tile: usize, input: Size) -> Result<(RgbImage8, RgbImage8)> {
        let picture = match self {
            Self::Files(files) => square(&files[tile])?,
            Self::Places { slide, plan, .. } => slide.read_region(plan.level, plan.rect_lvl(tile), plan.fill)?,
        };
        let seen = resize(&picture, input, Filter::Bilinear)?;
        Ok((picture, seen))
    }
}

/// A tile that is a file; one that is not square would be seen distorted.
fn square(path: &Path) -> Result<RgbImage8> {
    let picture = read_picture(path)?;
    let Size { w, h } = picture.size();
    if w == h {
        return Ok(picture);
    }
    let message = format!("expected a square tile, found {w} x {h} pixels");
    Err(Error::new(ErrorKind::Format, "RUN-0012", message).at_path(path))
}
