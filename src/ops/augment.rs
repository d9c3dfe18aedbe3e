//! How tiles are varied on their way to a network: `warp`, then `blur`, then `colour`.

use super::blur::{BlurRow, row};
use super::colour::ColourMap;
use super::unpack::{Normalisation, UnpackShape};
use super::warp::Affine;
use super::{blur, colour, warp};

/// What becomes of one tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    /// Where its pixels go.
    pub affine: Affine,
    /// How far it is out of focus, pixels of the output; 0 is sharp. See [`row`] for its bounds.
    pub blur_px: f64,
    /// What its colours become.
    pub colour: ColourMap,
}

impl Variation {
    /// The tile as it is.
    pub const IDENTITY: Self = Self { affine: Affine::IDENTITY, blur_px: 0.0, colour: ColourMap::IDENTITY };
}

/// The rows of all three kernels.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// `[N, 6]`
    pub warp: Vec<f32>,
    /// `[N, blur::ROW]`; `None` when all tiles are sharp.
    pub blur: Option<Vec<f32>>,
    /// `[N, colour::ROW]`
    pub colour: Vec<f32>,
}

impl Rows {
    /// Of one variation for each tile.
    pub fn new(variations: &[Variation], shape: UnpackShape) -> Self {
        let blurs: Vec<BlurRow> = variations.iter().map(|variation| row(variation.blur_px)).collect();
        Self {
            warp: variations.iter().flat_map(|variation| variation.affine.row(shape)).collect(),
            blur: blurs.iter().any(|row| row[0] > 0.0).then(|| blurs.concat()),
            colour: variations.iter().flat_map(|variation| variation.colour.row()).collect(),
        }
    }
}

/// Varies and normalises a batch, a tile at a time.
///
/// # Shapes
/// `bytes`: `[N, I, I, 3]` u8; result `[N, 3, S, S]` f32.
///
/// # Panics
/// When `bytes` or `rows` are shorter than the shape says.
pub fn augment(bytes: &[u8], rows: &Rows, shape: UnpackShape, normalisation: Normalisation) -> Vec<f32> {
    let mut values = warp::warp(bytes, &rows.warp, shape);
    if let Some(rows) = &rows.blur {
        values = blur::blur(&values, rows, shape);
    }
    colour::colour(&values, &rows.colour, shape, normalisation)
}
