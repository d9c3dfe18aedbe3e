//! Pixels → addresses that hold the picture itself: `data:image/png;base64,...`.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::{Filter, RgbImage8, resize};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};
use std::borrow::Cow;

/// JPEG quality of photographs: no blocks are seen, and a page stays small enough to be sent.
const QUALITY: u8 = 85;

/// As a PNG, without loss; made smaller when its longest side is beyond `longest_px`.
pub(super) fn png(image: &RgbImage8, longest_px: u32) -> Result<String> {
    let image = fitted(image, longest_px)?;
    encode_png(image.as_bytes(), image.size(), ExtendedColorType::Rgb8)
}

/// `[h, w, 4]` bytes as a PNG with transparency.
pub(super) fn transparent_png(rgba: &[u8], size: Size) -> Result<String> {
    encode_png(rgba, size, ExtendedColorType::Rgba8)
}

/// As a JPEG; made smaller when its longest side is beyond `longest_px`.
pub(super) fn jpeg(image: &RgbImage8, longest_px: u32) -> Result<String> {
    let image = fitted(image, longest_px)?;
    let (size, mut bytes) = (image.size(), Vec::new());
    // Its encoder takes a picture without pixels for one with, and writes what no decoder reads.
    if size.area() == 0 {
        return Err(unwritten(size, "it has no pixels"));
    }
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(image.as_bytes(), size.w, size.h, ExtendedColorType::Rgb8)
        .map_err(|error| refused(size, &error))?;
    Ok(format!("data:image/jpeg;base64,{}", base64(&bytes)))
}

fn fitted(image: &RgbImage8, longest_px: u32) -> Result<Cow<'_, RgbImage8>> {
    let Size { w, h } = image.size();
    let longest = w.max(h);
    if longest <= longest_px {
        return Ok(Cow::Borrowed(image));
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(longest_px) / u64::from(longest)).max(1);
    let side = |side: u32| u32::try_from(scaled(side)).unwrap_or(longest_px);
    resize(image, Size::new(side(w), side(h)), Filter::Bilinear).map(Cow::Owned)
}

fn encode_png(bytes: &[u8], size: Size, colours: ExtendedColorType) -> Result<String> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(bytes, size.w, size.h, colours)
        .map_err(|error| refused(size, &error))?;
    Ok(format!("data:image/png;base64,{}", base64(&png)))
}

fn refused(size: Size, error: &ImageError) -> Error {
    unwritten(size, &error.to_string())
}

fn unwritten(size: Size, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "REP-0002", format!("expected a picture of {size} px to be written: {why}"))
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
    fn a_large_picture_is_made_smaller_and_one_without_pixels_is_an_error() {
        let large = RgbImage8::filled(Size::new(1000, 500), [200, 100, 150]);
        assert!(png(&large, 256).unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
        assert!(png(&large, 256).unwrap().len() < 4000);
        assert!(jpeg(&large, 256).unwrap().starts_with("data:image/jpeg;base64,/9j/"));
        assert_eq!(fitted(&large, 256).unwrap().size(), Size::new(256, 128));
        let wide = RgbImage8::filled(Size::new(4000, 1), [1, 2, 3]);
        assert!(png(&wide, 256).is_ok());
        let none = RgbImage8::filled(Size::new(0, 5), [0; 3]);
        assert_eq!(png(&none, 256).unwrap_err().code(), "REP-0002");
        assert_eq!(jpeg(&none, 256).unwrap_err().code(), "REP-0002");
    }
}
