//! Attention of all tokens to all tokens.
//!
//! # Source
//! Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.2; the layer names are timm's.

use crate::nn::dense::Dense;
use crate::nn::layers::Layer;
use crate::nn::product::products;
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

/// Attention with several heads.
#[derive(Module, Debug)]
pub(super) struct Attention {
    /// Queries, keys and values at once.
    qkv: Dense,
    proj: Dense,
    heads: usize,
}

impl Attention {
    pub fn init(dim: usize, heads: usize, device: &Device) -> Self {
        Self { qkv: Dense::init(dim, 3 * dim, device), proj: Dense::init(dim, dim, device), heads }
    }

    /// # Shapes
    /// `[N, T, C]` to the same.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [n, t, c] = tokens.dims();
        let (heads, per_head) = (self.heads, c / self.heads);
        let qkv = self.qkv.forward(tokens).reshape([n, t, 3, heads, per_head]).permute([2, 0, 3, 1, 4]);
        let [q, k, v] = [0, 1, 2].map(|part| qkv.clone().narrow(0, part, 1).reshape([n * heads, t, per_head]));
        let weights = softmax(products(q * (per_head as f64).sqrt().recip(), k), 2);
        let attended = products(weights, v.swap_dims(1, 2)).reshape([n, heads, t, per_head]);
        self.proj.forward(attended.swap_dims(1, 2).reshape([n, t, c]))
    }

    pub fn layers(&mut self, at: &str) -> [Layer<'_>; 2] {
        [Layer::linear(format!("{at}.qkv"), &mut self.qkv), Layer::linear(format!("{at}.proj"), &mut self.proj)]
    }
}
