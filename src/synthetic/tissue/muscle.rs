//! Smooth muscle: pink fibres along the layers, torn apart in places, with few long thin nuclei.

use super::{Blot, Draws, Layout, Noise, Stain, Tissue, Vec2, nucleus, turned, warped};
use crate::synthetic::noise::{lerp, ramp};
use crate::synthetic::stain::blend;

#[derive(Debug)]
pub(in super::super) struct Muscle {
    fibre: Noise,
    bundle: Noise,
    cleft: Noise,
    dye: Noise,
}

impl Muscle {
    pub(in super::super) fn new(seed: u64) -> Self {
        let [fibre, bundle, cleft, dye] = [210, 211, 212, 213].map(|stream| Noise::new(seed, stream));
        Self { fibre, bundle, cleft, dye }
    }
}

impl Tissue for Muscle {
    fn ground(&self, layout: &Layout, at: Vec2) -> Stain {
        let winding = warped(self.cleft, warped(self.bundle, at, 70.0, 7.0), 16.0, 1.6);
        let (along, across) = (layout.along_um(winding), layout.depth_um(winding));
        let fine = self.fibre.at([along / 40.0, across / 6.0]) - 0.5;
        let coarse = self.bundle.rough([along / 90.0, across / 14.0]) - 0.5;
        let pallor = self.dye.at(at.map(|x| x / 330.0)) - 0.5;
        let eosin = 0.46 + 0.1 * fine + 0.20 * coarse - 0.16 * pallor;
        let haematoxylin = 0.30 + 0.1 * fine + 0.14 * coarse + 0.16 * pallor;
        let cleft = self.cleft.rough([along / 24.0, across / 6.0]) + 0.2 * coarse + 0.2 * pallor;
        blend([haematoxylin, eosin, 0.0, 0.0], [0.07, 0.04, 0.0, 0.0], ramp(0.68, 0.86, cleft))
    }

    fn pitches_um(&self) -> &[f32] {
        &[21.0]
    }

    fn shape(&self, _: usize, layout: &Layout, at: Vec2, draws: &mut Draws) -> Option<Blot> {
        let axis = turned(layout.grain(at), 0.12, draws);
        let semi = [draws.between(3.0, 10.0), draws.between(1.4, 2.2)];
        let dark = lerp(1.1, 1.7, draws.next());
        draws.chance(0.62).then(|| nucleus(at, axis, semi, dark, 0.2))
    }
}
