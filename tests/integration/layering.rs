//! The layers of ARCHITECTURE.md, held by the source: what each module may use, and what may be named in few places only.
//!
//! Reads the files under `src` as text, without comments and literals, so doc links and messages are free. Invariant: a
//! module uses lower layers only, and of those only what its row allows. Macros are not expanded; what they name is not
//! seen.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module of the crate, with its layer and what it may use. The [`BASE`] is free to every module above it.
struct Row(u8, &'static str, Uses);

enum Uses {
    Only(&'static [&'static str]),
    /// Everything in lower layers.
    AllBelow,
}
use Uses::{AllBelow, Only};

/// Types and plain data that everything is made of: layers 0 and 1.
const BASE: [&str; 9] = ["draft", "error", "geometry", "limits", "random", "raster", "tiff_directory", "tile", "units"];

/// From the bottom up. Modules of one layer do not use each other; `units` and `draft` report what is wrong, so `error`
/// is the one exception.
const LAYERS: [Row; 32] = [
    Row(0, "draft", Only(&["error"])),
    Row(0, "error", Only(&[])),
    Row(0, "geometry", Only(&[])),
    Row(0, "limits", Only(&[])),
    Row(0, "random", Only(&[])),
    Row(0, "units", Only(&["error"])),
    Row(1, "cpu", Only(&["error", "random"])),
    Row(1, "raster", Only(&["error", "geometry", "limits", "units"])),
    Row(1, "tiff_directory", Only(&["error"])),
    Row(1, "tile", Only(&["error", "geometry", "limits", "units"])),
    Row(2, "device", Only(&["cpu"])),
    Row(2, "evaluate", Only(&[])),
    Row(2, "map", Only(&[])),
    Row(2, "ops", Only(&[])),
    Row(2, "slide", Only(&[])),
    Row(2, "spatial", Only(&[])),
    Row(2, "synthetic", Only(&[])),
    Row(2, "tissue", Only(&[])),
    Row(3, "gpu", Only(&["cpu", "device", "ops"])),
    Row(3, "measure", Only(&["evaluate", "map", "spatial"])),
    Row(3, "tiling", Only(&["slide", "tissue"])),
    Row(4, "dataset", Only(&["slide", "tiling"])),
    Row(4, "export", Only(&["evaluate", "map", "measure", "spatial", "tissue"])),
    Row(4, "nn", Only(&["cpu", "gpu", "ops"])),
    Row(4, "report", Only(&["evaluate", "map"])),
    Row(5, "infer", Only(&["cpu", "device", "gpu", "nn", "ops"])),
    Row(6, "assess", Only(&["dataset", "device", "evaluate", "export", "infer", "nn", "report"])),
    Row(6, "pipeline", AllBelow),
    Row(7, "bench", AllBelow),
    Row(
        7,
        "train",
        Only(&["assess", "dataset", "device", "evaluate", "export", "gpu", "infer", "nn", "ops", "report"]),
    ),
    Row(8, "cli", AllBelow),
    Row(9, "main", AllBelow),
];

/// Words that name a crate, a macro or a part of `std`, and the only modules in which they may stand.
const WORDS: [(&str, &[&str]); 21] = [
    // burn and what it runs on: slides, maps and outputs must build and be tested without it.
    ("burn", &["device", "gpu", "infer", "nn", "train"]),
    ("burn_cubecl", &["gpu"]),
    ("cubecl", &["device", "gpu", "infer"]),
    ("wgpu", &["device"]),
    // One place decodes, one resizes, one reads weights: each is strict in its own way.
    ("tiff", &["slide"]),
    ("fast_image_resize", &["raster"]),
    ("rawzip", &["nn"]),
    ("safetensors", &["nn"]),
    ("rust_hdf5", &["export"]),
    ("dicom_core", &["export"]),
    ("dicom_dictionary_std", &["export"]),
    ("dicom_object", &["export"]),
    ("zarrs", &["export"]),
    ("parquet", &["export"]),
    // The library is silent and takes no arguments.
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("signal_hook", &["cli"]),
    ("println!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("print!", &["cli"]),
    ("eprint!", &["cli"]),
];

#[test]
fn every_module_uses_only_what_its_layer_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    let mut found: Vec<String> = Vec::new();
    let mut modules = BTreeSet::new();
    for path in &files {
        let place = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        // Declares all modules and names their most used types; says nothing else.
        if place == "lib.rs" {
            continue;
        }
        modules.insert(module_of(&place).to_string());
        found.extend(violations(&place, &fs::read_to_string(path).unwrap()));
    }
    assert!(found.is_empty(), "{} breaches of the layers:\n{}", found.len(), found.join("\n"));
    let rows: BTreeSet<String> = LAYERS.iter().map(|row| row.1.to_string()).collect();
    assert_eq!(modules, rows, "modules under src on the left, rows of this table on the right");
}

