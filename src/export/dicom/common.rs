//! What both files say alike: whose they are, of which slide, and where it lies.
//!
//! # Source
//! DICOM PS3.3 2026: modules of A.51 and A.75; slide coordinates C.8.12; tiled frames C.7.6.17.3.

use super::elements::{LONG, code, decimals, element, empty, item, name, sequence};
use super::frames::Frames;
use super::identity::Identity;
use crate::export::{MapOutputs, RESEARCH_USE};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

/// What stands for tissue, the one thing that is known of whatever a class is called.
pub(super) const TISSUE: [&str; 3] = ["85756007", "SCT", "Tissue"];
/// What stands where DICOM demands a date; see the head of [`dicom`](super).
const NO_DATE: &str = "19000101";
const NO_TIME: &str = "000000";
/// How thick the section is: nobody knows it, yet it must be there with the spacing. 4 um is what sections usually have.
const NOMINAL_THICKNESS_MM: f64 = 0.004;

/// The modules of patient, study, series, equipment, frame of reference, specimen and matrix.
///
/// `series`: its number in the study.
pub(super) fn common(
    outputs: &MapOutputs<'_>,
    identity: &Identity,
    frames: &Frames<'_>,
    series: u8,
) -> InMemDicomObject {
    let id = name(outputs.id, LONG);
    let version = env!("CARGO_PKG_VERSION");
    let (cols, rows) = frames.whole();
    let (x, y) = frames.place_mm((0, 0));
    let text = |tag, vr, value: &str| element(tag, vr, value);
    let mut set = InMemDicomObject::from_element_iter([
        text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
        text(tags::SOP_INSTANCE_UID, VR::UI, &identity.instance),
        empty(tags::STUDY_DATE, VR::DA),
        text(tags::CONTENT_DATE, VR::DA, NO_DATE),
        empty(tags::STUDY_TIME, VR::TM),
        text(tags::CONTENT_TIME, VR::TM, NO_TIME),
        text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, "REMOVED"),
        empty(tags::ACCESSION_NUMBER, VR::SH),
        empty(tags::REFERRING_PHYSICIAN_NAME, VR::PN),
        empty(tags::PATIENT_NAME, VR::PN),
        empty(tags::PATIENT_ID, VR::LO),
        empty(tags::PATIENT_BIRTH_DATE, VR::DA),
        empty(tags::PATIENT_SEX, VR::CS),
        empty(tags::PATIENT_ORIENTATION, VR::CS),
        text(tags::STUDY_INSTANCE_UID, VR::UI, &identity.study),
        text(tags::SERIES_INSTANCE_UID, VR::UI, &identity.series),
        empty(tags::STUDY_ID, VR::SH),
        text(tags::SERIES_NUMBER, VR::IS, &series.to_string()),
        text(tags::INSTANCE_NUMBER, VR::IS, "1"),
        text(tags::SERIES_DESCRIPTION, VR::LO, RESEARCH_USE),
    ]);
    for element in [
        text(tags::MANUFACTURER, VR::LO, "eosin"),
        text(tags::MANUFACTURER_MODEL_NAME, VR::LO, &name(outputs.model, LONG)),
        // There is no device, yet it must have a number.
        text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "none"),
        text(tags::SOFTWARE_VERSIONS, VR::LO, version),
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &identity.frame_of_reference),
        // Not `SLIDE_CORNER`: where the scan lies on the glass is not known.
        empty(tags::POSITION_REFERENCE_INDICATOR, VR::LO),
        text(tags::CONTAINER_IDENTIFIER, VR::LO, &id),
        sequence(tags::ISSUER_OF_THE_CONTAINER_IDENTIFIER_SEQUENCE, vec![]),
        code(tags::CONTAINER_TYPE_CODE_SEQUENCE, ["433466003", "SCT", "Microscope slide"]),
        item(
            tags::SPECIMEN_DESCRIPTION_SEQUENCE,
            [
                text(tags::SPECIMEN_IDENTIFIER, VR::LO, &id),
                sequence(tags::ISSUER_OF_THE_SPECIMEN_IDENTIFIER_SEQUENCE, vec![]),
                text(tags::SPECIMEN_UID, VR::UI, &identity.specimen),
                sequence(tags::SPECIMEN_PREPARATION_SEQUENCE, vec![]),
            ],
        ),
        element(tags::TOTAL_PIXEL_MATRIX_COLUMNS, VR::UL, cols),
        element(tags::TOTAL_PIXEL_MATRIX_ROWS, VR::UL, rows),
        element(tags::TOTAL_PIXEL_MATRIX_FOCAL_PLANES, VR::UL, 1_u32),
        item(
            tags::TOTAL_PIXEL_MATRIX_ORIGIN_SEQUENCE,
            [
                text(tags::X_OFFSET_IN_SLIDE_COORDINATE_SYSTEM, VR::DS, &decimals(&[x])),
                text(tags::Y_OFFSET_IN_SLIDE_COORDINATE_SYSTEM, VR::DS, &decimals(&[y])),
            ],
        ),
        text(tags::IMAGE_ORIENTATION_SLIDE, VR::DS, &decimals(&[1.0, 0.0, 0.0, 0.0, -1.0, 0.0])),
        text(tags::CONTENT_DESCRIPTION, VR::LO, RESEARCH_USE),
        empty(tags::CONTENT_CREATOR_NAME, VR::PN),
        element(tags::SAMPLES_PER_PIXEL, VR::US, 1_u16),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        // A frame is at most `frames::MOST` cells wide and high.
        element(tags::COLUMNS, VR::US, u16::try_from(frames.size.0).unwrap_or(u16::MAX)),
        element(tags::ROWS, VR::US, u16::try_from(frames.size.1).unwrap_or(u16::MAX)),
        text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
        // Of the numbers here; whether the slide's own pixels were, is told by the slide.
        text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        text(tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY"),
        item(tags::DIMENSION_ORGANIZATION_SEQUENCE, [organisation(identity)]),
    ] {
        set.put(element);
    }
    set
}

