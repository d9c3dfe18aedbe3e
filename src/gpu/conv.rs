//! Launches `shaders/conv.rs` on a GPU, and its CPU twin on the CPU, as one operation of the tensor graph: a dense
//! convolution, its bias, what is added to it and its activation.
//!
//! burn's own convolution runs on matrix units where a device has them for its numbers; elsewhere it is a plain loop, and
//! nothing is merged into it. So both are tried the first time a device meets a convolution, and the faster one is kept
//! ([`Way::Tuned`]).

mod burn_own;
mod launch;
mod sound;
mod tile;
mod tune;

pub use super::kernels::conv::Tile;
pub use sound::takes_tiles;
pub use tile::{TILES, Way};

use super::transfer::{tensor_on_cpu, values_on_cpu};
use crate::cpu::Act;
use crate::ops::conv::{ConvShape, ConvSizes, conv as conv_on_cpu};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, ExtensionType, Flex, TensorMetadata, backend_extension};
use burn::tensor::{FloatDType, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};

/// A dense convolution and what follows it: bias, residual, activation.
///
/// # Shapes
/// The result is `[N, K, H', W']`, and lies in memory as `[N, H', W', K]`; so should `input` and `residual`; others are
/// copied.
#[derive(Debug, Clone)]
pub struct Convolution {
    /// `[N, C, H, W]`
    pub input: Tensor<4>,
    /// `[K, C, h, w]`. The kernel reads weights in the order of [`laid`], in which they are brought once, at load; others are
    /// laid anew in each call.
    pub weight: Tensor<4>,
    /// `[K]`
    pub bias: Option<Tensor<1>>,
    /// `[N, K, H', W']`
    pub residual: Option<Tensor<4>>,
    /// Stride and padding.
    pub shape: ConvShape,
    /// What bends the sums.
    pub act: Act,
}

impl Convolution {
    /// A convolution that nothing follows.
    pub fn new(input: Tensor<4>, weight: Tensor<4>, shape: ConvShape) -> Self {
        Self { input, weight, bias: None, residual: None, shape, act: Act::None }
    }
}

/// Convolves, adds the bias and the residual, and bends the sums, in one operation; by the way that is fastest on the device.
///
/// There is no gradient: on a device with autodiff this panics, and on the CPU it is the plain twin, so both are better
/// served by burn's layers.
///
/// # Panics
/// When shapes do not fit together.
pub fn fused_conv2d(convolution: Convolution) -> Tensor<4> {
    conv2d_by(Way::Tuned, convolution)
}

/// [`fused_conv2d`] by a way that is given, as tests and benches want it.
///
/// # Panics
/// As [`fused_conv2d`]; and when the device cannot go this way.
pub fn conv2d_by(way: Way, convolution: Convolution) -> Tensor<4> {
    let Convolution { input, weight, bias, residual, shape, act } = convolution;
    let sizes = sizes(&input.shape(), &weight.shape(), &shape);
    let [height, width] = sizes.output();
    let expected = [sizes.tiles, sizes.channels[1], height, width];
    assert_eq!(weight.dims()[1], sizes.channels[0], "a convolution's weights are for its channels");
    assert!(bias.as_ref().is_none_or(|bias| bias.dims() == [sizes.channels[1]]), "one bias for each channel");
    assert!(residual.as_ref().is_none_or(|residual| residual.dims() == expected), "a residual of the result's shape");
    let added = match (bias.map(Tensor::into_dispatch), residual.map(Tensor::into_dispatch)) {
        (None, None) => Added::Nothing,
        (Some(bias), None) => Added::Bias(bias),
        (None, Some(residual)) => Added::Residual(residual),
        (Some(bias), Some(residual)) => Added::Both(bias, residual),
    };
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(<Dispatch as ConvOps>::conv_act(input, weight, added, shape, act, way))
}

/// The same weights, in the order in which kernels read them: channels of the input innermost. For once, at load, after any
/// change of their type; burn's own convolutions take them, too.
///
/// # Shapes
/// `[K, C, h, w]` to the same, in memory `[K, h, w, C]`.
pub fn laid(weight: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as ConvOps>::channels_last(weight.into_dispatch()))
}

/// What is added to the sums.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion)]
pub enum Added<B: Backend> {
    /// Nothing.
    Nothing,
    /// `[K]`
    Bias(FloatTensor<B>),
    /// `[N, K, H', W']`
    Residual(FloatTensor<B>),
    /// Both of them.
    Both(FloatTensor<B>, FloatTensor<B>),
}

