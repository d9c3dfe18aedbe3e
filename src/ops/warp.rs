//! Tiles turned, mirrored, scaled and shifted in one pass: the CPU twin of `shaders/warp.rs`, and the maps of both.
//!
//! Invariant: a map that moves pixels onto pixels changes no value. Beyond the edge the tile is mirrored, so no colour
//! appears that is not in it.

use super::unpack::UnpackShape;

/// An affine map from places of the output to places of the tile as loaded, both from the middle, in pixels, x to the
/// right and y down. The middle of the output lies on the middle of what plain unpacking keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// `[[dx/du, dx/dv], [dy/du, dy/dv]]`: how the place in the tile moves with the place `(u, v)` in the output.
    pub matrix: [[f64; 2]; 2],
    /// The place in the tile that comes to the middle, `(x, y)`, pixels.
    pub shift_px: [f64; 2],
}

impl Affine {
    /// Leaves everything where it is.
    pub const IDENTITY: Self = Self { matrix: [[1.0, 0.0], [0.0, 1.0]], shift_px: [0.0; 2] };

    /// One of the eight symmetries of a square: transposed first, then mirrored left to right and top to bottom.
    pub fn symmetry(transpose: bool, flip_x: bool, flip_y: bool) -> Self {
        let (x, y) = (if flip_x { -1.0 } else { 1.0 }, if flip_y { -1.0 } else { 1.0 });
        let matrix = if transpose { [[0.0, y], [x, 0.0]] } else { [[x, 0.0], [0.0, y]] };
        Self { matrix, shift_px: [0.0; 2] }
    }

    /// Turns what is shown by an angle, clockwise as seen, and makes it `scale` times larger.
    ///
    /// Far below 1 the picture is sampled too coarsely, since four neighbours are all that is read.
    pub fn turn(radians: f64, scale: f64) -> Self {
        let (sine, cosine) = (radians.sin() / scale, radians.cos() / scale);
        Self { matrix: [[cosine, sine], [-sine, cosine]], shift_px: [0.0; 2] }
    }

    /// Moves what is shown to the right and down.
    pub fn shift(x_px: f64, y_px: f64) -> Self {
        Self { shift_px: [-x_px, -y_px], ..Self::IDENTITY }
    }

    /// This first, then `next`, in one pass.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let (a, b) = (&self.matrix, &next.matrix);
        let dot = |row: [f64; 2], v: [f64; 2]| row[0] * v[0] + row[1] * v[1];
        Self {
            matrix: a.map(|row| [dot(row, [b[0][0], b[1][0]]), dot(row, [b[0][1], b[1][1]])]),
            shift_px: [0, 1].map(|i| dot(a[i], next.shift_px) + self.shift_px[i]),
        }
    }

    /// The kernel's argument: `x' = r[0] x + r[1] y + r[2]`, `y' = r[3] x + r[4] y + r[5]` in indices of pixels.
    #[expect(clippy::cast_possible_truncation, reason = "places on a tile need no more than f32")]
    pub fn row(&self, shape: UnpackShape) -> [f32; 6] {
        let (input, output) = (shape.input_px as f64, shape.output_px as f64);
        let middle = (output - 1.0) / 2.0;
        let kept = ((input - output) / 2.0).floor() + middle;
        let row = |i: usize| {
            let [a, b] = self.matrix[i];
            [a as f32, b as f32, (kept + self.shift_px[i] - a * middle - b * middle) as f32]
        };
        let ([a, b, c], [d, e, f]) = (row(0), row(1));
        [a, b, c, d, e, f]
    }
}

/// Warps a batch.
///
/// # Shapes
/// `bytes`: `[N, I, I, 3]` u8; `rows`: `[N, 6]`, of [`Affine::row`]; result `[N, S, S, 3]` f32, 0 to 255.
///
/// # Panics
/// When `bytes` or `rows` are shorter than the shape says.
pub fn warp(bytes: &[u8], rows: &[f32], shape: UnpackShape) -> Vec<f32> {
    let UnpackShape { input_px, output_px, .. } = shape;
    let mut out = Vec::with_capacity(shape.values());
    let tiles = bytes.chunks_exact(input_px * input_px * 3).zip(rows.as_chunks::<6>().0);
    for (tile, row) in tiles.take(shape.tiles) {
        let pixels = tile.as_chunks::<3>().0;
        for y in 0..output_px {
            for x in 0..output_px {
                let (x, y) = (x as f32, y as f32);
                let (x0, x1, fx) = neighbours(row[0] * x + row[1] * y + row[2], input_px);
                let (y0, y1, fy) = neighbours(row[3] * x + row[4] * y + row[5], input_px);
                let (top, bottom) = (&pixels[y0 * input_px..][..input_px], &pixels[y1 * input_px..][..input_px]);
                let (a, b, c, d) = (top[x0], top[x1], bottom[x0], bottom[x1]);
                out.extend([0, 1, 2].map(|channel| {
                    let upper = between(f32::from(a[channel]), f32::from(b[channel]), fx);
                    let lower = between(f32::from(c[channel]), f32::from(d[channel]), fx);
                    between(upper, lower, fy)
                }));
            }
        }
    }
    out
}

