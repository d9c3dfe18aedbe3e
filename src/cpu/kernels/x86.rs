//! AVX-512 and AVX2 with FMA.

use super::lanes::Lanes;
use std::arch::x86_64::*;

/// One register of sixteen numbers.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY of all: the trait's callers have the features; loads and stores need what the trait says.
impl Lanes for Avx512 {
    // 28 sums, two weights, an input: 31 of 32 registers.
    const PIXELS: usize = 14;
    const VECTORS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn expect(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn fma(self, factor: Self, summand: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, summand.0) })
    }
    #[inline(always)]
    unsafe fn max_of(self, other: Self) -> Self {
        // The instruction gives its second operand when one is no number.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn min_of(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        Self(unsafe {
            let biased = _mm512_cvtps_epi32(_mm512_add_ps(self.0, _mm512_set1_ps(127.0)));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        })
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Self(unsafe { _mm512_abs_ps(self.0) })
    }
    #[inline(always)]
    unsafe fn with_sign(self, sign: Self) -> Self {
        Self(unsafe {
            let bit = _mm512_and_si512(_mm512_castps_si512(sign.0), _mm512_set1_epi32(i32::MIN));
            _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(self.0), bit))
        })
    }
}

/// Two registers of eight numbers.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

/// The same on both halves.
macro_rules! halves {
    ($f:ident, $($side:expr),+) => {
        Self($f($($side.0),+), $f($($side.1),+))
    };
}

impl Lanes for Avx2 {
    // 12 halves of sums, two of weights, an input: 15 of 16 registers.
    const PIXELS: usize = 6;
    const VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        let half = unsafe { _mm256_set1_ps(value) };
        Self(half, half)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn expect(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { halves!(_mm256_add_ps, self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { halves!(_mm256_sub_ps, self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { halves!(_mm256_mul_ps, self, other) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        unsafe { halves!(_mm256_div_ps, self, other) }
    }
    #[inline(always)]
    unsafe fn fma(self, factor: Self, summand: Self) -> Self {
        unsafe { halves!(_mm256_fmadd_ps, self, factor, summand) }
    }
    #[inline(always)]
    unsafe fn max_of(self, other: Self) -> Self {
        unsafe { halves!(_mm256_max_ps, self, other) }
    }
    #[inline(always)]
    unsafe fn min_of(self, other: Self) -> Self {
        unsafe { halves!(_mm256_min_ps, self, other) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        unsafe { Self(_mm256_round_ps::<NEAREST>(self.0), _mm256_round_ps::<NEAREST>(self.1)) }
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        unsafe {
            let bias = _mm256_set1_ps(127.0);
            let low = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(_mm256_add_ps(self.0, bias)));
            let high = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(_mm256_add_ps(self.1, bias)));
            Self(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high))
        }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            Self(_mm256_andnot_ps(sign, self.0), _mm256_andnot_ps(sign, self.1))
        }
    }
    #[inline(always)]
    unsafe fn with_sign(self, sign: Self) -> Self {
        unsafe {
            let bit = _mm256_set1_ps(-0.0);
            let low = _mm256_or_ps(self.0, _mm256_and_ps(bit, sign.0));
            Self(low, _mm256_or_ps(self.1, _mm256_and_ps(bit, sign.1)))
        }
    }
}
