//! Both files, read back and held against the map cell for cell.

use super::parametric_map::{FAILED, NO_TISSUE};
use super::{write_parametric_map, write_segmentation};
use crate::export::MapOutputs;
use crate::export::tests::{Example, example, example_of};
use crate::geometry::Size;
use crate::map::{BiomarkerMap, Cell, MapConfig};
use crate::tile::{Meaning, Predictions};
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag, from_reader};
use std::io::{self, Write};

type Writer = fn(&MapOutputs<'_>, &mut dyn Write) -> io::Result<()>;

fn bytes(example: &Example, write: Writer) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&example.map_outputs(), &mut bytes).unwrap();
    bytes
}

fn read(example: &Example, write: Writer) -> DefaultDicomObject {
    from_reader(bytes(example, write).as_slice()).unwrap()
}

fn number(object: &DefaultDicomObject, tag: Tag) -> u32 {
    object.element(tag).unwrap().to_int().unwrap()
}

fn uid(example: &Example, write: Writer, tag: Tag) -> String {
    read(example, write).element(tag).unwrap().to_str().unwrap().into_owned()
}

/// What a file says of all of its frames.
fn shared(example: &Example, write: Writer) -> InMemDicomObject {
    read(example, write).element(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).unwrap().items().unwrap()[0].clone()
}

fn spacing(shared: &InMemDicomObject) -> Vec<f64> {
    let measures = &shared.element(tags::PIXEL_MEASURES_SEQUENCE).unwrap().items().unwrap()[0];
    measures.element(tags::PIXEL_SPACING).unwrap().to_multi_float64().unwrap()
}

/// Left and top of the matrix, millimetres.
fn origin(example: &Example, write: Writer) -> [f64; 2] {
    let object = read(example, write);
    let origin = &object.element(tags::TOTAL_PIXEL_MATRIX_ORIGIN_SEQUENCE).unwrap().items().unwrap()[0];
    [tags::X_OFFSET_IN_SLIDE_COORDINATE_SYSTEM, tags::Y_OFFSET_IN_SLIDE_COORDINATE_SYSTEM]
        .map(|tag| origin.element(tag).unwrap().to_float64().unwrap())
}

/// What a matrix holds at column and row of a channel, as a reader finds it that knows nothing of us but the order of
/// frames.
struct Matrix {
    size: (u32, u32),
    frame: (u32, u32),
    channels: u32,
}

impl Matrix {
    fn of(object: &DefaultDicomObject) -> Self {
        let size = (number(object, tags::TOTAL_PIXEL_MATRIX_COLUMNS), number(object, tags::TOTAL_PIXEL_MATRIX_ROWS));
        let frame = (number(object, tags::COLUMNS), number(object, tags::ROWS));
        let tiles = size.0.div_ceil(frame.0) * size.1.div_ceil(frame.1);
        Self { size, frame, channels: number(object, tags::NUMBER_OF_FRAMES) / tiles }
    }

    fn place(&self, channel: u32, col: u32, row: u32) -> usize {
        let across = self.size.0.div_ceil(self.frame.0);
        let tiles = across * self.size.1.div_ceil(self.frame.1);
        let frame = channel * tiles + row / self.frame.1 * across + col / self.frame.0;
        let inside = row % self.frame.1 * self.frame.0 + col % self.frame.0;
        frame as usize * (self.frame.0 * self.frame.1) as usize + inside as usize
    }
}

/// Labels of segments, each with what it holds, row by row.
fn segments(example: &Example) -> Vec<(String, Vec<bool>)> {
    let object = read(example, write_segmentation);
    let matrix = Matrix::of(&object);
    assert_eq!(matrix.size, (example.map.cols(), example.map.rows()));
    let packed = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap();
    let set = |at: usize| packed[at / 8] >> (at % 8) & 1 == 1;
    let labels = object.element(tags::SEGMENT_SEQUENCE).unwrap().items().unwrap();
    assert_eq!(labels.len(), matrix.channels as usize);
    labels
        .iter()
        .zip(0..)
        .map(|(segment, channel)| {
            let label = segment.element(tags::SEGMENT_LABEL).unwrap().to_str().unwrap().into_owned();
            let cells = example.map.cells().map(|(col, row, _)| set(matrix.place(channel, col, row))).collect();
            (label, cells)
        })
        .collect()
}

