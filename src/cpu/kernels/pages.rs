//! Memory in large pages, where the system has them: weights and maps of a network fill thousands of small ones, and looking
//! up where each lies costs some percent of the time.
//!
//! # Source
//! Linux, "Documentation/admin-guide/mm/transhuge.rst" and madvise(2).

use super::program::Line;

/// Room for lines, in large pages if there are some: pages are given out when they are written for the first time.
pub(in crate::cpu) fn room(count: usize) -> Vec<Line> {
    let lines = Vec::with_capacity(count);
    #[cfg(target_os = "linux")]
    ask(lines.as_ptr(), count);
    lines
}

/// Asks for large pages in place of all whole small ones among some lines, where there are enough for one. Nothing depends on
/// what the system makes of that.
#[cfg(target_os = "linux")]
fn ask(lines: *const Line, count: usize) {
    const SMALL: usize = 4 << 10;
    const LARGE: usize = 2 << 20;
    let start = lines.addr().next_multiple_of(SMALL);
    let end = (lines.addr() + count * size_of::<Line>()) / SMALL * SMALL;
    if end.saturating_sub(start) >= LARGE {
        let from = lines.wrapping_byte_add(start - lines.addr()).cast_mut().cast();
        // SAFETY: the range lies in one allocation, and the advice changes nothing that is in it.
        unsafe { libc::madvise(from, end - start, libc::MADV_HUGEPAGE) };
    }
}
