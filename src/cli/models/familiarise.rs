//! `eosin models familiarise`: a model learns to tell tiles that look unlike those it was trained on.

use super::args::FamiliariseArgs;
use super::folder_of;
use crate::cli::keys::{Keys, path};
use crate::cli::text::say;
use crate::cli::train::{progress_bar, show};
use crate::cli::{exit, interrupt};
use eosin::dataset::ReadEvent;
use eosin::device::open;
use eosin::train::{TrainConfig, TrainEvent, familiarise};
use eosin::{Error, Result};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &FamiliariseArgs) -> Result<ExitCode> {
    let model = folder_of(&args.model)?;
    let config = config(args, &model)?;
    let device = open(args.device)?;
    let (bar, cancel) = (progress_bar(args.quiet), interrupt::flag());
    let mut on_event = |event: TrainEvent| match event {
        TrainEvent::Data(ReadEvent::Reading { done, total }) => show(&bar, "reading", done, total),
        TrainEvent::Features { done, total } => show(&bar, "features", done, total),
        _ => {}
    };
    let outcome = familiarise(&model, &config, &device, &cancel, &mut on_event);
    bar.finish_and_clear();
    let card = outcome?;
    say!("{} is ready: its weights are as they were", card.name);
    if let Some(found) = &card.familiarity {
        say!("  fitted on {}, {} directions", found.fitted_on, found.directions);
        say!("  judged on {}, none of which changed the weights", found.judged_on);
        say!(
            "  unlike    beyond a squared distance of {:.4}; in the middle they have {:.4}",
            found.threshold,
            found.median
        );
        if let Some(flagged) = found.flagged {
            say!("            {:.1} % of them are, each of their groups held against the others", flagged * 100.0);
        }
    }
    Ok(ExitCode::from(exit::DONE))
}

/// The training's configuration with the flags over it. What the network sees is as in the model, unless the file says it.
fn config(args: &FamiliariseArgs, model: &Path) -> Result<TrainConfig> {
    let file = args.config.as_deref();
    let at_file = |error: Error| if let Some(file) = file { error.at_path(file) } else { error };
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| Error::io(file, "read the file", error))?,
        None => String::new(),
    };
    let mut keys = Keys::default();
    keys.set("out", path(Some(&args.out)));
    keys.set("init", path(Some(model)));
    // Of a new model; this one keeps its own.
    keys.set("card.name", Some("model"));
    keys.set("seed", args.seed);
    keys.set("split.validation", args.validation);
    keys.set("split.test", args.test);
    args.data.keys(&mut keys);
    TrainConfig::layered(&text, keys.0).map_err(at_file)
}
