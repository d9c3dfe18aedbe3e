//! Where compiled kernels, and which of them are fastest, are kept from run to run.
//!
//! ```text
//! FOLDER/kernels/<adapter>-<digest>/eosin-<digest>.db
//! ```
//!
//! `FOLDER` is `EOSIN_CACHE`, or `eosin` in the user's folder of caches. The first digest is of the adapter and its driver's
//! version, as a driver's update changes what is fast and may change what is right; burn's own key has no version. The
//! second is of this very program, as burn tells a kernel by its name and parameters, not by what it does.
//!
//! Kept only in builds with the feature `kernel-cache` ([`KEPT`]): without it burn has no store, and nothing is written.
//!
//! Invariant: burn writes below `FOLDER` and nowhere else, and a folder that cannot be written costs time, never a run.

use crate::error::{Error, Result};
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl::environment;
use cubecl::records::RecordLevel;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// Whether this build keeps anything.
pub const KEPT: bool = cfg!(feature = "kernel-cache");
/// The environment variable that names the folder.
pub const VARIABLE: &str = "EOSIN_CACHE";
/// Below the folder; the rest of it may be of others.
const KERNELS: &str = "kernels";
/// How all files begin that are ours.
const PREFIX: &str = "eosin-";
/// Files of other builds of the program go when nothing was added to them for so long.
const STALE: Duration = Duration::from_hours(30 * 24);

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFacts {
    /// The folder; none where neither [`VARIABLE`] nor the platform says one.
    pub folder: Option<PathBuf>,
    /// Whether files can be written there, or the folder be made.
    pub writable: bool,
    /// Adapters, each with its driver, of which there are files.
    pub adapters: usize,
    /// Size of all files.
    pub bytes: u64,
}

/// The folder for this user: [`VARIABLE`] if it is set, else `eosin` in the platform's folder of caches.
pub fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_platform = || {
        let caches = if cfg!(windows) {
            set("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            set("HOME").map(|home| home.join("Library/Caches"))
        } else {
            set("XDG_CACHE_HOME").filter(|caches| caches.is_absolute()).or_else(|| Some(set("HOME")?.join(".cache")))
        };
        caches.map(|caches| caches.join("eosin"))
    };
    // Absolute, so that it stays the same wherever the process goes.
    set(VARIABLE).or_else(of_platform).and_then(|folder| std::path::absolute(folder).ok())
}

/// Looks at the folder; writes nothing that stays.
pub fn look() -> CacheFacts {
    let Some(folder) = folder() else {
        return CacheFacts { folder: None, writable: false, adapters: 0, bytes: 0 };
    };
    let files = files(&folder);
    let size = |file: &PathBuf| fs::symlink_metadata(file).map_or(0, |found| found.len());
    CacheFacts {
        // Of a folder that is still to be made, the nearest one that is there tells.
        writable: folder.ancestors().find(|folder| folder.exists()).is_some_and(|at| tempfile::tempfile_in(at).is_ok()),
        adapters: files.iter().filter_map(|file| file.parent()).collect::<BTreeSet<_>>().len(),
        bytes: files.iter().map(size).sum(),
        folder: Some(folder),
    }
}

/// Removes what this program keeps, of all adapters, and nothing else.
///
/// # Errors
/// [`crate::ErrorKind::Io`] when a file cannot be removed.
pub fn clear() -> Result<()> {
    let Some(folder) = folder() else { return Ok(()) };
    for file in files(&folder) {
        fs::remove_file(&file).map_err(|error| Error::io(&file, "remove a cache", error))?;
    }
    // Folders go if nothing of others is in them.
    for adapter in folders(&folder) {
        let _ = fs::remove_dir(adapter);
    }
    let _ = fs::remove_dir(folder.join(KERNELS));
    Ok(())
}

/// How many compiled kernels and decisions the adapters that this process has opened have there, or in memory where nothing
/// can be written.
pub fn entries() -> u64 {
    environment::namespaces().iter().map(|namespace| namespace.entries).sum()
}

