//! NEON, which every 64-bit Arm processor has.

use super::lanes::Lanes;
use std::arch::aarch64::*;

/// Four registers of four numbers.
#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t, float32x4_t, float32x4_t, float32x4_t);

/// The same on all quarters.
macro_rules! quarters {
    ($f:ident, $($side:expr),+) => {
        Self($f($($side.0),+), $f($($side.1),+), $f($($side.2),+), $f($($side.3),+))
    };
}

/// The second number where it is none, else one of both.
#[inline(always)]
unsafe fn either(taken: uint32x4_t, first: float32x4_t, second: float32x4_t) -> float32x4_t {
    unsafe { vbslq_f32(taken, first, second) }
}

#[inline(always)]
unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    unsafe { either(vcgtq_f32(a, b), a, b) }
}

#[inline(always)]
unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    unsafe { either(vcltq_f32(a, b), a, b) }
}

#[inline(always)]
unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
    unsafe { vfmaq_f32(c, a, b) }
}

#[inline(always)]
unsafe fn power_of_two(a: float32x4_t) -> float32x4_t {
    unsafe { vreinterpretq_f32_s32(vshlq_n_s32::<23>(vcvtnq_s32_f32(vaddq_f32(a, vdupq_n_f32(127.0))))) }
}

#[inline(always)]
unsafe fn with_sign(a: float32x4_t, sign: float32x4_t) -> float32x4_t {
    unsafe { vbslq_f32(vdupq_n_u32(0x8000_0000), sign, a) }
}

// SAFETY of all: every 64-bit Arm processor has NEON; loads and stores need what the trait says.
impl Lanes for Neon {
    // 24 quarters of sums, four of weights, an input: 29 of 32 registers.
    const PIXELS: usize = 6;
    const VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        let quarter = unsafe { vdupq_n_f32(value) };
        Self(quarter, quarter, quarter, quarter)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(vld1q_f32(from), vld1q_f32(from.add(4)), vld1q_f32(from.add(8)), vld1q_f32(from.add(12))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            vst1q_f32(to, self.0);
            vst1q_f32(to.add(4), self.1);
            vst1q_f32(to.add(8), self.2);
            vst1q_f32(to.add(12), self.3);
        }
    }
    #[inline(always)]
    unsafe fn expect(_at: *const f32) {}
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { quarters!(vaddq_f32, self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { quarters!(vsubq_f32, self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { quarters!(vmulq_f32, self, other) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        unsafe { quarters!(vdivq_f32, self, other) }
    }
    #[inline(always)]
    unsafe fn fma(self, factor: Self, summand: Self) -> Self {
        unsafe { quarters!(fma, self, factor, summand) }
    }
    #[inline(always)]
    unsafe fn max_of(self, other: Self) -> Self {
        unsafe { quarters!(max, self, other) }
    }
    #[inline(always)]
    unsafe fn min_of(self, other: Self) -> Self {
        unsafe { quarters!(min, self, other) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { quarters!(vrndnq_f32, self) }
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        unsafe { quarters!(power_of_two, self) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { quarters!(vabsq_f32, self) }
    }
    #[inline(always)]
    unsafe fn with_sign(self, sign: Self) -> Self {
        unsafe { quarters!(with_sign, self, sign) }
    }
}
