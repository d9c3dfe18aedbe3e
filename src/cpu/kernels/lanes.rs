//! Sixteen f32 side by side, whatever the processor has for them: one block of channels of one pixel.
//!
//! Kernels are written once over this trait. Its functions are inlined into functions that the processor's features are
//! switched on for, so nothing here may be called from elsewhere, nor from a closure: a closure is a function of its own,
//! without these features.

/// Lanes of a vector, and channels of a block.
pub(in crate::cpu) const LANES: usize = 16;

/// A vector of [`LANES`] numbers.
///
/// # Safety
/// All functions need a processor with the features of the type. `load` and `store` need [`LANES`] numbers at the address.
pub(super) trait Lanes: Copy {
    /// Most pixels, and most vectors for each, whose sums stay in registers.
    const PIXELS: usize;
    const VECTORS: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Tells that the numbers there will be read soon; any address will do.
    unsafe fn expect(at: *const f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + summand`, rounded once where the processor can.
    unsafe fn fma(self, factor: Self, summand: Self) -> Self;
    /// The larger one; what is no number in `other` stays, whatever `self` is.
    unsafe fn max_of(self, other: Self) -> Self;
    /// The smaller one; what is no number in `other` stays, whatever `self` is.
    unsafe fn min_of(self, other: Self) -> Self;
    /// To the nearest whole number.
    unsafe fn round(self) -> Self;
    /// `2^self`, for whole numbers from -126 to 127.
    unsafe fn power_of_two(self) -> Self;
    /// The numbers without their signs.
    unsafe fn abs(self) -> Self;
    /// The size of `self` with the sign of `sign`; `self` must not be negative.
    unsafe fn with_sign(self, sign: Self) -> Self;
}

/// Plain Rust, on every processor; what the others are held against.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

impl Portable {
    #[inline(always)]
    fn map2(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (a, b) in out.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        Self(out)
    }
}

impl Lanes for Portable {
    const PIXELS: usize = 4;
    const VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller has 16 numbers there.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has room for 16 numbers there.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn expect(_at: *const f32) {}
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.map2(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.map2(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.map2(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.map2(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(self, factor: Self, summand: Self) -> Self {
        // Rounded twice: a fused one is a function call where the processor has none.
        self.map2(factor, |a, b| a * b).map2(summand, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn max_of(self, other: Self) -> Self {
        self.map2(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min_of(self, other: Self) -> Self {
        self.map2(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        self.map2(self, |a, _| a.round_ties_even())
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 254, as the trait asks")]
        self.map2(self, |a, _| f32::from_bits((((a + 127.0) as i32) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        self.map2(self, |a, _| a.abs())
    }
    #[inline(always)]
    unsafe fn with_sign(self, sign: Self) -> Self {
        self.map2(sign, f32::copysign)
    }
}
