//! How much memory this process used at most.

use super::kernel::{bytes, text};
use std::path::Path;

/// Resident memory at its highest since the process began, bytes. Only Linux says so in a way that safe code can read;
/// none elsewhere.
pub fn peak_bytes() -> Option<u64> {
    bytes(&text(Path::new("/proc/self/status"))?, "VmHWM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_does_not_fall_when_memory_is_given_back() {
        let before = peak_bytes().unwrap();
        // Written to, as pages that are only asked for do not count.
        drop(std::hint::black_box(vec![1_u8; 64 << 20]));
        assert!(peak_bytes().unwrap() >= before.max(64 << 20));
    }
}
