//! Ctrl-C and SIGTERM end a run between two tiles: results that are whole are kept, nothing half-written is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The signal that came, or 0.
static SIGNAL: std::sync::OnceLock<Arc<AtomicUsize>> = std::sync::OnceLock::new();

/// Installs the handlers; the flag becomes true with the first signal, the second one ends the program at once.
pub(crate) fn flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let came = SIGNAL.get_or_init(|| Arc::new(AtomicUsize::new(0)));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let number = usize::try_from(signal).unwrap_or(0);
        // Without a handler the system's own default ends the program, which is a fair second best.
        let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
        let _ = signal_hook::flag::register_usize(signal, Arc::clone(came), number);
    }
    stop
}

/// 130 after Ctrl-C, 143 after SIGTERM, as shells expect.
pub(crate) fn exit_code() -> u8 {
    let signal = SIGNAL.get().map_or(0, |came| came.load(Ordering::Relaxed));
    if signal == usize::try_from(signal_hook::consts::SIGTERM).unwrap_or(15) { 143 } else { 130 }
}