/// What says to which organisation a dimension belongs.
pub(super) fn organisation(identity: &Identity) -> InMemElement {
    element(tags::DIMENSION_ORGANIZATION_UID, VR::UI, identity.dimensions.as_str())
}

/// The dimensions of all frames: one that tells the channels apart, then row and column.
pub(super) fn dimensions(identity: &Identity, channel: (dicom_core::Tag, dicom_core::Tag, &str)) -> InMemElement {
    let place = tags::PLANE_POSITION_SLIDE_SEQUENCE;
    let all = [
        channel,
        (tags::ROW_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, place, "row"),
        (tags::COLUMN_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, place, "column"),
    ];
    let index = |(pointer, group, label): (dicom_core::Tag, dicom_core::Tag, &str)| {
        InMemDicomObject::from_element_iter([
            organisation(identity),
            element(tags::DIMENSION_INDEX_POINTER, VR::AT, pointer),
            element(tags::FUNCTIONAL_GROUP_POINTER, VR::AT, group),
            element(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label),
        ])
    };
    sequence(tags::DIMENSION_INDEX_SEQUENCE, all.map(index).to_vec())
}

/// What both files say of every frame: how far its pixels are apart.
pub(super) fn pixel_measures(frames: &Frames<'_>) -> InMemElement {
    let (spacing, thickness) = (decimals(&[frames.spacing_mm; 2]), decimals(&[NOMINAL_THICKNESS_MM]));
    let measures = [element(tags::SLICE_THICKNESS, VR::DS, thickness), element(tags::PIXEL_SPACING, VR::DS, spacing)];
    item(tags::PIXEL_MEASURES_SEQUENCE, measures)
}

/// What both files say of each single frame: which it is, and where it lies. Channels come one after the other, each with
/// all of its frames; `of_channel` adds what a channel says of its frames.
pub(super) fn per_frame(
    frames: &Frames<'_>,
    channels: usize,
    of_channel: impl Fn(usize) -> Vec<InMemElement>,
) -> InMemElement {
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    let frame = |channel: usize, (col, row): (u32, u32)| {
        let (x, y) = frames.place_mm((col, row));
        let position = |at: u32| i32::try_from(at + 1).unwrap_or(i32::MAX);
        let mut set = InMemDicomObject::from_element_iter(of_channel(channel));
        let indices = [number(channel), row / frames.size.1 + 1, col / frames.size.0 + 1];
        set.put(item(tags::FRAME_CONTENT_SEQUENCE, [element(tags::DIMENSION_INDEX_VALUES, VR::UL, indices)]));
        set.put(item(
            tags::PLANE_POSITION_SLIDE_SEQUENCE,
            [
                element(tags::X_OFFSET_IN_SLIDE_COORDINATE_SYSTEM, VR::DS, decimals(&[x])),
                element(tags::Y_OFFSET_IN_SLIDE_COORDINATE_SYSTEM, VR::DS, decimals(&[y])),
                element(tags::Z_OFFSET_IN_SLIDE_COORDINATE_SYSTEM, VR::DS, "0"),
                element(tags::COLUMN_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, VR::SL, position(col)),
                element(tags::ROW_POSITION_IN_TOTAL_IMAGE_PIXEL_MATRIX, VR::SL, position(row)),
            ],
        ));
        set
    };
    let all = (0..channels).flat_map(|channel| frames.corners().map(move |corner| (channel, corner)));
    sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, all.map(|(channel, corner)| frame(channel, corner)).collect())
}
