//! Bytes and rows of parameters to tensors, and on the CPU back again.

use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{ExecutionError, Flex, FlexDevice};
use burn::tensor::{Device, Int, Shape, Tensor, TensorData, read_sync};

/// Bytes in little-endian words of four, padded to whole words.
pub(super) fn packed(bytes: &[u8], device: &Device) -> Tensor<1, Int> {
    let words: Vec<i32> = bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            i32::from_le_bytes(word)
        })
        .collect();
    let count = words.len();
    Tensor::from_data(TensorData::new(words, [count]), device)
}

/// Numbers in one line.
pub(super) fn line(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// The bytes of packed words on the CPU.
pub(super) fn bytes_on_cpu(packed: IntTensor<Flex>) -> Vec<u8> {
    let words = read(read_sync(Flex::int_into_data(packed))).try_into_vec::<i32>();
    let words = words.unwrap_or_else(|error| panic!("{error}"));
    let mut bytes = vec![0; words.len() * 4];
    bytes.as_chunks_mut::<4>().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_le_bytes());
    bytes
}

/// The values of a tensor on the CPU.
pub(super) fn values_on_cpu(values: FloatTensor<Flex>) -> Vec<f32> {
    read(read_sync(Flex::float_into_data(values))).try_into_vec::<f32>().unwrap_or_else(|error| panic!("{error}"))
}

/// A tensor on the CPU.
pub(super) fn tensor_on_cpu(values: Vec<f32>, shape: Shape) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &FlexDevice)
}

fn read(data: Result<TensorData, ExecutionError>) -> TensorData {
    data.unwrap_or_else(|error| panic!("{error}"))
}
