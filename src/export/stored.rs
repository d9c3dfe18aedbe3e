//! `predictions/ID.h5` becomes plan and predictions again, or is refused: nothing is guessed and nothing repaired.
//!
//! Invariant: before anything is allocated, sizes are held against [`crate::limits`] and against the length of the file;
//! data must lie in the file itself, since HDF5 can also point to others. A row is finite throughout, or NaN throughout and
//! then a lost tile.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::limits::{MAX_LEVEL_SIDE_PX, MAX_STORED_SCORES, MAX_STORED_TILES, MAX_TILE_SIDE_PX};
use crate::tile::{GridRule, Meaning, Predictions, TilePlan, Unfamiliarity};
use crate::units::Mpp;
use rust_hdf5::{H5Dataset, H5File, H5Type, Hdf5Error, LinkClass, StorageLayout};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the layout; it changes whenever a field changes its meaning.
pub(super) const SCHEMA: i64 = 1;
/// The dataset of how far tiles are from the training tiles; a model that cannot tell has none.
pub(super) const DISTANCES: &str = "unlike_training";
/// Deflate makes data at most this much smaller, so a file that promises more lies.
const MAX_DEFLATE: u64 = 1032;

/// What a slide's file of predictions holds.
#[derive(Debug, Clone)]
pub struct StoredPredictions {
    /// Name of the model that made them.
    pub model: String,
    /// Where the tiles lie.
    pub plan: TilePlan,
    /// Their scores, bit for bit as they were.
    pub predictions: Predictions,
}

/// A plan without its tiles, as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFacts {
    rule: GridRule,
    slide_l0: [u32; 2],
    mpp: f64,
    side_l0: u32,
    step_l0: u32,
    level: usize,
    downsample: [f64; 2],
    read_px: u32,
    tile_px: u32,
    fill: [u8; 3],
    places: usize,
}

impl PlanFacts {
    /// The facts of a plan.
    pub(super) fn of(plan: &TilePlan) -> Self {
        let &TilePlan {
            rule, slide_l0, mpp, side_l0, step_l0, level, downsample, read_px, tile_px, fill, places, ..
        } = plan;
        let (slide_l0, mpp, downsample) = ([slide_l0.w, slide_l0.h], mpp.get(), [downsample.0, downsample.1]);
        Self { rule, slide_l0, mpp, side_l0, step_l0, level, downsample, read_px, tile_px, fill, places }
    }

    /// The plan, with its tiles.
    fn plan(self, origins_l0: Vec<(i64, i64)>) -> Result<TilePlan> {
        let Self { rule, slide_l0: [w, h], mpp, side_l0, step_l0, level, downsample, read_px, tile_px, fill, places } =
            self;
        let sides = [("slide width", w), ("slide height", h), ("tile side", side_l0), ("step", step_l0)];
        for (what, px) in sides.into_iter().chain([("region side", read_px)]) {
            if !(1..=MAX_LEVEL_SIDE_PX).contains(&px) {
                return Err(limits(format!("expected a {what} of 1 to {MAX_LEVEL_SIDE_PX} px, found {px}")));
            }
        }
        if !(1..=MAX_TILE_SIDE_PX).contains(&tile_px) {
            return Err(limits(format!("expected tiles of 1 to {MAX_TILE_SIDE_PX} px, found {tile_px}")));
        }
        if !downsample.iter().all(|factor| factor.is_finite() && *factor > 0.0) {
            return Err(format(format!("expected a downsampling above 0, found {downsample:?}")));
        }
        let far = |at: i64| at.unsigned_abs() > u64::from(MAX_LEVEL_SIDE_PX);
        if let Some((x, y)) = origins_l0.iter().find(|(x, y)| far(*x) || far(*y)) {
            return Err(limits(format!("expected tiles within {MAX_LEVEL_SIDE_PX} px of the slide, found {x}, {y}")));
        }
        let (slide_l0, mpp, downsample) = (Size::new(w, h), Mpp::new(mpp)?, (downsample[0], downsample[1]));
        Ok(TilePlan {
            rule,
            slide_l0,
            mpp,
            side_l0,
            step_l0,
            level,
            downsample,
            read_px,
            tile_px,
            fill,
            places,
            origins_l0,
        })
    }
}

