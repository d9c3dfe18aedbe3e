//! The numbers of a map → a parametric map (PS3.3 A.75) of `f32`, exactly as they are: all frames of the first class or
//! quantity, then those of the second.
//!
//! Cells without a number lie in the range of padding that the file declares: [`NO_TISSUE`] at its one end and [`FAILED`]
//! at its other, so that the two stay apart, and a reader that knows of padding takes neither for a number. Features
//! have no names to tell them by, so of these there is one channel, `scored`, which is 1 where there are any.
//!
//! Frames are `TILED_SPARSE`, as `TILED_FULL` knows no order of quantities: each says what it is and where it lies.

use super::common::{common, dimensions, per_frame, pixel_measures};
use super::elements::{LONG, SHORT, code, decimals, element, item, name, sequence, write_file};
use super::frames::Frames;
use super::identity::Identity;
use crate::export::MapOutputs;
use crate::map::Cell;
use crate::tile::Meaning;
use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use std::io::{self, Write};

/// What a cell without tissue holds, and the padding value.
pub(super) const NO_TISSUE: f32 = f32::MIN;
/// What a failed cell holds, and the other end of the padding's range.
pub(super) const FAILED: f32 = f32::MIN / 2.0;
/// The longest value of an attribute, bytes.
const MOST_BYTES: usize = 0xffff_fffe;

/// What a channel says of its frames.
struct Channel {
    label: String,
    /// UCUM's code and what it means.
    unit: (String, String),
    range: (f64, f64),
}

/// Writes the file.
pub(in crate::export) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let identity = Identity::of(outputs, "parametric map");
    let frames = Frames::of(outputs.map);
    let channels = channels(outputs);
    let numbers = numbers(&frames, channels.len())?;
    let mut set = common(outputs, &identity, &frames, 2);
    let kind = "DERIVED\\PRIMARY\\VOLUME\\QUANTITY";
    let frame_type = item(tags::PARAMETRIC_MAP_FRAME_TYPE_SEQUENCE, [element(tags::FRAME_TYPE, VR::CS, kind)]);
    let as_they_are = item(
        tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
        [
            element(tags::RESCALE_INTERCEPT, VR::DS, "0"),
            element(tags::RESCALE_SLOPE, VR::DS, "1"),
            element(tags::RESCALE_TYPE, VR::LO, "US"),
        ],
    );
    for element in [
        element(tags::SOP_CLASS_UID, VR::UI, uids::PARAMETRIC_MAP_STORAGE),
        element(tags::MODALITY, VR::CS, "OT"),
        element(tags::IMAGE_TYPE, VR::CS, kind),
        element(tags::CONTENT_LABEL, VR::CS, "EOSIN_SCORES"),
        element(tags::CONTENT_QUALIFICATION, VR::CS, "RESEARCH"),
        element(tags::RECOGNIZABLE_VISUAL_FEATURES, VR::CS, "NO"),
        element(tags::PIXEL_PRESENTATION, VR::CS, "MONOCHROME"),
        element(tags::BITS_ALLOCATED, VR::US, 32_u16),
        element(tags::FLOAT_PIXEL_PADDING_VALUE, VR::FL, NO_TISSUE),
        element(tags::FLOAT_PIXEL_PADDING_RANGE_LIMIT, VR::FL, FAILED),
        sequence(tags::ACQUISITION_CONTEXT_SEQUENCE, vec![]),
        element(tags::DIMENSION_ORGANIZATION_TYPE, VR::CS, "TILED_SPARSE"),
        element(tags::NUMBER_OF_FRAMES, VR::IS, (frames.count() * channels.len()).to_string()),
        dimensions(&identity, (tags::LUT_LABEL, tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE, "quantity")),
        item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, [pixel_measures(&frames), frame_type, as_they_are]),
        per_frame(&frames, channels.len(), |channel| described(&channels[channel], channel)),
        element(tags::FLOAT_PIXEL_DATA, VR::OF, PrimitiveValue::F32(numbers.into())),
    ] {
        set.put(element);
    }
    write_file(set, out)
}

