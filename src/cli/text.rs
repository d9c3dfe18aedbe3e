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

/// Characters in a line of the terminal that standard output is; none when it is a file or a pipe.
pub(crate) fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0))
}

/// A label and words, in lines of at most `width` characters; further lines begin where the words do.
pub(crate) fn wrapped(label: &str, text: &str, width: Option<usize>) -> Vec<String> {
    const INDENT: usize = 9;
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(INDENT).max(INDENT));
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        // A word without an end is broken, so that every line fits.
        let signs: Vec<char> = word.chars().collect();
        for part in signs.chunks(room) {
            let used = lines.last().map_or(0, |line| line.chars().count());
            if used > 0 && used + 1 + part.len() > room {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.extend((!line.is_empty()).then_some(' ').into_iter().chain(part.iter().copied()));
            }
        }
    }
    let label = |at: usize| if at == 0 { label } else { "" };
    lines.iter().enumerate().map(|(at, line)| format!("{:<INDENT$}{line}", label(at)).trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_orders_and_no_endless_names() {
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!((short("abcd", 4), short("abcde", 4)), ("abcd".to_string(), "abc…".to_string()));
    }

    #[test]
    fn words_are_wrapped_behind_their_label_and_lines_fit() {
        assert_eq!(wrapped("note", "one two three", Some(18)), ["note     one two", "         three"]);
        assert_eq!(wrapped("note", "one\n two", None), ["note     one two"]);
        assert_eq!(wrapped("note", "", Some(20)), ["note"]);
        let lines = wrapped("WARNING", &format!("a {} b", "x".repeat(50)), Some(30));
        assert!(lines.iter().all(|line| line.chars().count() <= 30), "{lines:?}");
        assert_eq!(lines.concat().matches('x').count(), 50);
    }
}
