//! A symmetric matrix → its triangle, with which equations are solved and the inverse is made.

/// What is left of a variance, as a share of it, when the other variables are known; less is only rounding.
const LEAST_LEFT: f64 = 1e-11;

/// The lower triangle whose product with itself turned over is a positive definite matrix.
pub(super) struct Cholesky(Vec<Vec<f64>>);

impl Cholesky {
    /// Takes the rows of a symmetric matrix.
    ///
    /// # Errors
    /// The first row that follows from those before it, so that the matrix has no inverse.
    pub fn of(matrix: &[Vec<f64>]) -> Result<Self, usize> {
        let side = matrix.len();
        let mut lower = vec![vec![0.0; side]; side];
        for row in 0..side {
            for col in 0..=row {
                let known: f64 = (0..col).map(|at| lower[row][at] * lower[col][at]).sum();
                let left = matrix[row][col] - known;
                lower[row][col] = if row > col {
                    left / lower[col][col]
                } else if left.is_finite() && left > LEAST_LEFT * matrix[row][row] {
                    left.sqrt()
                } else {
                    return Err(row);
                };
            }
        }
        Ok(Self(lower))
    }

    /// The vector whose product with the matrix is `right`.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let Self(lower) = self;
        let mut solution = right.to_vec();
        for row in 0..right.len() {
            let known: f64 = (0..row).map(|at| lower[row][at] * solution[at]).sum();
            solution[row] = (solution[row] - known) / lower[row][row];
        }
        for row in (0..right.len()).rev() {
            let known: f64 = (row + 1..right.len()).map(|at| lower[at][row] * solution[at]).sum();
            solution[row] = (solution[row] - known) / lower[row][row];
        }
        solution
    }

    /// The matrix's inverse.
    pub fn inverse(&self) -> Vec<Vec<f64>> {
        let side = self.0.len();
        (0..side)
            .map(|row| self.solve(&(0..side).map(|at| f64::from(u8::from(at == row))).collect::<Vec<_>>()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_the_matrix_and_a_dependent_row_is_named() {
        let matrix = vec![vec![4.0, 2.0, 0.6], vec![2.0, 5.0, 1.0], vec![0.6, 1.0, 3.0]];
        let inverse = Cholesky::of(&matrix).unwrap().inverse();
        for (at, row) in matrix.iter().enumerate() {
            for (other, col) in inverse.iter().enumerate() {
                // The inverse is symmetric, so its rows are its columns.
                let product: f64 = row.iter().zip(col).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(at == other))).abs() < 1e-14);
            }
        }
        assert_eq!(Cholesky::of(&[vec![1.0, 2.0], vec![2.0, 4.0]]).err(), Some(1));
        assert_eq!(Cholesky::of(&[vec![f64::NAN]]).err(), Some(0));
    }
}
