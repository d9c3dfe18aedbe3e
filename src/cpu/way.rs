//! How a convolution is computed: decided before values have places, as what looks at several tiles at once has its maps
//! in other memory.

use super::fuse::{Pass, What};
use super::graph::{Act, Conv};
use super::kernels::{DEPTH, Kernels, LANES, OUTPUT, PLACES, bounds};
use super::place::Shape;
use super::plan::Wish;
use super::shapes::frame;

/// Transformed numbers that are computed at once, per worker: more would leave the cache before they are read.
const TRANSFORMED_BYTES: usize = 2400 << 10;
/// Squares of an image from which on it is computed by itself, while its maps are in the cache.
const MANY_SQUARES: usize = 32;
/// Squares that are computed at once, at least: every one of them reads all weights.
const FEWEST_SQUARES: usize = 16;
/// Bytes of rounded weights from which on they would leave the cache before the next image asks for them.
const MANY_WEIGHTS: usize = 1 << 20;

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Each channel by itself.
    Depthwise,
    /// Of rounded numbers, so many images at once.
    Rounded { at_once: usize },
    /// By way of transformed numbers: so many squares at once, of several images where one has too few for its weights.
    Winograd { of_several: bool, at_once: usize },
    /// Sums over all channels.
    Dense,
}

/// What decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub conv: &'a Conv,
    /// Numbers of a pixel of the input: a block of channels, or the colours of a tile.
    pub depth: usize,
    /// Height and width of the output.
    pub size: [usize; 2],
    /// Whether something is added.
    pub adds: bool,
    pub act: Act,
}

impl Way {
    pub fn of(facts: &Facts<'_>, kernels: &Kernels, wish: Wish) -> Self {
        let conv = facts.conv;
        let known = [3, 5, 7].contains(&conv.kernel[0]) && conv.kernel[0] == conv.kernel[1];
        if conv.is_depthwise() && known && facts.depth == LANES && !facts.adds {
            return Self::Depthwise;
        }
        if kernels.rounds() && facts.can_be_rounded() {
            let [inputs, outputs] =
                [conv.channels[0].next_multiple_of(DEPTH), conv.channels[1].next_multiple_of(LANES)];
            let bytes = inputs * outputs * conv.kernel[0] * conv.kernel[1] * size_of::<u16>();
            return Self::Rounded { at_once: if bytes > MANY_WEIGHTS { wish.chunk } else { 1 } };
        }
        let able = wish.winograd && conv.can_be_winograd() && bounds(facts.act).1 == Act::None;
        let blocks = facts.depth == LANES && conv.channels[1] >= LANES;
        let (of_several, at_once) = facts.squares(wish.chunk);
        // Transformed products are faster only where squares share the weights.
        if able && blocks && at_once >= FEWEST_SQUARES { Self::Winograd { of_several, at_once } } else { Self::Dense }
    }

    fn looks_at_several(self) -> bool {
        match self {
            Self::Winograd { of_several, .. } => of_several,
            Self::Rounded { at_once } => at_once > 1,
            Self::Depthwise | Self::Dense => false,
        }
    }
}

impl Facts<'_> {
    /// Whether it may be computed from rounded numbers. Those that give one number for each channel are not: they cost
    /// nothing, and heads and gates are better exact.
    fn can_be_rounded(&self) -> bool {
        let [height, width] = self.size;
        let fits = self.depth == LANES || self.conv.kernel[1] * self.depth <= DEPTH;
        self.conv.groups == 1 && height * width > 1 && fits
    }

    /// Whether squares of several images are computed at once, and how many.
    fn squares(&self, chunk: usize) -> (bool, usize) {
        let [height, width] = self.size;
        let of_one = height.div_ceil(OUTPUT) * width.div_ceil(OUTPUT);
        let of_several = chunk > 1 && of_one < MANY_SQUARES;
        let squares = if of_several { chunk * of_one } else { of_one };
        let each = PLACES * self.conv.channels[0].next_multiple_of(LANES) * size_of::<f32>();
        let most = (TRANSFORMED_BYTES / each).max(FEWEST_SQUARES);
        (of_several, squares.div_ceil(squares.div_ceil(most)))
    }
}

/// Whether a pass looks at several tiles at once.
pub(super) fn looks_at_several(pass: &Pass<'_>, shapes: &[Option<Shape>], kernels: &Kernels, wish: Wish) -> bool {
    let What::Conv(conv, residual) = &pass.what else { return false };
    let Some(Shape { layout, .. }) = shapes[pass.input.index()] else { return false };
    let Ok(frame) = frame(conv, [layout.height, layout.width]) else { return false };
    let facts = Facts { conv, depth: layout.depth, size: frame.size, adds: residual.is_some(), act: pass.act };
    Way::of(&facts, kernels, wish).looks_at_several()
}
