//! Features of tiles → the cloud they form: middle, leading directions, what remains.
//!
//! Invariant: the same rows give the same numbers, to the bit, on any number of cores. No matrix of features by features is
//! made: the rows are multiplied with a thin basis again and again.
//!
//! # Source
//! The model: Tipping and Bishop 1999, doi:10.1111/1467-9868.00196, equations 7 and 8. Its directions by subspace iteration
//! with some more vectors than are kept: Halko, Martinsson and Tropp 2011, doi:10.1137/090771806, algorithm 4.4.

use crate::nn::FeatureModel;
use crate::random::Random;
use rayon::prelude::*;

/// Leading directions at most: more hold little but chance.
const MOST_DIRECTIONS: usize = 32;
/// Tiles that a direction needs.
const TILES_PER_DIRECTION: usize = 8;
/// Vectors beside those that are kept, which lets the last of these settle.
const SPARE: usize = 16;
/// Multiplications; the directions that matter settle in a few.
const ROUNDS: usize = 24;
/// The least deviation by which a feature is divided, as a share of their mean.
const LEAST_DEVIATION: f64 = 0.01;
/// A vector, or a variance, that is smaller than this share of the largest is that of rounding.
const LEAST_SHARE: f64 = 1e-9;
/// Keeps this file's random numbers apart from those of other uses.
const STREAM: u64 = 0xfa31;

/// Fits the cloud of rows `[N][D]`; none when there are too few, or they are all the same.
#[expect(clippy::cast_possible_truncation, reason = "features are f32")]
pub(super) fn fit(rows: &[Vec<f32>]) -> Option<FeatureModel> {
    let features = rows.first()?.len();
    let directions = MOST_DIRECTIONS.min(rows.len() / TILES_PER_DIRECTION).min(features.saturating_sub(1));
    if directions == 0 {
        return None;
    }
    let (mean, mut centred) = centre(rows, features);
    let scales = standardise(&mut centred, features)?;
    let freedom = (rows.len() - 1) as f64;
    let total = centred.iter().flatten().map(|&value| f64::from(value).powi(2)).sum::<f64>() / freedom;
    // What is not finite is not above 0.
    if !(total > 0.0 && total.is_finite()) {
        return None;
    }
    let mut basis = Basis::random(features, (directions + SPARE).min(features));
    for _ in 0..ROUNDS {
        basis = basis.multiplied(&centred).orthonormal();
    }
    let (variances, leading) = basis.ritz(&centred, freedom);
    let kept = variances.iter().take(directions).take_while(|&&variance| variance > variances[0] * LEAST_SHARE).count();
    let rest = total - variances[..kept].iter().sum::<f64>();
    let residual = (rest / (features - kept) as f64).max(total / features as f64 * LEAST_SHARE);
    let directions = leading.into_iter().take(kept).flatten().map(|value| value as f32).collect();
    let deviations = variances[..kept].iter().map(|variance| variance.max(residual).sqrt() as f32).collect();
    let mean = mean.into_iter().map(|mean| mean as f32).collect();
    FeatureModel::new(mean, scales, directions, deviations, residual.sqrt() as f32).ok()
}

/// Divides each feature by its deviation, which is `[D]`: layers differ in size. One that hardly changes beside the others is
/// not blown up. None when no feature changes.
#[expect(clippy::cast_possible_truncation, reason = "features are f32")]
fn standardise(centred: &mut [Vec<f32>], features: usize) -> Option<Vec<f32>> {
    let mut squares = vec![0.0; features];
    for row in &*centred {
        squares.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value).powi(2));
    }
    let deviations: Vec<f64> = squares.into_iter().map(|sum| (sum / centred.len() as f64).sqrt()).collect();
    let least = deviations.iter().sum::<f64>() / features as f64 * LEAST_DEVIATION;
    let scales: Vec<f32> = deviations.into_iter().map(|deviation| deviation.max(least) as f32).collect();
    if scales.iter().any(|scale| !(scale.is_finite() && *scale > 0.0)) {
        return None;
    }
    for row in centred {
        row.iter_mut().zip(&scales).for_each(|(value, scale)| *value /= scale);
    }
    Some(scales)
}

/// The mean `[D]`, and the rows without it.
#[expect(clippy::cast_possible_truncation, reason = "as exact as the features")]
fn centre(rows: &[Vec<f32>], features: usize) -> (Vec<f64>, Vec<Vec<f32>>) {
    let mut mean = vec![0.0; features];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    for sum in &mut mean {
        *sum /= rows.len() as f64;
    }
    let without =
        |row: &Vec<f32>| row.iter().zip(&mean).map(|(&value, mean)| (f64::from(value) - mean) as f32).collect();
    let centred = rows.iter().map(without).collect();
    (mean, centred)
}

