//! Tiles → PNG pictures inside the page.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::{Filter, RgbImage8, resize};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

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
        let images = images.iter().map(|(image, about)| Ok((address(image)?, about.clone())));
        Ok(Self { images: images.collect::<Result<_>>()?, facts })
    }
}

/// `data:image/png;base64,...`.
fn address(image: &RgbImage8) -> Result<String> {
    let Size { w, h } = image.size();
    let longest = w.max(h);
    let scaled = |side: u32| (u64::from(side) * u64::from(LONGEST_PX) / u64::from(longest.max(1))).max(1);
    let small;
    let image = if longest > LONGEST_PX {
        let side = |side: u32| u32::try_from(scaled(side)).unwrap_or(LONGEST_PX);
        small = resize(image, Size::new(side(w), side(h)), Filter::Bilinear)?;
        &small
    } else {
        image
    };
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(image.as_bytes(), image.size().w, image.size().h, ExtendedColorType::Rgb8)
        .map_err(|error| {
            Error::new(
                ErrorKind::Usage,
                "REP-0002",
                format!("expected a picture of {w} x {h} px to be written: {error}"),
            )
        })?;
    Ok(format!("data:image/png;base64,{}", base64(&png)))
}

/// Bytes as text, three bytes as four signs.
///
/// # Source
/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        for sign in 0..4 {
            let sign = if sign <= three.len() { SIGNS[bits >> (18 - 6 * sign) & 63] } else { b'=' };
            text.push(char::from(sign));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_the_text_of_the_standard() {
        // RFC 4648, section 10.
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_large_tile_is_made_smaller_and_one_without_pixels_is_an_error() {
        let large = RgbImage8::filled(Size::new(1000, 500), [200, 100, 150]);
        assert!(address(&large).unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
        assert!(address(&large).unwrap().len() < 4000);
        let wide = RgbImage8::filled(Size::new(4000, 1), [1, 2, 3]);
        assert!(address(&wide).is_ok());
        assert!(address(&RgbImage8::filled(Size::new(0, 5), [0; 3])).is_err());
    }
}
