//! What happened to one slide: `ID.json`, written after all other files of that slide and so the sign that it is done.
//!
//! Invariant: it holds no path, no host and no user, so that it can be handed on. A record of another schema, or one
//! that cannot be read, is treated as absent: the slide is then scored again.

use super::RESEARCH_USE;
use super::outputs::{WrittenFile, record_path, write_atomically};
use crate::error::{Error, Result};
use crate::map::{MapSummary, TileCounts};
use crate::tile::{GridRule, Reading, SlideStatus, TilePlan, Unfamiliarity};
use crate::units::Mpp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The version of the record's fields; it changes whenever a field changes its meaning.
pub const SCHEMA: u32 = 2;

/// A record is a few kilobytes; whatever is longer is none.
const MAX_BYTES: u64 = 16 << 20;

/// Everything that is known about a slide after it was worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideRecord {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Version of eosin.
    pub eosin: String,
    /// [`RESEARCH_USE`].
    pub note: String,
    /// How the slide ended.
    pub status: SlideStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RecordedError>,
    /// What the result depends on, as one digest of slide, model and settings; a run resumes only if it is the same.
    pub resume_key: String,
    /// The slide.
    pub slide: SlideFacts,
    /// The model.
    pub model: ModelFacts,
    /// How tiles were placed and read; absent when the slide failed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridFacts>,
    /// What computed the scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceFacts>,
    /// How the tiles fared.
    pub tiles: TileCounts,
    /// Area of the tissue mask, mm².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tissue_mm2: Option<f64>,
    /// Areas and shares per class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<MapSummary>,
    /// How many tiles look unlike the model's training data; absent when the model cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub familiarity: Option<FamiliarityFacts>,
    /// Where the time went.
    pub seconds: StageSeconds,
    /// Compressed units of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<ChunkCounts>,
    /// The settings of the run, as resolved.
    pub settings: serde_json::Value,
    /// The other files of the slide, from [`super::write_all`].
    pub outputs: Vec<WrittenFile>,
}

/// An error without its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedError {
    /// Whose fault it is, in lower case: `format`, `io`, ...
    pub kind: String,
    /// The stable code.
    pub code: String,
    /// What was expected and found.
    pub message: String,
}

impl From<&Error> for RecordedError {
    fn from(error: &Error) -> Self {
        let text = error.without_path();
        let message = text.strip_suffix(&format!(" [{}]", error.code())).unwrap_or(&text).to_string();
        Self { kind: format!("{:?}", error.kind()).to_lowercase(), code: error.code().into(), message }
    }
}

/// What is known of the slide's file; only the id when it could not be opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlideFacts {
    /// Name in all outputs.
    pub id: String,
    /// Length of the file, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Name of the format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Maker of the scanner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Width of level 0, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height of level 0, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Levels of the pyramid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<usize>,
    /// Micrometres per pixel of level 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mpp: Option<f64>,
    /// Where that number comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mpp_source: Option<String>,
    /// BLAKE3 of the file's length and both ends, which tells it from other files; hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Which model gave the scores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Name of the model.
    pub name: String,
    /// Digest of its weights.
    pub digest: String,
    /// What it was trained for.
    pub task: String,
    /// What its scores are: `classes`, `findings`, `estimates` or `features`.
    pub scores: String,
    /// Names of its classes, in the order of the scores.
    pub classes: Vec<String>,
    /// How each of them is shown and read, in the same order; absent in records of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnFacts>,
    /// What its card says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardFacts>,
    /// What logits were divided by before they became these scores; none when they are as the network gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// How one class is shown and read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// Its colour, RGB.
    pub color: [u8; 3],
    /// What it stands for, and from which score on it is present.
    #[serde(flatten)]
    pub reading: Reading,
}

/// What the card of a model says to those who use its results.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CardFacts {
    /// The model's version.
    pub version: String,
    /// Licence of the weights.
    pub licence: String,
    /// Whom to name.
    pub attribution: String,
    /// What it may be used for, and what not.
    pub intended_use: String,
    /// What it was trained on.
    pub training_data: String,
    /// Results of its evaluation.
    pub metrics: BTreeMap<String, f64>,
}

/// How tiles were placed and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridFacts {
    /// The rule: `eosin` or `wsinfer`.
    pub rule: String,
    /// Side of a tile as the model sees it, pixels.
    pub tile_px: u32,
    /// Micrometres per pixel that the model expects.
    pub model_mpp: f64,
    /// Side of a tile, level-0 pixels.
    pub side_l0: u32,
    /// Distance between tiles, level-0 pixels.
    pub step_l0: u32,
    /// The level that was read.
    pub level: usize,
    /// Level-0 pixels per pixel of that level, along x and y.
    pub downsample: [f64; 2],
}

