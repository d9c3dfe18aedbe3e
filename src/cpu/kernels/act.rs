//! Activations of whole rows, for those that are more than a clamp.
//!
//! # Source
//! `exp`: reduction by multiples of ln 2 in two parts (Cody and Waite 1980, "Software Manual for the Elementary
//! Functions", chapter 6) and the Taylor polynomial of degree 7, whose rest is below 6e-9 of the result on
//! [-ln 2 / 2, ln 2 / 2]. `erf`: Abramowitz and Stegun 1964, formula 7.1.26, at most 1.5e-7 off.

use super::lanes::{LANES, Lanes};
use crate::cpu::graph::Act;

/// `e^x`; what is too large is infinite, what is below `e^-86` is that, and what is no number stays.
#[inline(always)]
unsafe fn exp<L: Lanes>(x: L) -> L {
    unsafe {
        let x = L::splat(89.0).min_of(L::splat(-86.0).max_of(x));
        let n = x.mul(L::splat(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, the first of few bits, so that n times it is exact.
        let r = n.fma(L::splat(-0.693_359_4), x);
        let r = n.fma(L::splat(2.121_944_4e-4), r);
        let mut sum = L::splat(1.0 / 5040.0);
        sum = sum.fma(r, L::splat(1.0 / 720.0));
        sum = sum.fma(r, L::splat(1.0 / 120.0));
        sum = sum.fma(r, L::splat(1.0 / 24.0));
        sum = sum.fma(r, L::splat(1.0 / 6.0));
        sum = sum.fma(r, L::splat(0.5));
        sum = sum.fma(r, L::splat(1.0));
        sum = sum.fma(r, L::splat(1.0));
        // 2^128 is no f32, so the power is taken in two factors.
        sum.mul(n.sub(L::splat(1.0)).power_of_two()).mul(L::splat(2.0))
    }
}

#[inline(always)]
unsafe fn sigmoid<L: Lanes>(x: L) -> L {
    unsafe {
        let one = L::splat(1.0);
        one.div(one.add(exp(L::splat(0.0).sub(x))))
    }
}

#[inline(always)]
unsafe fn hard_sigmoid<L: Lanes>(x: L) -> L {
    unsafe {
        let clamped = L::splat(6.0).min_of(L::splat(0.0).max_of(x.add(L::splat(3.0))));
        clamped.mul(L::splat(1.0 / 6.0))
    }
}

#[inline(always)]
unsafe fn erf<L: Lanes>(x: L) -> L {
    unsafe {
        let (one, size) = (L::splat(1.0), x.abs());
        let t = one.div(size.fma(L::splat(0.327_591_1), one));
        let mut sum = L::splat(1.061_405_4);
        sum = sum.fma(t, L::splat(-1.453_152));
        sum = sum.fma(t, L::splat(1.421_413_8));
        sum = sum.fma(t, L::splat(-0.284_496_74));
        sum = sum.fma(t, L::splat(0.254_829_6));
        let tail = sum.mul(t).mul(exp(L::splat(0.0).sub(size.mul(size))));
        one.sub(tail).with_sign(x)
    }
}

#[inline(always)]
unsafe fn gelu<L: Lanes>(x: L) -> L {
    unsafe {
        let bent = erf(x.mul(L::splat(std::f32::consts::FRAC_1_SQRT_2))).add(L::splat(1.0));
        x.mul(L::splat(0.5)).mul(bent)
    }
}

/// One formula over a row.
macro_rules! over {
    ($L:ident, $row:ident, $vectors:ident, $x:ident => $formula:expr) => {
        for at in 0..$vectors {
            let place = $row.add(at * LANES);
            let $x = $L::load(place);
            $formula.store(place);
        }
    };
}

/// Applies an activation in place.
///
/// # Safety
/// As [`Lanes`]; `row` must have `vectors` times [`LANES`] numbers.
#[inline(always)]
pub(super) unsafe fn apply<L: Lanes>(row: *mut f32, vectors: usize, act: Act) {
    unsafe {
        match act {
            Act::None => {}
            Act::Relu => over!(L, row, vectors, x => L::splat(0.0).max_of(x)),
            Act::Relu6 => over!(L, row, vectors, x => L::splat(6.0).min_of(L::splat(0.0).max_of(x))),
            Act::Silu => over!(L, row, vectors, x => x.mul(sigmoid(x))),
            Act::HardSwish => over!(L, row, vectors, x => x.mul(hard_sigmoid(x))),
            Act::Sigmoid => over!(L, row, vectors, x => sigmoid(x)),
            Act::HardSigmoid => over!(L, row, vectors, x => hard_sigmoid(x)),
            Act::Gelu => over!(L, row, vectors, x => gelu(x)),
        }
    }
}

/// The bounds between which an activation lets everything pass, if that is all it does; else none at all, and
/// [`apply`] follows.
pub(in crate::cpu) fn bounds(act: Act) -> ([f32; 2], Act) {
    match act {
        Act::Relu => ([0.0, f32::INFINITY], Act::None),
        Act::Relu6 => ([0.0, 6.0], Act::None),
        other => ([f32::NEG_INFINITY, f32::INFINITY], other),
    }
}
