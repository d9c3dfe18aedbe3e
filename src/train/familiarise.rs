//! A model and the tiles that it was trained on → the same model, which also tells tiles unlike them.
//!
//! Invariant: the weights stay as they are, to the byte; another folder is written, whole or not at all.

use crate::dataset::{self, Request, split};
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Bundle, Card, card_text, familiarised_bundle};
use crate::train::config::TrainConfig;
use crate::train::event::TrainEvent;
use crate::train::familiarity::{self, HEADING};
use crate::train::section::with_section;
use crate::train::step::Stage;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Measures what a model's training tiles look like to it, and writes the model with that to the folder `config.out`.
///
/// Of the configuration data, input, split and seed count: those of the training, so that the same tiles are kept apart.
///
/// # Errors
/// [`ErrorKind::Usage`]: `MOD-0401` when `config.out` exists, `TRN-0601` for a model without a card, `TRN-0602` for tiles
/// that the model sees otherwise or that are of other classes, `TRN-0603` when there are too few tiles to tell; those of
/// reading data and running the network.
pub fn familiarise(
    model: &Path,
    config: &TrainConfig,
    device: &OpenDevice,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<Card> {
    let fault = |code: &'static str, message: &str| Error::new(ErrorKind::Usage, code, message.to_owned());
    let (bundle, card) = carded(model, config)?;
    check_input(&bundle, config)?;
    // Its folder is not there yet.
    let request = Request { scratch: None, ..config.request() };
    let set = dataset::read(request, cancel, &mut |event| on_event(TrainEvent::Data(event)))?;
    let (expected, found) = (bundle.class_names(), set.targets.names());
    if !expected.is_empty() && expected != found {
        let message = format!("expected tiles of {}, found some of {}", expected.join(", "), found.join(", "));
        return Err(fault("TRN-0602", &message).with_advice("give the tiles that the model was trained on"));
    }
    let split = split(&set, &config.split, config.seed)?;
    let stage = Stage { set: &set, config, device, weights: Vec::new(), scale: None };
    let network = bundle.network(&device.device)?;
    let Some(fitted) = familiarity::fit(&stage, &network, &split, cancel, on_event)? else {
        return Err(fault("TRN-0603", "expected training tiles that differ, found too few or all the same"));
    };
    let body = format!(
        "{} Measured after the training, with `eosin models familiarise`; the weights are as they were.",
        fitted.table.describe()
    );
    let text = with_section(&card_text(model, &card)?, HEADING, &body);
    let card = Card { familiarity: Some(fitted.table), ..card };
    let card = familiarised_bundle(model, &config.out, &card, &fitted.model, &text)?;
    on_event(TrainEvent::Written { dir: config.out.clone() });
    Ok(card)
}

/// Opens a model that is to be written anew to `config.out`, and its card.
///
/// # Errors
/// [`ErrorKind::Usage`]: `MOD-0401` when that folder exists, `TRN-0601` for a model without a card; those of opening it and
/// of [`TrainConfig::check`].
pub(super) fn carded(model: &Path, config: &TrainConfig) -> Result<(Bundle, Card)> {
    config.check()?;
    if config.out.exists() {
        let message = "expected a new folder, found one that exists";
        return Err(Error::new(ErrorKind::Usage, "MOD-0401", message).at_path(&config.out));
    }
    let bundle = Bundle::open(model)?;
    let Some(card) = bundle.card().cloned() else {
        let message = "expected a model with a card, found one of WSInfer's zoo";
        return Err(Error::new(ErrorKind::Usage, "TRN-0601", message)
            .at_path(model)
            .with_advice("make a model folder of it first: `eosin models import FOLDER --out NEW`"));
    };
    Ok((bundle, card))
}

/// Refuses tiles that the network would not see as in its training.
pub(super) fn check_input(bundle: &Bundle, config: &TrainConfig) -> Result<()> {
    let (expected, input) = (bundle.preprocess(), &config.input);
    let same = (bundle.mpp() - input.um_per_px).abs() <= 0.0
        && (expected.tile_px, expected.input_px) == (input.tile_px, input.input_px)
        && (expected.mean, expected.std, expected.stain) == (input.mean, input.std, config.stain);
    if same {
        return Ok(());
    }
    let message = format!(
        "expected tiles of {} px at {} um/px, seen at {} px with colours as in the model's card, found others",
        expected.tile_px,
        bundle.mpp(),
        expected.input_px
    );
    Err(Error::new(ErrorKind::Usage, "TRN-0602", message).with_advice("leave [input] out, to have it as in the model"))
}
