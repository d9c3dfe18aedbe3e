//! The state of a training on disk, after every epoch.
//!
//! Invariant: `checkpoint.json` is written last and names the files it belongs to with their digests; whenever the
//! process ends, it and its files are those of the last complete epoch. Files that the manifest before named are removed
//! afterwards, and no others.

use crate::draft::write_whole;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Precision, TensorMap};
use crate::train::curves::{self, CURVES};
use crate::train::event::EpochRow;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Name of the manifest.
pub(super) const MANIFEST: &str = "checkpoint.json";
const SCHEMA: u32 = 2;
/// Names of tensor files: what they are, the epoch in so many digits or more, what follows.
const STATE: &str = "checkpoint-";
const BEST: &str = "best-";
const DIGITS: usize = 5;
const SUFFIX: &str = ".safetensors";
/// Prefixes of the tensors of a state file.
const WEIGHTS: &str = "weights.";
const MOMENTS: &str = "moments.";

/// All that a run needs to go on.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// The network after the last epoch.
    pub weights: TensorMap,
    /// The optimiser's moments.
    pub moments: TensorMap,
    /// Changes of the weights so far.
    pub steps: usize,
    /// The network of the best epoch.
    pub best: TensorMap,
    /// A row per epoch.
    pub history: Vec<EpochRow>,
}

impl State {
    /// The best epoch so far.
    pub fn best_row(&self) -> Option<&EpochRow> {
        self.history.iter().rfind(|row| row.best)
    }

    /// Whether there was no better epoch for longer than `patience`, where that is not 0.
    pub fn is_over(&self, patience: usize) -> bool {
        let since = self.history.iter().rev().take_while(|row| !row.best).count();
        patience > 0 && since >= patience
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    schema: u32,
    /// Digest of all that decides the weights.
    run: String,
    seed: u64,
    epochs: usize,
    steps: usize,
    state: File,
    best: File,
    history: Vec<EpochRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    blake3: String,
}

/// Saves a complete epoch.
///
/// # Errors
/// [`ErrorKind::Io`]; [`ErrorKind::Model`] when a weight is not finite.
pub(super) fn save(dir: &Path, run: &str, seed: u64, state: &State) -> Result<()> {
    let epochs = state.history.len();
    let best_epoch = state.history.iter().rposition(|row| row.best).map_or(0, |at| at + 1);
    let prefixed = |prefix: &str, map: &TensorMap| {
        map.clone().into_iter().map(|(name, weight)| (format!("{prefix}{name}"), weight)).collect::<Vec<_>>()
    };
    let all: TensorMap =
        prefixed(WEIGHTS, &state.weights).into_iter().chain(prefixed(MOMENTS, &state.moments)).collect();
    let manifest = Manifest {
        schema: SCHEMA,
        run: run.to_owned(),
        seed,
        epochs,
        steps: state.steps,
        state: write_tensors(dir, format!("{STATE}{epochs:0DIGITS$}{SUFFIX}"), &all)?,
        best: write_tensors(dir, format!("{BEST}{best_epoch:0DIGITS$}{SUFFIX}"), &state.best)?,
        history: state.history.clone(),
    };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Error::new(ErrorKind::Io, "TRN-0504", format!("cannot write the checkpoint: {error}")))?;
    let before = fs::read_to_string(dir.join(MANIFEST)).ok();
    write_whole(&dir.join(MANIFEST), text.as_bytes())?;
    write_whole(&dir.join(CURVES), curves::csv(&state.history).as_bytes())?;
    if let Some(before) = before.and_then(|text| serde_json::from_str::<Manifest>(&text).ok()) {
        remove_replaced(dir, &before, &manifest);
    }
    Ok(())
}

/// Says whether a file beside the model may be one of a checkpoint.
pub(super) fn is_ours(name: &str) -> bool {
    matches!(name, MANIFEST | CURVES) || is_tensors(name)
}

