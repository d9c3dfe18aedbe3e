//! Tiles out of focus: the CPU twin of `shaders/blur.rs`, and the weights of both.
//!
//! Invariant: a tile with sigma 0 keeps every value as it is. Beyond the edge the tile is mirrored.

use super::unpack::UnpackShape;

/// Weights reach this far; so a sigma is at most a third of it.
pub const MAX_RADIUS: usize = 12;
/// Length of a [`BlurRow`].
pub const ROW: usize = MAX_RADIUS + 2;
/// What the kernel takes for a tile: the radius, then the weights from the middle outwards, zeros behind them.
pub type BlurRow = [f32; ROW];

/// The weights of a Gaussian, cut off at three sigma and summing to 1.
///
/// `sigma_px` is held between 0 and a third of [`MAX_RADIUS`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the maximum")]
pub fn row(sigma_px: f64) -> BlurRow {
    // In this order what is no number becomes 0.
    let sigma = sigma_px.max(0.0).min(MAX_RADIUS as f64 / 3.0);
    let radius = (3.0 * sigma).ceil() as usize;
    let mut row = [0.0; ROW];
    row[0] = radius as f32;
    let weight = |k: usize| if k == 0 { 1.0 } else { (-0.5 * (k as f64 / sigma).powi(2)).exp() };
    let sum: f64 = weight(0) + 2.0 * (1..=radius).map(weight).sum::<f64>();
    for k in 0..=radius {
        row[k + 1] = (weight(k) / sum) as f32;
    }
    row
}

/// Blurs a batch, along x and then along y.
///
/// # Shapes
/// `values`: `[N, S, S, 3]`; `rows`: `[N, ROW]`, of [`row`]; result as `values`.
///
/// # Panics
/// When `values` or `rows` are shorter than the shape says.
pub fn blur(values: &[f32], rows: &[f32], shape: UnpackShape) -> Vec<f32> {
    let side = shape.output_px;
    let stride = side * 3;
    let mut out = Vec::with_capacity(shape.values());
    let tiles = values.chunks_exact(side * stride).zip(rows.as_chunks::<ROW>().0);
    for (tile, row) in tiles.take(shape.tiles) {
        let weights = weights(row);
        let radius = weights.len() - 1;
        if radius == 0 {
            out.extend_from_slice(tile);
            continue;
        }
        let mut along_x = vec![0.0; tile.len()];
        let mut padded = vec![0.0; (side + 2 * radius) * 3];
        for (line, to) in tile.chunks_exact(stride).zip(along_x.chunks_exact_mut(stride)) {
            for (at, pixel) in (0_usize..).zip(padded.as_chunks_mut::<3>().0) {
                pixel.copy_from_slice(&line[3 * mirrored(at.abs_diff(radius), side)..][..3]);
            }
            let shifted = |by: usize| &padded[by * 3..][..stride];
            weighted(to, weights, |k| [shifted(radius - k), shifted(radius + k)]);
        }
        let start = out.len();
        out.resize(start + tile.len(), 0.0);
        for (y, to) in (0_usize..).zip(out[start..].chunks_exact_mut(stride)) {
            let line = |y: usize| &along_x[mirrored(y, side) * stride..][..stride];
            weighted(to, weights, |k| [line(y.abs_diff(k)), line(y + k)]);
        }
    }
    out
}

/// The weights of a row, from the middle outwards, as far as its radius says.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a radius is a small whole number")]
fn weights(row: &BlurRow) -> &[f32] {
    &row[1..=1 + (row[0] as usize).min(MAX_RADIUS)]
}

/// The sum of pairs of lines, each pair at one distance, with the weight of that distance.
fn weighted<'a>(to: &mut [f32], weights: &[f32], pair: impl Fn(usize) -> [&'a [f32]; 2]) {
    for (to, middle) in to.iter_mut().zip(pair(0)[0]) {
        *to = weights[0] * middle;
    }
    for (k, &weight) in weights.iter().enumerate().skip(1) {
        let [before, after] = pair(k);
        for ((to, before), after) in to.iter_mut().zip(before).zip(after) {
            *to += weight * (before + after);
        }
    }
}

/// The pixel shown so far from the first one, on either side of it; the edge itself is not repeated.
fn mirrored(at: usize, side: usize) -> usize {
    let period = (2 * (side - 1)).max(1);
    let within = at % period;
    if within < side { within } else { period - within }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(tiles: usize, side: usize) -> UnpackShape {
        UnpackShape { tiles, input_px: side, output_px: side }
    }

    #[test]
    fn weights_are_those_of_a_gaussian_and_held_in_bounds() {
        let found = row(1.0);
        assert!((found[0] - 3.0).abs() < f32::EPSILON);
        // exp(-k^2 / 2), divided by their sum over -3..=3.
        let expected = [0.399_050_3, 0.242_036_2, 0.054_005_6, 0.004_433_0];
        assert!(found[1..].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        assert_eq!(row(100.0)[..], row(4.0)[..]);
        for none in [0.0, -1.0, f64::NAN] {
            assert_eq!(row(none)[..3], [0.0, 1.0, 0.0]);
        }
    }

    #[test]
    fn sigma_zero_changes_nothing_and_a_flat_tile_stays_flat() {
        let values: Vec<f32> = (0..75).map(|at| at as f32 * 3.3 % 255.0).collect();
        assert_eq!(blur(&values, &row(0.0), shape(1, 5)), values);
        let rows = [row(0.0), row(4.0)].concat();
        let flat = blur(&[values, vec![7.0; 75]].concat(), &rows, shape(2, 5));
        assert!(flat[75..].iter().all(|value| (value - 7.0).abs() < 1e-5), "{flat:?}");
    }

    #[test]
    fn a_point_becomes_the_weights_and_is_mirrored_at_the_edge() {
        let weights = row(0.5);
        let (w0, w1, w2) = (weights[1], weights[2], weights[3]);
        let at = |x: usize, y: usize| (y * 5 + x) * 3 + 1;
        let mut values = vec![0.0; 75];
        values[at(1, 2)] = 1.0;
        let out = blur(&values, &weights, shape(1, 5));
        let near = |x, y, expected: f32| assert!((out[at(x, y)] - expected).abs() < 1e-7, "{x} {y} {}", out[at(x, y)]);
        // Seen from x = 1, the point is once more at x = -1, which shows x = 1.
        near(1, 2, (w0 + w2) * w0);
        near(0, 2, 2.0 * w1 * w0);
        near(2, 2, w1 * w0);
        near(2, 3, w1 * w1);
        assert!(out.iter().enumerate().all(|(at, &value)| at % 3 == 1 || value == 0.0));
    }
}
