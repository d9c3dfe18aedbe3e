//! Other tissue: fibrous stroma with spindle cells, lakes of pale mucin with few cells, and fat.

use super::{Blot, Cells, Draws, Layout, Noise, Stain, Tissue, Vec2, blood, nucleus, turned, warped};
use crate::synthetic::noise::{lerp, normalised, ramp};
use crate::synthetic::stain::blend;

#[derive(Debug)]
pub(in super::super) struct Loose {
    kind: Noise,
    wind: Noise,
    fibre: Noise,
    cloud: Noise,
    fat: Cells,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Stroma,
    Mucin,
    Fat,
}

impl Loose {
    pub(in super::super) fn new(seed: u64) -> Self {
        let [kind, wind, fibre, cloud, fat] = [230, 231, 232, 233, 234].map(|stream| Noise::new(seed, stream));
        Self { kind, wind, fibre, cloud, fat: Cells { noise: fat, pitch_um: 88.0 } }
    }

    fn kind(&self, at: Vec2) -> Kind {
        match self.kind.rough(at.map(|x| x / 520.0)) {
            low if low < 0.42 => Kind::Fat,
            middle if middle < 0.56 => Kind::Stroma,
            _ if (self.cloud.rough(warped(self.wind, at, 60.0, 25.0).map(|x| x / 210.0)) - 0.5).abs() < 0.022 => {
                Kind::Stroma
            }
            _ => Kind::Mucin,
        }
    }

    /// Coordinates along and across winding fibres.
    fn flow(&self, layout: &Layout, at: Vec2) -> Vec2 {
        let at = warped(self.wind, at, 75.0, 22.0);
        [layout.along_um(at), layout.depth_um(at)]
    }

    fn grain(&self, layout: &Layout, at: Vec2) -> Vec2 {
        let across = |p| self.flow(layout, p)[1];
        let here = across(at);
        normalised([here - across([at[0], at[1] + 3.0]), across([at[0] + 3.0, at[1]]) - here])
    }

    fn stroma(&self, layout: &Layout, at: Vec2) -> Stain {
        let [along, across] = self.flow(layout, at);
        let fibre = self.fibre.rough([along / 26.0, across / 4.2]);
        let fibrous = [0.18 + 0.46 * fibre, 0.04 + 0.48 * fibre, 0.0, 0.0];
        blend(fibrous, [0.05, 0.03, 0.0, 0.0], ramp(0.34, 0.24, fibre))
    }

    fn mucin(&self, layout: &Layout, at: Vec2) -> Stain {
        let [along, across] = self.flow(layout, at);
        let thread = self.fibre.rough([along / 40.0, across / 4.0]);
        // Where noise crosses its middle it draws thin lines.
        let line = 1.0 - ramp(0.0, 0.05, (thread - 0.5).abs());
        let cloud = self.cloud.rough([along / 90.0, across / 30.0]);
        let mucin = [0.08 + 0.26 * cloud + 0.30 * (thread - 0.4) + 0.22 * line, 0.02 + 0.06 * line, 0.0, 0.0];
        blend(mucin, [0.02, 0.0, 0.0, 0.0], ramp(0.33, 0.30, cloud + 0.3 * (thread - 0.5)))
    }

    fn fat(&self, at: Vec2) -> Stain {
        let winding = warped(self.wind, at, 60.0, 7.0);
        let wall_um = lerp(0.7, 2.6, self.cloud.at(at.map(|x| x / 45.0)));
        let wall = ramp(wall_um + 1.0, wall_um, self.fat.at(winding).depth_um);
        blend([0.01, 0.0, 0.0, 0.0], [0.55, 0.32, 0.0, 0.0], wall)
    }
}

impl Tissue for Loose {
    fn ground(&self, layout: &Layout, at: Vec2) -> Stain {
        match self.kind(at) {
            Kind::Stroma => self.stroma(layout, at),
            Kind::Mucin => self.mucin(layout, at),
            Kind::Fat => self.fat(at),
        }
    }

    fn pitches_um(&self) -> &[f32] {
        &[12.5, 26.0]
    }

    fn shape(&self, grid: usize, layout: &Layout, at: Vec2, draws: &mut Draws) -> Option<Blot> {
        let dark = draws.between(1.1, 1.9);
        match (self.kind(at), grid) {
            (Kind::Stroma, 0) => {
                let axis = turned(self.grain(layout, at), 0.35, draws);
                let semi = [draws.between(3.5, 7.5), draws.between(1.7, 2.7)];
                draws.chance(0.62).then(|| nucleus(at, axis, semi, dark, 0.3))
            }
            (Kind::Stroma, _) => {
                let axis = self.grain(layout, at);
                draws.chance(0.06).then(|| blood(at, axis, [draws.between(6.0, 16.0), draws.between(3.0, 5.0)]))
            }
            (Kind::Mucin, 1) => {
                let axis = turned(self.grain(layout, at), 0.6, draws);
                let semi = [draws.between(3.0, 6.5), draws.between(2.2, 3.2)];
                draws.chance(0.6).then(|| nucleus(at, axis, semi, dark, 0.2))
            }
            (Kind::Fat, 0) => {
                let place = self.fat.at(warped(self.wind, at, 60.0, 7.0));
                let axis = [-place.inward[1], place.inward[0]];
                let semi = [draws.between(3.0, 5.5), draws.between(1.3, 1.9)];
                (place.depth_um < 2.5 && draws.chance(0.35)).then(|| nucleus(at, axis, semi, dark, 0.0))
            }
            (Kind::Mucin | Kind::Fat, _) => None,
        }
    }
}