/// Says whether a name is that of the tensors of an epoch.
fn is_tensors(name: &str) -> bool {
    let epoch = [STATE, BEST].into_iter().find_map(|prefix| name.strip_prefix(prefix)?.strip_suffix(SUFFIX));
    epoch.is_some_and(|epoch| epoch.len() >= DIGITS && epoch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads the last complete epoch; `None` when there is none yet.
///
/// # Errors
/// [`ErrorKind::Usage`] (`TRN-0502`) when it is of another training; [`ErrorKind::Integrity`] (`TRN-0503`) when a file is
/// not the one that was written; [`ErrorKind::Io`].
pub(super) fn load(dir: &Path, run: &str) -> Result<Option<State>> {
    let Some(manifest) = manifest(dir, run)? else { return Ok(None) };
    let (mut weights, mut moments) = (TensorMap::default(), TensorMap::default());
    for (name, weight) in read_tensors(dir, &manifest.state)? {
        if let Some(name) = name.strip_prefix(WEIGHTS) {
            weights.insert(name, weight);
        } else if let Some(name) = name.strip_prefix(MOMENTS) {
            moments.insert(name, weight);
        }
    }
    let best = read_tensors(dir, &manifest.best)?;
    Ok(Some(State { weights, moments, steps: manifest.steps, best, history: manifest.history }))
}

/// Checks that there is no checkpoint of another training; reads no tensors.
///
/// # Errors
/// As [`load`].
pub(super) fn check(dir: &Path, run: &str) -> Result<()> {
    manifest(dir, run).map(|_| ())
}

fn manifest(dir: &Path, run: &str) -> Result<Option<Manifest>> {
    let path = dir.join(MANIFEST);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = |message: String| Error::new(ErrorKind::Integrity, "TRN-0503", message);
    let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, "read the checkpoint", error))?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| damaged(format!("expected a checkpoint: {error}")).at_path(&path))?;
    if manifest.schema != SCHEMA || manifest.history.len() != manifest.epochs {
        return Err(damaged(format!("expected a checkpoint of schema {SCHEMA}, found another")).at_path(&path));
    }
    if manifest.run != run {
        let message = "expected a checkpoint of the same configuration, data, start weights, kind of device and version of \
                       eosin, found another";
        return Err(Error::new(ErrorKind::Usage, "TRN-0502", message)
            .at_path(&path)
            .with_advice("go on as the run was begun, or begin a new one in another folder (--out)"));
    }
    Ok(Some(manifest))
}

fn write_tensors(dir: &Path, name: String, map: &TensorMap) -> Result<File> {
    let bytes = map.to_safetensors(Precision::F32)?;
    write_whole(&dir.join(&name), &bytes)?;
    Ok(File { name, blake3: blake3::hash(&bytes).to_hex().to_string() })
}

fn read_tensors(dir: &Path, file: &File) -> Result<TensorMap> {
    let path = dir.join(&file.name);
    if !is_tensors(&file.name) {
        let message = format!("expected the name of a checkpoint's file, found {:?}", file.name);
        return Err(Error::new(ErrorKind::Integrity, "TRN-0503", message).at_path(&dir.join(MANIFEST)));
    }
    let bytes = fs::read(&path).map_err(|error| Error::io(&path, "read the checkpoint", error))?;
    let found = blake3::hash(&bytes).to_hex().to_string();
    if found != file.blake3 {
        let message = format!("expected a file with digest {}, found {found}", file.blake3);
        return Err(Error::new(ErrorKind::Integrity, "TRN-0503", message).at_path(&path));
    }
    Ok(TensorMap::from_safetensors(&bytes).map_err(|error| error.at_path(&path))?.0)
}

