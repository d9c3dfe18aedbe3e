//! Three by three matrices, for colours: products, the inverse, and the eigenvectors of a symmetric one.
//!
//! Rows first, f64. Written here because a library of linear algebra is a dozen crates for these few lines.

/// `m[row][column]`.
pub(super) type Matrix = [[f64; 3]; 3];
/// Red, green and blue, or what a matrix makes of them.
pub(super) type Vector = [f64; 3];

pub(super) const IDENTITY: Matrix = diagonal([1.0; 3]);

/// Turns that bring a symmetric matrix to diagonal form; each squares what is left, so a handful is enough.
const SWEEPS: usize = 12;

pub(super) const fn diagonal(d: Vector) -> Matrix {
    [[d[0], 0.0, 0.0], [0.0, d[1], 0.0], [0.0, 0.0, d[2]]]
}

pub(super) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn unit(a: Vector) -> Vector {
    let length = dot(a, a).sqrt();
    a.map(|part| part / length)
}

pub(super) fn add(a: Vector, b: Vector) -> Vector {
    [0, 1, 2].map(|i| a[i] + b[i])
}

pub(super) fn cross(a: Vector, b: Vector) -> Vector {
    [0, 1, 2].map(|i| a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3])
}

pub(super) fn apply(m: Matrix, v: Vector) -> Vector {
    m.map(|row| dot(row, v))
}

pub(super) fn transpose(m: Matrix) -> Matrix {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| m[j][i]))
}

/// The matrix that does `b` first, then `a`.
pub(super) fn product(a: Matrix, b: Matrix) -> Matrix {
    let columns = transpose(b);
    a.map(|row| columns.map(|column| dot(row, column)))
}

/// The inverse of a matrix that has one, by cofactors.
pub(super) fn inverse(m: Matrix) -> Matrix {
    let minor = |r: usize, c: usize| {
        let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    [0, 1, 2].map(|r| [0, 1, 2].map(|c| minor(c, r) / determinant))
}

/// Eigenvalues, largest first, and their unit eigenvectors as rows.
///
/// # Source
/// Jacobi's rotations; Golub and Van Loan, Matrix Computations, 4th edition, section 8.5.
pub(super) fn eigen(symmetric: Matrix) -> (Vector, Matrix) {
    let (mut m, mut vectors) = (symmetric, IDENTITY);
    for _ in 0..SWEEPS {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if m[p][q] == 0.0 {
                continue;
            }
            let tau = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
            let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
            let cosine = 1.0 / tangent.hypot(1.0);
            let sine = tangent * cosine;
            let mut turn = IDENTITY;
            (turn[p][p], turn[q][q], turn[p][q], turn[q][p]) = (cosine, cosine, -sine, sine);
            m = product(product(turn, m), transpose(turn));
            vectors = product(turn, vectors);
        }
    }
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| m[b][b].total_cmp(&m[a][a]));
    (order.map(|i| m[i][i]), order.map(|i| vectors[i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eigenvectors_are_turned_by_nothing_and_stretched_by_their_values(parts in prop::array::uniform6(-2.0..2.0_f64)) {
            let [a, b, c, d, e, f] = parts;
            let m = [[a, b, c], [b, d, e], [c, e, f]];
            let (values, vectors) = eigen(m);
            prop_assert!(values[0] >= values[1] && values[1] >= values[2]);
            for (value, vector) in values.into_iter().zip(vectors) {
                prop_assert!((dot(vector, vector) - 1.0).abs() < 1e-12);
                let image = apply(m, vector);
                prop_assert!((0..3).all(|i| (image[i] - value * vector[i]).abs() < 1e-12), "{image:?} {value}");
            }
        }
    }

    #[test]
    fn a_matrix_times_its_inverse_is_the_identity() {
        let m = [[2.0, 0.5, -1.0], [0.0, 1.5, 0.25], [1.0, 0.0, 3.0]];
        let found = product(m, inverse(m));
        assert!((0..9).all(|at| (found[at / 3][at % 3] - IDENTITY[at / 3][at % 3]).abs() < 1e-14), "{found:?}");
        assert_eq!(eigen(diagonal([1.0, 3.0, 2.0])).0[..], [3.0, 2.0, 1.0]);
    }
}