fn channels(outputs: &MapOutputs<'_>) -> Vec<Channel> {
    let map = outputs.map;
    let annotated = |text: &str| (format!("{{{text}}}"), text.to_owned());
    let plain = || ("1".to_owned(), "no units".to_owned());
    let of_column = |(column, label): (usize, &String)| {
        let (unit, range) = match map.meaning() {
            Meaning::Classes | Meaning::Findings => (annotated("probability"), (0.0, 1.0)),
            Meaning::Estimates(_) | Meaning::Features => {
                let (low, high) = map.range(column).unwrap_or((0.0, 0.0));
                let unit = map.meaning().unit(column).map_or_else(plain, unit_code);
                (unit, (f64::from(low), f64::from(high)))
            }
        };
        Channel { label: label.clone(), unit, range }
    };
    let mut channels: Vec<Channel> = map.class_names().iter().enumerate().map(of_column).collect();
    if channels.is_empty() {
        channels.push(Channel { label: "scored".to_owned(), unit: plain(), range: (1.0, 1.0) });
    }
    channels
}

/// A unit as a card has it is free text, which UCUM takes between braces: then it is a name and computes nothing.
fn unit_code(unit: &str) -> (String, String) {
    let fits = unit.len() <= SHORT - 2 && unit.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}\\".contains(&byte));
    (format!("{{{}}}", if fits { unit } else { "unit" }), name(unit, LONG))
}

fn described(channel: &Channel, at: usize) -> Vec<InMemElement> {
    let (low, high) = channel.range;
    let (unit, meaning) = &channel.unit;
    // The number first, as names that are cut could be alike and readers tell channels apart by it.
    let label = name(&format!("{} {}", at + 1, channel.label), SHORT);
    let mapping = item(
        tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE,
        [
            element(tags::LUT_EXPLANATION, VR::LO, name(&channel.label, LONG)),
            code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, [unit, "UCUM", meaning]),
            element(tags::LUT_LABEL, VR::SH, label),
            element(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_FIRST_VALUE_MAPPED, VR::FD, low),
            element(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_LAST_VALUE_MAPPED, VR::FD, high),
            element(tags::REAL_WORLD_VALUE_INTERCEPT, VR::FD, 0.0_f64),
            element(tags::REAL_WORLD_VALUE_SLOPE, VR::FD, 1.0_f64),
        ],
    );
    // A window must have a width.
    let width = if high > low { high - low } else { 1.0 };
    let window = item(
        tags::FRAME_VOILUT_SEQUENCE,
        [
            element(tags::WINDOW_CENTER, VR::DS, decimals(&[f64::midpoint(low, high)])),
            element(tags::WINDOW_WIDTH, VR::DS, decimals(&[width])),
            element(tags::VOILUT_FUNCTION, VR::CS, "LINEAR_EXACT"),
        ],
    );
    vec![mapping, window]
}

/// The pixels of all frames of all channels.
fn numbers(frames: &Frames<'_>, channels: usize) -> io::Result<Vec<f32>> {
    let count = channels.saturating_mul(frames.pixels());
    if count > MOST_BYTES / size_of::<f32>() {
        let text = format!("expected at most 4 GiB of numbers in a DICOM file, found {count} numbers");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let number = |cell: Cell<'_>, channel: usize| match cell {
        Cell::NoTissue => Ok(NO_TISSUE),
        Cell::Failed => Ok(FAILED),
        Cell::Scored(scores) => match scores.get(channel).copied().unwrap_or(1.0) {
            padding if padding <= FAILED => {
                let text = format!("expected scores above {FAILED:e}, found {padding:e}");
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
            score => Ok(score),
        },
    };
    (0..channels).flat_map(|channel| frames.cells().map(move |cell| number(cell, channel))).collect()
}
