//! File names of slides become ids: short names that are safe on every file system and unique within a run.
//!
//! Invariant: no two ids of a run are equal when case is ignored, no id can leave its folder, and the ids do not depend
//! on the order in which the slides are named. Nothing is opened.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Longest id in bytes: names may have 255, and the longest ending, a number and a temporary name need room.
const MAX_BYTES: usize = 200;

/// Names that are devices on Windows, whatever follows their first dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Names kept for files of the run itself in the output folder, without their endings.
const OURS: [&str; 2] = ["run", "summary"];

/// Gives every slide its id, in the order of `paths`.
///
/// The id is the file's name without its extension, made safe. Slides that would have the same id, ignoring case, all
/// get their extension too (`a.svs` and `a.ndpi` become `a_svs` and `a_ndpi`); if that is not enough they are numbered
/// in the order of their paths (`a_svs`, `a_svs_2`). A path that is given twice has two ids.
pub fn assign_ids(paths: &[PathBuf]) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, path) in paths.iter().enumerate() {
        groups.entry(key(&safe_stem(path))).or_default().push(index);
    }
    // Slides that are alone with their stem keep it, whatever the others become.
    let (alone, crowded): (Vec<_>, Vec<_>) = groups.into_values().partition(|group| group.len() == 1);
    let mut ids = vec![String::new(); paths.len()];
    let mut taken = HashSet::new();
    for index in alone.into_iter().flatten() {
        ids[index] = safe_stem(&paths[index]);
        taken.insert(key(&ids[index]));
    }
    for mut group in crowded {
        group.sort_by_key(|&index| (&paths[index], index));
        for index in group {
            let base = with_extension(&paths[index]);
            let numbered = (2..).map(|number: usize| format!("{base}_{number}"));
            let free = std::iter::once(base.clone()).chain(numbered).find(|id| taken.insert(key(id)));
            ids[index] = free.unwrap_or(base);
        }
    }
    ids
}

/// What two ids must not share on a file system that ignores case.
fn key(id: &str) -> String {
    id.to_lowercase()
}

fn with_extension(path: &Path) -> String {
    let stem = safe_stem(path);
    match path.extension() {
        Some(extension) => safe(&format!("{stem}_{}", extension.to_string_lossy())),
        None => stem,
    }
}

fn safe_stem(path: &Path) -> String {
    safe(&path.file_stem().unwrap_or_default().to_string_lossy())
}

/// Makes a name safe: as a file name on Linux, macOS and Windows, as an argument, in a spreadsheet and on a terminal.
pub(super) fn safe(name: &str) -> String {
    let replaced: String = name.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    // A leading dot hides a file, a dash looks like a flag, the others begin a formula.
    let led = match replaced.chars().next() {
        None => "slide".into(),
        Some(first) if ['.', '-', '=', '+', '@', ' ', '~'].contains(&first) => format!("_{}", &replaced[1..]),
        Some(_) => replaced,
    };
    let mut id = led;
    id.truncate(floor_char_boundary(&id, MAX_BYTES));
    // Windows drops dots and spaces at the end, so two names would become one.
    let kept = id.trim_end_matches(['.', ' ']).len();
    if kept < id.len() {
        id = format!("{}{}", &id[..kept], "_".repeat(id.len() - kept));
    }
    let lower = key(&id);
    let before_dot = lower.split('.').next().unwrap_or_default().trim_end();
    let ours = OURS.contains(&lower.as_str()) || lower.starts_with("run_metadata_");
    if DEVICES.contains(&before_dot) || is_port(before_dot) || ours {
        return format!("_{id}");
    }
    // `maps/a.overlay.png` is the overlay of slide `a`.
    if lower.ends_with(".overlay") { format!("{id}_") } else { id }
}

/// Serial and printer ports of Windows: `com1`, `lpt¹`.
fn is_port(name: &str) -> bool {
    let number = name.strip_prefix("com").or_else(|| name.strip_prefix("lpt"));
    number
        .is_some_and(|number| number.chars().count() == 1 && number.starts_with(|c: char| "0123456789¹²³".contains(c)))
}

