//! The entropy-coded data of a sequential JPEG scan, walked code by code without computing a pixel.
//!
//! Decoders stop at the last block, or fill what is missing, and say nothing. Invariant: a scan passes only when its
//! codes exist, no block holds more than 64 coefficients, and the data end where the last block ends. So holes of zeros,
//! early end markers and many flipped bits are found: they shift everything behind them. Costs about a fifth of the
//! decoding time. Progressive scans are not walked.
//!
//! # Source
//! ITU-T T.81 (1992), annexes C (Huffman codes), F.2.2 (sequential decoding) and E.1.4 (restart markers).

use std::sync::Arc;

/// Codes up to this length are looked up at once; nearly all are.
const LOOKUP_BITS: u32 = 10;
/// Padding that some encoders put before a marker.
const MAX_PADDING_BYTES: usize = 16;

/// What a code does: bits it takes together with the value behind it, and how far it moves in the block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Step {
    bits: u8,
    advance: u8,
}

const TOO_LONG: &str = "more data than the frame has blocks";
const TOO_SHORT: &str = "less data than the frame has blocks";

/// Moves a position within a block to 101 to 163: the rest of the block is zero.
const END_OF_BLOCK: u8 = 100;
/// Moves it to 200 and above: there is no such code.
const NO_CODE: u8 = 200;

/// One Huffman table.
#[derive(Debug)]
struct Codes {
    /// By the next bits; a step of no bits stands for a longer code.
    lookup: Box<[Step; 1 << LOOKUP_BITS]>,
    /// By the next bits: all codes within them, together with their values, up to the end of the block; empty for DC.
    chains: Box<[Step; 1 << LOOKUP_BITS]>,
    /// For lengths above [`LOOKUP_BITS`]: length, first code, and the steps of that length.
    long: Vec<(u32, u32, Vec<Step>)>,
}

impl Codes {
    fn new(counts: &[u8; 16], symbols: &[u8], is_dc: bool) -> Result<Self, String> {
        let none = || Box::new([Step::default(); 1 << LOOKUP_BITS]);
        let mut codes = Self { lookup: none(), chains: none(), long: Vec::new() };
        let (mut code, mut rest) = (0_u32, symbols);
        for (len, &count) in (1_u32..).zip(counts) {
            let (here, after) = rest.split_at_checked(usize::from(count)).ok_or("a Huffman table that is cut")?;
            if code + u32::from(count) > 1 << len {
                return Err("a Huffman table with too many codes".to_string());
            }
            let steps: Vec<Step> = here.iter().map(|&symbol| step(symbol, len, is_dc)).collect();
            if len <= LOOKUP_BITS {
                let width = 1_usize << (LOOKUP_BITS - len);
                let slots = codes.lookup.iter_mut().skip(code as usize * width);
                slots
                    .zip(steps.iter().flat_map(|step| std::iter::repeat_n(*step, width)))
                    .for_each(|(to, step)| *to = step);
            } else if !steps.is_empty() {
                codes.long.push((len, code, steps));
            }
            code = (code + u32::from(count)) << 1;
            rest = after;
        }
        if !is_dc {
            (0..).zip(codes.chains.iter_mut()).for_each(|(index, chain)| *chain = chain_of(&codes.lookup, index));
        }
        Ok(codes)
    }

    /// The step of the code that the bits begin with, the first bit being the highest.
    #[inline]
    fn find(&self, bits: u64) -> Step {
        let step = at(&self.lookup, bits >> (64 - LOOKUP_BITS));
        if step.bits > 0 { step } else { self.find_long(bits) }
    }

    #[cold]
    fn find_long(&self, bits: u64) -> Step {
        let of_len = |(len, first, steps): &(u32, u32, Vec<Step>)| {
            let code = u32::try_from(bits >> (64 - len)).ok()?;
            steps.get(code.checked_sub(*first)? as usize).copied()
        };
        self.long.iter().find_map(of_len).unwrap_or(Step { bits: 1, advance: NO_CODE })
    }
}

#[inline]
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "the index is cut to ten bits")]
fn at(table: &[Step; 1 << LOOKUP_BITS], index: u64) -> Step {
    table[index as usize & ((1 << LOOKUP_BITS) - 1)]
}