/// The numbers of each channel, row by row.
fn channels(example: &Example) -> Vec<Vec<f32>> {
    let object = read(example, write_parametric_map);
    let matrix = Matrix::of(&object);
    let numbers = object.element(tags::FLOAT_PIXEL_DATA).unwrap().to_multi_float32().unwrap();
    let channel =
        |channel: u32| example.map.cells().map(|(col, row, _)| numbers[matrix.place(channel, col, row)]).collect();
    (0..matrix.channels).map(channel).collect()
}

/// Each cell of the map, by what it should be.
fn expected<T>(example: &Example, of: impl Fn(Cell<'_>) -> T) -> Vec<T> {
    example.map.cells().map(|(_, _, cell)| of(cell)).collect()
}

/// A map that takes several frames, with all three states in each.
fn large() -> Example {
    let mut large = example(&["a", "b"], &[]);
    large.plan.slide_l0 = Size::new(700 * 256 - 5, 600 * 256);
    large.plan.origins_l0 = (0..700).flat_map(|x| (0..600).map(move |y| (x * 256, y * 256))).collect();
    large.plan.origins_l0.retain(|(x, y)| (x + 3 * y) / 256 % 5 != 0);
    let row = |at: usize| {
        #[expect(clippy::cast_precision_loss, reason = "below 1000")]
        let score = (at % 997) as f32 / 997.0;
        (!at.is_multiple_of(7)).then(|| vec![score, 1.0 - score])
    };
    let rows = (0..large.plan.len()).map(row).collect();
    large.predictions = Predictions { rows, ..large.predictions };
    large.map = BiomarkerMap::new(&large.plan, &large.predictions).unwrap();
    large
}

#[test]
fn classes_are_segments_that_hold_what_was_decided_and_failed_is_one() {
    for example in [example(&["tumour", "other"], &[Some(&[0.9, 0.1]), None, Some(&[0.4, 0.6])]), large()] {
        let decided = |class: usize| move |cell: Cell<'_>| matches!(cell, Cell::Scored(scores) if Meaning::Classes.decide(scores) == Some(class));
        let found = segments(&example);
        let names: Vec<&str> = found.iter().map(|segment| segment.0.as_str()).collect();
        assert_eq!(names, [&example.map.class_names()[0], &example.map.class_names()[1], "failed"]);
        assert_eq!(found[0].1, expected(&example, decided(0)));
        assert_eq!(found[1].1, expected(&example, decided(1)));
        assert_eq!(found[2].1, expected(&example, |cell| cell == Cell::Failed));
        assert!(found.iter().all(|segment| segment.1.contains(&true)));
    }
}

#[test]
fn findings_may_overlap_and_scored_tells_what_none_was_found_in_from_no_tissue() {
    let rows: [Option<&[f32]>; 3] = [Some(&[0.9, 0.5]), None, Some(&[0.1, 0.2])];
    let found = segments(&example_of(Meaning::Findings, &["a", "b"], &rows));
    let counts: Vec<(&str, usize)> =
        found.iter().map(|(label, cells)| (label.as_str(), cells.iter().filter(|&&cell| cell).count())).collect();
    assert_eq!(counts, [("a", 1), ("b", 1), ("scored", 2), ("failed", 1)]);
    assert!(found[0].1[0] && found[1].1[0] && found[2].1[0]);

    for meaning in [Meaning::Estimates(vec![None]), Meaning::Features] {
        let names: &[&str] = if meaning == Meaning::Features { &[] } else { &["Ki67"] };
        let rows: [Option<&[f32]>; 2] = [if names.is_empty() { Some(&[]) } else { Some(&[0.9]) }, None];
        let found = segments(&example_of(meaning, names, &rows));
        assert_eq!(found.iter().map(|segment| segment.0.as_str()).collect::<Vec<_>>(), ["scored", "failed"]);
    }
}

#[test]
fn numbers_are_the_map_s_own_and_the_states_stay_apart() {
    for example in [example(&["tumour", "other"], &[Some(&[0.9, 0.1]), None, Some(&[0.4, 0.6])]), large()] {
        let found = channels(&example);
        assert_eq!(found.len(), 2);
        for (channel, found) in found.iter().enumerate() {
            let bits = |cell: Cell<'_>| match cell {
                Cell::NoTissue => NO_TISSUE.to_bits(),
                Cell::Failed => FAILED.to_bits(),
                Cell::Scored(scores) => scores[channel].to_bits(),
            };
            assert_eq!(found.iter().map(|number| number.to_bits()).collect::<Vec<_>>(), expected(&example, bits));
        }
    }
}

