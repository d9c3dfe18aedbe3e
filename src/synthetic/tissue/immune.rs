//! Lymphoid aggregates: small round dark nuclei, densely packed in a little pale stroma.

use super::{Blot, Draws, Layout, Noise, Stain, Tissue, Vec2, nucleus, warped};
use crate::synthetic::noise::ramp;
use crate::synthetic::stain::blend;

#[derive(Debug)]
pub(in super::super) struct Immune {
    web: Noise,
    crowd: Noise,
}

impl Immune {
    pub(in super::super) fn new(seed: u64) -> Self {
        Self { web: Noise::new(seed, 220), crowd: Noise::new(seed, 221) }
    }
}

impl Tissue for Immune {
    fn ground(&self, _: &Layout, at: Vec2) -> Stain {
        let winding = warped(self.crowd, at, 40.0, 12.0);
        let web = self.web.rough([winding[0] / 9.0, winding[1] / 4.5]);
        let stroma = [0.16 + 0.36 * web, 0.10 + 0.26 * web, 0.0, 0.0];
        blend(stroma, [0.05, 0.03, 0.0, 0.0], ramp(0.42, 0.26, web))
    }

    fn pitches_um(&self) -> &[f32] {
        &[9.8]
    }

    fn shape(&self, _: usize, _: &Layout, at: Vec2, draws: &mut Draws) -> Option<Blot> {
        let crowded = ramp(0.1, 0.5, self.crowd.at(at.map(|x| x / 75.0)));
        let (axis, side) = (draws.direction(), draws.between(2.8, 3.9));
        let (semi, dark) = ([side * draws.between(1.0, 1.45), side], draws.between(1.5, 2.3));
        draws.chance(0.30 + 0.55 * crowded).then(|| nucleus(at, axis, semi, dark, draws.next() * 0.4))
    }
}
