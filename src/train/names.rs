//! The names that a configuration gives: of the model, which becomes a folder, and of labels, which must be those of the
//! data. Both are checked before hours are spent on them.

use crate::error::{Error, ErrorKind, Result};
use crate::train::checkpoint;
use crate::train::config::TrainConfig;
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// What file systems take with room for a suffix.
const MAX_NAME_BYTES: usize = 200;
/// Labels that a message lists; a wrong column of a table has thousands.
const LISTED: usize = 20;

/// Checks that a model's name can be its folder beside the checkpoints.
///
/// # Errors
/// [`ErrorKind::Usage`] (`TRN-0102`).
pub(super) fn check_model(name: &str) -> Result<()> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    // Other systems have other separators and take names that differ in case for the same, and a model is handed on.
    let is_ours = checkpoint::is_ours(&name.to_lowercase());
    let odd = |sign: char| matches!(sign, '/' | '\\' | ':') || sign.is_control();
    let expected = if name.trim().is_empty() {
        "a name"
    } else if !plain || name.contains(odd) || name.starts_with('.') || name.trim() != name {
        "a plain folder name that does not begin with a point"
    } else if name.len() > MAX_NAME_BYTES {
        "at most 200 bytes"
    } else if is_ours {
        "a name that no checkpoint has"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Usage, "TRN-0102", format!("card.name: expected {expected}, found {name:?}")))
}

/// The classes among the labels of the data, sorted: all that are not excluded.
///
/// # Errors
/// [`ErrorKind::Usage`]: `TRN-0203` for a blank label; `TRN-0209` when `exclude` or `card.colors` names a label that never
/// occurs: a misspelt one would go into the model, or lose its colour, unsaid. An excluded label may have a colour.
pub(super) fn classes(config: &TrainConfig, labels: &BTreeSet<String>) -> Result<Vec<String>> {
    if let Some(blank) = labels.iter().find(|label| label.trim().is_empty()) {
        let message = format!("expected labels that can be read, found {blank:?}");
        return Err(Error::new(ErrorKind::Usage, "TRN-0203", message));
    }
    let excluded = config.exclude.iter().map(|label| ("exclude", label));
    let coloured = config.card.colors.keys().map(|label| ("card.colors", label));
    if let Some((key, label)) = excluded.chain(coloured).find(|(_, label)| !labels.contains(*label)) {
        let mut known: Vec<&str> = labels.iter().take(LISTED).map(String::as_str).collect();
        if labels.len() > LISTED {
            known.push("...");
        }
        let message = format!("{key}: expected labels of the data ({}), found {label:?}", known.join(", "));
        return Err(Error::new(ErrorKind::Usage, "TRN-0209", message));
    }
    Ok(labels.iter().filter(|label| !config.exclude.contains(label)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::CardConfig;
    use std::collections::BTreeMap;

    #[test]
    fn a_model_is_named_by_one_plain_folder_that_is_not_a_checkpoint() {
        for good in ["tissue-mobilenetv2.crc01", "a", "Gewebe 2", "best", "best-1.safetensors"] {
            check_model(good).unwrap();
        }
        let long = "a".repeat(201);
        let files = ["checkpoint.json", "Curves.csv", "best-00012.safetensors", "checkpoint-00001.safetensors"];
        let paths = ["", " ", ".", "..", "a/b", "a/", "/a", "../a", "a\\b", "c:", ".hidden", "a\n", " a"];
        for bad in files.iter().chain(&paths).chain([&long.as_str()]) {
            let error = check_model(bad).unwrap_err();
            assert!(error.code() == "TRN-0102" && error.message().contains("card.name"), "{bad}: {error}");
        }
    }

    #[test]
    fn labels_that_never_occur_are_refused_by_name() {
        let blank = BTreeSet::from([" ".to_owned()]);
        assert_eq!(classes(&TrainConfig::default(), &blank).unwrap_err().code(), "TRN-0203");
        let labels = BTreeSet::from(["fat", "mixed", "stroma"].map(str::to_owned));
        let config = |exclude: &str, coloured: &str| TrainConfig {
            exclude: vec![exclude.to_owned()],
            card: CardConfig { colors: BTreeMap::from([(coloured.to_owned(), [1, 2, 3])]), ..CardConfig::default() },
            ..TrainConfig::default()
        };
        assert_eq!(classes(&config("mixed", "fat"), &labels).unwrap(), ["fat", "stroma"]);
        assert_eq!(classes(&config("mixed", "mixed"), &labels).unwrap(), ["fat", "stroma"]);
        for (config, part) in [
            (config("mixd", "fat"), "exclude: expected labels of the data (fat, mixed, stroma), found \"mixd\""),
            (config("mixed", "fatt"), "card.colors: expected labels of the data (fat, mixed, stroma), found \"fatt\""),
        ] {
            let error = classes(&config, &labels).unwrap_err();
            assert_eq!((error.code(), error.message()), ("TRN-0209", part));
        }
    }
}
