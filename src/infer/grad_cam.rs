//! Which places of a tile spoke for an output of a convolutional network: gradient-weighted class activation maps.
//!
//! The output is the network's own number (the logit, or the estimate), before any temperature, softmax or sigmoid: these
//! would let what speaks against other classes count. Only the part of the network behind its last maps is derived.
//!
//! # Source
//! Selvaraju et al. 2017, "Grad-CAM", doi:10.1109/ICCV.2017.74, arXiv:1610.02391, equations 1 and 2.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::Network;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};

/// The maps of one output for each tile: `ReLU(sum_k a_k A_k)`, with `a_k` the mean gradient of the output over map `k`.
///
/// # Shapes
/// `maps` `[N, C, h, w]` of [`Network::maps`], on a device without autodiff, and N `outputs` below K; `[N, h, w]`.
///
/// # Errors
/// [`ErrorKind::Usage`] (`INF-0004`) when there are not N outputs below K.
pub fn grad_cam(network: &Network, maps: Tensor<4>, outputs: &[usize]) -> Result<Tensor<3>> {
    let ([n, ..], columns) = (maps.dims(), network.spec().outputs());
    if outputs.len() != n || outputs.iter().any(|&output| output >= columns) {
        let message = format!("expected {n} outputs below {columns}, found {outputs:?}");
        return Err(Error::new(ErrorKind::Usage, "INF-0004", message));
    }
    let mut chosen = vec![0.0_f32; n * columns];
    for (tile, output) in outputs.iter().enumerate() {
        chosen[tile * columns + output] = 1.0;
    }
    let device = maps.device();
    let leaf = Tensor::from_inner(maps.clone()).require_grad();
    let chosen = Tensor::from_inner(Tensor::<2>::from_data(TensorData::new(chosen, [n, columns]), &device));
    // Tiles do not see each other behind the maps, so the gradient of the sum is that of each.
    let gradients = (network.finish(leaf.clone()) * chosen).sum().backward();
    let gradient = leaf.grad(&gradients).unwrap_or_else(|| maps.zeros_like());
    let weights = gradient.mean_dim(2).mean_dim(3); // [N, C, 1, 1]
    Ok(relu((weights * maps).sum_dim(1)).squeeze_dim(1))
}
