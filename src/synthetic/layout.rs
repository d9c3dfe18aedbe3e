//! A seed and a size in, the regions of tissue out: which class every point of the slide belongs to.
//!
//! Invariant: a class is a function of the point alone, so truth is known exactly everywhere. It is that of the region:
//! a gland's lumen is epithelium, a fat cell's inside is other. Nothing is drawn here.
//!
//! The tissue is one rounded piece on glass, cut across its layers like a piece of bowel wall: loose tissue, muscle,
//! loose tissue, tumour; lymphoid aggregates lie at the tumour's edge and one nest of tumour in the outer layer.

use super::noise::{Noise, Vec2, dot, lerp, normalised, warped};

/// What a region of the synthetic slide is made of; the discriminant is the column in tables of fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// Glass.
    Background = 0,
    /// Crowded glands.
    Epithelium = 1,
    /// Lymphocytes.
    Immune = 2,
    /// Loose stroma, mucin and fat.
    Other = 3,
    /// Bundles of muscle.
    SmoothMuscle = 4,
}

/// Names of the classes in the order of [`Truth`].
pub const CLASS_NAMES: [&str; 5] = ["background", "epithelium", "immune", "other", "smooth_muscle"];

/// Half the tissue's extent as a part of the slide's.
const EXTENT: f32 = 0.425;
/// Where the layers end: part of the way from one side of the tissue (-1) to the other (1).
const LAYERS: [(f32, Truth); 4] =
    [(-0.40, Truth::Other), (0.06, Truth::SmoothMuscle), (0.16, Truth::Other), (f32::INFINITY, Truth::Epithelium)];
/// Islands: place along and across the layers, radius as a part of the slide's shorter side.
const ISLANDS: [(f32, f32, f32, Truth); 4] = [
    (-0.62, 0.20, 0.145, Truth::Immune),
    (0.05, 0.30, 0.13, Truth::Immune),
    (0.60, 0.16, 0.135, Truth::Immune),
    (0.22, -0.68, 0.10, Truth::Epithelium),
];

/// The regions of one slide. Points are in micrometres from the slide's top-left corner.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    centre: Vec2,
    radii: Vec2,
    shorter: f32,
    /// Direction across the layers.
    across: Vec2,
    /// Half the tissue's extent along and across the layers.
    half: Vec2,
    islands: [(Vec2, f32, Truth); 4],
    edge: Noise,
    fold: Noise,
    fray: Noise,
}

impl Layout {
    pub(super) fn new(seed: u64, size_um: Vec2) -> Self {
        let mut draws = Noise::new(seed, 100).draws(0, 0);
        let shorter = size_um[0].min(size_um[1]);
        let centre = size_um.map(|side| side * draws.between(0.49, 0.51));
        let radii = size_um.map(|side| side * EXTENT);
        let across = draws.direction();
        let reach = |way: Vec2| {
            let (x, y) = (radii[0] * way[0], radii[1] * way[1]);
            (x * x + y * y).sqrt()
        };
        let along = [-across[1], across[0]];
        let half = [reach(along), reach(across)];
        let islands = ISLANDS.map(|(s, t, radius, truth)| {
            let (s, t) = (s + draws.between(-0.06, 0.06), t + draws.between(-0.03, 0.03));
            let place = [0, 1].map(|i| centre[i] + s * half[0] * along[i] + t * half[1] * across[i]);
            (place, radius * shorter * draws.between(0.92, 1.08), truth)
        });
        let [edge, fold, fray] = [101, 102, 103].map(|stream| Noise::new(seed, stream));
        Self { centre, radii, shorter, across, half, islands, edge, fold, fray }
    }

    /// The class of a point.
    pub(super) fn truth(&self, p: Vec2) -> Truth {
        if self.inside_um(p) < 0.0 {
            return Truth::Background;
        }
        let wobble = 0.25 * (self.edge.rough(p.map(|x| 7.0 + x / (0.09 * self.shorter))) - 0.5);
        // The same ragged seam everywhere: 20 um or so.
        let p = warped(self.fray, p, 60.0, 14.0);
        let island = self.islands.iter().find(|(place, radius, _)| {
            let from = [p[0] - place[0], p[1] - place[1]];
            let radius = radius * (1.0 + wobble * 3.0);
            dot(from, from) < radius * radius
        });
        if let Some(&(_, _, truth)) = island {
            return truth;
        }
        let depth = self.depth_um(p) / self.half[1] + 0.25 * wobble;
        LAYERS.iter().find(|(end, _)| depth < *end).map_or(Truth::Other, |&(_, truth)| truth)
    }

    /// Rough distance from the tissue's edge, negative on glass.
    fn inside_um(&self, p: Vec2) -> f32 {
        let [x, y] = [0, 1].map(|i| (p[i] - self.centre[i]) / self.radii[i]);
        let warp = self.edge.rough(p.map(|x| x / (0.22 * self.shorter))) - 0.5;
        let tear = self.fray.rough(p.map(|x| x / 70.0)) - 0.5;
        let radius = self.radii[0].min(self.radii[1]);
        // Fourth powers make a rounded rectangle: more tissue on the slide than an ellipse has.
        let bulge = (x * x * x * x + y * y * y * y).sqrt().sqrt();
        (1.0 - bulge) * radius + 0.13 * self.shorter * warp + 30.0 * tear
    }

    /// Position across the layers, which are folded; muscle fibres run where it is constant.
    pub(super) fn depth_um(&self, p: Vec2) -> f32 {
        let from = [p[0] - self.centre[0], p[1] - self.centre[1]];
        dot(from, self.across) + lerp(-0.16, 0.16, self.fold.at(p.map(|x| x / (0.3 * self.shorter)))) * self.half[1]
    }

    /// Position along the layers.
    pub(super) fn along_um(&self, p: Vec2) -> f32 {
        self.across[0] * p[1] - self.across[1] * p[0]
    }

    /// The direction of the layers at a point.
    pub(super) fn grain(&self, p: Vec2) -> Vec2 {
        const STEP_UM: f32 = 5.0;
        let here = self.depth_um(p);
        let slope = [self.depth_um([p[0] + STEP_UM, p[1]]) - here, self.depth_um([p[0], p[1] + STEP_UM]) - here];
        normalised([-slope[1], slope[0]])
    }
}
