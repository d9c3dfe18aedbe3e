//! Finding models by name, and `eosin models`.

mod architectures;
pub(crate) mod args;
mod bf16;
mod check;
mod familiarise;
mod import;
mod training;

use super::args::ModelArgs;
use super::exit;
use super::text::{answer_json, say};
use args::{ModelsArgs, ModelsCommand};
use eosin::cpu::Engine;
use eosin::nn::{Architecture, Bf16Difference, Bundle, Metrics};
use eosin::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Figures of a model that a list shows.
const LISTED: usize = 12;

/// Where models are looked for: `EOSIN_MODELS`, the folder `models` here, beside the program, and of the source tree that
/// the program was built from.
///
/// # Errors
/// [`ErrorKind::Usage`] `MOD-0003` when `EOSIN_MODELS` names no folder: a slip there must not look like having no model.
pub(crate) fn folders() -> Result<Vec<PathBuf>> {
    let asked_for = std::env::var_os("EOSIN_MODELS").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if let Some(folder) = asked_for.as_deref().filter(|folder| !folder.is_dir()) {
        let message = "expected the folder that EOSIN_MODELS names, found none";
        return Err(Error::new(ErrorKind::Usage, "MOD-0003", message).at_path(folder));
    }
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|folder| folder.join("models")));
    let candidates =
        [asked_for, Some(PathBuf::from("models")), beside, Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))];
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in candidates.into_iter().flatten().filter_map(|folder| folder.canonicalize().ok()) {
        if folder.is_dir() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// Opens a model by its folder or by its name.
///
/// # Errors
/// Those of [`folder_of`] and of opening it.
pub(crate) fn find(name: &str) -> Result<Bundle> {
    Bundle::open(&folder_of(name)?)
}

/// Opens the model that the flags say.
///
/// # Errors
/// Those of [`find`] and of opening it.
pub(crate) fn open(args: &ModelArgs) -> Result<Bundle> {
    let bundle = match (&args.config, &args.weights) {
        (Some(config), Some(weights)) => Bundle::open_wsinfer(config, weights)?,
        _ => find(&args.model)?,
    };
    Ok(if args.uncalibrated { bundle.uncalibrated() } else { bundle })
}

/// The folder of a model that is named, or that is the name.
///
/// # Errors
/// [`ErrorKind::Model`] `MOD-0002` with the names that there are.
pub(crate) fn folder_of(name: &str) -> Result<PathBuf> {
    if Path::new(name).is_dir() {
        return Ok(PathBuf::from(name));
    }
    let folders = folders()?;
    if let Some(folder) = folders.iter().map(|folder| folder.join(name)).find(|folder| folder.is_dir()) {
        return Ok(folder);
    }
    // A folder may be called otherwise than its model, and `eosin models` lists the model's name.
    let models = Bundle::names(&folders);
    if let Some((_, folder)) = models.iter().find(|(model, _)| model == name) {
        return Ok(folder.clone());
    }
    let known: Vec<&str> = models.iter().map(|(model, _)| model.as_str()).collect();
    let found = if known.is_empty() { "no model at all".to_string() } else { known.join(", ") };
    Err(Error::new(ErrorKind::Model, "MOD-0002", format!("expected a model named \"{name}\", found {found}"))
        .with_advice("give a model's folder, or set EOSIN_MODELS to the folder that holds models"))
}

/// The folder of a model that is damaged, by its name alone: what is printed may be handed on.
pub(crate) fn folder_name(error: &Error) -> String {
    let folder = error.path().and_then(|path| if path.is_dir() { Some(path) } else { path.parent() });
    let name = folder.and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

pub(crate) fn run(args: &ModelsArgs) -> Result<ExitCode> {
    match &args.command {
        Some(ModelsCommand::Check(args)) => check::run(args),
        Some(ModelsCommand::Import(args)) => import::run(args),
        Some(ModelsCommand::Familiarise(args)) => familiarise::run(args),
        Some(ModelsCommand::Bf16(args)) => bf16::run(args),
        Some(ModelsCommand::Architectures(args)) => Ok(architectures::run(args)),
        None => list(args),
    }
}

fn list(args: &ModelsArgs) -> Result<ExitCode> {
    let (mut rows, mut failed) = (Vec::new(), false);
    // One at a time: some models fill the memory of a small computer.
    for bundle in Bundle::list(&folders()?) {
        failed |= bundle.is_err();
        rows.push(to_json(&bundle));
        if !args.json {
            describe(&bundle);
        }
    }
    if args.json {
        answer_json(&Value::Array(rows));
    } else if rows.is_empty() {
        say!("no models found; set EOSIN_MODELS to the folder that holds models, or give `--model` a folder");
    }
    Ok(ExitCode::from(if failed { exit::USAGE } else { exit::DONE }))
}

fn describe(bundle: &Result<Bundle>) {
    let bundle = match bundle {
        Ok(bundle) => bundle,
        Err(error) => {
            say!("{}", folder_name(error));
            say!("  damaged   {}", error.without_path());
            return;
        }
    };
    say!("{}", bundle.name());
    if let Some(card) = bundle.card() {
        say!("  task      {}", card.task);
        say!("  licence   {}", card.licence);
        say!("  use       {}", card.intended_use);
    }
    let meaning = bundle.meaning();
    let columns: Vec<String> =
        bundle.class_names().iter().zip(0..).map(|(name, at)| meaning.titled(name, at)).collect();
    match columns.len() {
        0 => say!("  {:<9} {}", meaning.name(), bundle.spec().outputs()),
        _ => say!("  {:<9} {}", meaning.name(), columns.join(", ")),
    }
    let tile_px = bundle.preprocess().tile_px;
    say!("  network   {}, {tile_px} px at {} um/px", bundle.spec().architecture.name(), bundle.mpp());
    say!("  on CPUs   {}", cpu_engine(bundle.spec().architecture));
    if let Some(calibration) = bundle.calibration() {
        say!("  calibrated temperature {}, fitted on {}", calibration.temperature, calibration.fitted_on);
    }
    if let Some(difference) = bundle.bf16() {
        let Bf16Difference { max, bound, tiles, measured_on, .. } = difference;
        let verdict = if difference.is_within_bound() { "taken by `--precision auto`" } else { "only if asked for" };
        say!("  in bf16   {verdict}: scores move by up to {max}, bound {bound}; {tiles} {measured_on}");
    }
    if let Some(familiarity) = bundle.familiarity() {
        say!("  unlike    tiles beyond {:.4} of {}", familiarity.threshold, familiarity.fitted_on);
    }
    for line in bundle.card().map(|card| metric_lines(&card.metrics)).unwrap_or_default() {
        say!("  {line}");
    }
}

/// What computes a network on this computer's CPU, unless the reference is asked for.
pub(super) fn cpu_engine(architecture: Architecture) -> String {
    let kernels = Engine::kernels().next().filter(|_| architecture.has_graph());
    kernels.map_or_else(|| "burn".to_owned(), |kernels| format!("eosin {kernels}"))
}

/// A card's figures, each with its interval; of very many only the first.
fn metric_lines(metrics: &Metrics) -> Vec<String> {
    let is_end = |name: &str| {
        let figure = name.strip_suffix("_low").or(name.strip_suffix("_high"));
        figure.is_some_and(|figure| metrics.contains_key(figure))
    };
    let figures: Vec<_> = metrics.iter().filter(|(name, _)| !is_end(name)).collect();
    let line = |(name, value): &(&String, &f64)| {
        let end = |end: &str| metrics.get(&format!("{name}{end}"));
        let interval = end("_low").zip(end("_high"));
        let interval = interval.map_or(String::new(), |(low, high)| format!("  {low:.4} to {high:.4}"));
        format!("{name:<30} {value:.4}{interval}")
    };
    let mut lines: Vec<String> = figures.iter().take(LISTED).map(line).collect();
    if figures.len() > LISTED {
        lines.push(format!("and {} more figures in its card", figures.len() - LISTED));
    }
    lines
}

fn to_json(bundle: &Result<Bundle>) -> Value {
    match bundle {
        Ok(bundle) => json!({
            "name": bundle.name(),
            "task": bundle.card().map(|card| &card.task),
            "licence": bundle.card().map(|card| &card.licence),
            "intended_use": bundle.card().map(|card| &card.intended_use),
            "scores": bundle.meaning().name(),
            "classes": bundle.class_names(),
            "architecture": bundle.spec().architecture.name(),
            "tile_px": bundle.preprocess().tile_px,
            "input_px": bundle.preprocess().input_px,
            "cpu_engine": cpu_engine(bundle.spec().architecture),
            "mpp": bundle.mpp(),
            "digest": bundle.digest(),
            "calibration": bundle.calibration(),
            "familiarity": bundle.familiarity(),
            "bf16": bundle.bf16(),
            "metrics": bundle.card().map(|card| &card.metrics),
        }),
        Err(error) => json!({ "name": folder_name(error), "error": error.without_path() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_listed_with_their_intervals_and_not_without_end() {
        let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0.5)).collect::<Metrics>();
        let lines = metric_lines(&named(&["auc", "auc_high", "auc_low", "odd_low"]));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("0.5000  0.5000 to 0.5000") && lines[1].starts_with("odd_low"), "{lines:?}");
        let many: Metrics = (0..20).map(|at| (format!("m{at}"), 0.5)).collect();
        assert_eq!(metric_lines(&many).last().unwrap(), "and 8 more figures in its card");
    }
}
