//! `eosin models check`: a model that opens, runs and gives finite numbers.

use super::args::CheckArgs;
use super::find;
use crate::cli::exit;
use crate::cli::text::{answer_json, say};
use eosin::Result;
use eosin::device::{OpenDevice, open};
use eosin::infer::{Predictor, PredictorConfig};
use eosin::nn::Bundle;
use serde_json::json;
use std::process::ExitCode;

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let bundle = find(&args.model)?;
    let device = open(args.device)?;
    let scores = proven(&bundle, &device)?;
    let tensors = bundle.weights().len();
    let numbers: usize = bundle.weights().iter().map(|(_, weight)| weight.data.len()).sum();
    if args.json {
        answer_json(&json!({
            "name": bundle.name(),
            "works": true,
            "device": { "kind": device.kind, "name": device.name, "backend": device.backend },
            "architecture": bundle.spec().architecture.name(),
            "digest": bundle.digest(),
            "tensors": tensors,
            "numbers": numbers,
            "outputs": scores.len(),
            "test_tile": scores,
        }));
        return Ok(ExitCode::from(exit::DONE));
    }
    say!("{}", bundle.name());
    say!("  network   {}, {tensors} tensors of {numbers} numbers, all finite", bundle.spec().architecture);
    say!("  digest    {}", bundle.digest());
    say!("  device    {} ({}, {})", device.name, device.kind, device.backend);
    let shown: Vec<String> = scores.iter().take(8).map(|score| format!("{score:.4}")).collect();
    let more = if scores.len() > shown.len() { ", ..." } else { "" };
    say!("  outputs   {}, all finite; a test tile gives {}{more}", scores.len(), shown.join(", "));
    say!("  it works; what it says is for research use only");
    Ok(ExitCode::from(exit::DONE))
}

/// Runs the test tile; off the CPU the device must agree with the CPU.
pub(super) fn proven(bundle: &Bundle, device: &OpenDevice) -> Result<Vec<f32>> {
    let predictor = Predictor::new(bundle, device, PredictorConfig { batch: 2, lanes: 1 })?;
    predictor.warm_up(bundle)?;
    predictor.try_out()
}