#[test]
fn the_table_itself_goes_down_only() {
    for Row(layer, module, uses) in &LAYERS {
        let Only(uses) = uses else { continue };
        for used in *uses {
            let below = row(used).unwrap().0 < *layer || *used == "error";
            assert!(below, "{module} of layer {layer} may not use {used}");
        }
    }
    assert!(BASE.iter().all(|module| row(module).unwrap().0 < 2));
    for (word, allowed) in WORDS {
        assert!(
            allowed.iter().all(|module| row(module).is_some()),
            "{word} is allowed in a module that does not exist"
        );
    }
}

#[test]
fn breaches_are_seen_with_their_line_and_nothing_else_is() {
    let breaches = |place: &str, text: &str| violations(place, text);
    let expect = |place: &str, text: &str, parts: &[&str]| {
        let found = breaches(place, text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(parts.iter().all(|part| found[0].contains(part)), "{found:?}");
    };
    expect("map/mod.rs", "use crate::tile::X;\nuse crate::slide::Slide;", &["src/map/mod.rs:2", "map", "slide"]);
    expect("tissue/otsu.rs", "use crate::{\n    error::Result,\n    slide::{Level, Slide},\n};", &[":3", "slide"]);
    expect("gpu/load.rs", "fn f() { let _ = crate::nn::weights::LISTED; }", &[":1", "nn"]);
    expect("infer/mod.rs", "use crate::pipeline::Event;", &["pipeline"]);
    expect("units.rs", "use super::geometry::Size;", &["geometry"]);
    expect("slide/codec/mod.rs", "mod tests { use super::super::super::map; }", &["map"]);
    expect("gpu/mod.rs", "use crate::*;", &["*"]);
    expect("tiling/plan.rs", "use eosin::device::open;", &["device"]);
    expect("export/png.rs", "/* a /* b */ c */\nuse wgpu::Device;", &[":2", "wgpu"]);
    expect("pipeline/mod.rs", "println!(\"{}\", 1);", &["println!"]);
    expect("odd.rs", "fn f() {}\nuse crate::error::Result;", &["odd", "no row"]);

    let clean = "//! See crate::slide.\nuse crate::{Error, Result, raster::{self, Mask}};\nuse crate::map::palette;\n\
        const A: &str = \"crate::slide and wgpu\"; const B: &str = r#\"use \"burn\"\"#; const C: char = '\"'; // wgpu\n\
        fn print<'a>(x: &'a str) -> &'a str { x }\npub(crate) fn f() { super::map(); print(\"wgpu\") }";
    assert_eq!(breaches("map/mod.rs", clean), Vec::<String>::new());
    assert_eq!(breaches("synthetic/mod.rs", "mod tests { use super::tissue::Glass; }"), Vec::<String>::new());
    assert_eq!(breaches("cli/score.rs", "use eosin::pipeline::score;\nprintln!();"), Vec::<String>::new());
}

fn row(module: &str) -> Option<&'static Row> {
    LAYERS.iter().find(|row| row.1 == module)
}

