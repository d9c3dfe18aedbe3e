//! The labels of the data ↔ the classes of a model.

use crate::dataset::{Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Activation, Bundle};
use std::collections::BTreeMap;

/// Asks of a set of tiles what a model says: its classes in the model's order, where some labels have other names.
///
/// # Errors
/// [`ErrorKind::Usage`]: `EVA-0008` for a label that the model does not have, or a name in `rename` that the data do not
/// have; `EVA-0009` when the model estimates numbers and the data have classes, or the other way round, or other numbers.
pub fn ask(bundle: &Bundle, set: &mut TileSet, rename: &BTreeMap<String, String>) -> Result<()> {
    let names = bundle.class_names();
    let fault = |code, message| Error::new(ErrorKind::Usage, code, message);
    let estimates = bundle.activation() == Activation::Identity;
    match &set.targets {
        Targets::Classes(labels) if !estimates => {
            if let Some(unknown) = rename.keys().find(|label| !labels.contains(label)) {
                let message = format!("expected labels of the data ({}), found {unknown:?}", labels.join(", "));
                return Err(fault("EVA-0008", message));
            }
            let place = |label: &String| {
                let name = rename.get(label).unwrap_or(label);
                names.iter().position(|class| class == name).ok_or_else(|| {
                    let message = format!("expected classes of the model ({}), found {name:?}", names.join(", "));
                    fault("EVA-0008", message)
                        .with_advice("leave its tiles out (--exclude), or say what it is called (--rename LABEL=CLASS)")
                })
            };
            let places: Vec<usize> = labels.iter().map(place).collect::<Result<_>>()?;
            for tile in &mut set.tiles {
                if let Truth::Class(class) = &mut tile.truth {
                    *class = places[*class];
                }
            }
            set.targets = Targets::Classes(names);
            Ok(())
        }
        Targets::Numbers(columns) if estimates && *columns == names => Ok(()),
        Targets::Numbers(columns) if estimates => {
            let message = format!("expected the numbers {}, found {}", names.join(", "), columns.join(", "));
            Err(fault("EVA-0009", message).with_advice("name the columns with --values, in this order"))
        }
        targets => {
            let found = if matches!(targets, Targets::Classes(_)) { "labels" } else { "numbers" };
            let expected = if estimates { "numbers" } else { "labels" };
            Err(fault("EVA-0009", format!("expected {expected} for this model, found {found}")))
        }
    }
}
