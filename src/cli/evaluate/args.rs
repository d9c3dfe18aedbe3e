//! The arguments of `eosin evaluate`.

use crate::cli::args::{DeviceArgs, ModelArgs};
use crate::cli::data_args::DataArgs;
use crate::cli::keys::Keys;
use clap::{Args as ClapArgs, ValueEnum};
use eosin::assess::EvaluateConfig;
use eosin::dataset::{DataSource, Side, SizeRule};
use eosin::evaluate::Bootstrap;
use eosin::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(crate) struct EvaluateArgs {
    /// The folder of figures and table; made when it does not exist.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Another model of the same classes, whose figures are compared on the same tiles.
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) compare: Option<String>,

    /// What the model calls a label (or a column) of the data; may be given many times.
    #[arg(long, value_name = "LABEL=CLASS", value_parser = renamed)]
    rename: Vec<(String, String)>,

    /// The side to look at, of a split that the data give [default: all tiles].
    #[arg(long, value_name = "SIDE", value_enum)]
    split: Option<SplitSide>,

    /// The model's classes are grades, in its order: a miss counts by how far it is (quadratic kappa).
    #[arg(long)]
    ordered: bool,

    /// Samples from which intervals are drawn; 0 for no intervals.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    replicates: u32,

    /// Another number draws other samples.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    /// Memory for decoded tiles, in MiB; more are kept in a file while they are needed.
    #[arg(long, default_value_t = 2048, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory_mb: u32,

    /// Print the evaluation as JSON in place of tables.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show errors and the figures only.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    // Last: its heading holds for all that follow.
    #[command(flatten)]
    data: DataArgs,
}

/// A side of a split as a flag, in the words of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitSide {
    Train,
    #[value(alias = "val")]
    Validation,
    Test,
}

/// The keys of a training that an evaluation has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    data: DataSource,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    input: AskedInput,
}

/// All else is as the model says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedInput {
    size: SizeRule,
}

impl EvaluateArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `RUN-0014` when no tiles are named, or a flag is for tiles of another source.
    pub(crate) fn config(&self) -> Result<EvaluateConfig> {
        let fault = |message: String| Error::new(ErrorKind::Usage, "RUN-0014", message);
        let mut keys = Keys::default();
        self.data.keys(&mut keys);
        if keys.0.get("data").and_then(|data| data.get("kind")).is_none() {
            let message = "expected tiles: --tiles, --manifest, --targets with or without --slide, or --annotated";
            return Err(fault(format!("{message}; found none")));
        }
        let asked: Asked = keys.0.try_into().map_err(|error: toml::de::Error| {
            fault(error.message().to_owned()).with_advice("one of the flags is for tiles from another source")
        })?;
        Ok(EvaluateConfig {
            source: asked.data,
            exclude: asked.exclude,
            size: asked.input.size,
            rename: self.rename.iter().cloned().collect(),
            side: self.split.map(|side| match side {
                SplitSide::Train => Side::Train,
                SplitSide::Validation => Side::Validation,
                SplitSide::Test => Side::Test,
            }),
            ordered: self.ordered,
            bootstrap: Bootstrap { replicates: self.replicates as usize, seed: self.seed },
            memory_bytes: u64::from(self.memory_mb) << 20,
            scratch: Some(self.out.clone()),
        })
    }
}

fn renamed(text: &str) -> Result<(String, String)> {
    let pair = text.split_once('=').map(|(label, class)| (label.trim(), class.trim()));
    let pair = pair.filter(|(label, class)| !label.is_empty() && !class.is_empty());
    pair.map(|(label, class)| (label.to_owned(), class.to_owned())).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "RUN-0005", "expected a label of the data, then = and the model's name for it")
    })
}
