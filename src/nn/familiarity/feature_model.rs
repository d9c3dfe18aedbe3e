//! How training tiles look to a network ([`Network::forward_and_looks`](crate::nn::Network::forward_and_looks)) as a cloud:
//! its middle, the directions in which it is long, and how thick it is elsewhere.
//!
//! Invariant: all numbers are finite and all deviations above 0, so that every tile has a distance.
//!
//! # Source
//! Tipping and Bishop 1999, "Probabilistic Principal Component Analysis", doi:10.1111/1467-9868.00196: the covariance is
//! `sum_k (lambda_k - sigma^2) w_k w_k^T + sigma^2 I`. Its Mahalanobis distance as a measure of what is unlike the training
//! data, and that inner layers tell it better than the last: Lee et al. 2018, arXiv:1807.03888, sections 2.1 and 2.2.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::familiarity::FamiliarityLayer;
use crate::nn::tensor_map::{Precision, TensorMap, Weight};
use burn::tensor::Device;

/// Names of the tensors in a file. Deviations, not variances: they fit half precision.
const MEAN: &str = "mean";
const SCALES: &str = "scales";
const DIRECTIONS: &str = "directions";
const DEVIATIONS: &str = "deviations";
const RESIDUAL: &str = "residual_deviation";

/// A cloud of features `[D]` with `K` leading directions.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureModel {
    /// `[D]`.
    pub(super) mean: Vec<f32>,
    /// `[D]`, what features are divided by before anything else: layers differ in size.
    pub(super) scales: Vec<f32>,
    /// `[K, D]`, orthonormal rows, the longest first.
    pub(super) directions: Vec<f32>,
    /// `[K]`, standard deviations along these.
    pub(super) deviations: Vec<f32>,
    /// Standard deviation along every other direction.
    pub(super) residual: f32,
}

impl FeatureModel {
    /// A cloud from its parts.
    ///
    /// # Shapes
    /// `mean`, `scales`: `[D]`; `directions`: `[K, D]`, orthonormal rows; `deviations`: `[K]`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0105` when these do not fit together, `MOD-0103` for a value that is not finite or a
    /// deviation that is not above 0.
    pub fn new(
        mean: Vec<f32>,
        scales: Vec<f32>,
        directions: Vec<f32>,
        deviations: Vec<f32>,
        residual: f32,
    ) -> Result<Self> {
        let expected = [mean.len(), mean.len() * deviations.len()];
        let found = [scales.len(), directions.len()];
        if expected != found {
            return Err(unfit(&[format!("expected {expected:?} scales and numbers of directions, found {found:?}")]));
        }
        let fault = |what: &str, found: &f32| {
            let message = format!("familiarity: expected {what}, found {found}");
            Err(Error::new(ErrorKind::Model, "MOD-0103", message))
        };
        if let Some(bad) = mean.iter().chain(&directions).find(|value| !value.is_finite()) {
            return fault("finite numbers", bad);
        }
        let is_width = |value: &f32| value.is_finite() && *value > 0.0;
        let mut widths = scales.iter().chain(&deviations).chain([&residual]);
        if let Some(bad) = widths.find(|value| !is_width(value)) {
            return fault("scales and deviations above 0", bad);
        }
        drop(widths);
        Ok(Self { mean, scales, directions, deviations, residual })
    }

    /// Reads the file of a bundle whose network has so many features and whose card says so many directions.
    ///
    /// # Errors
    /// Those of [`TensorMap::from_safetensors`]; [`ErrorKind::Model`]: `MOD-0105` naming tensors that are missing, unknown or
    /// of another shape, `MOD-0103` for a deviation that is not above 0.
    pub fn from_safetensors(bytes: &[u8], features: usize, directions: usize) -> Result<Self> {
        Self::of_tensors(TensorMap::from_safetensors(bytes)?.0, features, directions)
    }

