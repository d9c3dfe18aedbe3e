//! `eosin models import`: another library's weights become a model folder.
//!
//! The folder has its name only when its model has opened, run and given finite numbers.

use super::args::ImportArgs;
use super::check::proven;
use crate::cli::exit;
use crate::cli::text::say;
use eosin::device::{DeviceSpec, open};
use eosin::nn::{
    Activation, Bundle, Card, CardArchitecture, Class, Imported, Input, Metrics, NetworkSpec, VitShape, WeightsFile,
    WsinferConfig, write_proven_bundle, zoo_files,
};
use eosin::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a card needs and a weights file does not say.
struct Facts {
    architecture: Option<String>,
    classes: Vec<Class>,
    activation: Activation,
    mpp: f64,
    tile_px: Option<u32>,
    input_px: Option<u32>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
}

pub(super) fn run(args: &ImportArgs) -> Result<ExitCode> {
    let (config, file) = sources(args)?;
    let facts = match &config {
        Some(config) => Facts::of_config(WsinferConfig::read(config)?),
        None => Facts::of_flags(args)?,
    };
    let network = network(args, &facts)?;
    let imported = Imported::read(&file, args.part.as_deref(), network, facts.classes.len())?;
    let card = card(args, facts, &imported)?;
    let works = |folder: &Path| proven(&Bundle::open(folder)?, &open(DeviceSpec::Cpu)?).map(|_| ());
    write_proven_bundle(&args.out, &card, &imported.weights, &text(&card, &imported), works)?;
    let spec = &imported.spec;
    say!("{} is ready: {}, {} outputs", card.name, spec.architecture, spec.outputs());
    let Input { mpp, tile_px, mean, std, .. } = &card.input;
    say!("  tiles     {tile_px} px at {mpp} um/px, seen by the network as {} px", card.input.input_px());
    say!("  colours   mean {mean:?}, std {std:?}");
    say!("  network   padding {}, epsilon {}", spec.padding, spec.epsilon());
    say!("check these and the licence against where the weights come from; a file does not say them");
    Ok(ExitCode::from(exit::DONE))
}

/// The configuration, when there is one, and the weights.
fn sources(args: &ImportArgs) -> Result<(Option<PathBuf>, PathBuf)> {
    let (config, weights) = zoo_files(&args.file);
    if !args.file.is_dir() {
        return Ok((args.config.clone(), args.file.clone()));
    }
    if args.config.is_none() {
        let given = [
            ("--classes", !args.classes.is_empty()),
            ("--features", args.features),
            ("--activation", args.activation.is_some()),
            ("--mpp", args.mpp.is_some()),
            ("--tile-px", args.tile_px.is_some()),
            ("--input-px", args.input_px.is_some()),
            ("--mean", args.mean.is_some()),
            ("--std", args.std.is_some()),
        ];
        if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) {
            let message = format!("expected what config.json says, found {flag}");
            return Err(Error::new(ErrorKind::Usage, "MOD-0402", message)
                .at_path(&args.file)
                .with_advice("give the weights file in place of the folder, to state everything yourself"));
        }
    }
    Ok((Some(args.config.clone().unwrap_or(config)), weights))
}

impl Facts {
    fn of_config(config: WsinferConfig) -> Self {
        let WsinferConfig { architecture, classes, input, activation } = config;
        Self {
            architecture,
            classes,
            activation,
            mpp: input.mpp,
            tile_px: Some(input.tile_px),
            input_px: input.input_px,
            mean: Some(input.mean),
            std: Some(input.std),
        }
    }

    fn of_flags(args: &ImportArgs) -> Result<Self> {
        let missing = |what: &str| {
            let message = format!("expected {what}, found neither that nor a WSInfer configuration");
            Error::new(ErrorKind::Usage, "MOD-0402", message)
        };
        if args.classes.is_empty() && !args.features {
            return Err(missing("--classes or --features"));
        }
        let classes: Vec<Class> = args.classes.iter().map(|class| named(class)).collect();
        let usual = match classes.len() {
            0 => Activation::Identity,
            1 => Activation::Sigmoid,
            _ => Activation::Softmax,
        };
        Ok(Self {
            architecture: None,
            activation: args.activation.map_or(usual, Into::into),
            classes,
            mpp: args.mpp.ok_or_else(|| missing("--mpp"))?,
            tile_px: args.tile_px,
            input_px: args.input_px,
            mean: args.mean,
            std: args.std,
        })
    }
}

