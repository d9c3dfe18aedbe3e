//! Launches `shaders/unpack.rs` on a GPU, and its CPU twin on the CPU, as one operation of the tensor graph.

use super::transfer::{bytes_on_cpu, line, packed, tensor_on_cpu, values_on_cpu};
use super::{THREADS, kernels, nchw, nhwc};
use crate::ops::unpack::{Normalisation, UnpackShape, unpack as unpack_on_cpu};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Device, Int, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::permute_nhwc_to_nchw;
use cubecl::{CubeDim, calculate_cube_count_elemwise};

/// Unpacks a batch of packed RGB bytes on a device.
///
/// # Shapes
/// `bytes`: at least `[N, I, I, 3]` u8, padded to whole words; result `[N, 3, S, S]`, f32.
pub fn unpack(bytes: &[u8], shape: UnpackShape, normalisation: Normalisation, device: &Device) -> Tensor<4> {
    unpack_sent(send(bytes, device), shape, normalisation)
}

/// The first half of [`unpack`]: bytes to the device, four to a word.
pub fn send(bytes: &[u8], device: &Device) -> Tensor<1, Int> {
    packed(bytes, device)
}

/// The second half of [`unpack`], of what [`send`] sent.
///
/// # Shapes
/// `sent`: words of at least `[N, I, I, 3]` u8; result `[N, 3, S, S]`, f32.
pub fn unpack_sent(sent: Tensor<1, Int>, shape: UnpackShape, normalisation: Normalisation) -> Tensor<4> {
    let scale_shift = line(&normalisation.to_array(), &sent.device());
    let out = <Dispatch as TileOps>::unpack_rgb(sent.into_dispatch(), scale_shift.into_dispatch(), shape);
    Tensor::from_dispatch(out)
}

/// What a backend must be able to do beyond burn's own operations.
#[backend_extension(Cube, Flex, Fusion)]
pub trait TileOps: Backend {
    /// Packed words and `[6]` factors and summands to `[N, 3, S, S]`.
    #[fusion(dtype = scale_shift, shape = nchw(shape))]
    fn unpack_rgb(packed: IntTensor<Self>, scale_shift: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self>;
}

impl TileOps for CubeBackend {
    fn unpack_rgb(packed: IntTensor<Self>, scale_shift: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self> {
        let (packed, scale_shift) = (into_contiguous(packed), into_contiguous(scale_shift));
        let (client, device) = (packed.client.clone(), packed.device.clone());
        let out = empty_device_contiguous_dtype(client.clone(), device, nhwc(&shape), scale_shift.dtype);
        let dtypes = [dtype_to_storage_type(packed.dtype), dtype_to_storage_type(scale_shift.dtype)];
        let cube_dim = CubeDim::new_1d(THREADS);
        let cube_count = calculate_cube_count_elemwise(&client, shape.values(), cube_dim);
        kernels::unpack::unpack_rgb::launch(
            &client,
            cube_count,
            cube_dim,
            packed.into_tensor_arg(),
            scale_shift.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            shape.input_px,
            shape.output_px,
            dtypes,
        );
        permute_nhwc_to_nchw(out)
    }
}

impl TileOps for Flex {
    fn unpack_rgb(packed: IntTensor<Self>, scale_shift: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self> {
        let normalisation = Normalisation::from_slice(&values_on_cpu(scale_shift));
        tensor_on_cpu(unpack_on_cpu(&bytes_on_cpu(packed), shape, normalisation), nchw(&shape))
    }
}