impl<B: Backend> Added<B> {
    fn into_parts(self) -> (Option<FloatTensor<B>>, Option<FloatTensor<B>>) {
        match self {
            Self::Nothing => (None, None),
            Self::Bias(bias) => (Some(bias), None),
            Self::Residual(residual) => (None, Some(residual)),
            Self::Both(bias, residual) => (Some(bias), Some(residual)),
        }
    }
}

/// What a backend must be able to do beyond burn's own operations.
#[backend_extension(Cube, Flex, Fusion)]
pub trait ConvOps: Backend {
    /// `[N, C, H, W]` and `[K, C, h, w]` to `[N, K, H', W']`.
    #[fusion(dtype = input, shape = nchw(input, weight, shape))]
    fn conv_act(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] added: Added<Self>,
        shape: ConvShape,
        act: Act,
        way: Way,
    ) -> FloatTensor<Self>;

    /// The same tensor, in memory `[K, h, w, C]`.
    #[fusion(dtype = weight, shape = weight)]
    fn channels_last(weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl ConvOps for CubeBackend {
    fn conv_act(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        added: Added<Self>,
        shape: ConvShape,
        act: Act,
        way: Way,
    ) -> FloatTensor<Self> {
        let sizes = sizes(&input.shape(), &weight.shape(), &shape);
        let (bias, residual) = added.into_parts();
        let nhwc = |tensor| into_contiguous(permute_nchw_to_nhwc(tensor));
        let parts = launch::Parts {
            input: nhwc(input),
            weight: nhwc(weight),
            bias: bias.map(into_contiguous),
            residual: residual.map(nhwc),
            sizes,
            act,
        };
        let out = match way {
            Way::Tuned => Ok(tune::tuned(parts)),
            Way::Burn => burn_own::convolve(parts),
            Way::Tile(tile) => launch::by_tile(parts, tile),
        };
        permute_nhwc_to_nchw(out.unwrap_or_else(|error| panic!("{error}")))
    }

    fn channels_last(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        permute_nhwc_to_nchw(into_contiguous(permute_nchw_to_nhwc(weight)))
    }
}

impl ConvOps for Flex {
    fn conv_act(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        added: Added<Self>,
        shape: ConvShape,
        act: Act,
        _way: Way,
    ) -> FloatTensor<Self> {
        let dtype = FloatDType::from(input.dtype());
        let sizes = sizes(&input.shape(), &weight.shape(), &shape);
        let out_shape = nchw(&input.shape(), &weight.shape(), &shape);
        let values = |tensor| values_on_cpu(Self::float_cast(tensor, FloatDType::F32));
        let (bias, residual) = added.into_parts();
        let (bias, residual) = (bias.map(values), residual.map(values));
        let (input, weight) = (values(input), values(weight));
        let out = conv_on_cpu(&input, &weight, bias.as_deref(), residual.as_deref(), &sizes, |x| bend(act, x));
        Self::float_cast(tensor_on_cpu(out, out_shape), dtype)
    }

    fn channels_last(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        weight
    }
}

/// An activation, of one number.
pub fn bend(act: Act, x: f64) -> f64 {
    let hard = ((x + 3.0) / 6.0).clamp(0.0, 1.0);
    let soft = 1.0 / (1.0 + (-x).exp());
    match act {
        Act::None => x,
        Act::Relu => x.max(0.0),
        Act::Relu6 => x.clamp(0.0, 6.0),
        Act::Silu => x * soft,
        Act::HardSwish => x * hard,
        Act::Sigmoid => soft,
        Act::HardSigmoid => hard,
        Act::Gelu => x * 0.5 * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
    }
}

/// Sizes from those of the tensors.
fn sizes(input: &Shape, weight: &Shape, shape: &ConvShape) -> ConvSizes {
    let ([tiles, channels_in, height, width], [channels_out, _, rows, columns]) = (input.dims(), weight.dims());
    ConvSizes {
        tiles,
        channels: [channels_in, channels_out],
        input: [height, width],
        kernel: [rows, columns],
        shape: *shape,
    }
}

/// What networks take.
fn nchw(input: &Shape, weight: &Shape, shape: &ConvShape) -> Shape {
    let sizes = sizes(input, weight, shape);
    let [height, width] = sizes.output();
    Shape::new([sizes.tiles, sizes.channels[1], height, width])
}
