//! `eosin doctor`: what would work on this computer and what would not.

pub(crate) mod args;
mod warm;

use super::text::{answer_json, say};
use super::{exit, models};
use args::DoctorArgs;
use eosin::cpu::Engine;
use eosin::device::cache::CacheFacts;
use eosin::device::{Adapter, DeviceSpec, adapters, cache, open};
use eosin::gpu::unpack::unpack;
use eosin::nn::Bundle;
use eosin::ops::unpack::{Normalisation, UnpackShape, unpack as unpack_on_cpu};
use eosin::{Error, ErrorKind, Result};
use serde_json::json;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    if let Some(spec) = args.probe {
        return probe(spec).map(|()| ExitCode::from(exit::DONE));
    }
    if args.warm {
        return warm::run(args);
    }
    if args.clear_cache {
        return clear(args.json);
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let found = adapters();
    let devices: Vec<_> = std::iter::once(("cpu".to_string(), format!("CPU, {cores} cores"), String::new()))
        .chain(specs(&found).into_iter().zip(&found).map(|(spec, adapter)| {
            (spec, format!("{}, {}", adapter.name, adapter.kind.name()), adapter.driver.clone())
        }))
        .map(|(spec, about, driver)| {
            let works = works(&spec);
            (spec, about, driver, works)
        })
        .collect();
    // Of models that are whole only the name is kept.
    let bundles: Vec<Result<String>> =
        Bundle::list(&models::folders()?).map(|bundle| bundle.map(|bundle| bundle.name().to_owned())).collect();
    let kernels: Vec<&str> = Engine::kernels().collect();
    let writable = tempfile::tempfile_in(".").is_ok();
    let cache = cache::look();
    if args.json {
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "devices": devices.iter().map(|(spec, about, driver, works)| json!({
                "device": spec, "about": about, "driver": driver, "works": works.is_ok(), "why_not": works.as_ref().err(),
            })).collect::<Vec<_>>(),
            "models": bundles.iter().map(|bundle| match bundle {
                Ok(name) => json!({ "name": name, "works": true }),
                Err(error) => json!({
                    "name": models::folder_name(error), "works": false, "why_not": error.without_path(),
                }),
            }).collect::<Vec<_>>(),
            "cpu_kernels": kernels,
            "bf16": Engine::matrix_kernels(),
            "current_folder_writable": writable,
            "cache": {
                "kept": cache::KEPT, "folder": cache.folder, "writable": cache.writable, "adapters": cache.adapters, "bytes": cache.bytes,
            },
        });
        answer_json(&report);
    } else {
        say!("eosin {}", env!("CARGO_PKG_VERSION"));
        for (spec, about, driver, works) in &devices {
            let verdict = works.as_ref().map_or_else(|why| format!("does not work: {why}"), |()| "works".to_string());
            say!("device  {spec:<10} {about}{}{driver}: {verdict}", if driver.is_empty() { "" } else { ", driver " });
        }
        say!(
            "kernels {} for networks on the CPU{}",
            kernels[0],
            match &kernels[1..] {
                [] => String::new(),
                others => format!("; {} would run, too", others.join(" and ")),
            }
        );
        say!(
            "bf16    {}",
            match Engine::matrix_kernels() {
                Some(name) => format!("{name}; `--precision bf16` works"),
                None => "this processor or system has no matrix units for it (AMX)".to_owned(),
            }
        );
        for bundle in &bundles {
            match bundle {
                Ok(name) => say!("model   {name}: whole"),
                Err(error) => {
                    say!("model   {}: damaged: {}", models::folder_name(error), error.without_path());
                }
            }
        }
        if bundles.is_empty() {
            say!("model   none found; set EOSIN_MODELS to the folder that holds models, or give `--model` a folder");
        }
        say!("folder  the current one is {}", if writable { "writable" } else { "not writable" });
        say!("cache   {}", about_cache(&cache));
    }
    let healthy = devices.iter().all(|device| device.3.is_ok()) && bundles.iter().all(Result::is_ok);
    Ok(ExitCode::from(if healthy { exit::DONE } else { exit::ENVIRONMENT }))
}

/// Removes what is kept, and says how much that was.
fn clear(json: bool) -> Result<ExitCode> {
    let before = cache::look();
    cache::clear()?;
    if json {
        answer_json(&json!({ "folder": before.folder, "removed_bytes": before.bytes }));
    } else if let Some(folder) = &before.folder {
        say!("cache   {}: {} removed", folder.display(), mib(before.bytes));
    } else {
        say!("cache   no folder is known; set {} to one", cache::VARIABLE);
    }
    Ok(ExitCode::from(exit::DONE))
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Each adapter as `--device` has it.
fn specs(adapters: &[Adapter]) -> Vec<String> {
    adapters.iter().enumerate().map(|(index, adapter)| format!("{}:{index}", adapter.api)).collect()
}

fn about_cache(cache: &CacheFacts) -> String {
    if !cache::KEPT {
        return "this build keeps none, so GPUs are tuned in every run anew".to_owned();
    }
    let Some(folder) = &cache.folder else {
        return format!("no folder is known; set {} to one, or GPUs are tuned in every run anew", cache::VARIABLE);
    };
    let writable = if cache.writable { "writable" } else { "not writable, so GPUs are tuned in every run anew" };
    format!("{}: {writable}; {} of {} adapters", folder.display(), mib(cache.bytes), cache.adapters)
}

/// Tries a device in a child process, as a broken driver takes its process with it.
fn works(spec: &str) -> Result<(), String> {
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    let child = Command::new(exe)
        .args(["doctor", "--probe", spec])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if child.status.success() {
        return Ok(());
    }
    Err(said_by(&String::from_utf8_lossy(&child.stderr), child.status))
}

/// Why a child process failed.
fn said_by(stderr: &str, status: ExitStatus) -> String {
    let said = stderr.lines().find_map(|line| line.strip_prefix("eosin: ")).map(String::from);
    said.unwrap_or_else(|| format!("the driver ended the process ({status})"))
}

/// Runs one kernel on a device and compares it with the CPU.
fn probe(spec: DeviceSpec) -> Result<()> {
    let device = open(spec)?;
    let shape = UnpackShape { tiles: 2, input_px: 8, output_px: 6 };
    let bytes: Vec<u8> = (0..shape.bytes()).map(|at| u8::try_from(at * 7 % 256).unwrap_or(0)).collect();
    let normalisation = Normalisation::new([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]);
    let refuse = |found: String| {
        Error::new(ErrorKind::Device, "DEV-0006", format!("expected right numbers from the device, found {found}"))
    };
    let found = unpack(&bytes, shape, normalisation, &device.device)
        .try_into_data()
        .map_err(|error| refuse(error.to_string()))?
        .try_to_vec::<f32>()
        .map_err(|error| refuse(format!("{error:?}")))?;
    let expected = unpack_on_cpu(&bytes, shape, normalisation);
    // One rounding more or less, where the device fuses the multiplication with the addition.
    match found.iter().zip(&expected).position(|(found, expected)| (found - expected).abs() > 1e-5) {
        None if found.len() == expected.len() => Ok(()),
        None => Err(refuse(format!("{} values in place of {}", found.len(), expected.len()))),
        Some(at) => Err(refuse(format!("{} in place of {} at {at}", found[at], expected[at]))),
    }
}
