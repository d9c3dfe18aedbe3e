//! Launches `shaders/blur.rs` on a GPU, and its CPU twin on the CPU, as one operation of the tensor graph.

use super::transfer::{line, tensor_on_cpu, values_on_cpu};
use super::{THREADS, kernels, nhwc};
use crate::ops::blur::{ROW, blur as blur_on_cpu};
use crate::ops::unpack::UnpackShape;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use cubecl::{CubeDim, calculate_cube_count_elemwise};

/// Blurs a batch on the device on which it is.
///
/// # Shapes
/// `values`: `[N, S, S, 3]`; `rows`: `[N, ROW]` of [`crate::ops::blur::row`]; result as `values`.
pub fn blur(values: Tensor<4>, rows: &[f32], shape: UnpackShape) -> Tensor<4> {
    let rows = line(rows, &values.device());
    Tensor::from_dispatch(<Dispatch as BlurOps>::blur_rgb(values.into_dispatch(), rows.into_dispatch(), shape))
}

/// What a backend must be able to do beyond burn's own operations.
#[backend_extension(Cube, Flex, Fusion)]
pub trait BlurOps: Backend {
    /// `[N, S, S, 3]` and `[N, ROW]` in one line to `[N, S, S, 3]`.
    #[fusion(dtype = values, shape = nhwc(shape))]
    fn blur_rgb(values: FloatTensor<Self>, rows: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self>;
}

impl BlurOps for CubeBackend {
    fn blur_rgb(values: FloatTensor<Self>, rows: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self> {
        let rows = into_contiguous(rows);
        let along = |values: FloatTensor<Self>, along_y: bool| {
            let (client, device) = (values.client.clone(), values.device.clone());
            let out = empty_device_contiguous_dtype(client.clone(), device, nhwc(&shape), values.dtype);
            let dtype = dtype_to_storage_type(values.dtype);
            let cube_dim = CubeDim::new_1d(THREADS);
            kernels::blur::blur_axis::launch(
                &client,
                calculate_cube_count_elemwise(&client, shape.values(), cube_dim),
                cube_dim,
                values.into_tensor_arg(),
                rows.clone().into_tensor_arg(),
                out.clone().into_tensor_arg(),
                shape.output_px,
                ROW,
                along_y,
                dtype,
            );
            out
        };
        along(along(into_contiguous(values), false), true)
    }
}

impl BlurOps for Flex {
    fn blur_rgb(values: FloatTensor<Self>, rows: FloatTensor<Self>, shape: UnpackShape) -> FloatTensor<Self> {
        tensor_on_cpu(blur_on_cpu(&values_on_cpu(values), &values_on_cpu(rows), shape), nhwc(&shape))
    }
}
