//! Any tiled JPEG TIFF pyramid: what vips, bfconvert, tifffile and others write.
//!
//! Extensions: `tif`, `tiff`. Vendor: none. Detected by a tiled first directory, so it comes last in the table. Level 0
//! is the largest tiled directory, wherever it stands; further levels are those that are smaller along both sides and
//! have its shape. Other directories are other images and are left out, whether or not they are marked as reduced
//! versions (`NewSubfileType` bit 0): macro images are marked so, too, and many pyramids are not marked.
//! Resolution: the tags `XResolution`, `YResolution` and `ResolutionUnit` of that directory.
//!
//! Oddities: pyramids below the tag `SubIFDs` (OME-TIFF) are not followed, such a file has one level, as in OpenSlide;
//! 72 pixels an inch, the default of paint programs, is not believable and counts as no resolution.

use crate::error::Result;
use crate::geometry::Size;
use crate::slide::driver::Driver;
use crate::slide::format::{Format, NotThisFormat};
use crate::slide::probe::{Probe, Tiled};
use crate::slide::properties::{Calibration, Properties};
use crate::slide::tiled_tiff::{Empty, TiledTiff, same_shape};

pub(crate) const FORMAT: Format =
    Format { name: "generic-tiff", vendor: "none", extensions: &["tif", "tiff"], detect, open };

fn detect(probe: &Probe) -> Result<(), NotThisFormat> {
    probe.first_tiled().map(|_| ())
}

fn open(probe: Probe) -> Result<Box<dyn Driver>> {
    let directories = probe.tiff.unwrap_or_default().into_iter();
    let mut images: Vec<Tiled> = directories.filter_map(|directory| directory.tiled).collect();
    // A stable sort: of two that are equally large the first one counts.
    images.sort_by_key(|image| std::cmp::Reverse(image.size.area()));
    let largest = images.first().map(|image| image.size);
    let calibration = images.first().map_or_else(|| Err("there is no tiled image".to_string()), calibration);
    images.retain(|image| largest.is_some_and(|whole| image.size == whole || is_smaller(image.size, whole)));
    images.dedup_by_key(|image| image.size);
    let properties = Properties { calibration, objective: None };
    Ok(Box::new(TiledTiff::new(probe.source, images, Empty::Glass, properties)?))
}

/// True for a smaller version of an image of size `whole`.
fn is_smaller(size: Size, whole: Size) -> bool {
    let ratio = |whole: u32, side: u32| f64::from(whole) / f64::from(side);
    size.w < whole.w && size.h < whole.h && same_shape(ratio(whole.w, size.w), ratio(whole.h, size.h), size)
}

fn calibration(image: &Tiled) -> Result<Calibration, String> {
    const SOURCE: &str = "TIFF resolution tags";
    let um_per_unit = match image.resolution_unit {
        2 => 25_400.0,
        3 => 10_000.0,
        1 => return Err("the TIFF resolution tags have no unit".to_string()),
        found => return Err(format!("the TIFF resolution unit is {found}, expected 2 (inch) or 3 (centimetre)")),
    };
    let [Some(x), Some(y)] = image.resolution else { return Err("there are no TIFF resolution tags".to_string()) };
    // A zero on either side of the fraction ends as infinity, zero or NaN, which is refused as a value.
    let um = |(numerator, denominator): (u32, u32)| um_per_unit * f64::from(denominator) / f64::from(numerator);
    Calibration::new(um(x), um(y), SOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibrated(resolution: [Option<(u32, u32)>; 2], resolution_unit: u64) -> Result<f64, String> {
        let image = Tiled {
            size: Size::new(1, 1),
            chunk: Size::new(1, 1),
            offsets: vec![],
            byte_counts: vec![],
            compression: 7,
            photometric: Some(6),
            samples: 3,
            bits: vec![8],
            sample_formats: vec![1],
            planar: 1,
            depth: 1,
            jpeg_tables: None,
            resolution,
            resolution_unit,
        };
        calibration(&image).map(|calibration| calibration.mpp().get())
    }

    #[test]
    fn resolution_tags_become_micrometres() {
        let centimetre = calibrated([Some((100_000, 13)); 2], 3).unwrap();
        assert!((centimetre - 1.3).abs() < 1e-12);
        let inch = calibrated([Some((50_800, 1)); 2], 2).unwrap();
        assert!((inch - 0.5).abs() < 1e-12);
    }

    #[test]
    fn levels_are_smaller_along_both_sides_and_of_the_same_shape() {
        let whole = Size::new(1000, 800);
        for (w, h, expected) in [
            (500, 400, true),
            (63, 50, true),
            (1000, 800, false),
            (2000, 1600, false),
            (999, 800, false),
            (500, 200, false),
            (0, 0, false),
        ] {
            assert_eq!(is_smaller(Size::new(w, h), whole), expected, "{w} x {h}");
        }
    }

    #[test]
    fn unusable_resolution_tags_are_explained() {
        let good = Some((20_000, 1));
        for (resolution, unit, reason) in [
            ([good; 2], 1, "no unit"),
            ([good; 2], 7, "unit is 7"),
            ([good, None], 3, "no TIFF resolution tags"),
            ([Some((0, 1)); 2], 3, "outside"),
            ([Some((1, 0)); 2], 3, "outside"),
            ([Some((0, 0)); 2], 3, "outside"),
            ([Some((72, 1)); 2], 2, "outside"),
            ([good, Some((10_000, 1))], 3, "5 %"),
        ] {
            let found = calibrated(resolution, unit).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
    }
}
