//! Launches `shaders/unpack.rs` on a GPU, and its CPU twin on the CPU, as one operation of the tensor graph.

use super::kernels;
use crate::ops::unpack::{Normalisation, UnpackShape, unpack as unpack_on_cpu};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, ExecutionError, Flex, FlexDevice, backend_extension};
use burn::tensor::{Device, Int, Shape, Tensor, TensorData, read_sync};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::permute_nhwc_to_nchw;
use cubecl::{CubeDim, calculate_cube_count_elemwise};

/// Values made by one cube of threads.
const THREADS: u32 = 256;

/// Unpacks a batch of packed RGB bytes on a device.
///
/// # Shapes
/// `bytes`: at least `[N, I, I, 3]` u8, padded to whole words; result `[N, 3, S, S]`, f32.
pub fn unpack(bytes: &[u8], shape: UnpackShape, normalisation: Normalisation, device: &Device) -> Tensor<4> {
    let words: Vec<i32> = bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            i32::from_le_bytes(word)
        })
        .collect();
    let count = words.len();
    let packed = Tensor::<1, Int>::from_data(TensorData::new(words, [count]), device);
    let scale_shift = Tensor::<1>::from_data(TensorData::new(normalisation.to_array().to_vec(), [6]), device);
    let out = <Dispatch as TileOps>::unpack_rgb(packed.into_dispatch(), scale_shift.into_dispatch(), shape);
    Tensor::from_dispatch(out)
}

fn nchw(shape: &UnpackShape) -> Shape {
    Shape::new([shape.tiles, 3, shape.output_px, shape.output_px])
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
        let nhwc = Shape::new([shape.tiles, shape.output_px, shape.output_px, 3]);
        let (client, device) = (packed.client.clone(), packed.device.clone());
        let out = empty_device_contiguous_dtype(client.clone(), device, nhwc, scale_shift.dtype);
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
        let read = |data: Result<TensorData, _>| -> TensorData {
            data.unwrap_or_else(|error: ExecutionError| panic!("{error}"))
        };
        let words = read(read_sync(Self::int_into_data(packed)));
        let bytes: Vec<u8> = words.iter::<i32>().flat_map(i32::to_le_bytes).collect();
        let constants: Vec<f32> = read(read_sync(Self::float_into_data(scale_shift))).iter::<f32>().collect();
        let normalisation = Normalisation {
            scale: [constants[0], constants[1], constants[2]],
            shift: [constants[3], constants[4], constants[5]],
        };
        let data = TensorData::new(unpack_on_cpu(&bytes, shape, normalisation), nchw(&shape));
        Self::float_from_data(data, &FlexDevice)
    }
}
