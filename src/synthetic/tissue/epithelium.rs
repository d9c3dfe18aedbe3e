//! Crowded glands as in adenocarcinoma: around a lumen, tall cells with dark elongated nuclei in several rows, some with
//! vacuoles of mucin; between the glands thin stroma with spindle cells, lymphocytes and vessels.

use super::{Blot, Cells, Draws, InCell, Layout, Noise, Stain, Tissue, Vec2, blood, nucleus, turned, warped};
use crate::synthetic::noise::ramp;
use crate::synthetic::stain::blend;

#[derive(Debug)]
pub(in super::super) struct Epithelium {
    glands: Cells,
    fold: Noise,
    grain: Noise,
}

/// How deep the zones of a gland reach from its border, micrometres.
struct Zones {
    stroma: f32,
    nuclei: f32,
    apex: f32,
    goblet: bool,
    filled: bool,
}

impl Epithelium {
    pub(in super::super) fn new(seed: u64) -> Self {
        let [glands, fold, grain] = [240, 241, 242].map(|stream| Noise::new(seed, stream));
        Self { glands: Cells { noise: glands, pitch_um: 178.0 }, fold, grain }
    }

    fn gland(&self, at: Vec2) -> (InCell, Zones) {
        let mut cell = self.glands.at(warped(self.fold, at, 75.0, 27.0));
        let stroma = cell.draws.between(2.0, 7.0);
        let nuclei = stroma + cell.draws.between(18.0, 44.0);
        let apex = nuclei + cell.draws.between(9.0, 20.0);
        let zones = Zones { stroma, nuclei, apex, goblet: cell.draws.chance(0.15), filled: cell.draws.chance(0.3) };
        (cell, zones)
    }
}

impl Tissue for Epithelium {
    fn ground(&self, _: &Layout, at: Vec2) -> Stain {
        let (cell, zones) = self.gland(at);
        let grain = self.grain.rough(at.map(|x| x / 4.5)) - 0.5;
        let depth = cell.depth_um + 5.0 * grain;
        if depth < zones.stroma {
            let pale = ramp(0.08, 0.2, grain);
            return blend([0.42 + 0.4 * grain, 0.36 + 0.3 * grain, 0.0, 0.0], [0.08, 0.05, 0.0, 0.0], pale);
        }
        let basal = [0.9 + 0.5 * grain, 0.24 + 0.2 * grain, 0.0, 0.0];
        let apical = [0.42 + 0.25 * grain, 0.24 + 0.2 * grain, 0.0, 0.0];
        let cytoplasm = blend(basal, apical, ramp(zones.nuclei - 6.0, zones.nuclei + 3.0, depth));
        let mucin = 0.20 + 0.3 * grain;
        let lumen = if zones.filled { [mucin, 0.04, 0.0, 0.0] } else { [0.02, 0.0, 0.0, 0.0] };
        blend(cytoplasm, lumen, ramp(zones.apex, zones.apex + 2.0, depth))
    }

    fn pitches_um(&self) -> &[f32] {
        &[10.5, 7.4, 36.0]
    }

    fn shape(&self, grid: usize, _: &Layout, at: Vec2, draws: &mut Draws) -> Option<Blot> {
        let (cell, zones) = self.gland(at);
        let depth = cell.depth_um;
        let along = [-cell.inward[1], cell.inward[0]];
        match grid {
            0 => {
                let side = draws.between(3.6, 6.5);
                let inside = zones.goblet && depth > zones.nuclei - 12.0 && depth < zones.apex;
                let (core, rim) = ([0.12, 0.02, 0.0, 0.0], [0.30, 0.10, 0.0, 0.0]);
                let axis = cell.inward;
                (inside && draws.chance(0.7)).then_some(Blot {
                    at,
                    axis,
                    semi: [side * 1.2, side],
                    core,
                    rim,
                    cover: 0.9,
                })
            }
            1 if depth < zones.stroma => {
                let semi = [draws.between(3.0, 6.5), draws.between(1.7, 2.6)];
                let axis = turned(along, 0.3, draws);
                draws.chance(0.3).then(|| nucleus(at, axis, semi, 1.8, 0.1))
            }
            1 => {
                let axis = turned(cell.inward, 0.3, draws);
                let semi = [draws.between(4.0, 6.4), draws.between(2.9, 4.0)];
                let crowded = if zones.goblet { 0.72 } else { 0.88 };
                let here = depth < zones.nuclei && draws.chance(crowded);
                here.then(|| nucleus(at, axis, semi, draws.between(1.3, 2.0), draws.next() * 0.9))
            }
            _ => {
                let semi = [draws.between(6.0, 20.0), draws.between(2.5, 5.0)];
                (depth < zones.stroma && draws.chance(0.3)).then(|| blood(at, along, semi))
            }
        }
    }
}