/// Joins the codes that lie within ten bits.
fn chain_of(lookup: &[Step; 1 << LOOKUP_BITS], bits: u64) -> Step {
    let mut chain = Step::default();
    loop {
        let next = at(lookup, bits << chain.bits);
        let longer = Step { bits: chain.bits + next.bits, advance: chain.advance.saturating_add(next.advance) };
        if next.bits == 0 || next.advance == NO_CODE || u32::from(longer.bits) > LOOKUP_BITS {
            return chain;
        }
        chain = longer;
        if next.advance == END_OF_BLOCK {
            return chain;
        }
    }
}

/// What a symbol means; values longer than 8-bit pixels can have do not exist.
fn step(symbol: u8, len: u32, is_dc: bool) -> Step {
    let (run, size) = (symbol >> 4, symbol & 15);
    let advance = match (is_dc, run, size) {
        (true, 0, 0..=11) => 1,
        (false, _, 1..=10) => run + 1,
        (false, 15, 0) => 16,
        (false, 0, 0) => END_OF_BLOCK,
        _ => NO_CODE,
    };
    Step { bits: u8::try_from(len).unwrap_or(0) + size, advance }
}

/// A component of a frame: its name and its sampling factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    pub(super) h: u8,
    pub(super) v: u8,
}

/// The state that segments before a scan set up.
#[derive(Debug, Clone, Default)]
pub(super) struct ScanState {
    dc: [Option<Arc<Codes>>; 4],
    ac: [Option<Arc<Codes>>; 4],
    /// Units between restart markers, 0 for none.
    pub(super) restart_interval: u16,
}