/// Reads the predictions of one slide.
///
/// # Errors
/// [`ErrorKind::Format`] when the file is damaged or is none of ours, [`ErrorKind::Unsupported`] for a later layout,
/// [`ErrorKind::Limits`] for sizes beyond [`crate::limits`], [`ErrorKind::Io`] when it cannot be read.
pub fn read_predictions(path: &Path) -> Result<StoredPredictions> {
    let length = std::fs::metadata(path).map_err(|error| Error::io(path, "read the predictions", error))?.len();
    read(path, length).map_err(|error| error.at_path(path))
}

fn read(path: &Path, length: u64) -> Result<StoredPredictions> {
    // Locks are for writers, and not every network folder has them.
    let file = H5File::options().no_locking().open(path).map_err(broken)?;
    let scores = dataset::<f32>(&file, "predictions", length)?;
    let schema: i64 = scores.attr("schema").and_then(|schema| schema.read_numeric()).map_err(broken)?;
    if schema != SCHEMA {
        let text = format!("expected predictions of layout {SCHEMA}, found {schema}");
        return Err(Error::new(ErrorKind::Unsupported, "EXP-0002", text));
    }
    let model = file.attr_string("model").map_err(broken)?;
    let facts: PlanFacts = parsed("plan", &file.attr_string("plan").map_err(broken)?)?;
    let [tiles, classes] = scores.shape()[..] else { return Err(shape("predictions", "2 axes", &scores)) };
    if tiles > MAX_STORED_TILES || classes.checked_mul(tiles).is_none_or(|all| all > MAX_STORED_SCORES) {
        let text = format!(
            "expected at most {MAX_STORED_TILES} tiles and {MAX_STORED_SCORES} scores, found {tiles} x {classes}"
        );
        return Err(limits(text));
    }
    let class_names: Vec<String> = json_attribute(&scores, "class_names")?;
    let units: Vec<Option<String>> = json_attribute(&scores, "units")?;
    if classes == 0 || class_names.len() != classes || units.len() != classes {
        let (names, units) = (class_names.len(), units.len());
        let text = format!("expected a name and a unit for each of {classes} columns, found {names} and {units}");
        return Err(format(text));
    }
    let meaning = meaning(&json_attribute::<String>(&scores, "meaning")?, units)?;

    let coords = dataset::<i64>(&file, "coords", length)?;
    if coords.shape() != [tiles, 2] {
        return Err(shape("coords", &format!("{tiles} x 2"), &coords));
    }
    let corners: Vec<i64> = coords.read_raw().map_err(broken)?;
    let numbers: Vec<f32> = scores.read_raw().map_err(broken)?;
    if corners.len() != 2 * tiles || numbers.len() != classes * tiles {
        return Err(format(format!("expected {tiles} rows, found {} and {} numbers", corners.len(), numbers.len())));
    }
    let rows = numbers.chunks_exact(classes).enumerate().map(|(tile, row)| stored_row(tile, row));
    let (rows, unfamiliarity) = (rows.collect::<Result<_>>()?, distances(&file, tiles, length)?);
    let predictions = Predictions { meaning, class_names, rows, unfamiliarity };
    let plan = facts.plan(corners.chunks_exact(2).map(|corner| (corner[0], corner[1])).collect())?;
    Ok(StoredPredictions { model, plan, predictions })
}

