//! What a Linux kernel says in small files → texts and numbers.
//!
//! Invariant: what is missing, unreadable or malformed is absent; nothing here is an error.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A file's text without white space around it; none where it cannot be read.
pub(super) fn text(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok().map(|text| text.trim().to_string())
}

/// A file's only number.
pub(super) fn number<T: FromStr>(file: &Path) -> Option<T> {
    text(file)?.parse().ok()
}

/// Entries of a folder whose names are `prefix` and a number, such as `cpu12`, in the order of these.
pub(super) fn numbered(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// All values of a name in lines of `name : value`.
pub(super) fn values<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim())
    })
}

/// The value of a name in lines of `name: 123 kB`, bytes.
pub(super) fn bytes(text: &str, name: &str) -> Option<u64> {
    let kibibytes: u64 = values(text, name).next()?.strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_names_and_values_are_read_and_malformed_ones_are_absent() {
        let text =
            "MemTotal:       24683232 kB\nMemFree:  many kB\nbare line\nHuge: 18446744073709551615 kB\nMemTotal: 1 kB";
        assert_eq!(bytes(text, "MemTotal"), Some(25_275_629_568));
        for absent in ["MemFree", "Huge", "bare line", "Mem"] {
            assert_eq!(bytes(text, absent), None, "{absent}");
        }
        assert_eq!(values(text, "MemTotal").count(), 2);
    }

    #[test]
    fn numbered_entries_come_in_the_order_of_their_numbers_and_others_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cpu10", "cpu9", "cpufreq", "cpu", "cpu1:0"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names: Vec<_> =
            numbered(folder.path(), "cpu").iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["cpu9", "cpu10"]);
        assert!(numbered(&folder.path().join("absent"), "cpu").is_empty());
        assert_eq!(number::<u64>(&folder.path().join("absent")), None);
    }
}
