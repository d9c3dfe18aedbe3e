//! Which kernels a processor has, found once.

use super::Memory;
use super::dense::{self, Dense};
use super::depthwise::{self, Depthwise};
use super::lanes::{Lanes, Portable};
use super::maps::{self, Each, LayerNorm, Maps, Pick, Size};
#[cfg(test)]
use super::operations::{self, Operands, Results};
use super::pool::{self, Pool};
use super::rounded::{self, Rounded};
use super::tile::{self, Normal, Tile};
use super::winograd::{self, Finish, Transform};

pub(super) type DenseRows = unsafe fn(&Dense, Memory, [usize; 3], [usize; 2]);
pub(super) type DepthwiseRows = unsafe fn(&Depthwise, Memory);
pub(super) type OfRounded = unsafe fn(&Rounded, Memory, [usize; 2]);

/// The kernels of a kind of processor.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Kernels {
    pub name: &'static str,
    /// Most pixels, and most vectors of channels for each, of a block.
    pub pixels: usize,
    pub vectors: usize,
    /// By rows, pixels and vectors of a block and the distance of two pixels that are read; none for what is not built.
    pub(super) dense: fn([usize; 4]) -> Option<DenseRows>,
    /// By side, stride and pixels.
    pub(super) depthwise: fn([usize; 3]) -> Option<DepthwiseRows>,
    /// Convolutions of rounded numbers, where there are some.
    pub(super) rounded: Option<OfRounded>,
    pub(super) gather: unsafe fn(&Transform, Memory, usize, usize),
    pub(super) scatter: unsafe fn(&Transform, &Finish, Memory, usize, usize),
    pub(super) each: unsafe fn(&Each, Memory),
    pub(super) global_mean: unsafe fn(Maps, Maps, Size, Memory),
    pub(super) layer_norm: unsafe fn(&LayerNorm, Memory),
    pub(super) pick: unsafe fn(&Pick, Memory),
    pub(super) pool: unsafe fn(&Pool, Memory),
    pub(super) from_bytes: unsafe fn(Tile, &[u8], usize, &Normal, Memory),
    pub(super) from_numbers: unsafe fn(Tile, &[f32], Memory),
    #[cfg(test)]
    pub(super) operations: unsafe fn(&Operands) -> Results,
}

/// Name of the kernels that round as a matrix unit does, on every processor.
pub const BF16_TWIN: &str = "bf16-twin";

/// Pixels of a block of a depthwise convolution, the most first.
pub(in crate::cpu) const DEPTHWISE_PIXELS: [usize; 5] = [8, 7, 4, 2, 1];

/// The instance with so many pixels, among those listed.
macro_rules! with_pixels {
    ($f:ident, $pixels:expr, [$($p:literal)*], $a:literal $b:literal) => {
        match $pixels {
            $($p => Some($f::<$a, $b, $p> as _),)*
            _ => None,
        }
    };
    ($f:ident, $pixels:expr, [$($p:literal)*], $a:literal $b:literal $c:literal) => {
        match $pixels {
            $($p => Some($f::<$a, $b, $c, $p> as _),)*
            _ => None,
        }
    };
}