/// `slide` for both `slide/codec/jpeg.rs` and `slide.rs`.
fn module_of(place: &str) -> &str {
    place.split('/').next().unwrap_or(place).trim_end_matches(".rs")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What a file, named as seen from `src`, does against the tables, one line each.
fn violations(place: &str, text: &str) -> Vec<String> {
    let code = code_only(text);
    let tokens = tokens(&code);
    let module = module_of(place);
    let Some(Row(layer, _, uses)) = row(module) else {
        return vec![format!("src/{place}:1: the module {module} has no row in tests/integration/layering.rs")];
    };
    let may_use = |used: &str| match (uses, row(used)) {
        _ if used == module => true,
        (_, None) => false,
        (AllBelow, Some(row)) => row.0 < *layer,
        (Only(uses), _) => uses.contains(&used) || (*layer > 1 && BASE.contains(&used)),
    };
    let mut found = Vec::new();
    for (line, used) in modules_used(place, &tokens) {
        if !may_use(used) {
            found.push(format!("src/{place}:{line}: {module} (layer {layer}) may not use {used}"));
        }
    }
    for (at, &(line, token)) in tokens.iter().enumerate() {
        let is_macro = tokens.get(at + 1).is_some_and(|next| next.1 == "!");
        let banned = WORDS.iter().find(|(word, allowed)| {
            let same = word
                .strip_suffix('!')
                .map_or(*word == token && names_a_crate(&tokens, at), |word| word == token && is_macro);
            same && !allowed.contains(&module)
        });
        if let Some((word, allowed)) = banned {
            found.push(format!("src/{place}:{line}: {word} belongs in {} only", allowed.join(", ")));
        }
    }
    found
}

/// True where a word begins a path (`tiff::`, `use tiff`), so that a field or a variable may have the same name.
fn names_a_crate(tokens: &[(usize, &str)], at: usize) -> bool {
    let token = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.1);
    let (before, after) = (token(at.checked_sub(1)), token(Some(at + 1)));
    before != "." && (after == "::" || before == "use" || before == "crate")
}

/// The modules of the crate that paths in a file lead to. Types that the crate's root gives out are those of `error`.
fn modules_used<'a>(place: &str, tokens: &[(usize, &'a str)]) -> Vec<(usize, &'a str)> {
    let depth = place.trim_end_matches("/mod.rs").split('/').count();
    let mut used = Vec::new();
    let mut supers = 0;
    for at in 0..tokens.len() {
        let (_, token) = tokens[at];
        if token == "super" {
            supers += 1;
        } else if token != "::" {
            supers = 0;
        }
        let after = tokens.get(at + 1).is_some_and(|next| next.1 == "::");
        let Some(&(line, name)) = tokens.get(at + 2).filter(|_| after) else { continue };
        match token {
            "crate" | "eosin" if name == "{" => used.extend(group(&tokens[at + 2..])),
            "crate" | "eosin" => used.push((line, name)),
            // An inline module in between makes one more `super` than there are folders, so a child of the file's own
            // module may stand here as well: only names of other modules count, and only followed by a path.
            "super" if supers >= depth && row(name).is_some() => {
                let is_path = tokens.get(at + 3).is_some_and(|next| next.1 == "::" || next.1 == ";");
                if is_path && !is_child(place, name) {
                    used.push((line, name));
                }
            }
            _ => {}
        }
    }
    let own = |name: &&str| matches!(*name, "Error" | "ErrorKind" | "Result" | "self");
    used.into_iter().map(|(line, name)| (line, if own(&name) { "error" } else { name })).collect()
}

/// True when a file's own module has a child of this name, such as `synthetic::tissue`.
fn is_child(place: &str, name: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module_of(place));
    folder.join(name).is_dir() || folder.join(name).with_extension("rs").is_file()
}

/// The first names of each path in `{a::x, b::{y, z}}`.
fn group<'a>(tokens: &[(usize, &'a str)]) -> Vec<(usize, &'a str)> {
    let mut names = Vec::new();
    let mut depth = 0;
    for pair in tokens.windows(2) {
        match pair[0].1 {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].1, "{" | ",") && pair[1].1 != "}" {
            names.push(pair[1]);
        }
    }
    names
}

/// Words, `::` and single signs, each with its line from 1.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            found.push((index + 1, token));
            rest = after.trim_start();
        }
    }
    found
}

/// The text with comments and literals taken out, its lines kept.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..length].chars().filter(|&c| c == '\n'));
            rest = &rest[length..];
        }
    }
    code
}

/// Bytes of the comment or literal at the start of `rest`, 0 when there is none. `before` is the sign in front of it.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !in_word || before == Some('b')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
        }
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    // A letter after a quote and no second quote is a lifetime.
    let mut signs = rest.chars();
    match (signs.next(), signs.next(), signs.next()) {
        (Some('\''), Some('\\'), _) | (Some('\''), Some(_), Some('\'')) => quoted(rest, '\''),
        _ => 0,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if sign == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}
