//! Text made fit for a terminal.

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
