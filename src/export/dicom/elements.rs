//! Short ways to say what a DICOM file is made of.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use std::io::{self, Write};

/// The longest text of VR `LO`.
pub(super) const LONG: usize = 64;
/// The longest text of VR `SH`.
pub(super) const SHORT: usize = 16;

/// A value, or several.
pub(super) fn element(tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) -> InMemElement {
    DataElement::new(tag, vr, value.into())
}

/// An attribute that must be there and has no value.
pub(super) fn empty(tag: Tag, vr: VR) -> InMemElement {
    DataElement::empty(tag, vr)
}

/// A sequence of items.
pub(super) fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> InMemElement {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// A sequence of one item.
pub(super) fn item<const N: usize>(tag: Tag, elements: [InMemElement; N]) -> InMemElement {
    sequence(tag, vec![InMemDicomObject::from_element_iter(elements)])
}

/// A sequence of one coded concept: value, scheme and meaning.
pub(super) fn code(tag: Tag, [value, scheme, meaning]: [&str; 3]) -> InMemElement {
    item(
        tag,
        [
            element(tags::CODE_VALUE, VR::SH, value),
            element(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme),
            element(tags::CODE_MEANING, VR::LO, meaning),
        ],
    )
}

/// A name as DICOM allows it: no backslash, which parts values, no control characters, and at most so many characters.
pub(super) fn name(text: &str, most: usize) -> String {
    let allowed = |letter: char| if letter == '\\' || letter.is_control() { ' ' } else { letter };
    let cut: String = text.chars().map(allowed).collect::<String>().trim().chars().take(most).collect();
    if cut.is_empty() { "unnamed".to_owned() } else { cut.trim_end().to_owned() }
}

/// Numbers as decimal text of at most 16 characters each, with as many places as fit.
pub(super) fn decimals(values: &[f64]) -> String {
    let decimal = |value: &f64| {
        let whole = format!("{value}");
        let fits = |text: &String| text.len() <= 16;
        let rounded = || (0..15).rev().map(|places| format!("{value:.places$}")).find(fits);
        if fits(&whole) { whole } else { rounded().unwrap_or_else(|| format!("{value:.9e}")) }
    };
    values.iter().map(decimal).collect::<Vec<_>>().join("\\")
}

/// Writes a file in explicit little endian.
pub(super) fn write_file(object: InMemDicomObject, out: &mut dyn Write) -> io::Result<()> {
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let file = object.with_meta(meta).map_err(|error| io::Error::other(error.to_string()))?;
    file.write_all(out).map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_long_as_they_may_be() {
        assert_eq!(name("a\\b\nc", LONG), "a b c");
        assert_eq!(name("grün".repeat(9).as_str(), SHORT), "grüngrüngrüngrün");
        assert_eq!([name("", 9), name("\t", 9), name("12 45", 3)], ["unnamed", "unnamed", "12"]);
        assert_eq!(decimals(&[0.128, -3.0]), "0.128\\-3");
        let awkward = [1.0 / 3.0, -200.0 / 3.0, 1e300, -1e-300, 123_456_789_012.345_67];
        for value in awkward {
            let text = decimals(&[value]);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() - value).abs() <= value.abs() * 1e-9 + 1e-13, "{text}");
        }
    }
}
