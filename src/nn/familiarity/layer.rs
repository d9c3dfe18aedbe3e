//! Distances of many tiles at once, on the device where their features are.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::familiarity::FeatureModel;
use crate::nn::product::products;
use burn::tensor::{Device, Tensor, TensorData};

/// A [`FeatureModel`] on a device.
#[derive(Debug, Clone)]
pub(crate) struct FamiliarityLayer {
    /// `[1, D]`.
    mean: Tensor<2>,
    /// `[1, D]`, what features are multiplied by.
    scales: Tensor<2>,
    /// `[K, D]`.
    directions: Tensor<2>,
    /// `[1, K]`, what places along these are multiplied by.
    factors: Tensor<2>,
    /// What the rest is multiplied by.
    residual: f32,
}

impl FamiliarityLayer {
    pub(super) fn new(model: &FeatureModel, device: &Device) -> Self {
        let (features, count) = (model.features(), model.directions());
        let put = |data: Vec<f32>, shape: [usize; 2]| Tensor::from_data(TensorData::new(data, shape), device);
        Self {
            mean: put(model.mean.clone(), [1, features]),
            scales: put(model.scales.iter().map(|scale| 1.0 / scale).collect(), [1, features]),
            directions: put(model.directions.clone(), [count, features]),
            factors: put(model.deviations.iter().map(|deviation| 1.0 / deviation).collect(), [1, count]),
            residual: 1.0 / model.residual,
        }
    }

    /// Squared distances, as [`FeatureModel::distance`] says.
    ///
    /// What the directions leave is computed as such, not as a difference of two large squares, so that a device that
    /// multiplies in fewer bits is as good.
    ///
    /// # Shapes
    /// `[N, D]` to `[N, 1]`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`MOD-0105`) when the network has another `D`.
    pub(crate) fn distances(&self, features: Tensor<2>) -> Result<Tensor<2>> {
        let ([_, expected], [_, found]) = (features.dims(), self.mean.dims());
        if expected != found {
            let message = format!("familiarity: expected {expected} features as the network has, found {found}");
            return Err(Error::new(ErrorKind::Model, "MOD-0105", message));
        }
        let product =
            |left: Tensor<2>, right: Tensor<2>| products(left.unsqueeze(), right.unsqueeze()).squeeze_dim::<2>(0);
        let centred = (features - self.mean.clone()) * self.scales.clone();
        let places = product(centred.clone(), self.directions.clone()); // [N, K]
        let rest = centred - product(places.clone(), self.directions.clone().transpose());
        let squares = |values: Tensor<2>| (values.clone() * values).sum_dim(1);
        Ok(squares(places * self.factors.clone()) + squares(rest * self.residual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::familiarity::feature_model::tests::cloud;

    #[test]
    fn a_device_gives_the_distances_of_the_host() {
        let device = Device::flex();
        let rows = [[1.0, 2.0, 3.0], [9.0, 2.0, 3.0], [-3.0, 1.5, 7.0]];
        let features = Tensor::<2>::from_data(TensorData::new(rows.concat(), [3, 3]), &device);
        let found: Vec<f32> = cloud().layer(&device).distances(features).unwrap().into_data().iter().collect();
        for (found, row) in found.into_iter().zip(rows) {
            let expected = cloud().distance(&row);
            assert!((f64::from(found) - expected).abs() <= 1e-6 * expected.max(1.0), "{found} {expected}");
        }
        let wider = Tensor::<2>::zeros([1, 4], &device);
        assert_eq!(cloud().layer(&device).distances(wider).unwrap_err().code(), "MOD-0105");
    }
}