/// `a` at 0, without rounding.
fn between(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// The two pixels around a place on one axis, and how far it is from the first to the second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the tile by then")]
fn neighbours(place: f32, side: usize) -> (usize, usize, f32) {
    let last = (side - 1) as f32;
    let period = (2.0 * last).max(1.0);
    let mut t = place.abs();
    if t > last {
        t -= (t / period).floor() * period;
        if t > last {
            t = period - t;
        }
        t = t.max(0.0);
    }
    let first = (t as usize).min(side - 1);
    (first, (first + 1).min(side - 1), t - first as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::unpack::{Normalisation, unpack};

    fn tile(side: usize) -> Vec<u8> {
        (0..=255).cycle().step_by(7).take(side * side * 3).collect()
    }

    fn warped(bytes: &[u8], affine: &Affine, input_px: usize, output_px: usize) -> Vec<f32> {
        let shape = UnpackShape { tiles: 1, input_px, output_px };
        warp(bytes, &affine.row(shape), shape)
    }

    #[test]
    fn the_eight_symmetries_move_bytes_and_change_none() {
        for side in [1, 2, 5, 224] {
            let bytes = tile(side);
            for which in 0..8 {
                let [transpose, flip_x, flip_y] = [which & 1 == 1, which & 2 == 2, which & 4 == 4];
                let found = warped(&bytes, &Affine::symmetry(transpose, flip_x, flip_y), side, side);
                let source = |x: usize, y: usize| {
                    let x = if flip_x { side - 1 - x } else { x };
                    let y = if flip_y { side - 1 - y } else { y };
                    if transpose { (y, x) } else { (x, y) }
                };
                let expected = (0..side * side).flat_map(|at| {
                    let (x, y) = source(at % side, at / side);
                    [0, 1, 2].map(|channel| f32::from(bytes[(y * side + x) * 3 + channel]))
                });
                assert!(found.into_iter().eq(expected), "{side} {which}");
            }
        }
    }

    #[test]
    fn the_identity_keeps_what_unpacking_keeps() {
        for (input_px, output_px) in [(9, 9), (9, 6), (10, 7), (8, 1)] {
            let shape = UnpackShape { tiles: 1, input_px, output_px };
            let raw = Normalisation { scale: [1.0; 3], shift: [0.0; 3] };
            let planes = unpack(&tile(input_px), shape, raw);
            let plane = output_px * output_px;
            let expected = (0..plane * 3).map(|at| planes[at % 3 * plane + at / 3]);
            assert!(warped(&tile(input_px), &Affine::IDENTITY, input_px, output_px).into_iter().eq(expected));
        }
    }

    #[test]
    fn places_between_pixels_are_between_their_values_and_beyond_the_edge_mirrored() {
        // Reds 0, 10, 20 in each line.
        let bytes: Vec<u8> = [0, 10, 20].repeat(3).into_iter().flat_map(|red| [red, 0, 0]).collect();
        let reds = |x: f64| -> Vec<f32> {
            warped(&bytes, &Affine::shift(x, 0.0), 3, 3).iter().copied().step_by(3).take(3).collect()
        };
        assert_eq!(reds(-0.25), [2.5, 12.5, 17.5]);
        assert_eq!(reds(1.0), [10.0, 0.0, 10.0]);
        assert_eq!(reds(-1.0), [10.0, 20.0, 10.0]);
        assert_eq!(reds(-4.0), reds(0.0));
        assert_eq!(reds(4000.0), reds(0.0));
        assert_eq!(reds(-4001.5), reds(-1.5));
        // A tile of one pixel is that pixel everywhere.
        assert_eq!(warped(&[3, 4, 5], &Affine::shift(-7.3, 2.9), 1, 1), [3.0, 4.0, 5.0]);
        // What is no number reads some pixel, and ends.
        assert_eq!(warped(&bytes, &Affine::shift(f64::NAN, f64::INFINITY), 3, 3).len(), 27);
    }

    #[test]
    fn turns_are_clockwise_larger_is_larger_and_maps_follow_one_another() {
        let right = Affine::turn(std::f64::consts::FRAC_PI_2, 1.0);
        // The first line of the tile becomes its last column.
        let found = warped(&tile(4), &right, 4, 4);
        assert!((0..4).all(|at| (found[(at * 4 + 3) * 3] - f32::from(tile(4)[at * 3])).abs() < 1e-3));
        let back = right.then(&Affine::turn(-std::f64::consts::FRAC_PI_2, 1.0));
        assert!((back.matrix[0][0] - 1.0).abs() < 1e-12 && back.matrix[0][1].abs() < 1e-12);
        let twice = Affine::turn(0.0, 2.0);
        assert!((twice.matrix[0][0] - 0.5).abs() < 1e-12);
        // Shifted by one and then enlarged, things are two away.
        let moved = Affine::shift(1.0, 0.0).then(&twice);
        let [a, _, c] = [0, 1, 2].map(|at| moved.row(UnpackShape { tiles: 1, input_px: 5, output_px: 5 })[at]);
        assert!((a * 4.0 + c - 2.0).abs() < 1e-6, "the middle, 2, is shown at 4");
    }
}
