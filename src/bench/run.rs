//! What was asked for → a record: processes are started one by one, and asked in turn.

use super::matrix::{Given, Measured};
use super::pace::{PaceWatch, warnings};
use super::record::{Absent, BenchRecord, Machine, SCHEMA, Settings};
use super::subject::{ModelChoice, Source, Subject, lay_out};
use super::target::Target;
use super::whole::whole_runs;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{RESEARCH_USE, utc_now};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Which burn it is, and what of it works for the figures; a test holds it against Cargo.toml.
const BURN: &str = "0.22.1 (fusion, autotune)";

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchConfig {
    /// This program, which measured processes run.
    pub program: PathBuf,
    /// The slide; without one it is synthetic.
    pub slide: Option<PathBuf>,
    /// The slide's resolution where its file does not state it, um/px.
    pub mpp: Option<f64>,
    /// Models.
    pub models: Vec<ModelChoice>,
    /// Who takes part; the first one is what others are compared with.
    pub targets: Vec<Target>,
    /// What does not, and why.
    pub absent: Vec<Absent>,
    /// Tiles in a batch; without any, what a run would take.
    pub batches: Vec<usize>,
    /// The Python that runs them.
    pub python: String,
    /// Threads on the CPU.
    pub threads: usize,
    /// Whether whole programs run beside each other, too: WSInfer takes slides, not tiles.
    pub whole_runs: bool,
    /// What is measured how often and for how long.
    pub settings: Settings,
}

/// What happens, for those who draw progress.
#[derive(Debug)]
pub enum BenchEvent<'a> {
    /// Processes of a model are started; so many steps follow for it.
    Model {
        /// Its name, and which start of how many it is.
        name: &'a str,
        /// Steps.
        steps: usize,
    },
    /// One step begins, such as `cpu in f32: warming up`.
    Step {
        /// What.
        what: &'a str,
    },
    /// Something could not be measured; what its process said last, which may name paths.
    Absent {
        /// What, and why.
        absent: &'a Absent,
        /// Last words.
        last_words: &'a [String],
    },
}

/// Who listens.
pub(super) type Listen<'a> = &'a (dyn Fn(BenchEvent<'_>) + Sync);

/// Measures everything.
///
/// # Errors
/// What concerns the whole bench: a slide or model that cannot be opened, two models of one name, nothing that could be measured
/// ([`ErrorKind::Device`] `BCH-0014`), an interruption. Devices and programs that are not there are rows of
/// [`BenchRecord::absent`].
pub fn bench(config: &BenchConfig, cancel: &AtomicBool, listen: Listen<'_>) -> Result<BenchRecord> {
    let folder = tempfile::tempdir().map_err(|error| Error::io(&std::env::temp_dir(), "make a folder", error))?;
    let source = Source {
        slide: config.slide.clone(),
        mpp: config.mpp,
        tiles: config.settings.tiles,
        seed: config.settings.seed,
    };
    let mut record = BenchRecord {
        schema: SCHEMA,
        note: RESEARCH_USE.to_owned(),
        eosin: env!("CARGO_PKG_VERSION").to_owned(),
        burn: BURN.to_owned(),
        date: utc_now(),
        machine: Machine::here(),
        settings: config.settings.clone(),
        absent: config.absent.clone(),
        ..BenchRecord::default()
    };
    let mut pace = PaceWatch::begin();
    let mut subjects = Vec::new();
    for (at, choice) in config.models.iter().enumerate() {
        listen(BenchEvent::Step { what: &format!("{}: tiles", choice.name()) });
        match lay_out(choice, &source, &folder.path().join(format!("model-{at}")), cancel) {
            Ok(subject) if is_among(&subjects, subject.bundle.name()) => {
                let found =
                    format!("expected models of different names, found two that are \"{}\"", subject.bundle.name());
                return Err(Error::new(ErrorKind::Usage, "BCH-0019", found).with_advice("measure them in two runs"));
            }
            Ok(subject) => subjects.push((subject, Given::default())),
            Err(error) if config.models.len() > 1 && error.kind() != ErrorKind::Interrupted => {
                let absent = Absent { what: choice.name(), why: error.without_path() };
                listen(BenchEvent::Absent { absent: &absent, last_words: &[] });
                record.absent.push(absent);
            }
            Err(error) => return Err(error),
        }
    }
    let steps = config.targets.len() + config.settings.rounds;
    for start in 1..=config.settings.starts {
        for (subject, given) in &mut subjects {
            let name = format!("{} {start}/{}", subject.bundle.name(), config.settings.starts);
            listen(BenchEvent::Model { name: &name, steps });
            let measured = Measured { config, subject, folder: folder.path(), cancel, listen };
            measured.start_and_ask(given, &mut record, &mut pace)?;
        }
    }
    for (subject, given) in subjects {
        if config.whole_runs {
            whole_runs(config, &subject, folder.path(), &mut record, cancel, listen)?;
        }
        Measured { config, subject: &subject, folder: folder.path(), cancel, listen }.record(given, &mut record);
    }
    record.pace = pace.pace();
    record.notes.extend(warnings(&record.pace, &record.machine));
    if record.cells.is_empty() {
        let why = record.absent.first().map(|absent| format!(": {}: {}", absent.what, absent.why)).unwrap_or_default();
        return Err(Error::new(
            ErrorKind::Device,
            "BCH-0014",
            format!("expected something to measure, found nothing{why}"),
        ));
    }
    Ok(record)
}

/// Whether a model of this name is there already: figures are told apart by it.
fn is_among(subjects: &[(Subject, Given)], name: &str) -> bool {
    subjects.iter().any(|(subject, _)| subject.bundle.name() == name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_record_names_the_burn_that_is_built_in() {
        let manifest = include_str!("../../Cargo.toml");
        let version = super::BURN.split(' ').next().unwrap();
        let line = manifest.lines().find(|line| line.starts_with("burn = ")).unwrap();
        assert!(line.contains(&format!("\"={version}\"")) && line.contains("\"fusion\", \"autotune\""), "{line}");
    }
}
