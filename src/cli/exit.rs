//! Exit codes, and how an error is shown.

use super::text::tell;
use eosin::{Error, ErrorKind};
use std::process::ExitCode;

/// All done.
pub(crate) const DONE: u8 = 0;
/// Some slides failed; the summary names them.
pub(crate) const SOME_FAILED: u8 = 2;
/// Disk, device or another part of the environment.
pub(crate) const ENVIRONMENT: u8 = 3;
/// Wrong arguments, a model that does not fit, or data that a training cannot use.
pub(crate) const USAGE: u8 = 4;
/// A digest differs, or a file changed while it was read.
const INTEGRITY: u8 = 5;

/// clap's own code for wrong arguments is 2, which here means that slides failed.
pub(crate) fn of_parsing(error: &clap::Error) -> ExitCode {
    // Nothing can be done when the terminal is gone.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { USAGE } else { DONE })
}

/// Shows an error in one line, advice on a second, and gives its code; `unreadable` is that of input that cannot be read.
pub(crate) fn of_error(error: &Error, unreadable: u8) -> ExitCode {
    tell!("eosin: {error}");
    if let Some(advice) = error.advice() {
        tell!("       {advice}");
    }
    ExitCode::from(match error.kind() {
        ErrorKind::Usage | ErrorKind::Model => USAGE,
        ErrorKind::Integrity => INTEGRITY,
        // A model that is too large or of an unknown network is a wrong argument, not a failed slide.
        ErrorKind::Format | ErrorKind::Unsupported | ErrorKind::Limits if error.code().starts_with("MOD-") => USAGE,
        ErrorKind::Format | ErrorKind::Unsupported | ErrorKind::Limits => unreadable,
        ErrorKind::Interrupted => super::interrupt::exit_code(),
        _ => ENVIRONMENT,
    })
}
