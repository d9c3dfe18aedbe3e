//! Vision transformers as pathology encoders use them: register tokens, scaled layers, `SwiGLU`.
//!
//! # Source
//! Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", arXiv:2010.11929, equations 1 to 4; the variations are those
//! of [`VitShape`]. The layer names are timm's.

use crate::nn::attention::Attention;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig};
use crate::nn::dense::Dense;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use crate::nn::vit_shape::{VitMlp, VitPool, VitPositions, VitShape};
use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::activation::{gelu, silu};
use burn::tensor::{Device, FloatDType, Tensor};

/// What each branch is scaled with at the start of training (Touvron et al. 2021, arXiv:2103.17239).
const GAMMA: f64 = 1e-5;
/// Spread of fresh tokens and positions.
const SPREAD: f64 = 0.02;

/// A vision transformer.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    embed: ConvNorm,
    class_token: Param<Tensor<3>>,
    registers: Option<Param<Tensor<3>>>,
    positions: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    #[module(skip)]
    shape: VitShape,
}

/// Attention and MLP, each beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    scale1: Option<Param<Tensor<1>>>,
    norm2: LayerNorm,
    fc1: Dense,
    fc2: Dense,
    scale2: Option<Param<Tensor<1>>>,
    #[module(skip)]
    mlp: VitMlp,
}

fn scaled(branch: Tensor<3>, scale: Option<&Param<Tensor<1>>>) -> Tensor<3> {
    match scale {
        Some(scale) => branch * scale.val().reshape([1, 1, -1]),
        None => branch,
    }
}

impl Block {
    fn init(shape: &VitShape, epsilon: f64, device: &Device) -> Self {
        let VitShape { dim, hidden, mlp, .. } = *shape;
        let norm = || LayerNormConfig::new(dim).with_epsilon(epsilon).init(device);
        let scale = || shape.layer_scale.then(|| Initializer::Constant { value: GAMMA }.init([dim], device));
        let inner = if mlp == VitMlp::SwiGlu { hidden / 2 } else { hidden };
        Self {
            norm1: norm(),
            attention: Attention::init(dim, shape.heads, device),
            scale1: scale(),
            norm2: norm(),
            fc1: Dense::init(dim, hidden, device),
            fc2: Dense::init(inner, dim, device),
            scale2: scale(),
            mlp,
        }
    }

    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let attended = self.attention.forward(self.norm1.forward(tokens.clone()));
        let tokens = tokens + scaled(attended, self.scale1.as_ref());
        let hidden = self.fc1.forward(self.norm2.forward(tokens.clone()));
        let hidden = match self.mlp {
            VitMlp::Gelu => gelu(hidden),
            VitMlp::SwiGlu => {
                let [gate, value] = halves(hidden);
                silu(gate) * value
            }
        };
        tokens + scaled(self.fc2.forward(hidden), self.scale2.as_ref())
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::layer_norm(format!("{at}.norm1"), &mut self.norm1)];
        layers.extend(self.attention.layers(&format!("{at}.attn")));
        layers.extend(self.scale1.as_mut().map(|scale| Layer::vector(format!("{at}.ls1.gamma"), scale)));
        layers.push(Layer::layer_norm(format!("{at}.norm2"), &mut self.norm2));
        layers.push(Layer::linear(format!("{at}.mlp.fc1"), &mut self.fc1));
        layers.push(Layer::linear(format!("{at}.mlp.fc2"), &mut self.fc2));
        layers.extend(self.scale2.as_mut().map(|scale| Layer::vector(format!("{at}.ls2.gamma"), scale)));
        layers
    }
}

fn halves(tokens: Tensor<3>) -> [Tensor<3>; 2] {
    let half = tokens.dims()[2] / 2;
    [tokens.clone().narrow(2, 0, half), tokens.narrow(2, half, half)]
}

