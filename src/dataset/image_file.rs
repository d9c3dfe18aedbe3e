//! An image file → a tile of the size that the network sees.
//!
//! Invariant: decoded wholly or refused, as strictly as the chunks of a slide.

use crate::dataset::collector::{Collector, Pixels};
use crate::dataset::config::{InputConfig, SizeRule};
use crate::dataset::tiles::Tile;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::read_picture_if;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// A tile of another size than said.
const OTHER_SIZE: &str = "TRN-0205";
const WHITE: [u8; 3] = [255; 3];

/// Reads files into a collector, in order, on all cores.
pub(super) fn read_all(collector: &mut Collector<'_>, files: Vec<(PathBuf, Tile)>, input: &InputConfig) -> Result<()> {
    let mut files = files.into_iter();
    loop {
        let now: Vec<_> = files.by_ref().take(collector.at_once()).collect();
        if now.is_empty() {
            return Ok(());
        }
        let decoded: Vec<Result<Pixels>> = now.par_iter().map(|(path, _)| read(path, input)).collect();
        for ((_, tile), pixels) in now.into_iter().zip(decoded) {
            collector.take(tile, pixels)?;
        }
    }
}

/// Decodes a tile; one of another size than said may have another resolution, and is refused unless a rule is for it.
fn read(path: &Path, input: &InputConfig) -> Result<Pixels> {
    let expected = Size::new(input.tile_px, input.tile_px);
    let fits = |found: Size| found == expected || (input.size != SizeRule::Exact && smaller(found, expected));
    let check = |found: Size| {
        let message = format!("expected {expected} pixels, found {found}");
        if fits(found) { Ok(()) } else { Err(Error::new(ErrorKind::Format, OTHER_SIZE, message)) }
    };
    let image = read_picture_if(path, &check).map_err(|error| match error.kind() {
        ErrorKind::Io => error,
        _ if error.code() == OTHER_SIZE => error,
        _ => Error::new(ErrorKind::Format, "TRN-0204", error.message().to_owned()),
    })?;
    let seen = |image: &RgbImage8| {
        let size = Size::new(input.input_px, input.input_px);
        Ok::<_, Error>(resize(image, size, Filter::Bilinear)?.into_vec())
    };
    match (image.size() == expected, input.size) {
        (true, _) => seen(&image).map(Pixels::Whole),
        (false, SizeRule::Drop) => Ok(Pixels::Small),
        (false, _) => {
            let mut padded = RgbImage8::filled(expected, WHITE);
            padded.paste(&image, 0, 0);
            seen(&padded).map(Pixels::Padded)
        }
    }
}

fn smaller(found: Size, expected: Size) -> bool {
    found.area() > 0 && found.w <= expected.w && found.h <= expected.h
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn smaller_tiles_are_refused_padded_or_left_out_as_asked_and_larger_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tile.png");
        let input = |size| InputConfig { tile_px: 4, input_px: 4, size, ..InputConfig::default() };
        let save = |w, h| RgbImage::from_pixel(w, h, image::Rgb([7, 8, 9])).save(&path).unwrap();
        save(4, 3);
        assert_eq!(read(&path, &input(SizeRule::Exact)).unwrap_err().code(), "TRN-0205");
        assert_eq!(read(&path, &input(SizeRule::Drop)).unwrap(), Pixels::Small);
        let padded = [[7, 8, 9].repeat(12), vec![255; 12]].concat();
        assert_eq!(read(&path, &input(SizeRule::Pad)).unwrap(), Pixels::Padded(padded));
        save(4, 4);
        assert_eq!(read(&path, &input(SizeRule::Drop)).unwrap(), Pixels::Whole([7, 8, 9].repeat(16)));
        save(3, 5);
        for rule in [SizeRule::Exact, SizeRule::Pad, SizeRule::Drop] {
            assert_eq!(read(&path, &input(rule)).unwrap_err().code(), "TRN-0205");
        }
    }
}
