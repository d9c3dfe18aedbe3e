//! The entropy-coded data of a sequential JPEG scan, decoded strictly.
//!
//! Decoders stop at the last block, or fill what is missing, and say nothing. Invariant: a scan passes only when its
//! codes exist, no block holds more than 64 coefficients, and the data end where the last block ends. So holes of zeros,
//! early end markers and many flipped bits are found: they shift everything behind them.
//!
//! # Source
//! ITU-T T.81 (1992), annexes A.2 (order of blocks), B.2.4 (tables) and F.2 (sequential decoding).

use super::huffman::{Bits, Codes, END_OF_BLOCK, NO_CODE, TOO_LONG};
use super::planes::Planes;
use super::stream::Frame;
use super::transform::{Block, inverse};
use std::sync::Arc;

/// Where the coefficients lie in a block, in the order of the stream (T.81 figure A.6): row by row, eight a row.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Components of a scan (T.81 table B.3).
const MAX_PARTS: usize = 4;
/// Blocks of all components in a unit (T.81 B.2.3).
const MAX_UNIT_BLOCKS: usize = 10;

/// Steps of quantisation, in the order of the stream.
type Steps = [u16; 64];

/// The state that segments before a scan set up.
#[derive(Debug, Clone, Default)]
pub(super) struct ScanState {
    dc: [Option<Arc<Codes>>; 4],
    ac: [Option<Arc<Codes>>; 4],
    steps: [Option<Arc<Steps>>; 4],
    /// Units between restart markers, 0 for none.
    pub(super) restart_interval: u16,
}

