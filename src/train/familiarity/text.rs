//! The part of a `CARD.md` about tiles unlike the training data.

/// Its heading.
pub(in crate::train) const HEADING: &str = "Tiles unlike the training data";
/// What follows it in the cards of trained models.
const NEXT: &str = "## Limits";

/// A card's text with this part, in place of what it said before.
pub(in crate::train) fn with_section(text: &str, body: &str) -> String {
    let section = format!("## {HEADING}\n\n{}\n\n", body.trim());
    let starts = |heading: &str| {
        let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
            *at += line.len();
            Some((*at - line.len(), line.trim_end()))
        });
        lines.find(|(_, line)| *line == heading).map(|(at, _)| at)
    };
    if let Some(start) = starts(&format!("## {HEADING}")) {
        let rest = &text[start..];
        let end = rest[3..].find("\n## ").map_or(rest.len(), |at| at + 4);
        return format!("{}{section}{}", &text[..start], &rest[end..]);
    }
    match starts(NEXT) {
        Some(at) => format!("{}{section}{}", &text[..at], &text[at..]),
        None => format!("{}\n\n{section}", text.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_stands_once_before_the_limits_or_at_the_end() {
        let card = "# m\n\n## Use\n\nTask.\n\n## Limits\n\n- One.\n";
        let first = with_section(card, "Far: 3.\n");
        assert_eq!(first, card.replace("## Limits", &format!("## {HEADING}\n\nFar: 3.\n\n## Limits")));
        assert_eq!(with_section(&first, "Far: 4."), first.replace('3', "4"));
        let bare = with_section("# m\n", "Far: 3.");
        assert_eq!(bare, format!("# m\n\n## {HEADING}\n\nFar: 3.\n\n"));
        assert_eq!(with_section(&bare, "Far: 3."), bare);
    }
}
