//! The matrix unit of x86-64 (AMX with bf16): tiles of 16 rows of 64 bytes, and one instruction that multiplies two.
//!
//! Instructions are written out, as the compiler has no names for them that are stable; it never uses these registers
//! itself, so they keep what one block of instructions leaves for the next.
//!
//! # Source
//! Intel, "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 1, chapter 18 (programming with AMX), and
//! volume 2, `LDTILECFG` and `TDPBF16PS`. Linux, "Documentation/arch/x86/xstate.rst" (the permission).

use super::lanes::LANES;
use super::rounded::{Count, Multiply, Rounded, Sums, TILE};
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

/// Bytes of a row of a tile.
const ROW: usize = 64;

/// Whether this process may use the unit: the processor has it, and the system lets its registers be used. The system is
/// asked once, for all threads.
pub(super) fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| has_unit() && is_permitted() && is_kept())
}

fn has_unit() -> bool {
    const TILE_BF16: u32 = 1 << 22 | 1 << 24;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILE_BF16 == TILE_BF16
}

/// Whether the system keeps the registers when it switches between threads: states 17 and 18.
fn is_kept() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    const TILES: u32 = 1 << 17 | 1 << 18;
    if __cpuid(1).ecx & OSXSAVE == 0 {
        return false;
    }
    let states: u32;
    // SAFETY: the processor was just found to have the instruction, which only reads.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") states, out("edx") _, options(nomem, nostack, preserves_flags)) };
    states & TILES == TILES
}

/// Asks Linux to let the process use the registers, which are too large to be kept for every process.
fn is_permitted() -> bool {
    const ARCH_PRCTL: u64 = 158;
    const REQUEST: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let answer: i64;
    // SAFETY: the call takes two numbers and touches no memory of the process; it changes these registers alone.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => answer, in("rdi") REQUEST, in("rsi") TILE_DATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    answer == 0
}

/// What tiles there are, as the processor wants to be told.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// Sums are tiles 0 to 3, pixels 4 and 5, weights 6 and 7.
pub(super) struct Amx;

// SAFETY of all: callers have found the unit with `is_there`.
impl Multiply for Amx {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "at most 16 rows of 64 bytes")]
    unsafe fn start(pixels: usize) {
        let mut shapes = Shapes { palette: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        shapes.bytes[..8].fill(ROW as u16);
        shapes.rows[..6].fill(pixels as u8);
        shapes.rows[6..8].fill(LANES as u8);
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, preserves_flags, readonly)) };
    }

    #[inline(always)]
    unsafe fn sums(call: &Rounded, from: [*const u16; 2], weights: *const f32, count: Count, sums: &mut Sums) {
        unsafe {
            match (count.runs, count.blocks) {
                (2, 2) => products::<2, 2>(call, from, weights, sums),
                (2, _) => products::<2, 1>(call, from, weights, sums),
                (_, 2) => products::<1, 2>(call, from, weights, sums),
                _ => products::<1, 1>(call, from, weights, sums),
            }
        }
    }

    #[inline(always)]
    unsafe fn end() {
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

/// Sums of `R` runs and `B` blocks.
///
/// # Safety
/// As [`Multiply`].
#[inline(always)]
unsafe fn products<const R: usize, const B: usize>(
    call: &Rounded,
    [first, second]: [*const u16; 2],
    weights: *const f32,
    sums: &mut Sums,
) {
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            options(nomem, nostack, preserves_flags)
        );
        let pitch = call.pixel * size_of::<u16>();
        let mut tile = weights;
        for &place in &call.places {
            let (first, second) = (first.add(place), second.wrapping_add(place));
            match (R, B) {
                (2, 2) => asm!(
                    "tileloadd tmm4, [{first} + {pitch}]",
                    "tileloadd tmm6, [{tile} + {row}]",
                    "tileloadd tmm7, [{tile} + {row} + 1024]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm5, [{second} + {pitch}]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    first = in(reg) first, second = in(reg) second, pitch = in(reg) pitch,
                    tile = in(reg) tile, row = in(reg) ROW, options(nostack, preserves_flags, readonly)
                ),
                (2, _) => asm!(
                    "tileloadd tmm4, [{first} + {pitch}]",
                    "tileloadd tmm6, [{tile} + {row}]",
                    "tileloadd tmm5, [{second} + {pitch}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    first = in(reg) first, second = in(reg) second, pitch = in(reg) pitch,
                    tile = in(reg) tile, row = in(reg) ROW, options(nostack, preserves_flags, readonly)
                ),
                (_, 2) => asm!(
                    "tileloadd tmm4, [{first} + {pitch}]",
                    "tileloadd tmm6, [{tile} + {row}]",
                    "tileloadd tmm7, [{tile} + {row} + 1024]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    first = in(reg) first, pitch = in(reg) pitch,
                    tile = in(reg) tile, row = in(reg) ROW, options(nostack, preserves_flags, readonly)
                ),
                _ => asm!(
                    "tileloadd tmm4, [{first} + {pitch}]",
                    "tileloadd tmm6, [{tile} + {row}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    first = in(reg) first, pitch = in(reg) pitch,
                    tile = in(reg) tile, row = in(reg) ROW, options(nostack, preserves_flags, readonly)
                ),
            }
            tile = tile.add(B * TILE);
        }
        // Those that were not summed up are zeros, and there is room for all.
        let [[a, b], [c, d]] = sums.0.each_mut().map(|run| run.each_mut().map(|block| block.as_mut_ptr()));
        asm!(
            "tilestored [{a} + {row}], tmm0", "tilestored [{b} + {row}], tmm1",
            "tilestored [{c} + {row}], tmm2", "tilestored [{d} + {row}], tmm3",
            a = in(reg) a, b = in(reg) b, c = in(reg) c, d = in(reg) d, row = in(reg) ROW,
            options(nostack, preserves_flags)
        );
    }
}