/// All kernels over one type of vectors, as functions with a processor's features.
macro_rules! kernels {
    ($module:ident, $lanes:ty, $name:literal, [$($feature:literal)?], one: $one:tt, two: $two:tt, double: [$($double:tt)?]) => {
        mod $module {
            #[allow(clippy::wildcard_imports, reason = "one module, made several times")]
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn dense<const R: usize, const Z: usize, const D: usize, const P: usize>(
                call: &Dense,
                memory: Memory,
                shift: [usize; 3],
                rows: [usize; 2],
            ) {
                unsafe { dense::rows::<$lanes, R, P, Z, D>(call, memory, shift, rows) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise<const K: usize, const S: usize, const P: usize>(call: &Depthwise, memory: Memory) {
                unsafe { depthwise::rows::<$lanes, K, S, P>(call, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn gather(call: &Transform, memory: Memory, first: usize, count: usize) {
                unsafe { winograd::gather::<$lanes>(call, memory, first, count) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn scatter(call: &Transform, finish: &Finish, memory: Memory, first: usize, count: usize) {
                unsafe { winograd::scatter::<$lanes>(call, finish, memory, first, count) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn each(call: &Each, memory: Memory) {
                unsafe { maps::each::<$lanes>(call, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn global_mean(input: Maps, output: Maps, size: Size, memory: Memory) {
                unsafe { maps::global_mean::<$lanes>(input, output, size, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn layer_norm(call: &LayerNorm, memory: Memory) {
                unsafe { maps::layer_norm::<$lanes>(call, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pick(call: &Pick, memory: Memory) {
                unsafe { maps::pick(call, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pool(call: &Pool, memory: Memory) {
                unsafe { pool::pool::<$lanes>(call, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn from_bytes(call: Tile, bytes: &[u8], input_px: usize, by: &Normal, memory: Memory) {
                unsafe { tile::from_bytes(call, bytes, input_px, by, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn from_numbers(call: Tile, values: &[f32], memory: Memory) {
                unsafe { tile::from_numbers(call, values, memory) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn twin(call: &Rounded, memory: Memory, images: [usize; 2]) {
                unsafe { rounded::convolution::<$lanes, rounded::Twin>(call, memory, images) }
            }

            #[cfg(test)]
            $(#[target_feature(enable = $feature)])?
            unsafe fn operations(operands: &Operands) -> Results {
                unsafe { operations::all::<$lanes>(operands) }
            }

            fn choose_dense([rows, pixels, vectors, distance]: [usize; 4]) -> Option<DenseRows> {
                match (rows, vectors, distance) {
                    (1, 1, 16) => with_pixels!(dense, pixels, $one, 1 1 16),
                    (1, 1, 32) => with_pixels!(dense, pixels, $one, 1 1 32),
                    (2, 1, 16) => with_pixels!(dense, pixels, $two, 2 1 16),
                    (2, 1, 32) => with_pixels!(dense, pixels, $two, 2 1 32),
                    // Of tiles of three numbers a pixel: strides of 1, 2 and 4.
                    (1, 1, 3) => with_pixels!(dense, pixels, $one, 1 1 3),
                    (1, 1, 6) => with_pixels!(dense, pixels, $one, 1 1 6),
                    (1, 1, 12) => with_pixels!(dense, pixels, $one, 1 1 12),
                    $(
                        (1, $double, 16) => with_pixels!(dense, pixels, $one, 1 $double 16),
                        (1, $double, 32) => with_pixels!(dense, pixels, $one, 1 $double 32),
                        (2, $double, 16) => with_pixels!(dense, pixels, $two, 2 $double 16),
                        (2, $double, 32) => with_pixels!(dense, pixels, $two, 2 $double 32),
                        (1, $double, 3) => with_pixels!(dense, pixels, $one, 1 $double 3),
                        (1, $double, 6) => with_pixels!(dense, pixels, $one, 1 $double 6),
                        (1, $double, 12) => with_pixels!(dense, pixels, $one, 1 $double 12),
                    )?
                    _ => None,
                }
            }

            fn choose_depthwise([side, stride, pixels]: [usize; 3]) -> Option<DepthwiseRows> {
                match (side, stride) {
                    (3, 1) => with_pixels!(depthwise, pixels, [1 2 4 7 8], 3 1),
                    (3, 2) => with_pixels!(depthwise, pixels, [1 2 4 7 8], 3 2),
                    (5, 1) => with_pixels!(depthwise, pixels, [1 2 4 7 8], 5 1),
                    (5, 2) => with_pixels!(depthwise, pixels, [1 2 4 7 8], 5 2),
                    (7, 1) => with_pixels!(depthwise, pixels, [1 2 4 7 8], 7 1),
                    _ => None,
                }
            }

            pub(super) const SET: Kernels = Kernels {
                name: $name,
                pixels: <$lanes as Lanes>::PIXELS,
                vectors: <$lanes as Lanes>::VECTORS,
                dense: choose_dense,
                depthwise: choose_depthwise,
                rounded: None,
                gather,
                scatter,
                each,
                global_mean,
                layer_norm,
                pick,
                pool,
                from_bytes,
                from_numbers,
                #[cfg(test)]
                operations,
            };
            pub(super) static KERNELS: Kernels = SET;
            pub(super) static TWIN: Kernels = Kernels { name: BF16_TWIN, rounded: Some(twin), ..SET };
        }
    };
}

kernels!(portable, Portable, "portable", [], one: [1 2 3 4], two: [1 2], double: []);
#[cfg(target_arch = "x86_64")]
kernels!(avx512, crate::cpu::kernels::x86::Avx512, "avx512", ["avx512f"],
    one: [1 2 3 4 5 6 7 8 9 10 11 12 13 14], two: [1 2 3 4 5 6 7], double: [2]);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, crate::cpu::kernels::x86::Avx2, "avx2", ["avx2,fma"], one: [1 2 3 4 5 6], two: [1 2 3], double: []);
#[cfg(target_arch = "aarch64")]
kernels!(neon, crate::cpu::kernels::neon::Neon, "neon", ["neon"], one: [1 2 3 4 5 6], two: [1 2 3], double: []);

/// Those of AVX-512, and the matrix unit.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod with_amx {
    use super::{Kernels, Memory, Rounded, avx512, rounded};
    use crate::cpu::kernels::{amx::Amx, x86::Avx512};

    #[target_feature(enable = "avx512f")]
    unsafe fn tiles(call: &Rounded, memory: Memory, images: [usize; 2]) {
        unsafe { rounded::convolution::<Avx512, Amx>(call, memory, images) }
    }

    pub(super) static KERNELS: Kernels = Kernels { name: "amx", rounded: Some(tiles), ..avx512::SET };
}

impl Kernels {
    /// Those that this processor can run, the fastest first; the last are plain Rust. None of them rounds.
    pub fn available() -> impl Iterator<Item = &'static Self> {
        Self::found().map(|[exact, _]| exact)
    }

    /// Those that round to 16 bits and multiply on the processor's matrix unit, where the system lets us use it.
    pub fn matrix() -> Option<&'static Self> {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        let found = (is_x86_feature_detected!("avx512f") && super::amx::is_there()).then_some(&with_amx::KERNELS);
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        let found = None;
        found
    }

    /// Those that round in the same way with the fastest other instructions.
    pub fn twin() -> Option<&'static Self> {
        Self::found().map(|[_, twin]| twin).next()
    }

    /// Whether they have convolutions of rounded numbers, which are then preferred.
    pub fn rounds(&self) -> bool {
        self.rounded.is_some()
    }

    /// Each with its twin.
    fn found() -> impl Iterator<Item = [&'static Self; 2]> {
        #[cfg(target_arch = "x86_64")]
        let ours = [
            is_x86_feature_detected!("avx512f").then_some([&avx512::KERNELS, &avx512::TWIN]),
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
                .then_some([&avx2::KERNELS, &avx2::TWIN]),
        ];
        #[cfg(target_arch = "aarch64")]
        let ours = [Some([&neon::KERNELS, &neon::TWIN])];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let ours = [None];
        ours.into_iter().flatten().chain([[&portable::KERNELS, &portable::TWIN]])
    }
}
