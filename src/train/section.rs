//! A part of a `CARD.md` that is measured after the training.

/// What follows such parts in the cards of trained models.
const NEXT: &str = "## Limits";

/// A card's text with this part, in place of what the part said before.
pub(super) fn with_section(text: &str, heading: &str, body: &str) -> String {
    let section = format!("## {heading}\n\n{}\n\n", body.trim());
    let starts = |heading: &str| {
        let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
            *at += line.len();
            Some((*at - line.len(), line.trim_end()))
        });
        lines.find(|(_, line)| *line == heading).map(|(at, _)| at)
    };
    if let Some(start) = starts(&format!("## {heading}")) {
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
    fn a_part_stands_once_before_the_limits_or_at_the_end_and_leaves_others() {
        let card = "# m\n\n## Use\n\nTask.\n\n## Limits\n\n- One.\n";
        let first = with_section(card, "Far", "It is 3.\n");
        assert_eq!(first, card.replace("## Limits", "## Far\n\nIt is 3.\n\n## Limits"));
        assert_eq!(with_section(&first, "Far", "It is 4."), first.replace('3', "4"));
        let both = with_section(&first, "Near", "It is 5.");
        assert_eq!(both, first.replace("## Limits", "## Near\n\nIt is 5.\n\n## Limits"));
        assert_eq!(with_section(&both, "Far", "It is 4."), both.replace('3', "4"));
        let bare = with_section("# m\n", "Far", "It is 3.");
        assert_eq!(bare, "# m\n\n## Far\n\nIt is 3.\n\n");
        assert_eq!(with_section(&bare, "Far", "It is 3."), bare);
    }
}