impl ScanState {
    /// Takes in a segment of tables or of the restart interval, marker and length included; others change nothing.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn define(&mut self, segment: &[u8]) -> Result<(), String> {
        match segment {
            [_, 0xdd, _, _, high, low] => self.restart_interval = u16::from_be_bytes([*high, *low]),
            [_, 0xdd, ..] => return Err("a restart interval of a wrong length".to_string()),
            [_, 0xc4, _, _, tables @ ..] => self.define_codes(tables)?,
            [_, 0xdb, _, _, tables @ ..] => self.define_steps(tables)?,
            _ => {}
        }
        Ok(())
    }

    fn define_codes(&mut self, mut rest: &[u8]) -> Result<(), String> {
        while let Some((&target, after)) = rest.split_first() {
            let (counts, after) = after.split_first_chunk::<16>().ok_or("a Huffman table that is cut")?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, after) = after.split_at_checked(total).ok_or("a Huffman table that is cut")?;
            let is_dc = target >> 4 == 0;
            let class = if is_dc { &mut self.dc } else { &mut self.ac };
            let slot = class.get_mut(usize::from(target & 15)).filter(|_| target >> 4 <= 1);
            *slot.ok_or("a Huffman table without a place")? = Some(Arc::new(Codes::new(counts, symbols, is_dc)?));
            rest = after;
        }
        Ok(())
    }

    fn define_steps(&mut self, mut rest: &[u8]) -> Result<(), String> {
        while let Some((&target, after)) = rest.split_first() {
            let bytes = match target >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err("a quantisation table of unknown precision".to_string()),
            };
            let (values, after) = after.split_at_checked(64 * bytes).ok_or("a quantisation table that is cut")?;
            let value = |index: usize| match values.get(index * bytes..(index + 1) * bytes) {
                Some([high, low]) => u16::from_be_bytes([*high, *low]),
                Some([low]) => u16::from(*low),
                _ => 0,
            };
            let slot = self.steps.get_mut(usize::from(target & 15)).ok_or("a quantisation table without a place")?;
            *slot = Some(Arc::new(std::array::from_fn(value)));
            rest = after;
        }
        Ok(())
    }

    /// Decodes the data of a scan into the planes of its components.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn decode(&self, frame: &Frame, header: &[u8], data: &[u8], planes: &mut Planes) -> Result<(), String> {
        let mut parts = self.parts(frame, header)?;
        for part in &parts {
            planes.fill(part.plane)?;
        }
        let (units_across, units_down) = units(frame, &parts);
        let count = units_across * units_down;
        let interval = if self.restart_interval == 0 { count } else { usize::from(self.restart_interval) };
        let mut bits = Bits::new(data);
        for unit in 0..count {
            let at_unit = |what: &str| format!("{what}, at unit {} of {count}", unit + 1);
            if unit > 0 && unit % interval == 0 {
                bits.end_of_interval().map_err(at_unit)?;
                for part in &mut parts {
                    part.prediction = 0;
                }
            }
            let (column, row) = (unit % units_across, unit / units_across);
            for part in &mut parts {
                let (across, down) = (part.across, part.down);
                for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                    let mut coefficients = [[0; 8]; 8];
                    let last = part.block(&mut bits, &mut coefficients).map_err(at_unit)?;
                    let samples = inverse(&coefficients, last);
                    if let Some(plane) = planes.planes.get_mut(part.plane) {
                        plane.put(column * across + x, row * down + y, &samples);
                    }
                }
            }
        }
        let whole = bits.end_of_interval().is_ok() && bits.is_at_end();
        if whole { Ok(()) } else { Err(format!("{TOO_LONG}, behind the last of {count} units")) }
    }

    /// What each component of a scan is decoded with (T.81 B.2.3).
    fn parts(&self, frame: &Frame, header: &[u8]) -> Result<Vec<Part<'_>>, String> {
        let [_, _, _, _, count, parameters @ ..] = header else { return Err("a scan header that is cut".to_string()) };
        let count = usize::from(*count);
        if !(1..=MAX_PARTS).contains(&count) {
            return Err(format!("a scan of {count} components, expected 1 to {MAX_PARTS}"));
        }
        // Behind the components stand three bytes that only progressive scans need.
        let chosen = parameters.split_last_chunk::<3>().map(|(chosen, _)| chosen);
        let chosen = chosen.filter(|chosen| chosen.len() == 2 * count).ok_or("a scan header of a wrong length")?;
        let mut parts: Vec<Part<'_>> = Vec::new();
        for &[id, tables] in chosen.as_chunks::<2>().0 {
            let part = self.part(frame, id, tables)?;
            if parts.iter().any(|other| other.plane == part.plane) {
                return Err(format!("component {id} twice in a scan"));
            }
            parts.push(part);
        }
        match parts.as_mut_slice() {
            // A scan of one component has one block a unit, whatever its sampling (T.81 A.2.2).
            [only] => (only.across, only.down) = (1, 1),
            parts => {
                let blocks: usize = parts.iter().map(|part| part.across * part.down).sum();
                if blocks > MAX_UNIT_BLOCKS {
                    return Err(format!("a scan of {blocks} blocks a unit, expected at most {MAX_UNIT_BLOCKS}"));
                }
            }
        }
        Ok(parts)
    }

    fn part(&self, frame: &Frame, id: u8, tables: u8) -> Result<Part<'_>, String> {
        let named = frame.components.iter().enumerate().find(|(_, component)| component.id == id);
        let (plane, component) = named.ok_or_else(|| format!("a scan of component {id}, which the frame has not"))?;
        let dc = table(&self.dc, tables >> 4, "DC Huffman")?;
        let ac = table(&self.ac, tables & 15, "AC Huffman")?;
        let steps = table(&self.steps, component.quantiser, "quantisation")?;
        let (across, down) = (usize::from(component.h), usize::from(component.v));
        Ok(Part { plane, across, down, dc, ac, steps, prediction: 0 })
    }
}

fn table<'a, T>(tables: &'a [Option<Arc<T>>], number: u8, kind: &str) -> Result<&'a T, String> {
    let table = tables.get(usize::from(number)).and_then(Option::as_deref);
    table.ok_or_else(|| format!("no {kind} table {number}"))
}

/// What a scan holds of one component.
struct Part<'a> {
    plane: usize,
    /// Blocks in a unit.
    across: usize,
    down: usize,
    dc: &'a Codes,
    ac: &'a Codes,
    steps: &'a Steps,
    /// The first coefficient of the block before.
    prediction: i16,
}