impl VisionTransformer {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        // A spec that was checked has a shape.
        let shape = spec.vit().unwrap_or(VitShape::SMALL_16);
        let VitShape { dim, token_px, registers, .. } = shape;
        let side = token_px as usize;
        let tokens = |count| Initializer::Normal { mean: 0.0, std: SPREAD }.init([1, count, dim], device);
        let embed = ConvNormConfig::dense(3, dim, side).stride(side).unpadded().after(After::Bias);
        Self {
            embed: embed.init(spec, device),
            class_token: tokens(1),
            registers: (registers > 0).then(|| tokens(registers)),
            positions: tokens(shape.positions()),
            blocks: (0..shape.depth).map(|_| Block::init(&shape, spec.epsilon(), device)).collect(),
            norm: LayerNormConfig::new(dim).with_epsilon(spec.epsilon()).init(device),
            shape,
        }
    }

    /// `[N, 3, H, W]` to tokens `[N, T, C]`: class token, registers, image, row by row.
    fn tokens(&self, tiles: Tensor<4>) -> Tensor<3> {
        let image: Tensor<3> = self.embed.forward(tiles).flatten(2, 3).swap_dims(1, 2);
        let count = image.dims()[0];
        let repeated = |token: &Param<Tensor<3>>| {
            let [_, tokens, dim] = token.val().dims();
            token.val().expand([count, tokens, dim])
        };
        let class = repeated(&self.class_token);
        let registers = self.registers.as_ref().map(repeated);
        let joined = |class, registers: Option<_>, image| {
            Tensor::cat([Some(class), registers, Some(image)].into_iter().flatten().collect(), 1)
        };
        let positions = self.positions.val();
        match self.shape.positions {
            VitPositions::All => joined(class, registers, image) + positions,
            VitPositions::Image => joined(class, registers, image + positions),
            VitPositions::Class => {
                let placed = joined(class, None, image) + positions;
                let count = placed.dims()[1];
                joined(placed.clone().narrow(1, 0, 1), registers, placed.narrow(1, 1, count - 1))
            }
        }
    }
}

impl Backbone<Tensor<4>> for VisionTransformer {
    fn watched_maps(&self, tiles: Tensor<4>, watch: &mut dyn FnMut(&Tensor<4>)) -> Tensor<4> {
        let quarter = self.blocks.len().div_ceil(4).max(1);
        let blocks = self.blocks.iter().enumerate().fold(self.tokens(tiles), |tokens, (at, block)| {
            if at % quarter == 0 {
                watch(&tokens.clone().swap_dims(1, 2).unsqueeze_dim(3));
            }
            block.forward(tokens)
        });
        blocks.unsqueeze_dim(1)
    }

    fn pool(&self, maps: Tensor<4>) -> Tensor<4> {
        let tokens: Tensor<3> = maps.squeeze_dim(1);
        let prefix = self.shape.prefix();
        let class = |tokens: Tensor<3>| tokens.narrow(1, 0, 1).flatten(1, 2);
        let mean = |tokens: Tensor<3>| {
            let (count, dtype) = (tokens.dims()[1], FloatDType::from(tokens.dtype()));
            let of_tile = tokens.narrow(1, prefix, count - prefix).cast(FloatDType::F32);
            of_tile.mean_dim(1).flatten(1, 2).cast(dtype)
        };
        let features: Tensor<2> = match self.shape.pool {
            VitPool::Token => self.norm.forward(class(tokens)),
            VitPool::Mean => self.norm.forward(mean(tokens)),
            VitPool::TokenAndMean => {
                let tokens = self.norm.forward(tokens);
                Tensor::cat(vec![class(tokens.clone()), mean(tokens)], 1)
            }
        };
        features.unsqueeze_dims(&[-1, -1])
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::tokens("cls_token", &mut self.class_token)];
        layers.extend(self.registers.as_mut().map(|registers| Layer::tokens("reg_token", registers)));
        layers.push(Layer::tokens("pos_embed", &mut self.positions));
        layers.push(Layer::conv("patch_embed.proj", "", &mut self.embed));
        for (at, block) in self.blocks.iter_mut().enumerate() {
            layers.extend(block.layers(&format!("blocks.{at}")));
        }
        let norm = if self.shape.pool == VitPool::Mean { "fc_norm" } else { "norm" };
        layers.push(Layer::layer_norm(norm, &mut self.norm));
        layers
    }
}
