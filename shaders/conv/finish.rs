//! What follows the sums of a convolution: bias, what is added, activation.
//!
//! - `bias`: `[K]`, or none. `residual`: as `out`, or none.
//! - `out`: `[N, H', W', K]` (NHWC).
//! - Cube of `conv_finish`: one dimension, a vector of `out` for each unit.
//! - Formula: `act(sum + bias[k] + residual[p, k])` in f32.
//! - CPU twin: `src/ops/conv.rs`.

use super::Has;
use crate::cpu::Act;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

/// What follows a convolution that another kernel made: bias, what is added and activation, in place.
#[cube(launch)]
pub fn conv_finish<F: Float, O: Size>(
    bias: ComptimeOption<&Tensor<Vector<F, O>>>,
    residual: ComptimeOption<&Tensor<Vector<F, O>>>,
    out: &mut Tensor<Vector<F, O>>,
    channels: FastDivmod<u32>,
    #[comptime] act: u8,
    #[comptime] _has: Has,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let channel = channels.modulo(ABSOLUTE_POS as u32);
    let values = Vector::<f32, O>::cast_from(out[ABSOLUTE_POS]);
    let values = values + at_or_zero::<F, O>(&bias, channel as usize) + at_or_zero::<F, O>(&residual, ABSOLUTE_POS);
    out[ABSOLUTE_POS] = Vector::cast_from(bent::<O>(values, act));
}

#[cube]
pub fn at_or_zero<F: Float, O: Size>(tensor: &ComptimeOption<&Tensor<Vector<F, O>>>, at: usize) -> Vector<f32, O> {
    #[comptime]
    match tensor {
        ComptimeOption::Some(tensor) => Vector::<f32, O>::cast_from(tensor[at]),
        ComptimeOption::None => Vector::<f32, O>::new(0.0f32),
    }
}

/// The activation, which is a number here so that it can be part of a kernel's name.
#[cube]
pub fn bent<O: Size>(x: Vector<f32, O>, #[comptime] act: u8) -> Vector<f32, O> {
    let zero = Vector::<f32, O>::new(0.0f32);
    let one = Vector::<f32, O>::new(1.0f32);
    let six = Vector::<f32, O>::new(6.0f32);
    let three = Vector::<f32, O>::new(3.0f32);
    let sixth = Vector::<f32, O>::new(comptime!(1.0f32 / 6.0));
    let half = Vector::<f32, O>::new(0.5f32);
    let root = Vector::<f32, O>::new(core::f32::consts::FRAC_1_SQRT_2);
    if comptime!(act == Act::Relu as u8) {
        x.max(zero)
    } else if comptime!(act == Act::Relu6 as u8) {
        x.max(zero).min(six)
    } else if comptime!(act == Act::Silu as u8) {
        x / (one + (-x).exp())
    } else if comptime!(act == Act::HardSwish as u8) {
        x * (x + three).max(zero).min(six) * sixth
    } else if comptime!(act == Act::Sigmoid as u8) {
        one / (one + (-x).exp())
    } else if comptime!(act == Act::HardSigmoid as u8) {
        (x + three).max(zero).min(six) * sixth
    } else if comptime!(act == Act::Gelu as u8) {
        x * half * (one + (x * root).erf())
    } else {
        x
    }
}
