//! What a program consists of.

use super::dense::Dense;
use super::depthwise::Depthwise;
use super::maps::{Each, LayerNorm, Maps, Pick, Size};
use super::pool::Pool;
use super::rounded::Rounded;
use super::tile::Tile;
use super::winograd::{Finish, Transform};

/// What a step does. Places are in numbers: of an image from where the image begins, with [`super::PASSING`] of what images use
/// one after another from where that begins, those of [`Winograd`]'s transformed
/// numbers from where all images end, those of weights from their beginning.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) enum Step {
    /// Takes the tile.
    Tile(Tile),
    /// With so many vectors of channels, and the distance of two pixels that are read.
    Dense(Dense, usize, usize),
    /// With its side and stride.
    Depthwise(Depthwise, [usize; 2]),
    Winograd(Winograd),
    Rounded(Rounded),
    Each(Each),
    GlobalMean(Maps, Maps, Size),
    LayerNorm(LayerNorm),
    Pick(Pick),
    Pool(Pool),
}

/// A convolution by way of its transformed numbers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Winograd {
    /// One for each block of channels that is read.
    pub gather: Vec<Transform>,
    /// One for each group of channels that is made.
    pub groups: Vec<Products>,
    /// From one place to the next: of what products read, and of what they make.
    pub places: [usize; 2],
    /// Squares that are computed at once.
    pub at_once: usize,
    /// Whether squares of several images are: where one has too few for as many weights.
    pub of_several: bool,
}

/// The products of a group of channels.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cpu) struct Products {
    /// Those of the first place.
    pub call: Dense,
    /// From the weights of one place to those of the next.
    pub weights: usize,
    /// Where the results of each vector go.
    pub finishes: Vec<(Transform, Finish)>,
}