/// How far tiles are from the training tiles; none where the model could not tell.
fn distances(file: &H5File, tiles: usize, length: u64) -> Result<Option<Unfamiliarity>> {
    if !file.dataset_names().iter().any(|name| name == DISTANCES) {
        return Ok(None);
    }
    let found = dataset::<f32>(file, DISTANCES, length)?;
    if found.shape() != [tiles, 1] {
        return Err(shape(DISTANCES, &format!("{tiles} x 1"), &found));
    }
    let threshold: f32 = found.attr("threshold").and_then(|threshold| threshold.read_numeric()).map_err(broken)?;
    if !(threshold.is_finite() && threshold > 0.0) {
        return Err(format(format!("expected a threshold above 0, found {threshold}")));
    }
    let numbers: Vec<f32> = found.read_raw().map_err(broken)?;
    if let Some(wrong) = numbers.iter().find(|distance| !distance.is_nan() && !(0.0..f32::INFINITY).contains(*distance))
    {
        return Err(format(format!("expected distances of 0 or more, found {wrong}")));
    }
    let distances = numbers.into_iter().map(|distance| Some(distance).filter(|distance| !distance.is_nan())).collect();
    Ok(Some(Unfamiliarity { distances, threshold }))
}

/// A tile's scores; none when all are NaN.
fn stored_row(tile: usize, row: &[f32]) -> Result<Option<Vec<f32>>> {
    if row.iter().all(|score| score.is_finite()) {
        return Ok(Some(row.to_vec()));
    }
    if row.iter().all(|score| score.is_nan()) {
        return Ok(None);
    }
    Err(format(format!("expected scores of tile {tile} that are all finite or all NaN, found a mixture")))
}

fn meaning(name: &str, units: Vec<Option<String>>) -> Result<Meaning> {
    match name {
        "classes" => Ok(Meaning::Classes),
        "findings" => Ok(Meaning::Findings),
        "estimates" => Ok(Meaning::Estimates(units)),
        other => Err(format(format!("expected classes, findings or estimates, found {other:?}"))),
    }
}

/// Opens a dataset of one type whose data lie in this file and can be as long as they are said to be.
fn dataset<T: H5Type>(file: &H5File, name: &str, length: u64) -> Result<H5Dataset> {
    // A link may lead into another file.
    if file.root_group().link_class(name).map_err(broken)? != LinkClass::Hard {
        return Err(format(format!("expected a dataset `{name}`, found a link")));
    }
    let dataset = file.dataset(name).map_err(broken)?;
    if dataset.datatype().map_err(broken)? != T::hdf5_type() {
        let (expected, found) = (T::hdf5_type(), dataset.datatype().map_err(broken)?);
        return Err(format(format!("expected `{name}` of type {expected}, found {found}")));
    }
    let inside = match dataset.storage_layout().map_err(broken)? {
        StorageLayout::Virtual => false,
        _ => dataset.external_files().map_err(broken)?.is_empty(),
    };
    if !inside {
        return Err(format(format!("expected the data of `{name}` in the file itself, found them elsewhere")));
    }
    let most = length.saturating_mul(MAX_DEFLATE);
    let bytes = |sides: &[usize]| {
        let sides = sides.iter().try_fold(T::element_size() as u64, |all, &side| all.checked_mul(side as u64));
        sides.unwrap_or(u64::MAX)
    };
    let longest = bytes(&dataset.shape()).max(dataset.chunk_dims().map_or(0, |sides| bytes(&sides)));
    if longest > most {
        return Err(format(format!("expected at most {most} bytes of `{name}` in such a file, found {longest}")));
    }
    Ok(dataset)
}

fn json_attribute<T: DeserializeOwned>(dataset: &H5Dataset, name: &str) -> Result<T> {
    parsed(name, &dataset.attr(name).and_then(|attribute| attribute.read_string()).map_err(broken)?)
}

fn parsed<T: DeserializeOwned>(name: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| format(format!("expected json in `{name}`, found an error: {error}")))
}

fn shape(name: &str, expected: &str, found: &H5Dataset) -> Error {
    format(format!("expected `{name}` of {expected}, found {:?}", found.shape()))
}

fn format(message: String) -> Error {
    Error::new(ErrorKind::Format, "EXP-0001", message)
}

fn limits(message: String) -> Error {
    Error::new(ErrorKind::Limits, "EXP-0003", message)
}

