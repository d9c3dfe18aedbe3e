//! What a run was made on and with, as lines of a document: no host name, no user, no path.

use eosin::bench::Machine;
use std::fmt::Write;
use std::fs::read_to_string;
use std::process::Command;

/// Crates whose versions a figure depends on.
const CRATES: [&str; 3] = ["burn", "cubecl", "criterion"];

/// The machine, as far as its system tells.
pub(crate) fn machine() -> String {
    let machine = Machine::here();
    let mut lines = String::new();
    let _ = writeln!(lines, "- machine: {}", machine.about());
    let _ = writeln!(lines, "- computes with: {}", machine.simd.join(", "));
    lines
}

/// Processes that ran or waited, averaged over 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    if load.is_empty() { "not told by this system".to_owned() } else { load.join(" ") }
}

/// Versions of what the program was built from.
pub(crate) fn versions() -> String {
    let says = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let is_clean =
        says("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| changes.is_empty());
    let commit = says("git", &["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let mut lines = String::new();
    let _ =
        writeln!(lines, "- commit: {commit}{}", if is_clean { "" } else { ", with changes that are not committed" });
    let _ = writeln!(lines, "- {}", says("rustc", &["--version"]).unwrap_or_else(|| "rustc: unknown".to_owned()));
    let table = |file: &str| read_to_string(file).unwrap_or_default().parse::<toml::Table>().unwrap_or_default();
    let packages = table("Cargo.lock").get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let of = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    for name in CRATES {
        let found = packages.iter().find(|package| of(package, "name").as_deref() == Some(name));
        let version = found.and_then(|package| of(package, "version")).unwrap_or_else(|| "unknown".to_owned());
        let _ = writeln!(lines, "- {name} {version}");
    }
    // Whether operations are merged and kernels tuned decides what a figure of a GPU means.
    let features = table("Cargo.toml").get("dependencies").and_then(|all| all.get("burn")?.get("features")).cloned();
    let features = features.as_ref().and_then(toml::Value::as_array).into_iter().flatten();
    let features: Vec<&str> = features.filter_map(toml::Value::as_str).collect();
    let _ = writeln!(lines, "- burn's features: {}", features.join(", "));
    lines
}