    /// The file, in half precision where that holds the numbers; and the same model with its numbers as they are stored.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`MOD-0101`, `MOD-0103`) for numbers that no file holds.
    pub fn to_safetensors(&self) -> Result<(Vec<u8>, Self)> {
        let map = self.to_tensors();
        let stored = |precision: Precision| -> Result<(Vec<u8>, Self)> {
            let bytes = map.to_safetensors(precision)?;
            let found = Self::from_safetensors(&bytes, self.features(), self.deviations.len())?;
            Ok((bytes, found))
        };
        stored(Precision::F16).or_else(|_| stored(Precision::F32))
    }

    /// `D`.
    pub fn features(&self) -> usize {
        self.mean.len()
    }

    /// `K`.
    pub fn directions(&self) -> usize {
        self.deviations.len()
    }

    /// The squared distance of a tile's features from the middle, each direction measured in its own deviations: `sum_k
    /// z_k^2 / lambda_k + |r|^2 / sigma^2`, `z` the place along the leading directions and `r` what they leave.
    ///
    /// # Shapes
    /// `features`: `[D]`.
    pub fn distance(&self, features: &[f32]) -> f64 {
        let scaled =
            |((&found, &mean), &scale): ((&f32, &f32), &f32)| (f64::from(found) - f64::from(mean)) / f64::from(scale);
        let mut left: Vec<f64> = features.iter().zip(&self.mean).zip(&self.scales).map(scaled).collect();
        let from_middle = left.clone();
        let mut sum = 0.0;
        for (direction, &deviation) in self.directions.chunks(self.features().max(1)).zip(&self.deviations) {
            let along: f64 = from_middle.iter().zip(direction).map(|(found, &w)| found * f64::from(w)).sum();
            left.iter_mut().zip(direction).for_each(|(left, &w)| *left -= along * f64::from(w));
            sum += (along / f64::from(deviation)).powi(2);
        }
        sum + left.iter().map(|left| left * left).sum::<f64>() / f64::from(self.residual).powi(2)
    }

    /// The same on a device, for many tiles at once.
    pub(crate) fn layer(&self, device: &Device) -> FamiliarityLayer {
        FamiliarityLayer::new(self, device)
    }

    fn to_tensors(&self) -> TensorMap {
        let (features, count) = (self.features(), self.directions());
        let tensor =
            |name: &str, shape: Vec<usize>, data: &[f32]| (name.to_owned(), Weight { shape, data: data.to_vec() });
        TensorMap::from_iter([
            tensor(MEAN, vec![features], &self.mean),
            tensor(SCALES, vec![features], &self.scales),
            tensor(DIRECTIONS, vec![count, features], &self.directions),
            tensor(DEVIATIONS, vec![count], &self.deviations),
            tensor(RESIDUAL, vec![1], &[self.residual]),
        ])
    }

    fn of_tensors(mut map: TensorMap, features: usize, count: usize) -> Result<Self> {
        let mut problems = Vec::new();
        let mut take = |name: &str, shape: &[usize]| {
            let found = map.remove(name);
            match &found {
                None => problems.push(format!("missing {name} {shape:?}")),
                Some(found) if found.shape != shape => {
                    problems.push(format!("{name}: expected {shape:?}, found {:?}", found.shape));
                }
                Some(_) => {}
            }
            found.map(|found| found.data).unwrap_or_default()
        };
        let mean = take(MEAN, &[features]);
        let scales = take(SCALES, &[features]);
        let directions = take(DIRECTIONS, &[count, features]);
        let deviations = take(DEVIATIONS, &[count]);
        let residual = take(RESIDUAL, &[1]);
        problems.extend(map.names().map(|name| format!("unknown {name}")));
        match residual[..] {
            [residual] if problems.is_empty() => Self::new(mean, scales, directions, deviations, residual),
            _ => Err(unfit(&problems)),
        }
    }
}

