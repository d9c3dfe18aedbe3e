//! The names that a configuration gives: of the model, which becomes a folder, and of what is coloured, which must be in
//! the data. Both are checked before hours are spent on them.

use crate::error::{Error, ErrorKind, Result};
use crate::train::checkpoint;
use crate::train::config::TrainConfig;
use std::path::{Component, Path};

/// What stands beside the model.
const OUTPUTS: [&str; 7] = [
    "config.toml",
    "predictions.csv",
    "evaluation.json",
    "evaluation.html",
    "loss.svg",
    "figures.svg",
    "cross-validation.json",
];
/// What file systems take with room for a suffix.
const MAX_NAME_BYTES: usize = 200;

/// Checks that a model's name can be its folder beside the checkpoints.
///
/// # Errors
/// [`ErrorKind::Usage`] (`TRN-0102`).
pub(super) fn check_model(name: &str) -> Result<()> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    // Other systems have other separators and take names that differ in case for the same, and a model is handed on.
    let lower = name.to_lowercase();
    let is_ours = checkpoint::is_ours(&lower) || OUTPUTS.contains(&lower.as_str()) || lower.starts_with("fold-");
    let odd = |sign: char| matches!(sign, '/' | '\\' | ':') || sign.is_control();
    let expected = if name.trim().is_empty() {
        "a name"
    } else if !plain || name.contains(odd) || name.starts_with('.') || name.trim() != name {
        "a plain folder name that does not begin with a point"
    } else if name.len() > MAX_NAME_BYTES {
        "at most 200 bytes"
    } else if is_ours {
        "a name that no file of a run has"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Usage, "TRN-0102", format!("card.name: expected {expected}, found {name:?}")))
}

/// Checks that colours, roles and thresholds are of outputs that the model has: a misspelt one would be lost unsaid.
///
/// # Errors
/// [`ErrorKind::Usage`] `TRN-0209`.
pub(super) fn check_classes(config: &TrainConfig, names: &[String]) -> Result<()> {
    let card = &config.card;
    let known = |name: &String| names.contains(name) || config.exclude.contains(name);
    let unknown = [
        ("colors", card.colors.keys().find(|name| !known(name))),
        ("roles", card.roles.keys().find(|name| !known(name))),
        ("thresholds", card.thresholds.keys().find(|name| !known(name))),
    ];
    match unknown.into_iter().find_map(|(key, name)| Some((key, name?))) {
        Some((key, name)) => {
            let message = format!("card.{key}: expected names of the data ({}), found {name:?}", names.join(", "));
            Err(Error::new(ErrorKind::Usage, "TRN-0209", message))
        }
        None => Ok(()),
    }
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
        let files = [
            "Evaluation.html",
            "fold-1",
            "checkpoint.json",
            "Curves.csv",
            "best-00012.safetensors",
            "checkpoint-00001.safetensors",
        ];
        let paths = ["", " ", ".", "..", "a/b", "a/", "/a", "../a", "a\\b", "c:", ".hidden", "a\n", " a"];
        for bad in files.iter().chain(&paths).chain([&long.as_str()]) {
            let error = check_model(bad).unwrap_err();
            assert!(error.code() == "TRN-0102" && error.message().contains("card.name"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_colour_of_nothing_is_refused_and_one_of_an_excluded_label_is_not() {
        let config = |coloured: &str| TrainConfig {
            exclude: vec!["mixed".to_owned()],
            card: CardConfig { colors: BTreeMap::from([(coloured.to_owned(), [1, 2, 3])]), ..CardConfig::default() },
            ..TrainConfig::default()
        };
        let names = ["fat", "stroma"].map(str::to_owned);
        check_classes(&config("fat"), &names).unwrap();
        check_classes(&config("mixed"), &names).unwrap();
        let error = check_classes(&config("fatt"), &names).unwrap_err();
        let expected = "card.colors: expected names of the data (fat, stroma), found \"fatt\"";
        assert_eq!((error.code(), error.message()), ("TRN-0209", expected));
    }
}
