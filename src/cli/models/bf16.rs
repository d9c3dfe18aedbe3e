//! `eosin models bf16`: a model's card learns how far scores move when convolutions multiply in bf16.

use super::args::Bf16Args;
use super::{folder_of, training};
use crate::cli::text::{answer_json, say, tell};
use crate::cli::train::{progress_bar, show};
use crate::cli::{exit, interrupt};
use eosin::Result;
use eosin::cpu::BF16_TWIN;
use eosin::dataset::ReadEvent;
use eosin::nn::Bf16Difference;
use eosin::train::{Bf16Config, Bf16Event, Bf16Report, measure_bf16};
use serde_json::json;
use std::process::ExitCode;

pub(super) fn run(args: &Bf16Args) -> Result<ExitCode> {
    let model = folder_of(&args.model)?;
    let config = training::config(args.config.as_deref(), &model, &args.out, |keys| args.data.keys(keys))?;
    let asked = Bf16Config { kept_apart: args.kept_apart, bound: args.bound, measured_on: args.measured_on.clone() };
    let (bar, cancel) = (progress_bar(args.quiet), interrupt::flag());
    let outcome = measure_bf16(&model, &config, &asked, &cancel, &|event| match event {
        Bf16Event::Data(ReadEvent::Reading { done, total }) => show(&bar, "reading", done, total),
        // What is left out is said even when quiet.
        Bf16Event::Data(ReadEvent::Skipped { tile, reason }) => {
            bar.suspend(|| tell!("skipped  {tile}: {reason}"));
        }
        Bf16Event::Scoring { arithmetic, done, total } => show(&bar, arithmetic.name(), done, total),
        _ => {}
    });
    bar.finish_and_clear();
    let Bf16Report { card, difference, beyond, engines } = outcome?;
    let is_twin = engines[1].contains(BF16_TWIN);
    if args.json {
        answer_json(&json!({
            "name": card.name,
            "bf16": difference,
            "within_bound": difference.is_within_bound(),
            "beyond": beyond,
            "engines": { "f32": engines[0], "bf16": engines[1] },
            "twin": is_twin,
        }));
        return Ok(ExitCode::from(exit::DONE));
    }
    let Bf16Difference { max, median, flips, tiles, bound, measured_on } = &difference;
    say!("{} is ready: its weights are as they were", card.name);
    say!("  in f32    {}", engines[0]);
    let why = "; this processor has no matrix unit, and the twin gives its numbers but for the order of sums";
    say!("  in bf16   {}{}", engines[1], if is_twin { why } else { "" });
    say!("  tiles     {measured_on}");
    say!("");
    say!(
        "  {:>7}  {:>9}  {:>9}  {:>7}  {:>6}  {:>17}",
        "tiles",
        "median",
        "largest",
        "bound",
        "beyond",
        "decisions changed"
    );
    say!("  {tiles:>7}  {median:>9}  {max:>9}  {bound:>7}  {beyond:>6}  {flips:>17}");
    say!("");
    say!("  {}", verdict(&difference));
    Ok(ExitCode::from(exit::DONE))
}

/// What `--precision auto` makes of it, and why.
fn verdict(difference: &Bf16Difference) -> String {
    let Bf16Difference { max, bound, .. } = difference;
    if difference.is_within_bound() {
        format!(
            "`--precision auto` takes bf16 where the processor has it: no score moved by {bound}, the bound, or more"
        )
    } else {
        format!("`--precision auto` stays with f32: a score moved by {max}, and the bound is {bound}")
    }
}
