//! What stages work on: a slide, the device that was asked for, and what follows from them.

use crate::slide::synthetic_slide;
use eosin::device::{DeviceSpec, OpenDevice, open};
use eosin::geometry::{Rect, Size};
use eosin::raster::{Mask, RgbImage8};
use eosin::slide::Slide;
use eosin::synthetic::{SyntheticConfig, SyntheticSlide};
use eosin::tiling::plan::SlideGeometry;
use eosin::tiling::wsinfer_grid::thumbnail_um_per_px;
use eosin::tissue::{TissueConfig, detect};
use eosin::units::Mpp;
use std::path::PathBuf;
use tempfile::TempDir;

/// Side of the synthetic slide, pixels at [`SYNTHETIC_MPP`]: small enough to be made for each run.
const SYNTHETIC_PX: u32 = 4096;
const SYNTHETIC_MPP: f64 = 0.5;
/// Resolution at which tissue is looked for, as in `pipeline`.
const AFAR_MPP: f64 = 8.0;
/// Side of the synthetic section from afar, pixels: a section of 12 mm.
const AFAR_PX: u32 = 1536;
/// Resolution of the slide of that section.
const AFAR_SLIDE_MPP: f64 = 0.25;

/// See the module's description.
pub(crate) struct Input {
    /// The slide's file.
    pub(crate) path: PathBuf,
    /// It, open.
    pub(crate) slide: Slide,
    /// Whether it was given.
    pub(crate) is_real: bool,
    /// The device beside the CPU.
    pub(crate) device: Option<Target>,
    /// Tiles in a batch where it was asked for.
    pub(crate) batch: Option<usize>,
    _folder: TempDir,
}

/// A device, and what ids call it.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) open: OpenDevice,
}

/// A section in small.
pub(crate) struct Afar {
    pub(crate) picture: RgbImage8,
    pub(crate) um_per_px: f64,
    /// Of the slide that it is of.
    pub(crate) geometry: SlideGeometry,
}

impl Input {
    /// From `EOSIN_BENCH_SLIDE`, `EOSIN_BENCH_DEVICE` and `EOSIN_BENCH_BATCH`.
    pub(crate) fn from_env() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let given = std::env::var_os("EOSIN_BENCH_SLIDE").map(PathBuf::from);
        let is_real = given.is_some();
        if is_real {
            println!("EOSIN_BENCH_SLIDE is for open, decode, tissue, plan and load; other stages take made-up tiles");
        }
        let path =
            given.unwrap_or_else(|| synthetic_slide(folder.path(), SYNTHETIC_PX, Mpp::new(SYNTHETIC_MPP).unwrap()));
        let slide = Slide::open(&path).unwrap();
        let batch = std::env::var("EOSIN_BENCH_BATCH").ok().map(|batch| batch.parse().unwrap());
        Self { path, slide, is_real, device: device(), batch, _folder: folder }
    }

    /// The CPU, then the device that was asked for.
    pub(crate) fn devices(&self) -> impl Iterator<Item = (&str, OpenDevice)> {
        let cpu = open(DeviceSpec::Cpu).unwrap();
        std::iter::once(("cpu", cpu)).chain(self.device.iter().map(|target| (&target.name[..], target.open.clone())))
    }

    /// The slide from afar; none when its file does not say how large a pixel is, or has no small level.
    pub(crate) fn overview(&self) -> Result<Afar, &'static str> {
        let mpp = self.slide.mpp().ok_or("the slide's file states no resolution")?;
        let level = self.slide.level_for_downsample(AFAR_MPP / mpp.get());
        let size = self.slide.levels()[level].size;
        if size.area() > eosin::limits::MAX_REGION_PX {
            return Err("the slide has no level that is small enough for an overview");
        }
        let picture = self.slide.read_region(level, Rect::new(0, 0, size.w, size.h), [255; 3]);
        let picture = picture.map_err(|_| "the slide's overview cannot be decoded")?;
        let geometry = SlideGeometry::new(self.slide.levels(), mpp);
        let um_per_px = thumbnail_um_per_px(mpp, geometry.size_l0, size);
        Ok(Afar { picture, um_per_px, geometry })
    }

    /// A whole section from afar: the slide's where one was given; the synthetic one is too small to take long.
    pub(crate) fn section(&self) -> Result<Afar, &'static str> {
        if self.is_real {
            return self.overview();
        }
        let (size, mpp) = (Size::new(AFAR_PX, AFAR_PX), Mpp::new(AFAR_MPP).unwrap());
        let picture =
            SyntheticSlide::new(SyntheticConfig { seed: 1, size, mpp }).region(Rect::new(0, 0, AFAR_PX, AFAR_PX));
        let side = AFAR_PX * 32; // AFAR_MPP / AFAR_SLIDE_MPP
        let geometry = SlideGeometry {
            size_l0: Size::new(side, side),
            mpp: Mpp::new(AFAR_SLIDE_MPP).unwrap(),
            downsamples: [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(|by| (by, by)).to_vec(),
        };
        Ok(Afar { picture, um_per_px: AFAR_MPP, geometry })
    }

    /// What the slide is, without its name.
    pub(crate) fn described(&self) -> String {
        let (format, Size { w, h }) = (self.slide.format_name(), self.slide.size());
        let mpp = self.slide.mpp().map_or("no resolution".to_owned(), |mpp| mpp.to_string());
        format!("{}: {format}, {w} x {h} px, {mpp}", if self.is_real { "a real slide" } else { "synthetic slide" })
    }
}

impl Afar {
    /// Where there is tissue.
    pub(crate) fn mask(&self) -> Mask {
        detect(&self.picture, self.um_per_px, &TissueConfig::default()).unwrap()
    }
}

/// The device beside the CPU that `EOSIN_BENCH_DEVICE` asks for; a process opens it once.
fn device() -> Option<Target> {
    let asked = std::env::var("EOSIN_BENCH_DEVICE").ok()?;
    let open = open(asked.parse::<DeviceSpec>().unwrap()).unwrap();
    if open.is_cpu {
        println!("EOSIN_BENCH_DEVICE: the CPU is always measured; there is no device beside it");
        return None;
    }
    println!("EOSIN_BENCH_DEVICE: {}, {}", open.backend, open.name);
    Some(Target { name: open.backend.to_owned(), open })
}
