//! Glass: the scanner's white, not quite even, with a few specks of dust and faint drops out of focus.

use super::{Blot, Draws, Layout, Noise, Stain, Tissue, Vec2};

#[derive(Debug)]
pub(in super::super) struct Glass {
    light: Noise,
}

impl Glass {
    pub(in super::super) fn new(seed: u64) -> Self {
        Self { light: Noise::new(seed, 200) }
    }
}

impl Tissue for Glass {
    fn ground(&self, _: &Layout, at: Vec2) -> Stain {
        [0.0, 0.0, 0.0, 0.012 * self.light.at(at.map(|x| x / 240.0))]
    }

    fn pitches_um(&self) -> &[f32] {
        &[420.0, 130.0]
    }

    fn shape(&self, grid: usize, _: &Layout, at: Vec2, draws: &mut Draws) -> Option<Blot> {
        let axis = draws.direction();
        if grid == 0 {
            let (side, core) = (draws.between(25.0, 42.0), [0.0, 0.0, 0.0, 0.02]);
            return draws.chance(0.3).then_some(Blot { at, axis, semi: [side; 2], core, rim: core, cover: 0.7 });
        }
        let (side, core) = (draws.between(0.8, 2.2), [0.0, 0.0, 0.0, draws.between(0.2, 1.2)]);
        draws.chance(0.35).then_some(Blot { at, axis, semi: [side * 1.5, side], core, rim: core, cover: 1.0 })
    }
}