#[test]
fn estimates_tell_their_unit_and_range_and_features_only_where_they_are() {
    let units = vec![Some("cells/mm2".to_owned()), Some("Zellen je Quadratmeter".to_owned()), None];
    let rows: [Option<&[f32]>; 2] = [Some(&[-3.5, 4.0, 0.0]), Some(&[7.25, 4.0, 1e-9])];
    let example = example_of(Meaning::Estimates(units), &["Ki67", "b", "c"], &rows);
    let object = read(&example, write_parametric_map);
    let frames = object.element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).unwrap().items().unwrap();
    let mapping = |frame: usize| {
        frames[frame].element(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE).unwrap().items().unwrap()[0].clone()
    };
    let text = |frame: usize, tag: Tag| mapping(frame).element(tag).unwrap().to_str().unwrap().into_owned();
    let unit = |frame: usize, tag: Tag| {
        let unit = mapping(frame);
        let unit = &unit.element(tags::MEASUREMENT_UNITS_CODE_SEQUENCE).unwrap().items().unwrap()[0];
        unit.element(tag).unwrap().to_str().unwrap().into_owned()
    };
    assert_eq!([text(0, tags::LUT_LABEL), text(2, tags::LUT_LABEL)], ["1 Ki67", "3 c"]);
    assert_eq!([0, 1, 2].map(|frame| unit(frame, tags::CODE_VALUE)), ["{cells/mm2}", "{unit}", "1"]);
    assert_eq!(unit(1, tags::CODE_MEANING), "Zellen je Quadratmeter");
    let last = mapping(0).element(tags::DOUBLE_FLOAT_REAL_WORLD_VALUE_LAST_VALUE_MAPPED).unwrap().to_float64();
    assert_eq!(last.ok(), Some(7.25));

    let features = example_of(Meaning::Features, &[], &[Some(&[]), None]);
    let found = channels(&features);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].iter().filter(|&&number| number.to_bits() == 1.0_f32.to_bits()).count(), 1);
}

#[test]
fn a_slide_without_scored_cells_and_one_without_tiles_are_files_too() {
    for example in [example(&["a", "b"], &[None, None]), example(&["a", "b"], &[])] {
        let (scored, failed) = (false, expected(&example, |cell| cell == Cell::Failed));
        let found = segments(&example);
        assert!(found[..2].iter().all(|segment| segment.1.iter().all(|&cell| cell == scored)));
        assert_eq!(found[2].1, failed);
        assert!(channels(&example).iter().flatten().all(|number| [NO_TISSUE, FAILED].contains(number)));
    }
}

#[test]
fn places_are_centres_of_cells_in_millimetres_from_the_bottom_left() {
    let mut example = example(&["a"], &[Some(&[0.5])]);
    let near = |found: [f64; 2], expected: [f64; 2]| {
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    };
    // Half a cell of 256 px at 0.5 um, and the slide is 700 px high.
    near(origin(&example, write_segmentation), [0.064, 0.35 - 0.064]);
    assert_eq!(spacing(&shared(&example, write_segmentation)), [0.128, 0.128]);
    let of_tiles = uid(&example, write_segmentation, tags::SOP_INSTANCE_UID);

    // Cells of 64 px: another map of the same predictions, and another file.
    let config = MapConfig { cell_um: Some(32.0), smooth_um: None };
    example.map = BiomarkerMap::with(&example.plan, &example.predictions, &config).unwrap();
    for write in [write_segmentation as Writer, write_parametric_map] {
        near(origin(&example, write), [0.016, 0.35 - 0.016]);
        assert_eq!(spacing(&shared(&example, write)), [0.032, 0.032]);
    }
    assert_eq!(channels(&example)[0].iter().filter(|&&number| number > FAILED).count(), 16);
    assert_ne!(uid(&example, write_segmentation, tags::SOP_INSTANCE_UID), of_tiles);
}