impl Part<'_> {
    /// Decodes a block and multiplies its coefficients by their steps; gives the zigzag index of the last one.
    #[inline]
    fn block(&mut self, bits: &mut Bits<'_>, coefficients: &mut Block) -> Result<usize, &'static str> {
        let (advance, difference) = bits.next(self.dc)?;
        if advance == NO_CODE {
            return Err(NOT_A_CODE);
        }
        self.prediction = self.prediction.wrapping_add(difference);
        let coefficients = coefficients.as_flattened_mut();
        coefficients[0] = scaled(self.prediction, self.steps[0]);
        let mut position = 1;
        let mut last = 0;
        while position < 64 {
            let (advance, value) = bits.next(self.ac)?;
            position += usize::from(advance);
            if position > 64 {
                return match position {
                    ..END => Err("a block of more than 64 coefficients"),
                    NONE.. => Err(NOT_A_CODE),
                    _ => Ok(last),
                };
            }
            last = position - 1;
            coefficients[usize::from(ZIGZAG[last])] = scaled(value, self.steps[last]);
        }
        Ok(last)
    }
}

const END: usize = END_OF_BLOCK as usize;
const NONE: usize = NO_CODE as usize;
const NOT_A_CODE: &str = "a code that does not exist";

/// Valid products fit; those of hostile streams wrap round.
#[inline]
#[expect(clippy::cast_possible_wrap, reason = "wrapping is meant")]
fn scaled(value: i16, step: u16) -> i16 {
    value.wrapping_mul(step as i16)
}