fn unfit(problems: &[String]) -> Error {
    Error::new(ErrorKind::Model, "MOD-0105", format!("familiarity: {}", problems.join("; ")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A cloud of three features, long along the first.
    pub(in crate::nn) fn cloud() -> FeatureModel {
        let (mean, scales) = (vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 1.0]);
        FeatureModel::new(mean, scales, vec![1.0, 0.0, 0.0], vec![4.0], 0.5).unwrap()
    }

    #[test]
    fn a_distance_counts_each_direction_in_its_own_deviations() {
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        close(cloud().distance(&[1.0, 2.0, 3.0]), 0.0);
        close(cloud().distance(&[9.0, 2.0, 3.0]), 4.0);
        close(cloud().distance(&[1.0, 4.0, 2.0]), 8.0);
        close(cloud().distance(&[-3.0, 1.0, 3.0]), 2.0);
    }

    #[test]
    fn a_cloud_is_stored_in_halves_where_they_hold_it() {
        let (bytes, stored) = cloud().to_safetensors().unwrap();
        assert_eq!(stored, cloud());
        assert_eq!(TensorMap::from_safetensors(&bytes).unwrap().1, Precision::F16);
        for residual in [1e-9, 1e9] {
            let thin = FeatureModel { residual, ..cloud() };
            let (bytes, stored) = thin.to_safetensors().unwrap();
            assert_eq!(stored, thin);
            assert_eq!(TensorMap::from_safetensors(&bytes).unwrap().1, Precision::F32);
        }
    }

    #[test]
    fn clouds_that_do_not_fit_or_give_no_distance_are_refused_by_name() {
        let of = |change: &dyn Fn(&mut TensorMap)| {
            let mut map = cloud().to_tensors();
            change(&mut map);
            FeatureModel::from_safetensors(&map.to_safetensors(Precision::F32).unwrap(), 3, 1).unwrap_err()
        };
        let put = |name: &'static str, shape: &[usize], value: f32| {
            let weight = Weight { shape: shape.to_vec(), data: vec![value; shape.iter().product()] };
            of(&|map| map.insert(name, weight.clone()))
        };
        let cases = [
            (of(&|map| drop(map.remove(MEAN))), "MOD-0105", "missing mean [3]"),
            (put("extra", &[1], 1.0), "MOD-0105", "unknown extra"),
            (put(MEAN, &[4], 1.0), "MOD-0105", "mean: expected [3], found [4]"),
            (put(DIRECTIONS, &[2, 3], 1.0), "MOD-0105", "directions: expected [1, 3], found [2, 3]"),
            (put(DIRECTIONS, &[3, 1], 1.0), "MOD-0105", "directions: expected [1, 3], found [3, 1]"),
            (put(DEVIATIONS, &[1, 1], 1.0), "MOD-0105", "deviations: expected [1], found [1, 1]"),
            (put(RESIDUAL, &[0], 1.0), "MOD-0105", "residual_deviation: expected [1], found [0]"),
            (put(SCALES, &[3], 0.0), "MOD-0103", "above 0, found 0"),
            (put(SCALES, &[2], 1.0), "MOD-0105", "scales: expected [3], found [2]"),
            (put(DEVIATIONS, &[1], 0.0), "MOD-0103", "deviations above 0, found 0"),
            (put(RESIDUAL, &[1], -1.0), "MOD-0103", "deviations above 0, found -1"),
        ];
        for (error, code, part) in cases {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Model, code), "{error}");
            assert!(error.message().contains(part), "{part} is not in {error}");
        }
        let parts = |mean: f32, residual: f32| FeatureModel::new(vec![mean], vec![1.0], vec![1.0], vec![1.0], residual);
        assert_eq!(parts(f32::NAN, 1.0).unwrap_err().code(), "MOD-0103");
        assert_eq!(parts(1.0, f32::INFINITY).unwrap_err().code(), "MOD-0103");
        assert_eq!(
            FeatureModel::new(vec![1.0], vec![1.0], vec![1.0, 2.0], vec![1.0], 1.0).unwrap_err().code(),
            "MOD-0105"
        );
    }
}
