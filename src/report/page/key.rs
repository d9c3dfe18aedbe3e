//! The legend of a layer: colours and what they stand for.

use crate::map::{heat, palette};
use crate::report::figure::hex;
use crate::report::words::number;

/// Classes in a legend; with more of them those with the smallest area are only counted.
const ENTRIES: usize = 16;

/// An entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    /// A colour, what it stands for, and how much of it there is.
    Swatch { colour: String, name: String, detail: String },
    /// The colours of a number with its least, middle and largest value.
    Ramp { colours: String, values: [String; 3], name: String },
    /// Failed cells.
    Failed { detail: String },
    /// Words without a colour.
    Text(String),
}

/// The colours of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Blue, yellow, vermillion: scores, as on the map.
    Score,
    /// Dark to light: how much there is of something, such as entropy.
    Amount,
    /// Blue below the middle, vermillion above it: what has two sides, such as z-scores.
    TwoSides,
}

impl Scale {
    /// The colour at a place from 0 to 1.
    pub(super) fn colour(self, place: f32) -> [u8; 3] {
        match self {
            Self::Score => palette::ramp(place),
            Self::Amount => heat(place),
            Self::TwoSides => palette::diverging(place * 2.0 - 1.0),
        }
    }

    /// The legend from `low` to `high`.
    pub(super) fn key(self, name: &str, [low, high]: [f32; 2]) -> Key {
        let colours: Vec<String> = (0..=16_u8).map(|step| hex(self.colour(f32::from(step) / 16.0))).collect();
        let values = [low, f32::midpoint(low, high), high].map(|value| short(f64::from(value)));
        Key::Ramp { colours: colours.join(", "), values, name: name.to_owned() }
    }
}

/// A number without zeros at its end.
fn short(value: f64) -> String {
    let text = number(Some(value));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The largest areas in the order they are given, then what was left out and what was not found.
pub(super) fn swatches(entries: &[(&str, [u8; 3], f64)], scored_mm2: f64) -> Vec<Key> {
    let mut order: Vec<usize> = (0..entries.len()).filter(|&at| entries[at].2 > 0.0).collect();
    order.sort_by(|&a, &b| entries[b].2.total_cmp(&entries[a].2));
    let rest = order.split_off(order.len().min(ENTRIES));
    order.sort_unstable();
    let swatch = |&at: &usize| {
        let (name, colour, mm2) = entries[at];
        Key::Swatch { colour: hex(colour), name: name.to_owned(), detail: area(mm2, scored_mm2) }
    };
    let mut keys: Vec<Key> = order.iter().map(swatch).collect();
    if !rest.is_empty() {
        let mm2 = rest.iter().map(|&at| entries[at].2).sum();
        keys.push(Key::Text(format!("And {} smaller: {}", rest.len(), area(mm2, scored_mm2))));
    }
    let absent: Vec<&str> = entries.iter().filter(|entry| entry.2 <= 0.0).map(|entry| entry.0).collect();
    if !absent.is_empty() {
        keys.push(Key::Text(format!("Not found: {}", absent.join(", "))));
    }
    keys
}

/// `12.30 mm², 45.6 %`; a trace is not called nothing.
pub(super) fn area(mm2: f64, of_mm2: f64) -> String {
    let size = if mm2 > 0.0 && mm2 < 0.005 { "< 0.01".to_owned() } else { format!("{mm2:.2}") };
    let share = if of_mm2 > 0.0 { mm2 / of_mm2 * 100.0 } else { 0.0 };
    format!("{size} mm\u{b2}, {share:.1} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_its_ends_and_middle_in_short() {
        let Key::Ramp { values, colours, .. } = Scale::TwoSides.key("z", [-4.0, 4.0]) else { panic!() };
        assert_eq!(values, ["-4", "0", "4"]);
        assert!(colours.starts_with("#0072b2, ") && colours.ends_with(", #d55e00"), "{colours}");
        assert_eq!([0.5, 1200.0, 0.0].map(short), ["0.5", "1200", "0"]);
    }

    #[test]
    fn small_areas_are_counted_together() {
        let names: Vec<String> = (0..20).map(|at| format!("class {at}")).collect();
        let entries = names.iter().zip(1_u8..).map(|(name, at)| (name.as_str(), [at; 3], f64::from(at)));
        let keys = swatches(&entries.collect::<Vec<_>>(), 210.0);
        assert_eq!(keys.len(), ENTRIES + 1);
        assert_eq!(keys[ENTRIES], Key::Text("And 4 smaller: 10.00 mm\u{b2}, 4.8 %".to_owned()));
    }
}