/// The units of a scan, across and down (T.81 A.2).
fn units(frame: &Frame, parts: &[Part<'_>]) -> (usize, usize) {
    let (h_max, v_max) = frame.max_sampling();
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    match parts {
        [only] => {
            let component = frame.components.get(only.plane);
            let (h, v) = component.map_or((1, 1), |component| (usize::from(component.h), usize::from(component.v)));
            ((width * h).div_ceil(h_max).div_ceil(8), (height * v).div_ceil(v_max).div_ceil(8))
        }
        _ => (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::huffman::TOO_SHORT;
    use super::super::stream::Component;
    use super::*;

    /// Two DC codes (0: nothing, 10: one bit of value) and two AC codes (0: end of block, 10: one bit of value).
    fn state(restart_interval: u16) -> ScanState {
        let mut counts = [0; 16];
        counts[..2].copy_from_slice(&[1, 1]);
        let table = |target: u8| [&[0xff, 0xc4, 0, 21, target][..], &counts, &[0, 1]].concat();
        let mut state = ScanState { restart_interval, ..ScanState::default() };
        state.define(&table(0x00)).unwrap();
        state.define(&table(0x10)).unwrap();
        state.define(&[&[0xff, 0xdb, 0, 67, 0][..], &[8; 64]].concat()).unwrap();
        state
    }

    fn walk(state: &ScanState, blocks: u16, data: &[u8]) -> Result<(), String> {
        walk_with(state, blocks, &[1, 1, 0x00, 0, 63, 0], data)
    }

    fn walk_with(state: &ScanState, blocks: u16, header: &[u8], data: &[u8]) -> Result<(), String> {
        let components = vec![Component { id: 1, h: 1, v: 1, quantiser: 0 }];
        let frame = Frame { width: blocks * 8, height: 8, components };
        let mut planes = Planes::new(&frame).unwrap();
        state.decode(&frame, &[&[0xff, 0xda, 0, 8][..], header].concat(), data, &mut planes)
    }

    #[test]
    fn data_must_end_where_the_last_block_ends() {
        // Each block is the two bits 00, so four of them fill a byte; the rest of a byte is padded with ones.
        let state = state(0);
        let too_long = |count| Err(format!("{TOO_LONG}, behind the last of {count} units"));
        assert_eq!(walk(&state, 4, &[0]), Ok(()));
        assert_eq!(walk(&state, 3, &[0b11]), Ok(()));
        assert_eq!(walk(&state, 6, &[0]), Err(format!("{TOO_SHORT}, at unit 5 of 6")));
        assert_eq!(walk(&state, 4, &[0, 0xff, 0]), Ok(()));
        assert_eq!(walk(&state, 4, &[0, 1]), too_long(4));
        assert_eq!(walk(&state, 4, &[0; 40]), too_long(4));
    }

    #[test]
    fn blocks_hold_at_most_64_coefficients_and_codes_exist() {
        let state = state(0);
        let packed = |bits: &str| -> Vec<u8> {
            let byte = |byte: &[u8]| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
            bits.as_bytes().chunks(8).map(byte).collect()
        };
        // 63 values of three bits (101) after the first, 190 bits, then padding.
        assert_eq!(walk(&state, 1, &packed(&format!("0{}11", "101".repeat(63)))), Ok(()));
        assert_eq!(walk(&state, 2, &[0b0011_0000]).unwrap_err(), "a code that does not exist, at unit 2 of 2");
    }

    #[test]
    fn every_interval_ends_at_its_marker() {
        let state = state(2);
        assert_eq!(walk(&state, 4, &[0b1111, 0xff, 0xd0, 0b1111]), Ok(()));
        assert!(walk(&state, 4, &[0, 0xff, 0xd0]).is_err());
        assert!(walk(&state, 2, &[0b1111, 0xff, 0xd0, 0b1111]).is_err());
    }

    #[test]
    fn scan_headers_are_those_of_the_standard() {
        let refused = |header: &[u8]| walk_with(&state(0), 4, header, &[0]).unwrap_err();
        assert!(refused(&[1, 1, 0x00, 0, 63]).contains("wrong length"));
        assert!(refused(&[1, 1, 0x00, 0, 63, 0, 0]).contains("wrong length"));
        assert!(refused(&[2, 1, 0x00, 0, 63, 0]).contains("wrong length"));
        assert!(refused(&[0, 0, 63, 0]).contains("0 components"));
        assert!(refused(&[&[5][..], &[1, 0].repeat(5)[..], &[0, 63, 0]].concat()).contains("5 components"));
        assert!(refused(&[2, 1, 0x00, 1, 0x00, 0, 63, 0]).contains("component 1 twice"));
        assert!(refused(&[1, 7, 0x00, 0, 63, 0]).contains("component 7"));
        assert!(refused(&[1, 1, 0x20, 0, 63, 0]).contains("no DC Huffman table 2"));
        assert!(refused(&[1, 1, 0x0f, 0, 63, 0]).contains("no AC Huffman table 15"));
    }

    #[test]
    fn a_unit_has_at_most_ten_blocks() {
        let decoded = |sampling: u8| {
            let component = |id: u8, h| Component { id, h, v: 4, quantiser: 0 };
            let frame = Frame { width: 32, height: 32, components: vec![component(1, sampling), component(2, 1)] };
            let mut planes = Planes::new(&frame).unwrap();
            state(0).decode(&frame, &[0xff, 0xda, 0, 10, 2, 1, 0, 2, 0, 0, 63, 0], &[0; 4], &mut planes)
        };
        assert!(decoded(2).unwrap_err().contains("12 blocks a unit"));
        assert!(!decoded(1).unwrap_err().contains("blocks a unit"));
    }

    #[test]
    fn damaged_tables_are_refused() {
        for bad in [
            &[0xff, 0xc4, 0, 20, 0, 3][..],
            &[0xff, 0xdb, 0, 4, 0, 1],
            &[0xff, 0xdb, 0, 4, 0x20, 1],
            &[0xff, 0xdd, 0, 3, 1],
        ] {
            assert!(ScanState::default().define(bad).is_err(), "{bad:02x?}");
        }
        let fifth = [&[0xff, 0xdb, 0, 67, 4][..], &[1; 64]].concat();
        assert!(ScanState::default().define(&fifth).is_err());
    }
}
