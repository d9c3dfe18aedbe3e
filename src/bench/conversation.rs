//! One measured process, from the outside: requests in, answers out, an end in any case.
//!
//! Invariant: a process that breaks, hangs or goes on talking costs an answer, never the bench; none outlives it.

use super::protocol::{Answer, Job, Request};
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No answer may take longer; a software renderer tunes a large network for many minutes.
const PATIENCE: Duration = Duration::from_mins(45);
/// How soon an interruption is noticed.
const POLL: Duration = Duration::from_millis(100);
/// How long a process may take to end by itself when its input ended.
const GRACE: Duration = Duration::from_secs(5);
/// Lines of what it says besides answers that are kept.
const LAST_WORDS: usize = 5;

/// The code of what a process could not do, and said so: it can be asked for something else.
pub(super) const FAILED: &str = "BCH-0012";

/// A process that is being asked.
pub(super) struct Conversation {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    /// Keeps these.
    listener: Option<JoinHandle<()>>,
}

impl Conversation {
    /// Starts a process and gives it its job.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] `BCH-0010` when it cannot be started.
    pub(super) fn start(command: &mut Command, job: &Job) -> Result<Self> {
        let program = command_name(command);
        let refuse = |error: std::io::Error| {
            Error::new(ErrorKind::Device, "BCH-0010", format!("expected {program} to start, found: {error}"))
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for the bench, which ends it; and what it starts itself ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.spawn().map_err(refuse)?;
        let requests = child.stdin.take();
        let (send, answers) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || lines(output).try_for_each(|line| send.send(line)));
        }
        let last_words = Arc::default();
        let listener = child.stderr.take().map(|output| {
            let words = Arc::clone(&last_words);
            std::thread::spawn(move || lines(output).for_each(|line| keep(&words, line)))
        });
        let mut conversation = Self { child, requests, answers, last_words, listener };
        conversation.say(job)?;
        Ok(conversation)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: `BCH-0011` when the process ended or does not answer, `BCH-0012` with its own words when it
    /// could not do it; [`ErrorKind::Interrupted`] when `cancel` became true.
    pub(super) fn ask(&mut self, request: &Request, cancel: &AtomicBool) -> Result<Answer> {
        let started = Instant::now();
        go_on(cancel)?;
        self.say(request)?;
        loop {
            go_on(cancel)?;
            match self.answers.recv_timeout(POLL) {
                // A library may print where only answers should be.
                Ok(line) => match serde_json::from_str(&line) {
                    Ok(Answer::Failed { why }) => return Err(Error::new(ErrorKind::Device, FAILED, why)),
                    Ok(answer) => return Ok(answer),
                    Err(_) => keep(&self.last_words, line),
                },
                Err(RecvTimeoutError::Timeout) if started.elapsed() < PATIENCE => {}
                Err(RecvTimeoutError::Timeout) => {
                    let message = format!("expected an answer within {} min, found none", PATIENCE.as_secs() / 60);
                    return Err(Error::new(ErrorKind::Device, "BCH-0011", message));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
            }
        }
    }

    /// The last lines that it said besides answers; they may name paths, so they are for the terminal alone.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        // What it said is read by another thread, which may still be at it.
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        let started = Instant::now();
        while ended && started.elapsed() < GRACE && self.listener.as_ref().is_some_and(|thread| !thread.is_finished()) {
            std::thread::sleep(POLL / 20);
        }
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn say(&mut self, what: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(what).unwrap_or_default();
        let sent = self.requests.as_mut().map(|requests| writeln!(requests, "{text}").and_then(|()| requests.flush()));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.gone()) }
    }

    fn gone(&mut self) -> Error {
        let how = match self.end() {
            Some(status) => format!("the process ended ({status})"),
            None => "a process that does not answer".to_owned(),
        };
        Error::new(ErrorKind::Device, "BCH-0011", format!("expected an answer, found {how}"))
    }

    /// Waits a little for the process to end.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < GRACE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(POLL / 4);
        }
        None
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.requests = None;
        if self.end().is_none() {
            end_group(&mut self.child);
        }
    }
}

/// # Errors
/// [`ErrorKind::Interrupted`] when the user wants an end.
pub(super) fn go_on(cancel: &AtomicBool) -> Result<()> {
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "BCH-0013", "stopped"));
    }
    Ok(())
}

/// Ends a process and, where there are groups of processes, all that it started.
pub(super) fn end_group(child: &mut Child) {
    if cfg!(unix) {
        let group = format!("-{}", child.id());
        // Where there is no such program, the process itself is ended below.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
    // One that is gone by now needs no end.
    let _ = child.kill();
    let _ = child.wait();
}

/// Lines of text; bytes that are no text are replaced, as drivers say what they like.
fn lines(output: impl Read) -> impl Iterator<Item = String> {
    let lines = BufReader::new(output).split(b'\n').map_while(std::io::Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

/// The name of a program without its folder: what is said may be handed on.
fn command_name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn keep(words: &Mutex<VecDeque<String>>, line: String) {
    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
    if words.len() == LAST_WORDS {
        words.pop_front();
    }
    words.push_back(line);
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    /// A process of a few lines of shell.
    fn talk(script: &str) -> Conversation {
        Conversation::start(Command::new("sh").args(["-c", script]), &Job::default()).unwrap()
    }

    fn ask(conversation: &mut Conversation) -> Result<Answer> {
        conversation.ask(&Request::Memory, &AtomicBool::new(false))
    }

    #[test]
    fn answers_are_found_between_other_words() {
        let mut talk = talk(r#"read job; read one; echo "a library says hello"; echo '{"said":"done"}'; read two"#);
        assert_eq!(ask(&mut talk).unwrap(), Answer::Done);
        assert_eq!(talk.last_words(), ["a library says hello"]);
    }

    #[test]
    fn what_cannot_be_done_and_a_process_that_ends_are_errors() {
        let mut fails = talk(r#"read job; read one; echo '{"said":"failed","why":"no such device"}'; read two"#);
        let error = ask(&mut fails).unwrap_err();
        assert_eq!((error.code(), error.message()), ("BCH-0012", "no such device"));
        let mut ends = talk("read job; read one; echo broken >&2; exit 7");
        let error = ask(&mut ends).unwrap_err();
        assert_eq!(error.code(), "BCH-0011");
        assert!(error.message().contains('7'), "{error}");
        assert_eq!(ends.last_words(), ["broken"]);
        let missing = Conversation::start(&mut Command::new("/no/such/program"), &Job::default());
        let error = missing.err().unwrap();
        assert!(error.code() == "BCH-0010" && !error.message().contains("/no"), "{error}");
    }

    #[test]
    fn an_interruption_ends_the_wait_and_the_process() {
        let mut waits = talk("read job; read one; sleep 600");
        let error = waits.ask(&Request::Memory, &AtomicBool::new(true)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        let id = waits.child.id();
        waits.child.kill().unwrap();
        drop(waits);
        assert!(!std::path::Path::new(&format!("/proc/{id}/fd/0")).exists());
    }
}
