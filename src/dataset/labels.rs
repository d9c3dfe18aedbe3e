//! The labels of the data → the classes of a model.

use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

/// Labels that a message lists; a wrong column of a table has thousands.
pub(super) const LISTED: usize = 20;

/// The classes among the labels of the data, sorted: all that are not excluded.
///
/// # Errors
/// [`ErrorKind::Usage`]: `TRN-0203` for a blank label; `TRN-0209` when `exclude` names a label that never occurs: a misspelt
/// one would go into the model unsaid.
pub(super) fn classes(exclude: &[String], labels: &BTreeSet<String>) -> Result<Vec<String>> {
    if let Some(blank) = labels.iter().find(|label| label.trim().is_empty()) {
        let message = format!("expected labels that can be read, found {blank:?}");
        return Err(Error::new(ErrorKind::Usage, "TRN-0203", message));
    }
    if let Some(label) = exclude.iter().find(|label| !labels.contains(*label)) {
        let mut known: Vec<&str> = labels.iter().take(LISTED).map(String::as_str).collect();
        if labels.len() > LISTED {
            known.push("...");
        }
        let message = format!("exclude: expected labels of the data ({}), found {label:?}", known.join(", "));
        return Err(Error::new(ErrorKind::Usage, "TRN-0209", message));
    }
    Ok(labels.iter().filter(|label| !exclude.contains(label)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_never_occur_are_refused_by_name() {
        let blank = BTreeSet::from([" ".to_owned()]);
        assert_eq!(classes(&[], &blank).unwrap_err().code(), "TRN-0203");
        let labels = BTreeSet::from(["fat", "mixed", "stroma"].map(str::to_owned));
        assert_eq!(classes(&["mixed".to_owned()], &labels).unwrap(), ["fat", "stroma"]);
        let error = classes(&["mixd".to_owned()], &labels).unwrap_err();
        let expected = "exclude: expected labels of the data (fat, mixed, stroma), found \"mixd\"";
        assert_eq!((error.code(), error.message()), ("TRN-0209", expected));
    }
}
