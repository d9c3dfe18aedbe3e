//! A folder with slides and a model, the program run in it, and what it left.

use eosin::bench::write_random_model;
use eosin::geometry::Size;
use eosin::nn::{Architecture, Input};
use eosin::raster::RgbImage8;
use eosin::synthetic::{ChunkPlace, PyramidConfig, SyntheticConfig, SyntheticSlide, write_pyramid};
use eosin::units::Mpp;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Size and resolution of all slides.
const SLIDE: Size = Size::new(1024, 1024);
const MPP: f64 = 0.5;
/// A tile of the model; the least that the networks take is what they see of it.
const TILE_PX: u32 = 128;
const INPUT_PX: u32 = 32;
/// Who the program must take itself to be started by; no output may hold it.
pub(crate) const USER: &str = "jane.pathologist";
/// Beside the results of each slide.
pub(crate) const SUMMARY: &str = "summary.csv";

/// How the names of files begin that a run leaves at its end.
const RUN_METADATA: &str = "run_metadata_";

/// A folder that is removed at the end. Paths given to the program are relative to it.
pub(crate) struct Workplace(TempDir);

/// What a run said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    /// Lines of standard error.
    pub(crate) lines: Vec<String>,
}

impl Workplace {
    /// With a model in `model` and a sound slide in `slides/good.svs`.
    pub(crate) fn new() -> Self {
        let here = Self(tempfile::Builder::new().prefix("department-of-").tempdir().unwrap());
        write_model(&here.path("model"), Architecture::ResNet18);
        std::fs::create_dir(here.path("slides")).unwrap();
        here.write_slide("slides/good.svs", |_| false);
        here
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        std::fs::copy(self.path(from), self.path(to)).unwrap();
    }

    /// A slide with tissue, some of whose chunks are cut.
    pub(crate) fn write_slide(&self, name: &str, is_cut: impl Fn(ChunkPlace) -> bool) {
        let edit = |place, mut bytes: Vec<u8>| {
            bytes.truncate(if is_cut(place) { bytes.len() / 2 } else { bytes.len() });
            Some(bytes)
        };
        tissue().write(&self.path(name), &described(), Some(&edit), &|_, _| {}).unwrap();
    }

    /// A slide with tissue that says nothing about its resolution.
    pub(crate) fn write_slide_without_mpp(&self, name: &str) {
        let slide = tissue();
        write_pyramid(&self.path(name), SLIDE, &described(), &|rect| slide.region(rect), None, &|_, _| {}).unwrap();
    }

    /// A slide of nothing but glass.
    pub(crate) fn write_glass(&self, name: &str) {
        let config = PyramidConfig { mpp: Some(Mpp::new(MPP).unwrap()), ..described() };
        let glass = |rect: eosin::geometry::Rect| RgbImage8::filled(Size::new(rect.w, rect.h), [242; 3]);
        write_pyramid(&self.path(name), SLIDE, &config, &glass, None, &|_, _| {}).unwrap();
    }

    /// The program, ready to be started, on a computer without GPU drivers and other models.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_eosin"));
        self.prepare(&mut program);
        program.args(args);
        program
    }

    /// Gives a command this folder and an environment that depends on no computer.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.current_dir(self.0.path()).env_remove("EOSIN_MODELS").env("USER", USER).env("LOGNAME", USER);
        for driver in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            command.env(driver, "none");
        }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::new(&self.program(args).output().unwrap())
    }

    /// Scores slides into `out` with the model on the CPU.
    pub(crate) fn score(&self, slides: &[&str], more: &[&str]) -> Said {
        self.score_into("out", slides, more)
    }

    pub(crate) fn score_into(&self, out: &str, slides: &[&str], more: &[&str]) -> Said {
        self.run(&score_args("model", out, slides, more))
    }

    /// What runs into `out` say of themselves, by their time.
    pub(crate) fn run_metadata(&self) -> Vec<String> {
        self.all_files("out").into_iter().filter(|name| name.starts_with(RUN_METADATA)).collect()
    }

    /// All files of a folder but those of [`Self::run_metadata`], sorted, with forward slashes; hidden ones included.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        self.all_files(folder).into_iter().filter(|name| !name.contains(RUN_METADATA)).collect()
    }

    fn all_files(&self, folder: &str) -> Vec<String> {
        let top = self.path(folder);
        let mut names = Vec::new();
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    names.push(entry.path().strip_prefix(&top).unwrap().to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The record of a slide in `out`.
    pub(crate) fn record(&self, id: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(&format!("out/{id}.json"))).unwrap()
    }
}

impl Said {
    pub(crate) fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        // Neither is a terminal: no colours, no bars.
        assert!(!out.contains(['\u{1b}', '\r']) && !err.contains(['\u{1b}', '\r']), "{out}{err}");
        Self { code: output.status.code(), out, lines: err.lines().map(String::from).collect() }
    }

    /// The one line that begins like this.
    pub(crate) fn line(&self, start: &str) -> &str {
        let found: Vec<&String> = self.lines.iter().filter(|line| line.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "one line of \"{start}\" in {:#?}", self.lines);
        found[0]
    }
}

/// Arguments that score slides on the CPU.
pub(crate) fn score_args<'a>(model: &'a str, out: &'a str, slides: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["--model", model, "--device", "cpu", "--out", out];
    [&["score"], slides, &fixed, more].concat()
}

/// The files of a scored slide.
pub(crate) fn results_of(id: &str) -> Vec<String> {
    vec![
        format!("{id}.json"),
        format!("maps/{id}.overlay.png"),
        format!("maps/{id}.png"),
        format!("masks/{id}.jpg"),
        format!("measurements/{id}.json"),
        format!("model-outputs-csv/{id}.csv"),
        format!("model-outputs-geojson/{id}.geojson"),
        format!("patches/{id}.h5"),
        format!("predictions/{id}.h5"),
        format!("regions/{id}.geojson.gz"),
        format!("reports/{id}.html"),
        format!("thumbnails/{id}.jpg"),
    ]
}

/// The files of a slide that no tile was scored of.
pub(crate) fn results_without_tissue(id: &str) -> Vec<String> {
    results_of(id).into_iter().filter(|name| !name.starts_with("patches/")).collect()
}

/// Lists of files as one, sorted, with the summary and what is told of all slides.
pub(crate) fn with_summary(lists: &[Vec<String>]) -> Vec<String> {
    let mut all = lists.concat();
    all.extend([SUMMARY, "cohort.csv", "measurements.csv", "report.html"].map(str::to_string));
    all.sort();
    all
}

fn tissue() -> SyntheticSlide {
    SyntheticSlide::new(SyntheticConfig { seed: 1, size: SLIDE, mpp: Mpp::new(MPP).unwrap() })
}

/// With what scanners write about people.
fn described() -> PyramidConfig {
    let property = |name: &str, value: &str| (name.to_string(), value.to_string());
    let properties = vec![
        property("Filename", "DOE^JOHN-1947"),
        property("User", "b414003d-95c6-48b0"),
        property("Date", "12/29/09"),
        property("ScanScope ID", "SS1302"),
        property("Barcode", "H09-12345"),
    ];
    PyramidConfig { properties, ..PyramidConfig::default() }
}

/// A model that sees tiles as small as can be.
pub(crate) fn write_model(folder: &Path, architecture: Architecture) {
    let input =
        Input { mpp: MPP, tile_px: TILE_PX, input_px: Some(INPUT_PX), mean: [0.5; 3], std: [0.5; 3], stain: None };
    write_random_model(folder, "random", architecture, input, 1).unwrap();
}
