//! What a map decides → a binary segmentation (PS3.3 A.51): for each class the cells that it was decided for, for each
//! finding, and what has a threshold, those where it counts as present; then the states.
//!
//! Segments, in this order: one for each class or finding; `scored`, unless classes exclude each other and so tell it by
//! themselves; `failed`. A cell without tissue is in none. Of estimated numbers without a threshold and of features nothing
//! is decided, so there are the states alone. All segments are of the type tissue: what a class is called is known, not which code it has.
//!
//! Frames are `TILED_FULL`, in the order of segments; where each lies is written out besides, as some readers want it.
//! Bits run on from frame to frame, the lowest bit of a byte first.

use super::cielab::cielab;
use super::common::{TISSUE, common, dimensions, per_frame, pixel_measures};
use super::elements::{LONG, code, element, item, name, sequence, write_file};
use super::frames::Frames;
use super::identity::Identity;
use crate::export::MapOutputs;
use crate::map::Cell;
use crate::tile::Meaning;
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use std::io::{self, Write};

/// Of states, which no card gives a colour.
const GREY: [u8; 3] = [150; 3];

/// Which cells a segment holds.
#[derive(Clone, Copy)]
enum Holds {
    /// Those that a class was decided for.
    Class(usize),
    /// Those whose score of a class reaches a threshold.
    AtLeast(usize, f32),
    Scored,
    Failed,
}

struct Segment {
    holds: Holds,
    label: String,
    description: String,
    colour: [u8; 3],
}

impl Holds {
    fn cell(self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Class(class), Cell::Scored(scores)) => Meaning::Classes.decide(scores) == Some(class),
            (Self::AtLeast(class, least), Cell::Scored(scores)) => scores.get(class).is_some_and(|&s| s >= least),
            (Self::Scored, Cell::Scored(_)) | (Self::Failed, Cell::Failed) => true,
            _ => false,
        }
    }
}

/// Writes the file.
pub(in crate::export) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let identity = Identity::of(outputs, "segmentation");
    let frames = Frames::of(outputs.map);
    let segments = segments(outputs);
    let mut set = common(outputs, &identity, &frames, 1);
    let exclusive = exclusive(outputs);
    // Which images it was made of is not known by their identifiers, and this says so. Without it validators that know of
    // patients only demand an orientation in the patient, which a slide does not have.
    let made_of = sequence(tags::DERIVATION_IMAGE_SEQUENCE, vec![]);
    for element in [
        element(tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE),
        element(tags::MODALITY, VR::CS, "SEG"),
        element(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        element(tags::CONTENT_LABEL, VR::CS, "EOSIN_DECISIONS"),
        element(tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
        element(tags::SEGMENTS_OVERLAP, VR::CS, if exclusive { "NO" } else { "YES" }),
        element(tags::BITS_ALLOCATED, VR::US, 1_u16),
        element(tags::BITS_STORED, VR::US, 1_u16),
        element(tags::HIGH_BIT, VR::US, 0_u16),
        element(tags::PIXEL_REPRESENTATION, VR::US, 0_u16),
        element(tags::DIMENSION_ORGANIZATION_TYPE, VR::CS, "TILED_FULL"),
        element(tags::NUMBER_OF_FRAMES, VR::IS, (frames.count() * segments.len()).to_string()),
        dimensions(&identity, (tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE, "segment")),
        sequence(
            tags::SEGMENT_SEQUENCE,
            segments.iter().zip(1..).map(|(segment, at)| described(segment, at)).collect(),
        ),
        item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, [pixel_measures(&frames), made_of]),
        per_frame(&frames, segments.len(), |segment| {
            let number = u16::try_from(segment + 1).unwrap_or(u16::MAX);
            let reference = element(tags::REFERENCED_SEGMENT_NUMBER, VR::US, number);
            vec![item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, [reference])]
        }),
        element(tags::PIXEL_DATA, VR::OB, bits(&frames, &segments)),
    ] {
        set.put(element);
    }
    write_file(set, out)
}

/// Whether every scored cell is in just one segment.
fn exclusive(outputs: &MapOutputs<'_>) -> bool {
    let map = outputs.map;
    *map.meaning() == Meaning::Classes && (0..map.class_names().len()).all(|class| map.threshold(class).is_none())
}

fn segments(outputs: &MapOutputs<'_>) -> Vec<Segment> {
    let map = outputs.map;
    let of_column = |column: usize| match (map.present_from(column), map.meaning()) {
        (Some(least), _) => Some((Holds::AtLeast(column, least), format!("cells where its score is at least {least}"))),
        (None, Meaning::Classes) => {
            Some((Holds::Class(column), "cells where its probability is the largest".to_owned()))
        }
        (None, _) => None,
    };
    let columns = map.class_names().iter().enumerate().filter_map(|(column, label)| {
        let (holds, description) = of_column(column)?;
        let colour = outputs.colours.get(column).copied().unwrap_or(GREY);
        Some(Segment { holds, label: label.clone(), description, colour })
    });
    let state = |holds: Holds, label: &str, description: &str| Segment {
        holds,
        label: label.to_owned(),
        description: description.to_owned(),
        colour: GREY,
    };
    let scored = (!exclusive(outputs)).then(|| state(Holds::Scored, "scored", "cells with scores"));
    let failed = state(Holds::Failed, "failed", "cells of tissue whose tiles were lost");
    columns.chain(scored).chain([failed]).collect()
}

fn described(segment: &Segment, number: u16) -> InMemDicomObject {
    let version = env!("CARGO_PKG_VERSION");
    InMemDicomObject::from_element_iter([
        element(tags::SEGMENT_NUMBER, VR::US, number),
        element(tags::SEGMENT_LABEL, VR::LO, name(&segment.label, LONG)),
        element(tags::SEGMENT_DESCRIPTION, VR::ST, segment.description.as_str()),
        element(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC"),
        element(tags::SEGMENT_ALGORITHM_NAME, VR::LO, concat!("eosin ", env!("CARGO_PKG_VERSION"))),
        item(
            tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE,
            [
                code(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, ["123110", "DCM", "Artificial Intelligence"]),
                element(tags::ALGORITHM_NAME, VR::LO, "eosin"),
                element(tags::ALGORITHM_VERSION, VR::LO, version),
            ],
        ),
        element(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, VR::US, cielab(segment.colour)),
        code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, TISSUE),
        code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, TISSUE),
    ])
}

/// One bit for each pixel of all frames of all segments, filled up to an even number of bytes.
fn bits(frames: &Frames<'_>, segments: &[Segment]) -> Vec<u8> {
    let mut packed = vec![0; (segments.len() * frames.pixels()).div_ceil(16) * 2];
    let pixels = segments.iter().flat_map(|segment| frames.cells().map(|cell| segment.holds.cell(cell)));
    for (at, _) in pixels.enumerate().filter(|pixel| pixel.1) {
        packed[at / 8] |= 1 << (at % 8);
    }
    packed
}