/// Makes burn keep what it learns of an adapter in its folder; to be called before the adapter is opened. `about` is all
/// that tells this adapter and its driver from others.
pub(super) fn keep(name: &str, about: &[&str]) {
    static OPENED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // burn has one store for a process. Where a process opens several adapters, what it learns is of all of these together.
    let Ok(mut opened) = OPENED.lock() else { return };
    opened.insert(about.join("\n"));
    let digest = digest(opened.iter().map(String::as_bytes));
    // Nothing can be made below a file: where there is no folder nothing is kept.
    let build = program();
    // Without a name for this build nothing may be kept either: another one would take its kernels.
    let folder = folder().filter(|_| build.is_some()).or_else(|| std::env::current_exe().ok()).unwrap_or_default();
    let folder = folder.join(KERNELS).join(format!("{}-{digest}", plain(name)));
    let program = format!("{PREFIX}{}", build.unwrap_or_default());
    remove_stale(&folder, &program);
    // The first time only: burn reads it once. What developers set in the environment still holds, files do not: a
    // `cubecl.toml` beside the slides is not ours.
    // The switch for kernels is there in builds with a store only, so it is set by its name.
    let kernels_too = json!({ "compilation": { "cache": true } });
    let mut config: CubeClRuntimeConfig = serde_json::from_value(kernels_too).unwrap_or_default();
    config.environment.records.level = RecordLevel::Off;
    config = config.override_from_env();
    config.environment.name.clone_from(&program);
    config.environment.path = CacheConfig::Directory(folder.clone());
    CubeClRuntimeConfig::try_set(config);
    environment::activate(program);
    environment::set_root(folder);
}

/// Tells this build of this program from others: by its file's length, time and both ends, in which linkers put what tells
/// builds apart; reading all of it would take longer than some runs. None where the file cannot be read.
fn program() -> Option<String> {
    const END_BYTES: u64 = 1 << 16;
    let mut file = fs::File::open(std::env::current_exe().ok()?).ok()?;
    let facts = file.metadata().ok()?;
    let about = format!("{} {} {:?}", env!("CARGO_PKG_VERSION"), facts.len(), facts.modified().ok());
    let mut ends = Vec::new();
    file.by_ref().take(END_BYTES).read_to_end(&mut ends).ok()?;
    file.seek(SeekFrom::Start(facts.len().saturating_sub(END_BYTES))).ok()?;
    file.read_to_end(&mut ends).ok()?;
    Some(digest([about.as_bytes(), &ends].into_iter()))
}

/// Files of builds that are no longer used.
fn remove_stale(folder: &Path, program: &str) {
    // A store is several files, of which one may be old while another is in use: they go together.
    let mut stores: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files_in(folder) {
        stores.entry(name_of(&file).split('.').next().unwrap_or_default().to_owned()).or_default().push(file);
    }
    stores.remove(program);
    let age = |file: &PathBuf| fs::metadata(file).ok()?.modified().ok()?.elapsed().ok();
    for store in stores.values().filter(|store| store.iter().all(|file| age(file).is_some_and(|age| age > STALE))) {
        for file in store {
            let _ = fs::remove_file(file);
        }
    }
}

fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    parts.for_each(|part| {
        hasher.update(part).update(&[0]);
    });
    hasher.finalize().to_hex()[..16].to_owned()
}

/// A name as part of a file's.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut plain = words.take(4).collect::<Vec<_>>().join("-").to_ascii_lowercase();
    plain.truncate(40);
    plain
}

/// Folders of adapters; links are not followed.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(KERNELS)).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// Files that are ours.
fn files(folder: &Path) -> Vec<PathBuf> {
    folders(folder).iter().flat_map(|folder| files_in(folder)).collect()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(|entry| entry.path());
    let is_ours = |path: &PathBuf| {
        let name = name_of(path);
        let end = name.split_once('.').map(|(_, end)| end);
        name.starts_with(PREFIX) && end.is_some_and(|end| end == "db" || end.starts_with("db-"))
    };
    files.filter(is_ours).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_files_are_found_and_stale_ones_of_other_builds_go() {
        let dir = tempfile::tempdir().unwrap();
        let adapter = dir.path().join(KERNELS).join("card-0123");
        fs::create_dir_all(adapter.join("eosin-folder.db")).unwrap();
        fs::create_dir_all(dir.path().join("other")).unwrap();
        let ours = ["eosin-a.db", "eosin-a.db-wal", "eosin-b.db"].map(|name| adapter.join(name));
        let others =
            [adapter.join("notes.db"), dir.path().join("eosin-a.db"), dir.path().join("other").join("eosin-a.db")];
        for file in ours.iter().chain(&others) {
            fs::write(file, "x").unwrap();
        }
        let mut found = files(dir.path());
        found.sort();
        assert_eq!(found, ours);

        let old = std::time::SystemTime::now() - 2 * STALE;
        for file in ours.iter().chain(&others) {
            fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
        }
        remove_stale(&adapter, "eosin-a");
        assert!(ours[0].exists() && ours[1].exists() && !ours[2].exists() && others.iter().all(|file| file.exists()));
    }

    #[test]
    fn names_of_adapters_make_names_of_folders() {
        for (name, expected) in [
            ("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb-hbm3"),
            ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "amd-radeon-rx-7900"),
            ("../../etc", "etc"),
            ("", ""),
            ("ключ", ""),
        ] {
            assert_eq!(plain(name), expected);
        }
        let of = |parts: [&str; 2]| digest(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(of(["card", "driver 1"]), of(["card", "driver 2"]));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
