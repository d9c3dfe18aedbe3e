//! Which way is fastest: tried once for each kind of convolution on each device, through burn's own tuning, which also keeps
//! the decision from run to run.

use super::burn_own;
use super::launch::{Parts, by_tile, takes};
use super::sound::is_sound;
use super::tile::TILES;
use crate::cpu::Act;
use crate::gpu::kernels::conv::Tile;
use burn::tensor::DType;
use burn_cubecl::CubeTuneId;
use burn_cubecl::tensor::CubeTensor;
use cubecl::AutotuneKey;
use cubecl::tune::{LocalTuner, Tunable, TunableSet, local_tuner};
use serde::{Deserialize, Serialize};

/// A kind of convolution. Sizes that are anchored are rounded up to powers of two: a decision serves all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, AutotuneKey)]
struct ConvKey {
    kernel: [usize; 2],
    stride: [usize; 2],
    padded: bool,
    #[autotune(anchor)]
    channels_in: usize,
    #[autotune(anchor)]
    channels_out: usize,
    #[autotune(anchor)]
    pixels: usize,
    /// Channels in and out that can be read at once, as powers of two up to 4.
    aligned: [u32; 2],
    /// Bias, residual, activation: what there is of them.
    follows: [bool; 3],
    dtype: DType,
    /// Whether our kernel takes it at all.
    ours: bool,
}

impl ConvKey {
    fn of(parts: &Parts) -> Self {
        let sizes = &parts.sizes;
        let padded = sizes.shape.before != [0; 2] || sizes.shape.after != [0; 2];
        Self::new(
            sizes.kernel,
            sizes.shape.stride,
            padded,
            sizes.channels[0],
            sizes.channels[1],
            sizes.pixels(),
            sizes.channels.map(|channels| channels.trailing_zeros().min(2)),
            [parts.bias.is_some(), parts.residual.is_some(), parts.act != Act::None],
            parts.input.dtype,
            takes(parts),
        )
    }

    /// Whether a tile may win: one of which most would be empty does not, nor do many small ones. Of the key alone, as a
    /// decision must be possible for all convolutions of a key.
    fn promises(&self, tile: Tile) -> bool {
        let (pixels, channels) = (tile.pixels as usize, tile.channels as usize);
        let fills = channels <= self.channels_out.next_power_of_two().max(32) && pixels <= self.pixels.max(32);
        let tiles = self.pixels.div_ceil(pixels) * self.channels_out.div_ceil(channels);
        self.ours && fills && (tiles <= MOST_SMALL || pixels * channels > 32 * 32 || self.channels_out <= 32)
    }
}

/// More tiles of the smallest size than this fill any device, and larger ones are better.
const MOST_SMALL: usize = 1 << 13;

/// Convolves by the fastest way.
pub(super) fn tuned(parts: Parts) -> CubeTensor {
    static TUNER: LocalTuner<ConvKey, CubeTuneId> = local_tuner!();
    let client = parts.input.client.clone();
    let device = CubeTuneId::new(&client, &parts.input.device);
    let on = parts.input.device.clone();
    let ways = TUNER.init(&device, move || {
        let burn = Tunable::new("burn", burn_own::convolve);
        let ways = TunableSet::new(ConvKey::of, |_: &ConvKey, parts: &Parts| parts.clone()).with(burn);
        let tiles = if is_sound(&on) { &TILES[..] } else { &[] };
        tiles.iter().fold(ways, |ways, &(name, tile)| {
            ways.with(Tunable::new(name, move |parts: Parts| {
                if !ConvKey::of(&parts).promises(tile) {
                    return Err(format!("{name} is not for this shape"));
                }
                by_tile(parts, tile)
            }))
        })
    });
    TUNER.execute(&device, &client, ways, parts)
}
