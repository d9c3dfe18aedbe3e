//! Text made fit for a terminal, and printed. The only place that prints.
//!
//! A reader that goes away, as `head` does, or a terminal that was closed is no reason to stop scoring: what can no longer
//! be printed is dropped.

use serde_json::Value;
use std::io::{Write, stderr, stdout};

/// Prints one line of an answer on standard output, made [`plain`].
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::text::answer(&format!($($text)*)) };
}

/// Prints one line of news on standard error, made [`plain`].
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::text::news(&format!($($text)*)) };
}

pub(crate) use {say, tell};

/// See [`say!`].
pub(crate) fn answer(line: &str) {
    let _ = writeln!(stdout(), "{}", plain(line));
}

/// See [`tell!`].
pub(crate) fn news(line: &str) {
    let _ = writeln!(stderr(), "{}", plain(line));
}

/// Prints an answer for programs on standard output; JSON has its own way to write what a terminal would obey.
pub(crate) fn answer_json(value: &Value) {
    let _ = writeln!(stdout(), "{value:#}");
}

/// Replaces what a terminal would obey: names of files and words in them come from others.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Cuts a name to a number of characters, with a sign that it was cut.
pub(crate) fn short(name: &str, chars: usize) -> String {
    if name.chars().count() <= chars {
        return name.to_string();
    }
    name.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_orders_and_no_endless_names() {
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!((short("abcd", 4), short("abcde", 4)), ("abcd".to_string(), "abc…".to_string()));
    }
}
