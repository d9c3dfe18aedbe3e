//! A run becomes `run_metadata_<YYYYmmddTHHMMSS>.json` as WSInfer 0.6 writes it at the end of a run, for scripts that look
//! for it.
//!
//! All its keys are there. Those that would name a path, a computer or a person are null, and so are those about Python;
//! what it does not know of stands under `eosin`. Times are UTC: a local one would tell where it was.

use super::RESEARCH_USE;
use super::outputs::{WrittenFile, write_atomically};
use super::record::{DeviceFacts, ModelFacts};
use crate::error::Result;
use crate::units::Mpp;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a run did, whichever slides it was given.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The model.
    pub model: ModelFacts,
    /// Name of its network.
    pub architecture: String,
    /// Side of a tile, pixels.
    pub tile_px: u32,
    /// Resolution of these pixels.
    pub spacing: Mpp,
    /// Side of what the network sees, pixels.
    pub input_px: u32,
    /// Subtracted from each channel (RGB, 0 to 1).
    pub mean: [f32; 3],
    /// Divided by, after that.
    pub std: [f32; 3],
    /// What computed the scores.
    pub device: DeviceFacts,
    /// The settings of the run, as resolved.
    pub settings: Value,
    /// Slides that the run was given, and how many of them failed.
    pub slides: (usize, usize),
}

#[derive(Serialize)]
struct Config<'a> {
    architecture: &'a str,
    num_classes: usize,
    class_names: &'a [String],
    patch_size_pixels: u32,
    spacing_um_px: Mpp,
    transform: [Transform; 3],
}

#[derive(Serialize)]
struct Transform {
    name: &'static str,
    arguments: Option<Arguments>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Arguments {
    Resize { size: u32 },
    Normalize { mean: [f32; 3], std: [f32; 3] },
}

#[derive(Serialize)]
struct Metadata<'a> {
    model: Model<'a>,
    runtime: Value,
    timestamp: String,
    eosin: Value,
}

#[derive(Serialize)]
struct Model<'a> {
    config: Config<'a>,
    huggingface_location: Option<()>,
    path: Option<()>,
}

/// Writes the file, named after the time.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_run_metadata(dir: &Path, facts: &RunFacts) -> Result<WrittenFile> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = Moment::of(seconds);
    write_atomically(dir, &format!("run_metadata_{}.json", now.compact()), |out| {
        serde_json::to_writer_pretty(&mut *out, &metadata(facts, &now))?;
        out.write_all(b"\n")
    })
}

/// The time, UTC, as `2026-01-31T23:59:00Z` (RFC 3339).
pub fn utc_now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Moment::of(seconds).rfc_3339()
}

fn metadata<'a>(facts: &'a RunFacts, now: &Moment) -> Metadata<'a> {
    let RunFacts { model, input_px, mean, std, slides, .. } = facts;
    let transform = [
        Transform { name: "Resize", arguments: Some(Arguments::Resize { size: *input_px }) },
        Transform { name: "ToTensor", arguments: None },
        Transform { name: "Normalize", arguments: Some(Arguments::Normalize { mean: *mean, std: *std }) },
    ];
    let config = Config {
        architecture: &facts.architecture,
        num_classes: model.classes.len(),
        class_names: &model.classes,
        patch_size_pixels: facts.tile_px,
        spacing_um_px: facts.spacing,
        transform,
    };
    Metadata {
        model: Model { config, huggingface_location: None, path: None },
        runtime: json!({
            "version": env!("CARGO_PKG_VERSION"),
            "working_dir": null,
            "args": null,
            "python_executable": null,
            "python_version": null,
            "in_container": null,
            "pytorch_version": null,
            "cuda_version": null,
            "git": null,
            "wsinfer_zoo_version": null,
        }),
        timestamp: now.spelt_out(),
        eosin: json!({
            "note": RESEARCH_USE,
            "model": model.name,
            "model_digest": model.digest,
            "temperature": model.temperature,
            "device": facts.device,
            "settings": facts.settings,
            "slides": slides.0,
            "failed": slides.1,
        }),
    }
}