/// `name`, or `name:unit`.
fn named(text: &str) -> Class {
    let (name, unit) = text.split_once(':').map_or((text, None), |(name, unit)| (name, Some(unit.trim().to_owned())));
    Class { unit, ..Class::named(name.trim()) }
}

/// The network that the arguments or the configuration name; none when its tensors are to tell.
fn network(args: &ImportArgs, facts: &Facts) -> Result<Option<NetworkSpec>> {
    let Some(name) = args.arch.as_ref().or(facts.architecture.as_ref()) else {
        let stray = [
            ("--padding", args.padding.is_some()),
            ("--width", args.width.is_some()),
            ("--epsilon", args.epsilon.is_some()),
            ("--vit", args.vit.is_some()),
        ];
        return match stray.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                Err(Error::new(ErrorKind::Usage, "MOD-0402", format!("expected --arch with {flag}, found none")))
            }
            None => Ok(None),
        };
    };
    let mut spec = NetworkSpec::named(name, facts.classes.len())?;
    spec.padding = args.padding.map_or(spec.padding, Into::into);
    spec.variant.width = args.width.or(spec.variant.width);
    spec.variant.epsilon = args.epsilon.or(spec.variant.epsilon);
    if let Some(path) = &args.vit {
        spec.variant.vit = Some(VitShape::read(path)?);
    }
    spec.check()?;
    Ok(Some(spec))
}

fn card(args: &ImportArgs, facts: Facts, imported: &Imported) -> Result<Card> {
    let spec = &imported.spec;
    let (mean, std) = colours(args, &facts, spec)?;
    let folder = args.out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Card {
        schema: 1,
        name: args.name.clone().unwrap_or(folder),
        task: args.task.clone(),
        version: "1".to_owned(),
        licence: args.licence.clone(),
        attribution: args.attribution.clone(),
        intended_use: "research use only, not for diagnosis".to_owned(),
        training_data: args.training_data.clone(),
        activation: facts.activation,
        classes: facts.classes,
        input: Input {
            mpp: facts.mpp,
            tile_px: facts.tile_px.unwrap_or(spec.input_px()),
            input_px: facts.input_px,
            mean,
            std,
            stain: None,
        },
        architecture: CardArchitecture::from(spec),
        weights: WeightsFile { file: String::new(), blake3: String::new(), dtype: imported.precision },
        calibration: None,
        bf16: None,
        familiarity: None,
        metrics: Metrics::new(),
    })
}

/// Mean and standard deviation as given, or as all weights of the network's name expect them.
fn colours(args: &ImportArgs, facts: &Facts, spec: &NetworkSpec) -> Result<([f32; 3], [f32; 3])> {
    let usual = match args.arch.as_ref().or(facts.architecture.as_ref()) {
        Some(name) => NetworkSpec::colours_of(name)?,
        None => spec.architecture.colours(),
    };
    match (facts.mean, facts.std, usual) {
        (Some(mean), Some(std), _) => Ok((mean, std)),
        (mean, std, Some(usual)) => Ok((mean.unwrap_or(usual.0), std.unwrap_or(usual.1))),
        _ => {
            let message = format!(
                "expected --mean and --std, found none; weights of {} are published with different ones",
                spec.architecture
            );
            Err(Error::new(ErrorKind::Usage, "MOD-0402", message).with_advice(
                "ImageNet's are --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225; others use 0.5,0.5,0.5 for both",
            ))
        }
    }
}

/// What `CARD.md` says.
fn text(card: &Card, imported: &Imported) -> String {
    format!(
        "# {}\n\nImported weights: {} of {} outputs, from a file with BLAKE3 digest {}.\n\nLicence: {}. Attribution: \
         {}.\n\nNothing is known here of how well it works. Research use only, not for diagnosis.\n",
        card.name,
        imported.spec.architecture,
        imported.spec.outputs(),
        imported.digest,
        card.licence,
        card.attribution,
    )
}
