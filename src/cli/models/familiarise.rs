//! `eosin models familiarise`: a model learns to tell tiles that look unlike those it was trained on.

use super::args::FamiliariseArgs;
use super::{folder_of, training};
use crate::cli::text::say;
use crate::cli::train::{progress_bar, show};
use crate::cli::{exit, interrupt};
use eosin::Result;
use eosin::dataset::ReadEvent;
use eosin::device::open;
use eosin::train::{TrainEvent, familiarise};
use std::process::ExitCode;

pub(super) fn run(args: &FamiliariseArgs) -> Result<ExitCode> {
    let model = folder_of(&args.model)?;
    let config = training::config(args.config.as_deref(), &model, &args.out, |keys| {
        keys.set("seed", args.seed);
        keys.set("split.validation", args.validation);
        keys.set("split.test", args.test);
        args.data.keys(keys);
    })?;
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
