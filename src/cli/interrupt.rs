//! Ctrl-C and SIGTERM end a run between two tiles: results that are whole are kept, nothing half-written is left.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What the handlers change; they are installed once.
static HANDLED: OnceLock<Handled> = OnceLock::new();

struct Handled {
    stop: Arc<AtomicBool>,
    /// The signal that came, or 0.
    signal: Arc<AtomicUsize>,
}

/// Installs the handlers; the flag becomes true with the first signal, the second one ends the program at once.
pub(crate) fn flag() -> Arc<AtomicBool> {
    let handled = HANDLED.get_or_init(|| {
        let handled = Handled { stop: Arc::default(), signal: Arc::default() };
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let number = usize::try_from(signal).unwrap_or(0);
            // Without a handler the system's own default ends the program, which is a fair second best.
            let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&handled.stop));
            let _ = signal_hook::flag::register(signal, Arc::clone(&handled.stop));
            let _ = signal_hook::flag::register_usize(signal, Arc::clone(&handled.signal), number);
        }
        handled
    });
    Arc::clone(&handled.stop)
}

/// 130 after Ctrl-C, 143 after SIGTERM, as shells expect.
pub(crate) fn exit_code() -> u8 {
    let signal = HANDLED.get().map_or(0, |handled| handled.signal.load(Ordering::Relaxed));
    if signal == usize::try_from(signal_hook::consts::SIGTERM).unwrap_or(15) { 143 } else { 130 }
}
