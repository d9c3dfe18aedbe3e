//! Huffman codes, and the bits of a scan that they are read from.
//!
//! Invariant: a bit is only counted once, and never one that is not there; a code that no table has is told apart from
//! data that end.
//!
//! # Source
//! ITU-T T.81 (1992), annex C (codes), F.2.2 (values behind them), F.1.2.3 (stuffed bytes) and E.1.4 (restart markers).

/// Codes up to this length are looked up at once; nearly all are.
const LOOKUP_BITS: u32 = 10;
/// Padding that some encoders put before a marker.
const MAX_PADDING_BYTES: usize = 16;
/// The longest code (16) and the longest value (11) together.
const MAX_STEP_BITS: u32 = 27;

pub(super) const TOO_LONG: &str = "more data than the frame has blocks";
pub(super) const TOO_SHORT: &str = "less data than the frame has blocks";

/// Moves a position within a block to 101 to 163: the rest of the block is zero.
pub(super) const END_OF_BLOCK: u8 = 100;
/// Moves it to 200 and above: there is no such code.
pub(super) const NO_CODE: u8 = 200;

/// A code: its length, the length of the value behind it, and how far both move in the block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Code {
    len: u8,
    value_len: u8,
    advance: u8,
}

/// A code together with its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    value: i16,
    advance: u8,
    bits: u8,
}

/// One Huffman table.
#[derive(Debug)]
pub(super) struct Codes {
    /// By the next bits: the code and its value where they hold both; else no bits.
    known: Box<[Known; 1 << LOOKUP_BITS]>,
    /// By the next bits: the code; of length 0 where it is longer.
    lookup: Box<[Code; 1 << LOOKUP_BITS]>,
    /// For lengths above [`LOOKUP_BITS`]: length, first code, and the codes of that length.
    long: Vec<(u32, u32, Vec<Code>)>,
}

impl Codes {
    /// Makes a table from the number of codes of each length and their symbols, in order.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8], is_dc: bool) -> Result<Self, String> {
        let mut codes = Self {
            known: Box::new([Known::default(); 1 << LOOKUP_BITS]),
            lookup: Box::new([Code::default(); 1 << LOOKUP_BITS]),
            long: Vec::new(),
        };
        let (mut code, mut rest) = (0_u32, symbols);
        for (len, &count) in (1_u8..).zip(counts) {
            let (here, after) = rest.split_at_checked(usize::from(count)).ok_or("a Huffman table that is cut")?;
            let bits = u32::from(len);
            // The code of ones alone stays free (T.81 C.1), so that padding is never taken for a code.
            if count > 0 && code + u32::from(count) >= 1 << bits {
                return Err(format!("a Huffman table with too many codes of {len} bits"));
            }
            let meanings: Vec<Code> = here.iter().map(|&symbol| meaning(symbol, len, is_dc)).collect();
            if bits <= LOOKUP_BITS {
                let width = 1_usize << (LOOKUP_BITS - bits);
                let slots = codes.lookup.iter_mut().skip(code as usize * width);
                slots
                    .zip(meanings.iter().flat_map(|code| std::iter::repeat_n(*code, width)))
                    .for_each(|(to, code)| *to = code);
            } else if !meanings.is_empty() {
                codes.long.push((bits, code, meanings));
            }
            code = (code + u32::from(count)) << 1;
            rest = after;
        }
        let known = (0_u64..).zip(codes.lookup.iter()).map(|(index, &code)| known(index, code));
        codes.known.iter_mut().zip(known).for_each(|(to, known)| *to = known);
        Ok(codes)
    }

    /// The code that the bits begin with, the first bit being the highest.
    fn find(&self, bits: u64) -> Code {
        let code = at(&self.lookup, bits >> (64 - LOOKUP_BITS));
        if code.len > 0 { code } else { self.find_long(bits) }
    }

    #[cold]
    fn find_long(&self, bits: u64) -> Code {
        let of_len = |(len, first, codes): &(u32, u32, Vec<Code>)| {
            let code = u32::try_from(bits >> (64 - len)).ok()?;
            codes.get(code.checked_sub(*first)? as usize).copied()
        };
        self.long.iter().find_map(of_len).unwrap_or(Code { len: 1, value_len: 0, advance: NO_CODE })
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the index is cut to ten bits")]
fn at<T: Copy>(table: &[T; 1 << LOOKUP_BITS], index: u64) -> T {
    table[index as usize & ((1 << LOOKUP_BITS) - 1)]
}

/// What a symbol means; values longer than 8-bit samples can have do not exist.
fn meaning(symbol: u8, len: u8, is_dc: bool) -> Code {
    let (run, value_len) = (symbol >> 4, symbol & 15);
    let advance = match (is_dc, run, value_len) {
        (true, 0, 0..=11) => 1,
        (false, _, 1..=10) => run + 1,
        (false, 15, 0) => 16,
        (false, 0, 0) => END_OF_BLOCK,
        _ => NO_CODE,
    };
    Code { len, value_len, advance }
}

/// The code at a place of the lookup together with its value, if the place holds all bits of it.
fn known(index: u64, code: Code) -> Known {
    let bits = code.len + code.value_len;
    if code.len == 0 || u32::from(bits) > LOOKUP_BITS {
        return Known::default();
    }
    Known { value: value(index << (64 - LOOKUP_BITS), code), advance: code.advance, bits }
}

/// The value behind a code: half of the patterns of each length stand for negative numbers (T.81 table F.1).
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "at most 15 bits")]
fn value(bits: u64, code: Code) -> i16 {
    let len = u32::from(code.value_len);
    let pattern = ((bits << code.len) >> 1 >> (63 - len)) as i32;
    let negative = len > 0 && pattern >> (len - 1) == 0;
    (if negative { pattern - ((1 << len) - 1) } else { pattern }) as i16
}

