//! The bytes of a pickle and the forms in which numbers and texts stand in them.
//!
//! Invariant: never reads beyond the bytes nor beyond [`MAX_PICKLE_BYTES`], and copies no text.

use super::value::Value;
use super::{damaged, limits};
use crate::error::Result;

/// Bytes of one pickle. The largest networks have some hundred thousand; the rest is for optimisers and logs.
pub(super) const MAX_PICKLE_BYTES: usize = 16 << 20;

/// The bytes that are left, of the file and of what a pickle may have.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, left: MAX_PICKLE_BYTES }
    }

    /// The bytes behind those that were taken.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(damaged(format!("expected {count} more bytes of the pickle, found {}", self.rest.len())));
        };
        self.left = self.left.checked_sub(count).ok_or_else(|| {
            limits(format!("expected a pickle of at most {MAX_PICKLE_BYTES} bytes, found a longer one"))
        })?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A length of `N` bytes. One that is negative in Python is far too large here.
    pub fn length<const N: usize>(&mut self) -> Result<usize> {
        let length = self.take(N)?.iter().rev().fold(0_u64, |length, &byte| (length << 8) | u64::from(byte));
        usize::try_from(length).map_err(|_| damaged(format!("expected a length within the pickle, found {length}")))
    }

    pub fn line(&mut self) -> Result<&'a str> {
        let end = self.rest.iter().take(self.left).position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| damaged("expected the end of a line in the pickle, found none"))?;
        let line = utf8(self.take(end)?)?;
        self.take(1)?;
        Ok(line)
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    str::from_utf8(bytes).map_err(|error| damaged(format!("expected text in UTF-8 in the pickle: {error}")))
}

/// A number in two's complement, lowest byte first.
pub(super) fn int(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Wide(bytes);
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut word = if negative { [0xff; 8] } else { [0; 8] };
    word[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(word))
}

/// A number in digits; `00` and `01` are truth values.
pub(super) fn written_int(line: &str) -> Value<'_> {
    match line {
        "00" => Value::Bool(false),
        "01" => Value::Bool(true),
        _ => line.trim_end_matches('L').parse().map_or(Value::Plain("an integer"), Value::Int),
    }
}

pub(super) fn written_slot(line: &str) -> Result<u32> {
    line.parse().map_err(|_| damaged("expected the number of a memo slot, found something else"))
}
