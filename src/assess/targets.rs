//! The labels of the data ↔ the classes of a model.

use crate::dataset::{Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::Bundle;
use crate::tile::Meaning;
use std::collections::BTreeMap;

/// Asks of a set of tiles what a model says: its classes or numbers in the model's order. In `rename` are labels or columns of
/// the data that the model knows by another name. Columns of which the model knows none are taken for its numbers in order,
/// when they are as many, and a note of the set says so.
///
/// # Errors
/// [`ErrorKind::Usage`]: `EVA-0008` for a label that the model does not have, or a name in `rename` that the data do not
/// have; `EVA-0009` when the model estimates numbers and the data have classes, or the other way round, or other numbers, or
/// when the model only describes tiles.
pub fn ask(bundle: &Bundle, set: &mut TileSet, rename: &BTreeMap<String, String>) -> Result<()> {
    expect_scores(bundle)?;
    let names = bundle.class_names();
    let found = set.targets.names();
    let estimates = match (bundle.meaning(), &set.targets) {
        (Meaning::Estimates(_), Targets::Numbers(_)) => true,
        (Meaning::Estimates(_), Targets::Classes(_)) => {
            return Err(wrong_kind("expected numbers for this model, found labels"));
        }
        (_, Targets::Classes(_)) => false,
        (_, Targets::Numbers(_)) => return Err(wrong_kind("expected labels for this model, found numbers")),
    };
    if let Some(unknown) = rename.keys().find(|name| !found.contains(name)) {
        let what = if estimates { "columns" } else { "labels" };
        return Err(unknown_name(format!("expected {what} of the data ({}), found {unknown:?}", found.join(", "))));
    }
    let called: Vec<&String> = found.iter().map(|name| rename.get(name).unwrap_or(name)).collect();
    if estimates {
        let (columns, note) = columns(&names, &called)?;
        set.notes.extend(note);
        for tile in &mut set.tiles {
            if let Truth::Numbers(numbers) = &mut tile.truth {
                *numbers = columns.iter().map(|&column| numbers[column]).collect();
            }
        }
        set.targets = Targets::Numbers(names);
        return Ok(());
    }
    let places: Vec<usize> = called.into_iter().map(|name| class(&names, name)).collect::<Result<_>>()?;
    for tile in &mut set.tiles {
        if let Truth::Class(class) = &mut tile.truth {
            *class = places[*class];
        }
    }
    set.targets = Targets::Classes(names);
    Ok(())
}

/// Refuses a model that says nothing that could be right or wrong.
pub(super) fn expect_scores(bundle: &Bundle) -> Result<()> {
    if bundle.meaning() == Meaning::Features {
        return Err(wrong_kind("expected a model of classes, findings or numbers, found one of features"));
    }
    Ok(())
}

/// The place of a class among those of the model.
fn class(names: &[String], name: &String) -> Result<usize> {
    names.iter().position(|class| class == name).ok_or_else(|| {
        unknown_name(format!("expected classes of the model ({}), found {name:?}", names.join(", ")))
            .with_advice("leave its tiles out (--exclude), or say what it is called (--rename LABEL=CLASS)")
    })
}

/// Which column each number of the model is in, and what has to be said of that.
fn columns(names: &[String], found: &[&String]) -> Result<(Vec<usize>, Option<String>)> {
    let refused = || {
        let found = found.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        wrong_kind(format!("expected the numbers {}, found {found}", names.join(", ")))
            .with_advice("name the columns with --values, and what they are called with --rename COLUMN=NAME")
    };
    if found.len() != names.len() {
        return Err(refused());
    }
    if found.iter().any(|name| names.contains(name)) {
        let place = |name| found.iter().position(|column| *column == name).ok_or_else(refused);
        return Ok((names.iter().map(place).collect::<Result<_>>()?, None));
    }
    let pairs: Vec<String> = found.iter().zip(names).map(|(column, name)| format!("{column} for {name}")).collect();
    Ok(((0..names.len()).collect(), Some(format!("columns are taken in order: {}", pairs.join(", ")))))
}

fn unknown_name(message: String) -> Error {
    Error::new(ErrorKind::Usage, "EVA-0008", message)
}

fn wrong_kind(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, "EVA-0009", message)
}