impl ScanState {
    /// Takes in a segment of Huffman tables or of the restart interval, marker and length included; others change nothing.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn define(&mut self, segment: &[u8]) -> Result<(), String> {
        match segment {
            [_, 0xdd, _, _, high, low] => self.restart_interval = u16::from_be_bytes([*high, *low]),
            [_, 0xdd, ..] => return Err("a restart interval of a wrong length".to_string()),
            [_, 0xc4, _, _, tables @ ..] => {
                let mut rest = tables;
                while let Some((&target, after)) = rest.split_first() {
                    let (counts, after) = after.split_first_chunk::<16>().ok_or("a Huffman table that is cut")?;
                    let total = counts.iter().map(|&count| usize::from(count)).sum();
                    let (symbols, after) = after.split_at_checked(total).ok_or("a Huffman table that is cut")?;
                    let is_dc = target >> 4 == 0;
                    let class = if is_dc { &mut self.dc } else { &mut self.ac };
                    let slot = class.get_mut(usize::from(target & 15)).filter(|_| target >> 4 <= 1);
                    *slot.ok_or("a Huffman table without a place")? =
                        Some(Arc::new(Codes::new(counts, symbols, is_dc)?));
                    rest = after;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Walks the data of a scan.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn walk(&self, size: (u16, u16), frame: &[Component], header: &[u8], data: &[u8]) -> Result<(), String> {
        let blocks = self.blocks(frame, header)?;
        let mut units = units(size, frame, &blocks)?;
        let mut rest = Bits { data, at: 0, buffer: 0, len: 0 };
        while units > 0 {
            let interval = if self.restart_interval == 0 { units } else { units.min(u64::from(self.restart_interval)) };
            for _ in 0..interval {
                for block in &blocks {
                    for _ in 0..block.count {
                        rest.block(block.dc, block.ac)?;
                    }
                }
            }
            units -= interval;
            rest.end_of_interval()?;
        }
        if rest.at < data.len() { Err(TOO_LONG.to_string()) } else { Ok(()) }
    }

    /// Tables and number of blocks in a unit, for each component of the scan.
    fn blocks(&self, frame: &[Component], header: &[u8]) -> Result<Vec<Blocks<'_>>, String> {
        let [_, _, _, _, count, parameters @ ..] = header else { return Err("a scan header that is cut".to_string()) };
        let chosen = parameters.chunks_exact(2).take(usize::from(*count));
        let blocks: Vec<Blocks<'_>> = chosen
            .map(|pair| {
                let [id, tables] = pair else { return Err("a scan header that is cut".to_string()) };
                let component = frame.iter().find(|component| component.id == *id).ok_or("a scan of no component")?;
                let dc = self.dc.get(usize::from(tables >> 4)).and_then(Option::as_deref).ok_or("no Huffman table")?;
                let ac = self.ac.get(usize::from(tables & 15)).and_then(Option::as_deref).ok_or("no Huffman table")?;
                Ok(Blocks { component: *component, count: u32::from(component.h) * u32::from(component.v), dc, ac })
            })
            .collect::<Result<_, String>>()?;
        match blocks.as_slice() {
            [] => Err("a scan without components".to_string()),
            // A scan of one component has one block a unit, whatever its sampling (T.81 A.2.2).
            [only] => Ok(vec![Blocks { count: 1, ..*only }]),
            _ => Ok(blocks),
        }
    }
}

/// What a unit holds of one component.
struct Blocks<'a> {
    component: Component,
    count: u32,
    dc: &'a Codes,
    ac: &'a Codes,
}

/// The number of units of a scan (T.81 A.2).
fn units((width, height): (u16, u16), frame: &[Component], blocks: &[Blocks<'_>]) -> Result<u64, String> {
    if frame.iter().any(|component| !(1..=4).contains(&component.h) || !(1..=4).contains(&component.v)) {
        return Err("sampling factors outside 1 to 4".to_string());
    }
    let h_max = frame.iter().map(|component| component.h).max().unwrap_or(1);
    let v_max = frame.iter().map(|component| component.v).max().unwrap_or(1);
    let side = |px: u16, factor: u8, max: u8| match blocks {
        [_] => (u64::from(px) * u64::from(factor)).div_ceil(u64::from(max)).div_ceil(8),
        _ => u64::from(px).div_ceil(8 * u64::from(max)),
    };
    let first = blocks.first().map(|block| block.component).ok_or("a scan without components")?;
    Ok(side(width, first.h, h_max) * side(height, first.v, v_max))
}

/// The bits of a scan, without the zero bytes that are stuffed in after ff.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, the first being the highest.
    buffer: u64,
    /// How many bits of the buffer count; those behind are zero.
    len: u32,
}

impl Bits<'_> {
    fn block(&mut self, dc: &Codes, ac: &Codes) -> Result<(), String> {
        let mut position = u32::from(self.step(dc)?);
        while position < 64 {
            if self.len < 27 {
                self.refill();
            }
            let chain = at(&ac.chains, self.buffer >> (64 - LOOKUP_BITS));
            let after = position + u32::from(chain.advance);
            // A chain that goes beyond the block took codes of the next one.
            let fits = chain.bits > 0 && matches!(after, 0..=64 | 101..=163);
            position = if fits { self.take(chain, after)? } else { position + u32::from(self.step(ac)?) };
        }
        match position {
            64 | 101..=163 => Ok(()),
            200.. => Err("a code that does not exist".to_string()),
            _ => Err("a block of more than 64 coefficients".to_string()),
        }
    }