/// What the HDF5 reader refuses is a damaged file, unless the system refused to give it.
fn broken(error: Hdf5Error) -> Error {
    let kind = match &error {
        Hdf5Error::Io(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => ErrorKind::Io,
        _ => ErrorKind::Format,
    };
    Error::new(kind, "EXP-0001", format!("expected a file of predictions, found {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::super::predictions_h5;
    use super::super::tests::example;
    use super::*;
    use crate::random::Random;
    use rust_hdf5::VarLenUnicode;
    use std::fs;

    /// What a file is made of; a fault is a change to one of them.
    struct Parts {
        schema: i64,
        plan: String,
        meaning: &'static str,
        class_names: &'static str,
        units: &'static str,
        coords: (Vec<usize>, Vec<i64>),
        scores: (Vec<usize>, Vec<f32>),
    }

    impl Parts {
        fn whole() -> Self {
            Self {
                schema: SCHEMA,
                plan: serde_json::to_string(&PlanFacts::of(&example(&["a"], &[]).plan)).unwrap(),
                meaning: "\"classes\"",
                class_names: "[\"a\",\"b\"]",
                units: "[null,null]",
                coords: (vec![2, 2], vec![0, 0, 0, 256]),
                scores: (vec![2, 2], vec![0.25, 0.75, f32::NAN, f32::NAN]),
            }
        }

        fn with_plan(&mut self, field: &str, value: serde_json::Value) {
            let mut plan: serde_json::Value = serde_json::from_str(&self.plan).unwrap();
            plan[field] = value;
            self.plan = plan.to_string();
        }

        fn code(&self) -> &'static str {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.h5");
            let file = H5File::create(&path).unwrap();
            file.set_attr_string("model", "m").unwrap();
            file.set_attr_string("plan", &self.plan).unwrap();
            let coords = file.new_dataset::<i64>().shape(&self.coords.0).create("coords").unwrap();
            coords.write_raw(&self.coords.1).unwrap();
            let scores = file.new_dataset::<f32>().shape(&self.scores.0).create("predictions").unwrap();
            scores.write_raw(&self.scores.1).unwrap();
            scores.new_attr::<i64>().shape(()).create("schema").unwrap().write_numeric(&self.schema).unwrap();
            for (name, text) in [("meaning", self.meaning), ("class_names", self.class_names), ("units", self.units)] {
                scores.new_attr::<VarLenUnicode>().shape(()).create(name).unwrap().write_string(text).unwrap();
            }
            file.close().unwrap();
            code(&path)
        }
    }

    fn code(path: &Path) -> &'static str {
        read_predictions(path).map_or_else(|error| error.code(), |_| "whole")
    }

    #[test]
    fn whatever_does_not_fit_together_is_refused() {
        type Fault = fn(&mut Parts);
        let faults: [(&str, Fault); 23] = [
            ("whole", |_| ()),
            ("EXP-0002", |parts| parts.schema = 2),
            ("EXP-0001", |parts| parts.plan = "{".into()),
            ("EXP-0001", |parts| parts.with_plan("rule", "other".into())),
            ("EXP-0001", |parts| parts.with_plan("side_l0", (-1).into())),
            ("EXP-0001", |parts| parts.with_plan("unknown", 1.into())),
            ("EXP-0003", |parts| parts.with_plan("side_l0", 0.into())),
            ("EXP-0003", |parts| parts.with_plan("step_l0", (1_u32 << 25).into())),
            ("EXP-0003", |parts| parts.with_plan("tile_px", 5000.into())),
            ("EXP-0001", |parts| parts.with_plan("downsample", vec![1.0, 0.0].into())),
            ("MPP-0001", |parts| parts.with_plan("mpp", 0.0.into())),
            ("EXP-0001", |parts| parts.meaning = "\"features\""),
            ("EXP-0001", |parts| parts.class_names = "[\"a\"]"),
            ("EXP-0001", |parts| parts.class_names = "[\"a\", 7]"),
            ("EXP-0001", |parts| parts.units = "[null]"),
            ("EXP-0003", |parts| parts.coords.1[3] = 1 << 40),
            ("EXP-0003", |parts| parts.coords.1[0] = i64::MIN),
            ("EXP-0001", |parts| parts.coords = (vec![1, 2], vec![0, 0])),
            ("EXP-0001", |parts| parts.coords = (vec![4], vec![0; 4])),
            ("EXP-0001", |parts| parts.scores = (vec![4], vec![0.5; 4])),
            ("EXP-0001", |parts| parts.scores = (vec![1, 2], vec![0.5; 2])),
            ("EXP-0001", |parts| parts.scores.1[2] = 0.5),
            ("EXP-0001", |parts| parts.scores.1[1] = f32::INFINITY),
        ];
        for (at, (expected, fault)) in faults.into_iter().enumerate() {
            let mut parts = Parts::whole();
            fault(&mut parts);
            assert_eq!(parts.code(), expected, "fault {at}");
        }
    }

    #[test]
    fn sizes_types_and_places_of_the_data_are_checked_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let with = |name: &str, fill: &dyn Fn(&H5File)| {
            let path = folder.path().join(name);
            let file = H5File::create(&path).unwrap();
            fill(&file);
            file.close().unwrap();
            code(&path)
        };
        let vast = |file: &H5File| {
            let shape = file.new_dataset::<f32>().shape([1, 1]).max_shape(&[None, None]);
            shape.chunk(&[1, 1]).create("predictions").unwrap().extend(&[1 << 40, 1 << 20]).unwrap();
        };
        assert_eq!(with("vast.h5", &vast), "EXP-0001");
        let wide_chunk = |file: &H5File| {
            let shape = file.new_dataset::<f32>().shape([1, 1]).max_shape(&[None, None]);
            shape.chunk(&[1 << 14, 1 << 14]).create("predictions").unwrap();
        };
        assert_eq!(with("chunk.h5", &wide_chunk), "EXP-0001");
        let doubles = |file: &H5File| {
            let scores = file.new_dataset::<f64>().shape([1, 1]).create("predictions").unwrap();
            scores.write_raw(&[0.5]).unwrap();
        };
        assert_eq!(with("doubles.h5", &doubles), "EXP-0001");
        let link = |file: &H5File| {
            file.create_external_link("predictions", "doubles.h5", "/predictions").unwrap();
        };
        assert_eq!(with("link.h5", &link), "EXP-0001");
        let elsewhere = |file: &H5File| {
            let scores = file.new_dataset::<f32>().shape([1, 1]).external(&[("vast.h5", 0, 4)]);
            scores.create("predictions").unwrap();
        };
        assert_eq!(with("elsewhere.h5", &elsewhere), "EXP-0001");
        assert_eq!(with("empty.h5", &|_| ()), "EXP-0001");
        assert_eq!(code(&folder.path().join("absent.h5")), "IO-0001");
    }

    /// A cut or changed file is refused, or gives numbers that keep every promise; it never ends the program.
    #[test]
    fn damaged_files_never_end_the_program() {
        let rows: Vec<Option<&[f32]>> = vec![Some(&[0.25, 0.75]), None, Some(&[0.5, 0.5])];
        let example = example(&["a", "b"], &rows);
        let mut whole = Vec::new();
        predictions_h5::write(&example.outputs(), &mut whole).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let mut random = Random::of(&[7]);
        for round in 0..2000 {
            let mut bytes = whole.clone();
            if round % 4 == 0 {
                bytes.truncate(random.below(whole.len()));
            } else {
                for _ in 0..=random.below(3) {
                    let at = random.below(bytes.len());
                    bytes[at] = [u8::try_from(random.below(256)).unwrap(), 0, 255][round % 3];
                }
            }
            fs::write(&path, &bytes).unwrap();
            if let Ok(stored) = read_predictions(&path) {
                assert_eq!(stored.plan.len(), stored.predictions.rows.len());
                assert!(stored.predictions.rows.iter().flatten().flatten().all(|score| score.is_finite()));
            }
        }
    }
}
