//! Launches `shaders/colour.rs` on a GPU, and its CPU twin on the CPU, as one operation of the tensor graph.

use super::transfer::{line, tensor_on_cpu, values_on_cpu};
use super::{THREADS, kernels, nchw, nhwc};
use crate::ops::colour::{ROW, colour as colour_on_cpu};
use crate::ops::unpack::{Normalisation, UnpackShape};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::permute_nhwc_to_nchw;
use cubecl::{CubeDim, calculate_cube_count_elemwise};

/// Maps the colours of a batch and normalises them, on the device on which it is.
///
/// # Shapes
/// `values`: `[N, S, S, 3]`, 0 to 255; `rows`: `[N, ROW]` of [`crate::ops::colour::ColourMap::row`]; result
/// `[N, 3, S, S]`.
pub fn colour(values: Tensor<4>, rows: &[f32], shape: UnpackShape, normalisation: Normalisation) -> Tensor<4> {
    let device = values.device();
    let (rows, scale_shift) = (line(rows, &device), line(&normalisation.to_array(), &device));
    let (values, rows, scale_shift) = (values.into_dispatch(), rows.into_dispatch(), scale_shift.into_dispatch());
    Tensor::from_dispatch(<Dispatch as ColourOps>::colour_map(values, rows, scale_shift, shape))
}

/// What a backend must be able to do beyond burn's own operations.
#[backend_extension(Cube, Flex, Fusion)]
pub trait ColourOps: Backend {
    /// `[N, S, S, 3]`, `[N, ROW]` in one line, and `[6]` factors and summands to `[N, 3, S, S]`.
    #[fusion(dtype = values, shape = nchw(shape))]
    fn colour_map(
        values: FloatTensor<Self>,
        rows: FloatTensor<Self>,
        scale_shift: FloatTensor<Self>,
        shape: UnpackShape,
    ) -> FloatTensor<Self>;
}

impl ColourOps for CubeBackend {
    fn colour_map(
        values: FloatTensor<Self>,
        rows: FloatTensor<Self>,
        scale_shift: FloatTensor<Self>,
        shape: UnpackShape,
    ) -> FloatTensor<Self> {
        let (values, rows, scale_shift) =
            (into_contiguous(values), into_contiguous(rows), into_contiguous(scale_shift));
        let (client, device) = (values.client.clone(), values.device.clone());
        let out = empty_device_contiguous_dtype(client.clone(), device, nhwc(&shape), values.dtype);
        let dtype = dtype_to_storage_type(values.dtype);
        let cube_dim = CubeDim::new_1d(THREADS);
        kernels::colour::colour_map::launch(
            &client,
            calculate_cube_count_elemwise(&client, shape.values() / 3, cube_dim),
            cube_dim,
            values.into_tensor_arg(),
            rows.into_tensor_arg(),
            scale_shift.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            shape.output_px * shape.output_px,
            ROW,
            dtype,
        );
        permute_nhwc_to_nchw(out)
    }
}

impl ColourOps for Flex {
    fn colour_map(
        values: FloatTensor<Self>,
        rows: FloatTensor<Self>,
        scale_shift: FloatTensor<Self>,
        shape: UnpackShape,
    ) -> FloatTensor<Self> {
        let normalisation = Normalisation::from_slice(&values_on_cpu(scale_shift));
        let mapped = colour_on_cpu(&values_on_cpu(values), &values_on_cpu(rows), shape, normalisation);
        tensor_on_cpu(mapped, nchw(&shape))
    }
}