impl GridFacts {
    /// The facts of a plan for a model that expects `model_mpp`.
    pub fn of(plan: &TilePlan, model_mpp: Mpp) -> Self {
        let rule = match plan.rule {
            GridRule::Eosin => "eosin",
            GridRule::WsInfer => "wsinfer",
        };
        Self {
            rule: rule.into(),
            tile_px: plan.tile_px,
            model_mpp: model_mpp.get(),
            side_l0: plan.side_l0,
            step_l0: plan.step_l0,
            level: plan.level,
            downsample: [plan.downsample.0, plan.downsample.1],
        }
    }
}

/// How many tiles of a slide look unlike what the model was trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FamiliarityFacts {
    /// Tiles that were judged: all that have scores.
    pub judged: usize,
    /// Those beyond the threshold.
    pub unlike: usize,
    /// The squared distance from which on a tile counts as unlike.
    pub threshold: f32,
}

impl FamiliarityFacts {
    /// The counts of a slide's tiles.
    pub fn of(unfamiliarity: &Unfamiliarity) -> Self {
        let (judged, unlike) = unfamiliarity.counts();
        Self { judged, unlike, threshold: unfamiliarity.threshold }
    }

    /// Share of the judged tiles that look unlike the training data, 0 to 1; none without tiles.
    pub fn share(&self) -> Option<f64> {
        (self.judged > 0).then(|| self.unlike as f64 / self.judged as f64)
    }
}

/// What computed the scores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Name of the adapter or processor.
    pub name: String,
    /// Backend, such as `vulkan`.
    pub backend: String,
    /// Kind, such as `discrete gpu`.
    pub kind: String,
    /// Type of the numbers, such as `f16`.
    pub dtype: String,
    /// What computed the network: `burn`, or our own engine with its instructions and whether it is exact.
    #[serde(default)]
    pub engine: String,
    /// Tiles per batch.
    pub batch: usize,
}

/// Seconds per stage; stages that run side by side add up to more than the total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSeconds {
    /// Opening the slide.
    pub open: f64,
    /// Thumbnail and tissue.
    pub tissue: f64,
    /// Placing the tiles.
    pub plan: f64,
    /// Reading and decoding tiles.
    pub load: f64,
    /// The network.
    pub network: f64,
    /// Making the map.
    pub map: f64,
    /// Writing files, without this record.
    pub write: f64,
    /// From opening to writing, by the clock on the wall.
    pub total: f64,
}

/// Compressed units that were read from the slide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkCounts {
    /// How many were decoded.
    pub decoded: u64,
    /// How many different ones that were; less than `decoded` when some were decoded again.
    pub distinct: u64,
}

impl SlideRecord {
    /// A record of this version of eosin with everything else empty.
    pub fn new(status: SlideStatus, slide: SlideFacts, model: ModelFacts, resume_key: String) -> Self {
        Self {
            schema: SCHEMA,
            eosin: env!("CARGO_PKG_VERSION").into(),
            note: RESEARCH_USE.into(),
            status,
            error: None,
            resume_key,
            slide,
            model,
            grid: None,
            device: None,
            tiles: TileCounts::default(),
            tissue_mm2: None,
            summary: None,
            familiarity: None,
            seconds: StageSeconds::default(),
            chunks: None,
            settings: serde_json::Value::Object(serde_json::Map::new()),
            outputs: Vec::new(),
        }
    }

