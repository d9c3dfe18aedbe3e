//! Launches `shaders/warp.rs` on a GPU, and its CPU twin on the CPU, as one operation of the tensor graph.

use super::transfer::{bytes_on_cpu, line, packed, tensor_on_cpu, values_on_cpu};
use super::{THREADS, kernels, nhwc};
use crate::ops::unpack::UnpackShape;
use crate::ops::warp::warp as warp_on_cpu;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Device, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use cubecl::{CubeDim, calculate_cube_count_elemwise};

/// Warps a batch of RGB bytes on a device.
///
/// # Shapes
/// `bytes`: at least `[N, I, I, 3]` u8; `rows`: `[N, 6]` of [`crate::ops::warp::Affine::row`]; result `[N, S, S, 3]`,
/// f32, 0 to 255.
pub fn warp(bytes: &[u8], rows: &[f32], shape: UnpackShape, device: &Device) -> Tensor<4> {
    let (packed, rows) = (packed(bytes, device), line(rows, device));
    Tensor::from_dispatch(<Dispatch as WarpOps>::warp_rgb(packed.into_dispatch(), rows.into_dispatch(), shape))
}

/// What a backend must be able to do beyond burn's own operations.
#[backend_extension(Cube, Flex, Fusion)]
pub trait WarpOps: Backend {
    /// Packed words and `[N, 6]` in one line to `[N, S, S, 3]`.
    #[fusion(dtype = rows, shape = nhwc(shape))]
    fn warp_rgb(packed: IntTensor<Self>, rows: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self>;
}

impl WarpOps for CubeBackend {
    fn warp_rgb(packed: IntTensor<Self>, rows: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self> {
        let (packed, rows) = (into_contiguous(packed), into_contiguous(rows));
        let (client, device) = (packed.client.clone(), packed.device.clone());
        let out = empty_device_contiguous_dtype(client.clone(), device, nhwc(&shape), rows.dtype);
        let dtypes = [dtype_to_storage_type(packed.dtype), dtype_to_storage_type(rows.dtype)];
        let cube_dim = CubeDim::new_1d(THREADS);
        kernels::warp::warp_rgb::launch(
            &client,
            calculate_cube_count_elemwise(&client, shape.values() / 3, cube_dim),
            cube_dim,
            packed.into_tensor_arg(),
            rows.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            shape.input_px,
            shape.output_px,
            dtypes,
        );
        out
    }
}

impl WarpOps for Flex {
    fn warp_rgb(packed: IntTensor<Self>, rows: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self> {
        tensor_on_cpu(warp_on_cpu(&bytes_on_cpu(packed), &values_on_cpu(rows), shape), nhwc(&shape))
    }
}
