//! Another program's short answer, or none: whether it is missing, fails or hangs is the same to those who ask.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a program may take: one that wakes several GPUs first takes seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What a program writes to its standard output. It is ended when it takes longer than [`PATIENCE`].
pub(super) fn answer_of(program: &OsStr, args: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    // A thread of its own, which is left behind when something else holds the pipe open.
    std::thread::spawn(move || {
        let mut text = String::new();
        if output.read_to_string(&mut text).is_ok() {
            // Nobody waits any longer after the limit.
            let _ = send.send(text);
        }
    });
    let text = receive.recv_timeout(PATIENCE).ok();
    // It has closed its output or run out of time: there is nothing that it could still say.
    let _ = child.kill();
    let _ = child.wait();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_says_nothing() {
        assert_eq!(answer_of(OsStr::new("eosin-no-such-program"), &[]), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_program_writes_comes_back() {
        assert_eq!(answer_of(OsStr::new("sh"), &["-c", "echo one; echo two >&2"]).unwrap(), "one\n");
    }
}