/// Characters that some file system refuses, that a terminal obeys, or that cannot be seen.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | char::REPLACEMENT_CHARACTER)
        // Marks without width, and those that turn the direction of writing.
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The last place at or before `at` where a text can be cut.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&place| text.is_char_boundary(place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<String> {
        assign_ids(&names.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    #[test]
    fn odd_names_become_safe_ones() {
        let table = [
            ("slides/CMU-1.svs", "CMU-1"),
            ("a b.c.svs", "a b.c"),
            ("TCGA-A1.01Z-00-DX1.uuid.svs", "TCGA-A1.01Z-00-DX1.uuid"),
            ("new\nline.svs", "new_line"),
            ("tab\tand\u{7f}del\u{1b}[31m.svs", "tab_and_del_[31m"),
            ("say \"x\".svs", "say _x_"),
            ("it's.svs", "it's"),
            ("..svs", "_"),
            ("..", "slide"),
            ("", "slide"),
            ("dir/..", "slide"),
            ("...tif", "__"),
            (".hidden.svs", "_hidden"),
            (".svs", "_svs"),
            ("-rf.svs", "_rf"),
            ("--help.svs", "_-help"),
            ("=cmd().svs", "_cmd()"),
            ("+1.svs", "_1"),
            ("@sum.svs", "_sum"),
            ("~root.svs", "_root"),
            (" lead.svs", "_lead"),
            ("<script>alert(1)<.svs", "_script_alert(1)_"),
            ("back\\slash.svs", "back_slash"),
            ("c:drive.svs", "c_drive"),
            ("what?*|.svs", "what___"),
            ("trail. .svs", "trail__"),
            ("dot..svs", "dot_"),
            ("con.svs", "_con"),
            ("CON.x.svs", "_CON.x"),
            ("nul .svs", "nul_"),
            ("com1.svs", "_com1"),
            ("LPT².svs", "_LPT²"),
            ("console.svs", "console"),
            ("com12.svs", "com12"),
            ("rtl\u{202e}gpj.svs", "rtl_gpj"),
            ("zero\u{200b}width.svs", "zero_width"),
            ("emoji \u{1f52c}.svs", "emoji \u{1f52c}"),
            ("Gewebe_ä.svs", "Gewebe_ä"),
            ("%00.svs", "%00"),
            ("run.svs", "_run"),
            ("Summary.svs", "_Summary"),
            ("run_metadata_20260131T235900.svs", "_run_metadata_20260131T235900"),
            ("a.overlay.svs", "a.overlay_"),
            ("a_overlay.svs", "a_overlay"),
        ];
        for (name, expected) in table {
            assert_eq!(ids(&[name]), [expected], "{name:?}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters_and_stay_apart() {
        let long = "ä".repeat(125);
        let found = ids(&[&format!("{long}1.svs"), &format!("{long}2.svs"), &format!("{long}3.tif")]);
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 3);
        assert!(found.iter().all(|id| id.len() <= MAX_BYTES + 12), "{found:?}");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_text_become_text() {
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
        assert_eq!(assign_ids(&[path(b"a\xff.svs"), path(b"a\xfe.svs")]), ["a__svs_2", "a__svs"]);
    }

    #[test]
    fn slides_of_one_name_are_told_apart_whatever_their_order() {
        assert_eq!(ids(&["a.svs", "a.ndpi", "b.svs"]), ["a_svs", "a_ndpi", "b"]);
        assert_eq!(ids(&["A.svs", "a.tif"]), ["A_svs", "a_tif"]);
        assert_eq!(ids(&["y/a.svs", "x/a.svs"]), ["a_svs_2", "a_svs"]);
        assert_eq!(ids(&["x/a.svs", "y/a.svs"]), ["a_svs", "a_svs_2"]);
        assert_eq!(
            ids(&["x/a.svs", "y/a.svs", "a_svs.tif", "a_svs_2.tif"]),
            ["a_svs_3", "a_svs_4", "a_svs", "a_svs_2"]
        );
        assert_eq!(ids(&["con.svs", "_con.svs"]), ["_con_svs_2", "_con_svs"]);
        assert_eq!(ids(&["a.svs", "a.svs"]), ["a_svs", "a_svs_2"]);
    }

    #[test]
    fn making_an_id_safe_twice_changes_nothing() {
        for name in ["=x", "con", "a. .", "run", "..", "a.overlay", "\u{202e}"] {
            let once = safe(name);
            assert_eq!(safe(&once), once, "{name:?}");
        }
    }
}
