//! `eosin doctor --warm`: kernels are compiled and tuned ahead, and kept.
//!
//! Each device has a process of its own, as a broken driver takes its process with it; that process answers with a line of
//! JSON for each model.

use super::args::{DoctorArgs, WarmArgs};
use super::said_by;
use crate::cli::text::{answer_json, plain, say};
use crate::cli::{exit, models};
use eosin::bench::Target;
use eosin::device::{Arithmetic, DeviceSpec, OpenDevice, cache, open_in};
use eosin::infer::{Predictor, PredictorConfig};
use eosin::nn::Bundle;
use eosin::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// How one model went on one device.
#[derive(Debug, Serialize, Deserialize)]
struct Warmed {
    device: String,
    model: String,
    precision: String,
    /// Tiles computed at once.
    batch: usize,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Outcome {
    Warm {
        /// Seconds of the first warm-up, with what had to be compiled and tuned.
        first_s: f64,
        /// Seconds of the one after it.
        again_s: f64,
        /// Kernels and decisions that were new; 0 when all was there.
        added: u64,
    },
    Failed {
        why_not: String,
    },
}

pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let warm = &args.warm_up;
    if !cache::KEPT {
        let message = "expected a build that keeps kernels, found one without";
        return Err(
            Error::new(ErrorKind::Usage, "RUN-0016", message).with_advice("build with `--features kernel-cache`")
        );
    }
    if warm.here {
        return here(warm);
    }
    let devices = if warm.device.is_empty() { gpus() } else { warm.device.clone() };
    // Before any process is started: a name that is not there is a slip of the user's.
    for model in &warm.model {
        models::folder_of(model)?;
    }
    let mut all = Vec::new();
    for device in &devices {
        all.extend(on(*device, warm, args.json)?);
    }
    if args.json {
        answer_json(&json!(all));
    } else if devices.is_empty() {
        say!("there is no GPU; the CPU has nothing to compile or tune");
    }
    let healthy = all.iter().all(|warmed| matches!(warmed.outcome, Outcome::Warm { .. }));
    Ok(ExitCode::from(if healthy { exit::DONE } else { exit::ENVIRONMENT }))
}

/// Those that a bench would take: every GPU, and software renderers where there is none.
fn gpus() -> Vec<DeviceSpec> {
    let (targets, _) = Target::ours(&[], &[Arithmetic::F32.to_string()]);
    targets.iter().filter_map(|target| target.device.parse().ok()).filter(|spec| *spec != DeviceSpec::Cpu).collect()
}

/// Warms models on a device in a process of its own, and says how each went as it is done.
fn on(device: DeviceSpec, args: &WarmArgs, json: bool) -> Result<Vec<Warmed>> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Io, "RUN-0015", format!("expected to start this program again, found: {error}"))
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["doctor", "--warm", "--here", "--device", &device.to_string()]);
    command.args(["--precision", args.precision.name()]);
    command.args(args.batch_size.map(|batch| format!("--batch-size={batch}")));
    command.args(args.model.iter().map(|model| format!("--model={model}")));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    // Read beside the answers: a driver that says much must not wait for us.
    let complaints = child.stderr.take().map(|pipe| std::thread::spawn(move || std::io::read_to_string(pipe)));
    let mut all = Vec::new();
    let told = |warmed: Warmed, all: &mut Vec<Warmed>| {
        if !json {
            say!("{}", line(&warmed));
        }
        all.push(warmed);
    };
    for answer in
        child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(std::result::Result::ok))
    {
        // Some drivers print on standard output.
        if let Ok(warmed) = serde_json::from_str(&answer) {
            told(warmed, &mut all);
        }
    }
    let status = child.wait().map_err(failed)?;
    let complaints =
        complaints.and_then(|thread| thread.join().ok()).and_then(std::result::Result::ok).unwrap_or_default();
    if !status.success() {
        let lost = Warmed {
            device: device.to_string(),
            model: String::new(),
            precision: args.precision.to_string(),
            batch: 0,
            outcome: Outcome::Failed { why_not: said_by(&complaints, status) },
        };
        told(lost, &mut all);
    }
    Ok(all)
}

fn line(warmed: &Warmed) -> String {
    let Warmed { device, model, precision, batch, outcome } = warmed;
    let of = format!("warm    {device:<10} {model}{}{precision}", if model.is_empty() { "" } else { ", " });
    match outcome {
        Outcome::Warm { first_s, again_s, added } => {
            let added = if *added > 0 { format!("{added} entries are new") } else { "all was there".to_owned() };
            format!("{of}, {batch} tiles: {first_s:.1} s, then {again_s:.1} s; {added}")
        }
        Outcome::Failed { why_not } => format!("{of}: does not work: {why_not}"),
    }
}

/// Warms models on one device in this process.
fn here(args: &WarmArgs) -> Result<ExitCode> {
    let device = args.device.first().copied().unwrap_or_default();
    let opened = open_in(device, args.precision)?;
    let bundles: Box<dyn Iterator<Item = Result<Bundle>>> = if args.model.is_empty() {
        let folders = models::folders()?;
        Box::new(Bundle::list(&folders).collect::<Vec<_>>().into_iter())
    } else {
        Box::new(args.model.iter().map(|model| models::find(model)))
    };
    let config = PredictorConfig::for_device(&opened, args.batch_size.map(usize::from));
    for bundle in bundles {
        let model = bundle.as_ref().map_or_else(models::folder_name, |bundle| bundle.name().to_owned());
        let outcome = bundle.and_then(|bundle| warmed(&bundle, &opened, config));
        let outcome = outcome.unwrap_or_else(|error| Outcome::Failed { why_not: error.without_path() });
        let (device, precision) = (device.to_string(), args.precision.to_string());
        let warmed = Warmed { device, model, precision, batch: config.batch, outcome };
        say!("{}", plain(&json!(warmed).to_string()));
    }
    Ok(ExitCode::from(exit::DONE))
}

fn warmed(bundle: &Bundle, device: &OpenDevice, config: PredictorConfig) -> Result<Outcome> {
    let before = cache::entries();
    let start = Instant::now();
    let predictor = Predictor::new(bundle, device, config)?;
    predictor.warm_up(bundle)?;
    let first_s = start.elapsed().as_secs_f64();
    let start = Instant::now();
    predictor.warm_up(bundle)?;
    let again_s = start.elapsed().as_secs_f64();
    Ok(Outcome::Warm { first_s, again_s, added: cache::entries().saturating_sub(before) })
}
