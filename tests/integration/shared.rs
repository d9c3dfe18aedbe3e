//! Where the shared slides and reference outputs are. They are large and live outside the package: in the folder named by
//! `EOSIN_SHARED`, or else in `../shared`.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The path of a shared file or folder; `None`, said on standard error, when it is absent.
///
/// # Panics
/// When it is absent and `EOSIN_REQUIRE_SHARED=1`, so that silence cannot pass for success.
pub(crate) fn shared(relative: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("EOSIN_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = folder.join(relative);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("EOSIN_REQUIRE_SHARED").is_none_or(|value| value != "1"), "{relative} is absent");
    // Not `eprintln!`, which is shown for tests that fail only.
    let _ = writeln!(std::io::stderr(), "skipped: {relative} is absent; set EOSIN_SHARED to the folder that holds it");
    None
}
