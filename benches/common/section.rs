//! A section that was never scanned: a round plan of tiles, and predictions of nine classes that lie in patches.

use eosin::geometry::Size;
use eosin::tile::{GridRule, Meaning, Predictions, Reading, Role, TilePlan};
use eosin::units::Mpp;

/// Classes of the predictions.
pub(crate) const CLASSES: usize = 9;
/// Side of a tile, level-0 pixels at 0.5 um/px.
const TILE_PX: u32 = 224;

/// About so many tiles; one of a thousand is lost.
pub(crate) fn section(tiles: u32) -> (TilePlan, Predictions) {
    let (mut origins_l0, mut rows) = (Vec::new(), Vec::new());
    let radius = (f64::from(tiles) / std::f64::consts::PI).sqrt();
    // The square around a disc is 4 / pi of it; the rest is glass.
    let side = (tiles * 4 / 3).isqrt() + 10;
    let middle = f64::from(side) / 2.0;
    for x in 0..side {
        for y in 0..side {
            let (dx, dy) = (f64::from(x) - middle, f64::from(y) - middle);
            if dx.hypot(dy) >= radius {
                continue;
            }
            origins_l0.push((i64::from(x * TILE_PX), i64::from(y * TILE_PX)));
            let wave = |class: usize| {
                let turn = class as f64 * 0.7;
                ((dx * turn.cos() + dy * turn.sin()) / (6.0 + class as f64)).sin()
                    + 0.3 * f64::from((x * 7 + y * 13) % 17) / 17.0
            };
            let weights: Vec<f64> = (0..CLASSES).map(|class| (3.0 * wave(class)).exp()).collect();
            let total: f64 = weights.iter().sum();
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            let scores = weights.iter().map(|weight| (weight / total) as f32).collect();
            rows.push((rows.len() % 1000 != 999).then_some(scores));
        }
    }
    let plan = TilePlan {
        rule: GridRule::Eosin,
        slide_l0: Size::new(side * TILE_PX, side * TILE_PX),
        mpp: Mpp::new(0.5).unwrap(),
        side_l0: TILE_PX,
        step_l0: TILE_PX,
        level: 0,
        downsample: (1.0, 1.0),
        read_px: TILE_PX,
        tile_px: TILE_PX,
        fill: [255; 3],
        places: origins_l0.len(),
        origins_l0,
    };
    let class_names = (0..CLASSES).map(|class| format!("class {class}")).collect();
    (plan, Predictions { meaning: Meaning::Classes, class_names, rows, unfamiliarity: None })
}

/// How its classes are read: the first three have a role each.
pub(crate) fn readings() -> Vec<Reading> {
    let roles = [Role::Tumour, Role::Stroma, Role::Immune].map(Some).into_iter().chain(std::iter::repeat(None));
    roles.take(CLASSES).map(|role| Reading { role, threshold: None }).collect()
}
