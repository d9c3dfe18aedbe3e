//! Memory in large pages, where the system has them: weights and maps of a network fill thousands of small ones, and looking
//! up where each lies costs some percent of the time.
//!
//! # Source
//! Linux, "Documentation/admin-guide/mm/transhuge.rst" and madvise(2).

use super::lanes::LANES;
use super::program::Line;

/// Lines of zeros, in large pages if there are some.
pub(super) fn zeros(count: usize) -> Vec<Line> {
    let mut lines = Vec::with_capacity(count);
    // Before it is written for the first time, which is when pages are given out.
    #[cfg(target_os = "linux")]
    advise(lines.as_ptr(), count, libc::MADV_HUGEPAGE);
    lines.resize(count, Line([0.0; LANES]));
    lines
}

/// Moves lines that were written already into large pages, if there are some.
pub(super) fn enlarge(lines: &[Line]) {
    #[cfg(target_os = "linux")]
    for advice in [libc::MADV_HUGEPAGE, libc::MADV_COLLAPSE] {
        advise(lines.as_ptr(), lines.len(), advice);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = lines;
}

/// Tells the system about all whole small pages among some lines, where there are enough for a large one. Nothing depends on
/// what it makes of that.
#[cfg(target_os = "linux")]
fn advise(lines: *const Line, count: usize, advice: libc::c_int) {
    const SMALL: usize = 4 << 10;
    const LARGE: usize = 2 << 20;
    let start = lines.addr().next_multiple_of(SMALL);
    let end = (lines.addr() + count * size_of::<Line>()) / SMALL * SMALL;
    if end.saturating_sub(start) >= LARGE {
        let from = lines.wrapping_byte_add(start - lines.addr()).cast_mut().cast();
        // SAFETY: the range lies in one allocation, and neither advice changes what is in it.
        unsafe { libc::madvise(from, end - start, advice) };
    }
}
