//! What each class of tissue looks like: the ground between the cells, and the cells.
//!
//! Lengths, densities and amounts of dye were matched to the tiles of each class on a real slide (see `stain.rs`), at
//! 1.3 um/px. They make pictures that a network takes for these tissues; they are no model of biology.

mod epithelium;
mod glass;
mod immune;
mod loose;
mod muscle;

pub(super) use epithelium::Epithelium;
pub(super) use glass::Glass;
pub(super) use immune::Immune;
pub(super) use loose::Loose;
pub(super) use muscle::Muscle;

use super::canvas::Blot;
use super::layout::Layout;
use super::noise::{Draws, Noise, Vec2, normalised, warped};
use super::stain::Stain;

/// The look of one class. Points are in micrometres from the slide's corner.
pub(super) trait Tissue: Send + Sync + std::fmt::Debug {
    /// The dyes at a point without cells.
    fn ground(&self, layout: &Layout, at: Vec2) -> Stain;
    /// The pitches in micrometres of the grids on which shapes lie, in the order in which they are laid.
    fn pitches_um(&self) -> &[f32];
    /// The shape at a place of such a grid.
    fn shape(&self, grid: usize, layout: &Layout, at: Vec2, draws: &mut Draws) -> Option<Blot>;
}

/// No shape reaches farther from its place.
pub(super) const REACH_UM: f32 = 48.0;

/// A nucleus: dark at the rim, paler inside by `vesicular` (0 to 1).
fn nucleus(at: Vec2, axis: Vec2, semi: Vec2, dark: f32, vesicular: f32) -> Blot {
    let rim = [dark, 0.26, 0.0, 0.0];
    let core = [dark * (1.0 - 0.6 * vesicular), 0.22, 0.0, 0.0];
    Blot { at, axis, semi, core, rim, cover: 0.85 }
}

/// A red blood cell or a piece of a vessel full of them.
fn blood(at: Vec2, axis: Vec2, semi: Vec2) -> Blot {
    Blot { at, axis, semi, core: [0.0, 0.12, 1.9, 0.0], rim: [0.12, 0.2, 1.8, 0.0], cover: 0.95 }
}

/// A direction turned by up to about half a right angle.
fn turned(axis: Vec2, spread: f32, draws: &mut Draws) -> Vec2 {
    let tilt = draws.between(-spread, spread);
    normalised([axis[0] - tilt * axis[1], axis[1] + tilt * axis[0]])
}

/// The nearest points of a jittered grid: cells of tissue, fat or glands.
#[derive(Debug)]
struct Cells {
    noise: Noise,
    pitch_um: f32,
}

/// Where a point lies in its cell.
struct InCell {
    /// Distance to the border with the nearest other cell, micrometres.
    depth_um: f32,
    /// Direction away from that border.
    inward: Vec2,
    /// Draws that belong to the cell.
    draws: Draws,
}

impl Cells {
    fn at(&self, p: Vec2) -> InCell {
        let p = p.map(|x| x / self.pitch_um);
        let [column, row] = p.map(super::noise::floor);
        let (mut nearest, mut second) = ((f32::INFINITY, [0.0; 2], self.noise.draws(0, 0)), (f32::INFINITY, [0.0; 2]));
        for y in row - 1..=row + 1 {
            for x in column - 1..=column + 1 {
                let mut draws = self.noise.draws(x, y);
                let seed = [x, y].map(|i| i as f32 + draws.between(0.14, 0.86));
                let (dx, dy) = (seed[0] - p[0], seed[1] - p[1]);
                let distance = dx * dx + dy * dy;
                if distance < nearest.0 {
                    second = (nearest.0, nearest.1);
                    nearest = (distance, seed, draws);
                } else if distance < second.0 {
                    second = (distance, seed);
                }
            }
        }
        let apart = [nearest.1[0] - second.1[0], nearest.1[1] - second.1[1]];
        let gap = (apart[0] * apart[0] + apart[1] * apart[1]).sqrt().max(1e-3);
        let depth_um = (second.0 - nearest.0) / (2.0 * gap) * self.pitch_um;
        InCell { depth_um, inward: normalised(apart), draws: nearest.2 }
    }
}