    #[inline]
    fn step(&mut self, codes: &Codes) -> Result<u8, &'static str> {
        // The longest code and the longest value take 27 bits together.
        if self.len < 27 {
            self.refill();
        }
        let step = codes.find(self.buffer);
        self.take(step, step.advance)
    }

    #[inline]
    fn take<T>(&mut self, step: Step, outcome: T) -> Result<T, &'static str> {
        self.len = self.len.checked_sub(u32::from(step.bits)).ok_or(TOO_SHORT)?;
        self.buffer = self.buffer.wrapping_shl(u32::from(step.bits));
        Ok(outcome)
    }

    /// Fills the buffer up to the next marker.
    #[inline]
    fn refill(&mut self) {
        let ahead = self.data.get(self.at..).unwrap_or_default();
        if let Some(&eight) = ahead.first_chunk::<8>() {
            let word = u64::from_be_bytes(eight);
            // Zero when none of the eight bytes is ff (after Mycroft's test for a zero byte).
            let has_ff = (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
            if has_ff == 0 {
                let bytes = (64 - self.len) / 8;
                self.buffer |= (word >> (64 - 8 * bytes)) << (64 - self.len - 8 * bytes);
                self.len += 8 * bytes;
                self.at += bytes as usize;
                return;
            }
        }
        while self.len <= 56 {
            let (byte, taken) = match self.data.get(self.at..).unwrap_or_default() {
                [0xff, 0, ..] => (0xff, 2),
                [0xff, ..] | [] => return,
                [byte, ..] => (*byte, 1),
            };
            self.at += taken;
            self.buffer |= u64::from(byte) << (56 - self.len);
            self.len += 8;
        }
    }

    /// Goes behind the restart marker or to the end of the data; only a little padding may stand before it.
    fn end_of_interval(&mut self) -> Result<(), String> {
        let buffered = self.len / 8;
        let waiting = self.buffer << (self.len % 8);
        let mut padding: Vec<u8> = waiting.to_be_bytes().into_iter().take(buffered as usize).collect();
        loop {
            let (byte, taken) = match self.data.get(self.at..).unwrap_or_default() {
                [0xff, 0xd0..=0xd7, ..] => {
                    self.at += 2;
                    break;
                }
                [] => break,
                [0xff, 0, ..] => (0xff, 2),
                [byte, ..] => (*byte, 1),
            };
            self.at += taken;
            padding.push(byte);
            if padding.len() > MAX_PADDING_BYTES {
                break;
            }
        }
        (self.buffer, self.len) = (0, 0);
        let is_padding = padding.len() <= MAX_PADDING_BYTES && padding.iter().all(|byte| matches!(byte, 0 | 0xff));
        if is_padding { Ok(()) } else { Err(TOO_LONG.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two DC codes (0: nothing, 10: one bit of value) and two AC codes (0: end of block, 10: one bit of value).
    fn state(restart_interval: u16) -> ScanState {
        let mut counts = [0; 16];
        counts[..2].copy_from_slice(&[1, 1]);
        let table = |target: u8| [&[0xff, 0xc4, 0, 21, target][..], &counts, &[0, 1]].concat();
        let mut state = ScanState { restart_interval, ..ScanState::default() };
        state.define(&table(0x00)).unwrap();
        state.define(&table(0x10)).unwrap();
        state
    }

    fn walk(state: &ScanState, blocks: u16, data: &[u8]) -> Result<(), String> {
        let frame = [Component { id: 1, h: 1, v: 1 }];
        state.walk((blocks * 8, 8), &frame, &[0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 63, 0], data)
    }

    #[test]
    fn data_must_end_where_the_last_block_ends() {
        // Each block is the two bits 00, so four of them fill a byte; the rest of a byte is padded with ones.
        let state = state(0);
        assert_eq!(walk(&state, 4, &[0]), Ok(()));
        assert_eq!(walk(&state, 3, &[0b11]), Ok(()));
        assert_eq!(walk(&state, 5, &[0]).unwrap_err(), TOO_SHORT);
        assert_eq!(walk(&state, 4, &[0, 0xff, 0]), Ok(()));
        assert_eq!(walk(&state, 4, &[0, 1]).unwrap_err(), TOO_LONG);
        assert_eq!(walk(&state, 4, &[0; 40]).unwrap_err(), TOO_LONG);
    }

    #[test]
    fn blocks_hold_at_most_64_coefficients_and_codes_exist() {
        let state = state(0);
        // 63 values of three bits (101) after the first, 190 bits, then padding.
        let bits = format!("0{}11", "101".repeat(63));
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect();
        assert_eq!(walk(&state, 1, &bytes), Ok(()));
        assert_eq!(walk(&state, 1, &[0b1100_0000]).unwrap_err(), "a code that does not exist");
    }

    #[test]
    fn every_interval_ends_at_its_marker() {
        let state = state(2);
        assert_eq!(walk(&state, 4, &[0b1111, 0xff, 0xd0, 0b1111]), Ok(()));
        assert!(walk(&state, 4, &[0, 0xff, 0xd0]).is_err());
        assert!(walk(&state, 2, &[0b1111, 0xff, 0xd0, 0b1111]).is_err());
    }

    #[test]
    fn tables_with_too_many_codes_or_symbols_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        let table = [&[0xff, 0xc4, 0, 22, 0][..], &counts, &[0, 1, 2]].concat();
        assert!(ScanState::default().define(&table).is_err());
        assert!(ScanState::default().define(&table[..20]).is_err());
    }
}