#[test]
fn pixels_have_a_size_and_nothing_places_the_slide_in_a_patient() {
    let example = example(&["a"], &[Some(&[0.5])]);
    for write in [write_segmentation as Writer, write_parametric_map] {
        let shared = shared(&example, write);
        let measures = &shared.element(tags::PIXEL_MEASURES_SEQUENCE).unwrap().items().unwrap()[0];
        assert_eq!(measures.element(tags::SLICE_THICKNESS).unwrap().to_str().unwrap(), "0.004");
        assert!(shared.element(tags::PLANE_ORIENTATION_SEQUENCE).is_err());
    }
    let made_of = shared(&example, write_segmentation);
    let made_of = made_of.element(tags::DERIVATION_IMAGE_SEQUENCE).unwrap();
    assert!(made_of.items().unwrap_or_default().is_empty());
}

#[test]
fn the_same_predictions_give_the_same_bytes_and_others_another_name() {
    let rows: [Option<&[f32]>; 3] = [Some(&[0.9, 0.1]), None, Some(&[0.4, 0.6])];
    let one = example(&["a", "b"], &rows);
    let other = example(&["a", "b"], &[Some(&[0.9, 0.1]), None, Some(&[0.4, 0.600_001])]);
    let mut instances = std::collections::HashSet::new();
    for write in [write_segmentation as Writer, write_parametric_map] {
        assert_eq!(bytes(&one, write), bytes(&example(&["a", "b"], &rows), write));
        for example in [&one, &other] {
            assert!(instances.insert(uid(example, write, tags::SOP_INSTANCE_UID)));
            assert!(instances.insert(uid(example, write, tags::SERIES_INSTANCE_UID)));
        }
        assert_eq!(uid(&one, write, tags::STUDY_INSTANCE_UID), uid(&other, write, tags::STUDY_INSTANCE_UID));
        assert_eq!(
            uid(&one, write, tags::FRAME_OF_REFERENCE_UID),
            uid(&one, write_segmentation, tags::FRAME_OF_REFERENCE_UID)
        );
    }
    assert!(instances.iter().all(|uid| uid.len() <= 64 && uid.starts_with("2.25.")));
}

#[test]
fn nothing_names_a_patient_and_awkward_names_are_read_back() {
    let long = "é".repeat(100);
    let example = example(&["a\\b\n", &long], &[Some(&[0.9, 0.1])]);
    for write in [write_segmentation as Writer, write_parametric_map] {
        let object = read(&example, write);
        for tag in [tags::PATIENT_NAME, tags::PATIENT_ID, tags::PATIENT_BIRTH_DATE, tags::PATIENT_SEX] {
            assert_eq!(object.element(tag).unwrap().to_str().unwrap(), "");
        }
        assert_eq!(object.element(tags::CONTENT_DESCRIPTION).unwrap().to_str().unwrap(), crate::export::RESEARCH_USE);
        assert_eq!(object.element(tags::CONTAINER_IDENTIFIER).unwrap().to_str().unwrap(), "slide");
    }
    assert_eq!(segments(&example)[0].0, "a b");
    assert_eq!(segments(&example)[1].0, "é".repeat(64));
}

#[test]
fn a_score_that_could_be_taken_for_padding_is_refused() {
    let example = example_of(Meaning::Estimates(vec![None]), &["a"], &[Some(&[FAILED])]);
    let error = write_parametric_map(&example.map_outputs(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