/// A second of UTC by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    year: u64,
    /// From 1.
    month: u64,
    /// From 1.
    day: u64,
    /// From 0, a Sunday.
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Moment {
    /// `seconds` since 1970-01-01 00:00 UTC, without leap seconds.
    fn of(seconds: u64) -> Self {
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (mut year, mut left) = (1970, days);
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        while left >= 365 + u64::from(is_leap(year)) {
            left -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 1;
        for length in lengths {
            if left < length {
                break;
            }
            left -= length;
            month += 1;
        }
        // The first day of 1970 was a Thursday.
        let weekday = usize::try_from((days + 4) % 7).unwrap_or(0);
        Self { year, month, day: left + 1, weekday, hour: second / 3600, minute: second / 60 % 60, second: second % 60 }
    }

    /// As `2026-01-31T23:59:00Z`.
    fn rfc_3339(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// As `20260131T235900`.
    fn compact(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}")
    }

    /// As `Sat Jan 31 23:59:00 2026 UTC`.
    fn spelt_out(&self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let Self { year, month, day, weekday, hour, minute, second } = self;
        let month = usize::try_from(*month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"");
        format!("{} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year} UTC", DAYS[weekday % 7])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_found_in_the_calendar() {
        // `date -u -d @SECONDS '+%Y%m%dT%H%M%S %c'` of GNU coreutils.
        let table = [
            (0, "19700101T000000", "Thu Jan  1 00:00:00 1970 UTC"),
            (951_782_400, "20000229T000000", "Tue Feb 29 00:00:00 2000 UTC"),
            (1_661_484_737, "20220826T033217", "Fri Aug 26 03:32:17 2022 UTC"),
            (1_735_689_599, "20241231T235959", "Tue Dec 31 23:59:59 2024 UTC"),
            (4_107_542_400, "21000301T000000", "Mon Mar  1 00:00:00 2100 UTC"),
        ];
        for (seconds, compact, spelt_out) in table {
            let moment = Moment::of(seconds);
            assert_eq!((moment.compact().as_str(), moment.spelt_out().as_str()), (compact, spelt_out));
            assert_eq!(moment.rfc_3339().replace(['-', ':', 'Z'], ""), compact);
        }
    }

    #[test]
    fn every_key_of_wsinfer_is_there_and_what_is_private_is_null() {
        let dir = tempfile::tempdir().unwrap();
        let facts = RunFacts {
            model: ModelFacts { name: "m".into(), classes: vec!["a".into(), "b".into()], ..ModelFacts::default() },
            architecture: "resnet18".into(),
            tile_px: 350,
            spacing: Mpp::new(0.25).unwrap(),
            input_px: 224,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            device: DeviceFacts::default(),
            settings: json!({"overlap": 0.5}),
            slides: (3, 1),
        };
        let written = write_run_metadata(dir.path(), &facts).unwrap();
        let stamp = written.name.strip_prefix("run_metadata_").and_then(|rest| rest.strip_suffix(".json")).unwrap();
        assert!(stamp.len() == 15 && stamp.as_bytes()[8] == b'T', "{}", written.name);
        let text = std::fs::read_to_string(dir.path().join(&written.name)).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(keys(&found), "model runtime timestamp eosin");
        assert_eq!(keys(&found["model"]), "config huggingface_location path");
        assert_eq!(
            keys(&found["runtime"]),
            "version working_dir args python_executable python_version in_container pytorch_version cuda_version git \
             wsinfer_zoo_version"
        );
        assert_eq!(
            found["model"]["config"],
            json!({
                "architecture": "resnet18", "num_classes": 2, "class_names": ["a", "b"],
                "patch_size_pixels": 350, "spacing_um_px": 0.25,
                "transform": [
                    {"name": "Resize", "arguments": {"size": 224}},
                    {"name": "ToTensor", "arguments": null},
                    {"name": "Normalize", "arguments": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}},
                ],
            })
        );
        let private = ["working_dir", "args", "python_executable", "git"];
        assert!(private.iter().all(|key| found["runtime"][key].is_null()) && found["model"]["path"].is_null());
    }
}