/// The bits of a scan, without the zero bytes that are stuffed in after ff.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, the first being the highest.
    buffer: u64,
    /// How many bits of the buffer count; those behind are zero.
    len: u32,
}

impl<'a> Bits<'a> {
    /// The bits of a scan's data.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, len: 0 }
    }

    /// Whether all bytes were taken.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.data.len()
    }

    /// Reads a code: how far it moves in the block, and the value at the place before.
    #[inline]
    pub(super) fn next(&mut self, codes: &Codes) -> Result<(u8, i16), &'static str> {
        if self.len < MAX_STEP_BITS {
            self.refill();
        }
        let known = at(&codes.known, self.buffer >> (64 - LOOKUP_BITS));
        if known.bits > 0 {
            self.take(known.bits)?;
            return Ok((known.advance, known.value));
        }
        let code = codes.find(self.buffer);
        let value = value(self.buffer, code);
        self.take(code.len + code.value_len)?;
        Ok((code.advance, value))
    }

    #[inline]
    fn take(&mut self, bits: u8) -> Result<(), &'static str> {
        self.len = self.len.checked_sub(u32::from(bits)).ok_or(TOO_SHORT)?;
        self.buffer = self.buffer.wrapping_shl(u32::from(bits));
        Ok(())
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

    /// Goes behind the restart marker or to the end of the data; only a little padding may stand before it, and any
    /// number of fill bytes (T.81 B.1.1.2), which are no data.
    pub(super) fn end_of_interval(&mut self) -> Result<(), &'static str> {
        let buffered = self.len / 8;
        let waiting = self.buffer << (self.len % 8);
        let mut padding: Vec<u8> = waiting.to_be_bytes().into_iter().take(buffered as usize).collect();
        loop {
            let (byte, taken) = match self.data.get(self.at..).unwrap_or_default() {
                [0xff, 0xd0..=0xd7, ..] => {
                    self.at += 2;
                    break;
                }
                [0xff, 0xff, ..] => {
                    self.at += 1;
                    continue;
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
        if is_padding { Ok(()) } else { Err(TOO_LONG) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_too_many_codes_or_symbols_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Codes::new(&counts, &[0, 1, 2], true).is_err());
        // 0 and 10, with a symbol missing, whole, and with 11, which is all ones.
        counts[..2].copy_from_slice(&[1, 1]);
        assert!(Codes::new(&counts, &[0], true).is_err());
        assert!(Codes::new(&counts, &[0, 1], true).is_ok());
        counts[1] = 2;
        assert!(Codes::new(&counts, &[0, 1, 2], true).is_err());
    }

    #[test]
    fn the_longest_code_is_not_all_ones_either() {
        // One code of each length, each a run of ones and a zero; the second of 16 bits would be all ones.
        let mut counts = [1; 16];
        let symbols = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4];
        assert!(Codes::new(&counts, &symbols, true).is_ok());
        counts[15] = 2;
        assert!(Codes::new(&counts, &symbols, true).is_err());
    }

    #[test]
    fn values_are_those_of_the_standard_whether_looked_up_or_not() {
        // One code, the bit 0, for a DC difference of each length; T.81 table F.1.
        for (len, pattern, expected) in [
            (0, 0, 0),
            (1, 0, -1),
            (1, 1, 1),
            (2, 0, -3),
            (2, 3, 3),
            (9, 1, -510),
            (10, 0, -1023),
            (11, 2047_u32, 2047),
        ] {
            let mut counts = [0; 16];
            counts[0] = 1;
            let codes = Codes::new(&counts, &[len], true).unwrap();
            let word = u64::from(pattern) << (63 - u32::from(len));
            let (advance, value) = Bits::new(&word.to_be_bytes()).next(&codes).unwrap();
            assert_eq!((advance, value), (1, expected), "{len} bits, {pattern:b}");
        }
    }

    #[test]
    fn long_codes_are_found_and_missing_ones_named() {
        // A single code of 16 zeros: run 2, a value of one bit.
        let mut counts = [0; 16];
        counts[15] = 1;
        let codes = Codes::new(&counts, &[0x21], false).unwrap();
        assert_eq!(Bits::new(&[0, 0, 0b1000_0000]).next(&codes), Ok((3, 1)));
        assert_eq!(Bits::new(&[0, 1, 0]).next(&codes).unwrap().0, NO_CODE);
        assert_eq!(Bits::new(&[0, 0]).next(&codes), Err(TOO_SHORT));
    }
}
