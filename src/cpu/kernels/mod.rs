//! The loops that compute, once for each kind of processor, and the only place of the engine with `unsafe` code.
//!
//! Invariant: kernels check no bounds. Steps become a [`Program`] only after all that each reads and writes was held
//! against the memory it will get, and a program asserts that it got as much.
#![expect(
    unsafe_code,
    reason = "vector instructions, and loops without bounds checks on ranges that were checked before"
)]
#![allow(clippy::undocumented_unsafe_blocks, reason = "each function states what its caller must hold")]
#![allow(
    clippy::inline_always,
    reason = "vectors only work in functions that a processor's features are switched on for"
)]
#![allow(clippy::wildcard_imports, reason = "instructions have long names of their own")]
#![allow(clippy::needless_range_loop, reason = "loops over constants, which must be unrolled as a whole")]

mod act;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
mod bf16;
mod dense;
mod depthwise;
mod lanes;
mod maps;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(test)]
mod operations;
mod pages;
mod pool;
mod processor;
mod program;
mod reach;
mod rounded;
mod step;
mod tile;
mod winograd;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use act::bounds;
pub(super) use bf16::{DEPTH, Rounding, to_bf16};
pub(super) use dense::{Dense, Run};
pub(super) use depthwise::Depthwise;
pub(super) use lanes::LANES;
pub(super) use maps::{Each, LayerNorm, Maps, Pick, Size, What};
pub(super) use pages::room;
pub(super) use pool::Pool;
pub use processor::BF16_TWIN;
pub(super) use processor::Kernels;
pub(super) use program::{Line, Program, Refused, Room, Source};
pub(super) use rounded::{Rounded, TOGETHER};
pub(super) use step::{Products, Step, Winograd};
pub(super) use tile::Tile;
pub(super) use winograd::{Finish, INPUT, OUTPUT, PLACES, Transform};

/// The bit of a place that lies in memory which images use one after another.
pub(super) const PASSING: usize = 1 << (usize::BITS - 1);

/// What kernels work on; all are as long as the plan said.
#[derive(Clone, Copy)]
struct Memory {
    /// Of an image, or of all from the first one on.
    numbers: *mut f32,
    /// What an image leaves to the next: places with [`PASSING`].
    passing: *mut f32,
    /// Beyond both: what is transformed, or rounded to half as many bits.
    transformed: *mut f32,
    weights: *const f32,
}

impl Memory {
    /// The number of a place.
    ///
    /// # Safety
    /// The place must lie in the memory.
    #[inline(always)]
    unsafe fn at(self, place: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { if place & PASSING == 0 { self.numbers.add(place) } else { self.passing.add(place & !PASSING) } }
    }
}
