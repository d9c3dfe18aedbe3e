//! The arguments of `eosin train`; each is a key of the configuration file, over which it wins.

use crate::cli::data_args::DataArgs;
use crate::cli::keys::{Keys, path};
use clap::Args as ClapArgs;
use eosin::device::DeviceSpec;
use std::path::{Path, PathBuf};
use toml::Table;

#[derive(Debug, ClapArgs)]
pub(crate) struct TrainArgs {
    /// What to train on and how (TOML); paths in it are relative to the current folder. Flags win over it.
    pub(crate) config: Option<PathBuf>,

    /// Folder of checkpoints, curves and the model.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,

    /// The model's name, such as tissue-mobilenetv2.mine; also that of its folder.
    #[arg(long)]
    name: Option<String>,

    /// Go on after the last complete epoch.
    #[arg(long)]
    resume: bool,

    /// auto, cpu, vulkan, metal, cuda or wgpu; with :N the N-th adapter.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceSpec,

    /// Show errors and the final figures only.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    data: DataArgs,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    learning: LearningArgs,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "What the network sees, and the split")]
struct InputArgs {
    /// Resolution of the tiles [default: the start model's].
    #[arg(long, value_name = "UM_PER_PX")]
    um_per_px: Option<f64>,

    /// Side of a tile at that resolution [default: the start model's].
    #[arg(long, value_name = "PX")]
    tile_px: Option<u32>,

    /// Side that the network sees after resizing [default: the start model's].
    #[arg(long, value_name = "PX")]
    input_px: Option<u32>,

    /// Share of the tiles that decides which epoch is best.
    #[arg(long, value_name = "FRACTION")]
    validation: Option<f64>,

    /// Share of the tiles that is looked at once, in the end.
    #[arg(long, value_name = "FRACTION")]
    test: Option<f64>,

    /// Cross-validation: so many trainings, each tested on its own part of the patients or tiles.
    #[arg(long, value_name = "N", conflicts_with = "test")]
    folds: Option<i64>,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Learning")]
struct LearningArgs {
    /// Start weights: a model by name or folder, or a weights file; without them the network starts from chance.
    #[arg(long, value_name = "NAME|DIR|FILE")]
    init: Option<String>,

    /// The network, where no start model says it (see `eosin models architectures`).
    #[arg(long, value_name = "NAME")]
    architecture: Option<String>,

    /// Which layers change: auto, head, last or all.
    #[arg(long)]
    layers: Option<String>,

    /// Passes over the training tiles.
    #[arg(long, value_name = "N")]
    epochs: Option<i64>,

    /// Stop after so many epochs without a better one.
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<i64>,

    /// Tiles between two changes of the weights.
    #[arg(long, value_name = "TILES")]
    batch: Option<i64>,

    /// Highest learning rate.
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,

    /// adamw or sgd.
    #[arg(long, value_name = "RULE")]
    optimiser: Option<String>,

    /// auto, cross-entropy, focal, huber or squared.
    #[arg(long)]
    loss: Option<String>,

    /// Colours of tiles are made alike before: macenko or reinhard [default: the start model's].
    #[arg(long, value_name = "RULE")]
    stain: Option<String>,

    /// What the network is run in: f32, bf16 or auto.
    #[arg(long, value_name = "NUMBERS")]
    compute: Option<String>,

    /// What is done about rare classes: none, loss, sampler or equal.
    #[arg(long)]
    balance: Option<String>,

    /// Decides split, order, augmentation and fresh weights.
    #[arg(long)]
    seed: Option<i64>,
}

impl TrainArgs {
    /// The keys that were given; `init` is what the start weights are once they are found.
    pub(crate) fn flags(&self, init: Option<&Path>) -> Table {
        let (input, learning) = (&self.input, &self.learning);
        let mut keys = Keys::default();
        keys.set("out", path(self.out.as_deref()));
        keys.set("resume", self.resume.then_some(true));
        keys.set("card.name", self.name.clone());
        keys.set("init", path(init));
        self.data.keys(&mut keys);
        keys.set("input.um_per_px", input.um_per_px);
        keys.set("input.tile_px", input.tile_px.map(i64::from));
        keys.set("input.input_px", input.input_px.map(i64::from));
        keys.set("split.validation", input.validation);
        keys.set("split.folds", input.folds);
        keys.set("split.test", input.test);
        keys.set("architecture", learning.architecture.clone());
        keys.set("layers", learning.layers.clone());
        keys.set("epochs", learning.epochs);
        keys.set("patience", learning.patience);
        keys.set("batch", learning.batch);
        keys.set("lr", learning.lr);
        keys.set("optimiser", learning.optimiser.clone());
        keys.set("loss", learning.loss.clone());
        keys.set("balance", learning.balance.clone());
        keys.set("stain", learning.stain.clone());
        keys.set("compute", learning.compute.clone());
        keys.set("seed", learning.seed);
        keys.0
    }

    /// The start weights as they were named.
    pub(crate) fn init(&self) -> Option<&str> {
        self.learning.init.as_deref()
    }
}
