//! What a device taught is kept where it should be, by one process or several, and costs no run where it cannot be.
//!
//! Needs an adapter: `source tests/software-vulkan.sh` gives one. Without it these tests say so and pass, unless
//! `EOSIN_REQUIRE_GPU` is set.

use crate::workplace::Workplace;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

/// A computation on the first Vulkan adapter, with its own folder for what it learns.
fn probe(here: &Workplace, cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eosin"));
    command.args(["doctor", "--probe", "vulkan"]).current_dir(here.path("")).env("EOSIN_CACHE", cache);
    command
}

fn has_adapter(here: &Workplace) -> bool {
    let works = probe(here, &here.path("try")).output().unwrap().status.success();
    let required = std::env::var("EOSIN_REQUIRE_GPU").is_ok_and(|value| value == "1");
    assert!(works || !required, "expected a Vulkan adapter that works, found none");
    if !works {
        let _ = writeln!(std::io::stderr(), "skipped: no Vulkan adapter works here");
    }
    works
}

#[cfg(not(target_os = "macos"))]
#[test]
fn what_is_learnt_lies_in_the_folder_that_was_named_and_nowhere_else() {
    let here = Workplace::new();
    if !has_adapter(&here) {
        return;
    }
    let before = here.files("");
    assert!(probe(&here, &here.path("kept")).output().unwrap().status.success());
    let new: Vec<String> = here.files("").into_iter().filter(|name| !before.contains(name)).collect();
    assert!(!new.is_empty() && new.iter().all(|name| name.starts_with("kept/kernels/")), "{new:?}");
    // Several processes at once, one of which comes first.
    let together: Vec<_> = (0..3).map(|_| probe(&here, &here.path("shared")).spawn().unwrap()).collect();
    for child in together {
        let Output { status, .. } = child.wait_with_output().unwrap();
        assert!(status.success());
    }
    // What is not ours stays.
    here.write("kept/kernels/notes.txt", b"mine");
    let cleared = here.program(&["doctor", "--clear-cache"]).env("EOSIN_CACHE", here.path("kept")).output().unwrap();
    assert!(cleared.status.success());
    let left: Vec<String> = here.files("").into_iter().filter(|name| name.starts_with("kept/")).collect();
    assert_eq!(left, ["kept/kernels/notes.txt"]);
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_folder_that_cannot_be_written_costs_no_run() {
    let here = Workplace::new();
    if !has_adapter(&here) {
        return;
    }
    // Below a file there is no folder.
    here.write("file", b"");
    assert!(probe(&here, &here.path("file/cache")).output().unwrap().status.success());
    let said = here.program(&["doctor"]).env("EOSIN_CACHE", here.path("file/cache")).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("not writable"));
}