    /// Writes `ID.json` into the output folder; the last thing to do for a slide.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`] (`OUT-0002`).
    pub fn write(&self, dir: &Path) -> Result<WrittenFile> {
        write_atomically(dir, &format!("{}.json", self.slide.id), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }

    /// Reads the record of a slide; none when there is none that this version understands.
    pub fn read(dir: &Path, id: &str) -> Option<Self> {
        let record: Self = read_json(&record_path(dir, id))?;
        (record.schema == SCHEMA && record.slide.id == id).then_some(record)
    }

    /// Says whether a run may skip this slide: it did not fail, its key is the same, and all its files still have the
    /// lengths that were recorded.
    pub fn is_done(&self, dir: &Path, resume_key: &str) -> bool {
        let is_there = |file: &WrittenFile| {
            fs::metadata(dir.join(&file.name)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        self.status != SlideStatus::Failed && self.resume_key == resume_key && self.outputs.iter().all(is_there)
    }
}

/// A JSON file of ours; none when it is not there, too long or of another kind.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    // Never opened unless it is a plain file: a pipe in its place would block for ever.
    fs::metadata(path).ok().filter(|found| found.is_file() && found.len() <= MAX_BYTES)?;
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::example;
    use super::super::write_all;
    use super::*;
    use crate::error::ErrorKind;

    pub(crate) fn scored(id: &str) -> SlideRecord {
        let example = example(&["a", "b"], &[Some(&[0.2, 0.8]), None, Some(&[0.6, 0.4])]);
        let slide =
            SlideFacts { id: id.into(), mpp: Some(0.5), mpp_source: Some("tag".into()), ..SlideFacts::default() };
        let model = ModelFacts { classes: vec!["a".into(), "b".into()], ..ModelFacts::default() };
        SlideRecord {
            grid: Some(GridFacts::of(&example.plan, Mpp::new(0.5).unwrap())),
            tiles: example.map.tiles(),
            tissue_mm2: Some(0.05),
            summary: Some(MapSummary::of(&example.map)),
            familiarity: Some(FamiliarityFacts { judged: 2, unlike: 1, threshold: 1500.25 }),
            settings: serde_json::json!({ "batch": 32 }),
            ..SlideRecord::new(SlideStatus::Scored, slide, model, "key".into())
        }
    }

    pub(crate) fn failed(id: &str, message: &str) -> SlideRecord {
        let error =
            Error::new(ErrorKind::Format, "WSI-0103", message).at_level(2).at_path(Path::new("/home/someone/x.svs"));
        let slide = SlideFacts { id: id.into(), ..SlideFacts::default() };
        SlideRecord {
            error: Some(RecordedError::from(&error)),
            ..SlideRecord::new(SlideStatus::Failed, slide, ModelFacts::default(), "key".into())
        }
    }

    #[test]
    fn a_record_reads_back_the_same_and_holds_no_path() {
        let dir = tempfile::tempdir().unwrap();
        for record in [scored("s"), failed("f", "expected 2 bytes, found 1")] {
            record.write(dir.path()).unwrap();
            assert_eq!(SlideRecord::read(dir.path(), &record.slide.id).as_ref(), Some(&record));
            let text = fs::read_to_string(dir.path().join(format!("{}.json", record.slide.id))).unwrap();
            assert!(
                !text.contains("someone") && !text.contains("null") && text.contains("research use only"),
                "{text}"
            );
        }
        let error = failed("f", "expected 2 bytes, found 1").error.unwrap();
        assert_eq!((error.kind.as_str(), error.code.as_str()), ("format", "WSI-0103"));
        assert_eq!(error.message, "level 2: expected 2 bytes, found 1");
    }

    #[test]
    fn a_record_of_before_there_was_a_familiarity_reads() {
        let dir = tempfile::tempdir().unwrap();
        let text = serde_json::to_string(&scored("s")).unwrap();
        let older = text.replace(r#""familiarity":{"judged":2,"unlike":1,"threshold":1500.25},"#, "");
        assert_ne!(older, text);
        fs::write(dir.path().join("s.json"), older).unwrap();
        let expected = SlideRecord { familiarity: None, ..scored("s") };
        assert_eq!(SlideRecord::read(dir.path(), "s"), Some(expected));
    }

    #[test]
    fn a_record_that_is_old_broken_or_of_another_slide_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.json");
        assert_eq!(SlideRecord::read(dir.path(), "s"), None);
        let text = serde_json::to_string(&scored("s")).unwrap();
        for wrong in
            [text.replace(r#""schema":2"#, r#""schema":0"#), text[..text.len() / 2].into(), "{}".into(), scored_as("t")]
        {
            fs::write(&path, wrong).unwrap();
            assert_eq!(SlideRecord::read(dir.path(), "s"), None);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(SlideRecord::read(dir.path(), "s"), None);
    }

    fn scored_as(id: &str) -> String {
        serde_json::to_string(&scored(id)).unwrap()
    }

    #[test]
    fn a_slide_is_done_while_its_files_are_whole_and_the_key_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let example = example(&["a"], &[Some(&[0.2])]);
        let record = SlideRecord { outputs: write_all(dir.path(), &example.outputs()).unwrap(), ..scored("slide") };
        assert!(record.is_done(dir.path(), "key") && !record.is_done(dir.path(), "other model"));
        fs::write(dir.path().join("masks/slide.jpg"), "cut").unwrap();
        assert!(!record.is_done(dir.path(), "key"));
        assert!(!failed("f", "x").is_done(dir.path(), "key"), "a failed slide is tried again");
    }
}