/// Removes the files of the manifest before; one that stays costs disk space and nothing else.
fn remove_replaced(dir: &Path, before: &Manifest, now: &Manifest) {
    let kept = [&now.state.name, &now.best.name];
    for name in [&before.state.name, &before.best.name] {
        if is_tensors(name) && !kept.contains(&name) {
            let _ = fs::remove_file(dir.join(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Weight;
    use crate::train::evaluation::Evaluation;

    /// Numbers that a reader of JSON gives back one bit off when it does not take care; such a bit would decide between equal
    /// epochs.
    const ODD: [f64; 4] =
        [0.198_440_042_788_562_86, 0.203_228_260_152_880_42, 0.979_621_595_650_685_9, 0.003_573_389_075_932_631_4];

    fn state(epochs: usize, value: f32) -> State {
        let map = |value| TensorMap::from_iter([("a".to_owned(), Weight { shape: vec![1], data: vec![value] })]);
        let row = EpochRow {
            epoch: epochs,
            lr: 1e-3,
            train_loss: 0.1 + 0.2,
            validation: Evaluation { loss: 1.0, figures: [("balanced_accuracy".to_owned(), 0.5)].into() },
            tiles_per_s: 1.0,
            seconds: 1.0,
            best: epochs == 1,
        };
        let history = (1..=epochs).map(|epoch| EpochRow { epoch, best: epoch == 1, ..row.clone() }).collect();
        State { weights: map(value), moments: map(-value), steps: epochs, best: map(9.0), history }
    }

    #[test]
    fn the_last_complete_epoch_comes_back_to_the_bit_and_older_files_go() {
        let dir = tempfile::tempdir().unwrap();
        assert!(load(dir.path(), "run").unwrap().is_none());
        save(dir.path(), "run", 1, &state(1, 0.1)).unwrap();
        save(dir.path(), "run", 1, &state(2, 0.3)).unwrap();
        let found = load(dir.path(), "run").unwrap().unwrap();
        assert_eq!((found.weights, found.moments, found.steps), (state(2, 0.3).weights, state(2, 0.3).moments, 2));
        assert_eq!(found.history, state(2, 0.3).history);
        let files = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 4, "manifest, curves, state and best");
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let mut saved = state(ODD.len(), 0.1);
        for (row, value) in saved.history.iter_mut().zip(ODD) {
            row.validation = Evaluation { loss: value, figures: [("accuracy".to_owned(), value / 2.0)].into() };
        }
        save(dir.path(), "run", 1, &saved).unwrap();
        assert_eq!(load(dir.path(), "run").unwrap().unwrap().history, saved.history);
    }

    #[test]
    fn files_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let foreign =
            ["best-of-mine.safetensors", "best-2.safetensors", "best-00009.safetensors", "checkpoint-a.safetensors"];
        for name in foreign {
            fs::write(dir.path().join(name), "of others").unwrap();
        }
        save(dir.path(), "run", 1, &state(1, 0.1)).unwrap();
        save(dir.path(), "run", 1, &state(2, 0.3)).unwrap();
        assert!(foreign.iter().all(|name| dir.path().join(name).exists()));
        assert!(!dir.path().join("checkpoint-00001.safetensors").exists());
    }

    #[test]
    fn a_manifest_leads_to_no_file_that_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine.txt"), "of others").unwrap();
        save(dir.path(), "run", 1, &state(1, 0.1)).unwrap();
        let manifest = dir.path().join(MANIFEST);
        let text = fs::read_to_string(&manifest).unwrap().replace("checkpoint-00001.safetensors", "mine.txt");
        fs::write(&manifest, text).unwrap();
        assert_eq!(load(dir.path(), "run").unwrap_err().code(), "TRN-0503");
        save(dir.path(), "run", 1, &state(2, 0.3)).unwrap();
        assert!(dir.path().join("mine.txt").exists());
    }

    #[cfg(unix)]
    #[test]
    fn files_have_the_rights_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), "run", 1, &state(1, 0.1)).unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        fs::write(dir.path().join("usual"), "").unwrap();
        for name in [MANIFEST, CURVES, "checkpoint-00001.safetensors", "best-00001.safetensors"] {
            assert_eq!(mode(name), mode("usual"), "{name}");
        }
    }

    #[test]
    fn an_epoch_that_was_interrupted_before_its_manifest_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), "run", 1, &state(1, 0.1)).unwrap();
        write_whole(&dir.path().join("checkpoint-00002.safetensors"), b"half").unwrap();
        assert_eq!(load(dir.path(), "run").unwrap().unwrap().steps, 1);
    }

    #[test]
    fn other_runs_and_changed_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), "run", 1, &state(1, 0.1)).unwrap();
        assert_eq!(load(dir.path(), "other").unwrap_err().code(), "TRN-0502");
        let file = dir.path().join("best-00001.safetensors");
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(load(dir.path(), "run").unwrap_err().code(), "TRN-0503");
    }
}