/// Some vectors side by side: `[D, M]`, so that the inner loops run over vectors and are fast.
struct Basis {
    width: usize,
    values: Vec<f64>,
}

impl Basis {
    fn random(features: usize, width: usize) -> Self {
        let mut random = Random::of(&[STREAM]);
        Self { width, values: (0..features * width).map(|_| 2.0 * random.unit() - 1.0).collect() }.orthonormal()
    }

    /// Places of each row along the vectors, `[N][M]`.
    fn places(&self, rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
        let place = |row: &Vec<f32>| {
            let mut sums = vec![0.0; self.width];
            for (&value, vectors) in row.iter().zip(self.values.chunks(self.width)) {
                sums.iter_mut().zip(vectors).for_each(|(sum, vector)| *sum += f64::from(value) * vector);
            }
            sums
        };
        rows.par_iter().map(place).collect()
    }

    /// The vectors times the scatter matrix of the rows.
    fn multiplied(&self, rows: &[Vec<f32>]) -> Self {
        let places = self.places(rows);
        let mut values = vec![0.0; self.values.len()];
        // Each thread has some features and adds rows in their order.
        values.par_chunks_mut(self.width * 16).enumerate().for_each(|(at, part)| {
            for (row, place) in rows.iter().zip(&places) {
                for (&value, sums) in row[at * 16..].iter().zip(part.chunks_mut(self.width)) {
                    sums.iter_mut().zip(place).for_each(|(sum, place)| *sum += f64::from(value) * place);
                }
            }
        });
        Self { width: self.width, values }
    }

    /// The vectors as rows.
    fn vectors(&self) -> Vec<Vec<f64>> {
        (0..self.width).map(|at| self.values.iter().skip(at).step_by(self.width).copied().collect()).collect()
    }

    /// Orthonormal vectors of the same span (Gram and Schmidt, twice); those that add nothing are left out.
    fn orthonormal(&self) -> Self {
        let vectors = self.vectors();
        let longest = vectors.iter().map(|vector| dot(vector, vector)).fold(0.0, f64::max).sqrt();
        let mut kept: Vec<Vec<f64>> = Vec::with_capacity(vectors.len());
        for mut vector in vectors {
            for _ in 0..2 {
                for other in &kept {
                    let along = dot(&vector, other);
                    vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
                }
            }
            let length = dot(&vector, &vector).sqrt();
            if length > longest * LEAST_SHARE * LEAST_SHARE {
                kept.push(vector.into_iter().map(|value| value / length).collect());
            }
        }
        let features = kept.first().map_or(0, Vec::len);
        let values = (0..features).flat_map(|at| kept.iter().map(move |vector| vector[at])).collect();
        Self { width: kept.len(), values }
    }

