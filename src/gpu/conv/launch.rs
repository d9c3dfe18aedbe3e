//! Launches `shaders/conv.rs`, and the kernel of `shaders/conv/finish.rs` by itself.

use crate::cpu::Act;
use crate::gpu::THREADS;
use crate::gpu::kernels::conv::{Has, PlanLaunch, Tile, conv_finish, conv_tile};
use crate::ops::conv::ConvSizes;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::{CubeDim, calculate_cube_count_elemwise};

/// A convolution and all it reads. Invariant: all tensors are contiguous, maps `[N, H, W, C]` and weights `[K, h, w, C]`.
#[derive(Clone)]
pub(super) struct Parts {
    pub input: CubeTensor,
    pub weight: CubeTensor,
    pub bias: Option<CubeTensor>,
    pub residual: Option<CubeTensor>,
    pub sizes: ConvSizes,
    pub act: Act,
}

/// Whether the kernel takes numbers of this type, and all places fit its integers.
pub(super) fn takes(parts: &Parts) -> bool {
    let [height, width] = parts.sizes.output();
    let out = parts.sizes.tiles * height * width * parts.sizes.channels[1];
    let largest = [parts.input.meta.num_elements(), parts.weight.meta.num_elements(), out].into_iter().max();
    // Patches begin outside the image, and the last tile reaches behind it: room is left for both.
    let fits = largest.is_some_and(|largest| largest < 1 << 30);
    let same = [&parts.weight].into_iter().chain(&parts.bias).chain(&parts.residual);
    fits && same.into_iter().all(|tensor| tensor.dtype == parts.input.dtype)
        && matches!(parts.input.dtype, DType::F32 | DType::F16)
}

/// Why a device cannot launch a tile; none when it can.
pub(super) fn refusal(parts: &Parts, tile: Tile) -> Option<String> {
    let hardware = &parts.input.client.properties().hardware;
    if !takes(parts) {
        return Some(format!("expected less than 2^30 values, f32 or f16, found {:?}", parts.sizes));
    }
    if hardware.max_shared_memory_size < tile.shared_bytes() || hardware.max_units_per_cube < tile.units() {
        return Some(format!("expected {} bytes of shared memory and {} units", tile.shared_bytes(), tile.units()));
    }
    None
}

/// Convolves with our kernel.
pub(super) fn by_tile(parts: Parts, tile: Tile) -> Result<CubeTensor, String> {
    if let Some(refusal) = refusal(&parts, tile) {
        return Err(refusal);
    }
    let Parts { input, weight, bias, residual, sizes, act } = parts;
    let [height, width] = sizes.output();
    let [channels_in, channels_out] = sizes.channels;
    let (client, dtype) = (input.client.clone(), input.dtype);
    let shape = Shape::new([sizes.tiles, height, width, channels_out]);
    let out = empty_device_contiguous_dtype(client.clone(), input.device.clone(), shape, dtype);
    let strips = sizes.pixels().div_ceil(tile.pixels as usize);
    let columns = channels_out.div_ceil(tile.channels as usize);
    if strips * columns == 0 {
        return Ok(out);
    }
    let has = Has { bias: bias.is_some(), residual: residual.is_some() };
    let cube_dim = CubeDim::new_1d(tile.units());
    let cube_count = calculate_cube_count_elemwise(&client, strips * columns * tile.units() as usize, cube_dim);
    let padded = sizes.shape.before != [0; 2] || sizes.shape.after != [0; 2];
    let ragged = !sizes.terms().is_multiple_of(tile.depth as usize);
    let [stride_y, stride_x] = sizes.shape.stride;
    let [before_y, before_x] = sizes.shape.before;
    let line = sizes.input[1] * channels_in;
    conv_tile::launch(
        &client,
        cube_count,
        cube_dim,
        vector(channels_in),
        vector(channels_out),
        input.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.map(CubeTensor::into_tensor_arg).into(),
        residual.map(CubeTensor::into_tensor_arg).into(),
        out.clone().into_tensor_arg(),
        PlanLaunch::new(
            size(sizes.pixels())?,
            size(channels_out)?,
            size(sizes.terms())?,
            size(sizes.input[0])?,
            size(line)?,
            size(sizes.input[0] * line)?,
            size(stride_y)?,
            size(stride_x * channels_in)?,
            size(before_y)?,
            size(before_x * channels_in)?,
            size(height * width)?,
            size(width)?,
            size(sizes.kernel[1] * channels_in)?,
            size(columns)?,
        ),
        tile,
        padded || ragged,
        act as u8,
        has,
        dtype_to_storage_type(dtype),
    );
    Ok(out)
}

/// Adds what is left to add to sums that are there, and bends them, in place.
pub(super) fn finish(
    out: CubeTensor,
    bias: Option<CubeTensor>,
    residual: Option<CubeTensor>,
    channels: usize,
    act: Act,
) -> Result<CubeTensor, String> {
    let width = vector(channels);
    let vectors = out.meta.num_elements() / width;
    let has = Has { bias: bias.is_some(), residual: residual.is_some() };
    let cube_dim = CubeDim::new_1d(THREADS);
    conv_finish::launch(
        &out.client,
        calculate_cube_count_elemwise(&out.client, vectors, cube_dim),
        cube_dim,
        width,
        bias.map(CubeTensor::into_tensor_arg).into(),
        residual.map(CubeTensor::into_tensor_arg).into(),
        out.clone().into_tensor_arg(),
        size(channels / width)?,
        act as u8,
        has,
        dtype_to_storage_type(out.dtype),
    );
    Ok(out)
}

/// How many neighbouring channels are read at once.
fn vector(channels: usize) -> usize {
    [4, 2].into_iter().find(|&width| channels.is_multiple_of(width)).unwrap_or(1)
}

fn size(value: usize) -> Result<u32, String> {
    u32::try_from(value).map_err(|_| format!("expected a size below 2^32, found {value}"))
}
