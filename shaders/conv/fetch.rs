//! What a cube of a convolution reads: four terms at a time of patches and kernels, zeros where there are none.
//!
//! A patch is known by where it begins; how far it reaches is the same for all of them, so a term is found with one division
//! for all patches that a unit reads.

use super::{Plan, Quad};
use cubecl::prelude::*;

/// Where a patch begins; it may be outside the image.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub struct Corner {
    /// Its place in memory.
    start: i32,
    /// Its row in the image.
    y: i32,
    /// Its place in a row of the image.
    x: i32,
}

#[cube]
pub fn corner(plan: &Plan, pixel: u32) -> Corner {
    // Rows of the tile behind the last pixel see the last one, and are not written.
    let (image, place) = plan.map.div_mod(pixel.min(plan.pixels - 1));
    let (y, x) = plan.row.div_mod(place);
    let y = i32::cast_from(y * plan.step_y) - i32::cast_from(plan.before_y);
    let x = i32::cast_from(x * plan.step_x) - i32::cast_from(plan.before_x);
    let start = i32::cast_from(image * plan.image) + y * i32::cast_from(plan.line) + x;
    Corner { start, y, x }
}

/// Four terms of each patch, from `term` on.
#[cube]
pub fn fetch_patches<F: Float, I: Size>(
    input: &Tensor<Vector<F, I>>,
    plan: &Plan,
    corners: &Sequence<Corner>,
    next: &mut Array<Quad>,
    term: u32,
    #[comptime] checked: bool,
) {
    let width = I::value().comptime();
    let mut found = Sequence::<Quad>::new();
    #[unroll]
    for _ in 0..corners.len() {
        found.push(Quad::empty());
    }
    #[unroll]
    for part in 0..comptime!(4 / width) {
        let term = term + comptime!((part * width) as u32);
        let (i, along) = plan.run.div_mod(term);
        let from = i32::cast_from(i * plan.line + along);
        #[unroll]
        for load in 0..corners.len() {
            let corner = corners.index(load);
            let mut inside = true;
            if checked {
                let y = u32::cast_from(corner.y + i32::cast_from(i));
                let x = u32::cast_from(corner.x + i32::cast_from(along));
                inside = term < plan.depth && y < plan.height && x < plan.line;
            }
            let values = read::<F, I>(input, u32::cast_from(corner.start + from), inside, checked);
            #[unroll]
            for lane in 0..width {
                found.index_mut(load).insert(comptime!(part * width + lane), values.extract(lane));
            }
        }
    }
    #[unroll]
    for load in 0..corners.len() {
        next[load] = *found.index(load);
    }
}

/// Four terms of each kernel, from `term` on.
#[cube]
pub fn fetch_kernels<F: Float, I: Size>(
    weight: &Tensor<Vector<F, I>>,
    plan: &Plan,
    rows: &Sequence<u32>,
    next: &mut Array<Quad>,
    term: u32,
    #[comptime] checked: bool,
) {
    let width = I::value().comptime();
    #[unroll]
    for load in 0..rows.len() {
        let mut found = Quad::empty();
        #[unroll]
        for part in 0..comptime!(4 / width) {
            let term = term + comptime!((part * width) as u32);
            let values = read::<F, I>(weight, *rows.index(load) + term, term < plan.depth, checked);
            #[unroll]
            for lane in 0..width {
                found.insert(comptime!(part * width + lane), values.extract(lane));
            }
        }
        next[load] = found;
    }
}

/// Values of a tensor, or zeros; without a branch, so that many reads are under way at a time.
#[cube]
fn read<F: Float, I: Size>(
    tensor: &Tensor<Vector<F, I>>,
    at: u32,
    inside: bool,
    #[comptime] checked: bool,
) -> Vector<f32, I> {
    let width = I::value().comptime();
    if checked {
        let values = Vector::<f32, I>::cast_from(tensor[select(inside, at, 0u32) as usize / width]);
        select(inside, values, Vector::<f32, I>::new(0.0f32))
    } else {
        Vector::<f32, I>::cast_from(tensor[at as usize / width])
    }
}