    /// The variances of the rows along the principal directions of the span, largest first, and these directions `[M][D]`.
    fn ritz(&self, rows: &[Vec<f32>], freedom: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
        let (places, vectors) = (self.places(rows), self.vectors());
        let entry = |a: usize, b: usize| places.iter().map(|place| place[a] * place[b]).sum::<f64>() / freedom;
        let matrix = (0..self.width).map(|a| (0..self.width).map(|b| entry(a.min(b), a.max(b))).collect()).collect();
        let (variances, turns) = eigen(matrix);
        let mut order: Vec<usize> = (0..self.width).collect();
        order.sort_by(|&a, &b| variances[b].total_cmp(&variances[a]).then(a.cmp(&b)));
        let direction = |&at: &usize| {
            let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
            for (vector, turn) in vectors.iter().zip(&turns) {
                sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += turn[at] * value);
            }
            sum
        };
        (order.iter().map(|&at| variances[at]).collect(), order.iter().map(direction).collect())
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Eigenvalues of a symmetric matrix, and its eigenvectors as columns.
///
/// # Source
/// Cyclic Jacobi rotations: Golub and Van Loan, Matrix Computations, section 8.5.
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let side = matrix.len();
    let mut turns: Vec<Vec<f64>> =
        (0..side).map(|row| (0..side).map(|col| f64::from(u8::from(row == col))).collect()).collect();
    let size: f64 = matrix.iter().flatten().map(|value| value * value).sum();
    // Each sweep squares what is left off the diagonal; ten would do.
    for _ in 0..50 {
        let off: f64 = (0..side).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| matrix[a][b].powi(2)).sum();
        if off <= size * 1e-28 {
            break;
        }
        for q in 1..side {
            for p in 0..q {
                if matrix[p][q].abs() <= f64::MIN_POSITIVE {
                    continue;
                }
                let slope = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
                let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                let turn = |pair: (f64, f64)| (cosine * pair.0 - sine * pair.1, sine * pair.0 + cosine * pair.1);
                for row in matrix.iter_mut().chain(&mut turns) {
                    (row[p], row[q]) = turn((row[p], row[q]));
                }
                let (above, below) = matrix.split_at_mut(q);
                for (a, b) in above[p].iter_mut().zip(&mut below[0]) {
                    (*a, *b) = turn((*a, *b));
                }
            }
        }
    }
    ((0..side).map(|at| matrix[at][at]).collect(), turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: usize = 40;

    /// A number of the standard normal distribution (Box and Muller).
    fn normal(random: &mut Random) -> f64 {
        (-2.0 * (1.0 - random.unit()).ln()).sqrt() * (std::f64::consts::TAU * random.unit()).cos()
    }

    /// Rows around a middle, with these deviations along the first axes and 0.5 along the others; a reflection then mixes
    /// all axes.
    #[expect(clippy::cast_possible_truncation, reason = "features are f32")]
    fn rows(count: usize, seed: u64, deviations: &[f64], stretch: f64) -> Vec<Vec<f32>> {
        let mut random = Random::of(&[seed]);
        let axis: Vec<f64> = (0..FEATURES).map(|at| ((at * 7 + 3) % 11) as f64 - 5.0).collect();
        let size = dot(&axis, &axis);
        (0..count)
            .map(|_| {
                let deviation = |at: usize| deviations.get(at).copied().unwrap_or(0.5);
                let row: Vec<f64> = (0..FEATURES).map(|at| stretch * deviation(at) * normal(&mut random)).collect();
                let along = 2.0 * dot(&row, &axis) / size;
                row.iter().zip(&axis).map(|(value, axis)| (value - along * axis + 3.0) as f32).collect()
            })
            .collect()
    }

    #[test]
    fn deviations_of_a_known_cloud_are_found_and_its_distances_add_up_to_its_features() {
        let model = fit(&rows(4000, 1, &[8.0, 4.0, 2.0], 1.0)).unwrap();
        assert_eq!((model.features(), model.directions()), (FEATURES, MOST_DIRECTIONS));
        // Of fresh tiles of the same cloud: chi-squared with as many degrees of freedom as there are features.
        let distances: Vec<f64> = rows(4000, 2, &[8.0, 4.0, 2.0], 1.0).iter().map(|row| model.distance(row)).collect();
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let variance = distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f64>() / distances.len() as f64;
        // The mean of 4000 has a deviation of 0.14; the fit itself adds about D / N of it.
        assert!((mean - FEATURES as f64).abs() < 1.0, "{mean}");
        assert!((variance - 2.0 * FEATURES as f64).abs() < 12.0, "{variance}");
        let far: Vec<f64> = rows(500, 3, &[8.0, 4.0, 2.0], 2.0).iter().map(|row| model.distance(row)).collect();
        let far = far.iter().sum::<f64>() / far.len() as f64;
        assert!((far - 4.0 * FEATURES as f64).abs() < 12.0, "four times the variance is four times as far: {far}");
    }

    #[test]
    fn few_tiles_give_few_directions_and_one_colour_gives_none() {
        let few = fit(&rows(24, 1, &[9.0], 1.0)).unwrap();
        assert_eq!(few.directions(), 3);
        assert!(fit(&rows(7, 1, &[9.0], 1.0)).is_none());
        assert!(fit(&vec![vec![1.5; FEATURES]; 100]).is_none());
        assert!(fit(&vec![vec![1.5]; 100]).is_none());
        assert!(fit(&[]).is_none());
        // Of rank one: everything else is thin, but not without width.
        let line: Vec<Vec<f32>> = (0_u8..100).map(|at| vec![f32::from(at); FEATURES]).collect();
        let line = fit(&line).unwrap();
        assert_eq!(line.directions(), 1);
        let (on, off) = (vec![50.0; FEATURES], [vec![51.0], vec![50.0; FEATURES - 1]].concat());
        assert!(line.distance(&on) < 0.01 && line.distance(&off) > 1e3);
    }

    #[test]
    fn the_same_rows_give_the_same_bits() {
        let rows = rows(300, 5, &[3.0, 2.0], 1.0);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| fit(&rows)), fit(&rows));
    }

    #[test]
    fn eigenvectors_turn_a_matrix_into_its_diagonal() {
        // 2 +- 1 along (1, 1) and (1, -1), and 5 apart from them.
        let (values, turns) = eigen(vec![vec![2.0, 1.0, 0.0], vec![1.0, 2.0, 0.0], vec![0.0, 0.0, 5.0]]);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.iter().zip([1.0, 3.0, 5.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?}");
        for (at, value) in values.iter().enumerate() {
            let vector: Vec<f64> = turns.iter().map(|row| row[at]).collect();
            let image = [2.0 * vector[0] + vector[1], vector[0] + 2.0 * vector[1], 5.0 * vector[2]];
            assert!(image.iter().zip(&vector).all(|(image, part)| (image - value * part).abs() < 1e-12));
        }
    }
}
