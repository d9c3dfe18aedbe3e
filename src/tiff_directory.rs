//! Tags of one TIFF directory in, its bytes out; little endian, classic (TIFF 6.0) or `BigTIFF`.
//!
//! Invariant: entries are written in ascending order of their tags and every value starts at an even offset, as the
//! specification demands. Reading is not done here.

use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// Which of the two TIFF structures a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// TIFF 6.0: 32-bit offsets, files below 4 GiB.
    Classic,
    /// `BigTIFF`: 64-bit offsets.
    Big,
}

/// The value of one tag.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Ascii(String),
    Short(Vec<u16>),
    Long(Vec<u32>),
    Rational(u32, u32),
    /// Offsets or byte counts: LONG in a classic file, LONG8 in a big one.
    Offsets(Vec<u64>),
}

/// One directory: tag → value.
pub(crate) type Directory = BTreeMap<u16, Value>;

impl Container {
    /// The file's first bytes, pointing to the first directory.
    pub(crate) fn header(self, first_directory: u64) -> Result<Vec<u8>> {
        let mut bytes = b"II".to_vec();
        match self {
            Self::Classic => bytes.extend(42_u16.to_le_bytes()),
            Self::Big => bytes.extend([43_u16, 8, 0].iter().flat_map(|word| word.to_le_bytes())),
        }
        self.push_offset(&mut bytes, first_directory)?;
        Ok(bytes)
    }

    /// The bytes of a directory that is to lie at the even offset `at`, followed by its longer values. The next
    /// directory, if there is one, must be written directly behind them.
    pub(crate) fn directory(self, tags: &Directory, at: u64, last: bool) -> Result<Vec<u8>> {
        let (count_bytes, word) = match self {
            Self::Classic => (2, 4),
            Self::Big => (8, 8),
        };
        let table_bytes = count_bytes + tags.len() * (4 + 2 * word) + word;
        let (mut table, mut values) = (Vec::new(), Vec::new());
        table.extend_from_slice(&(tags.len() as u64).to_le_bytes()[..count_bytes]);
        for (tag, value) in tags {
            let (kind, count, mut bytes) = self.encoded(value)?;
            table.extend(tag.to_le_bytes());
            table.extend(kind.to_le_bytes());
            self.push_offset(&mut table, count as u64)?;
            if bytes.len() <= word {
                bytes.resize(word, 0);
                table.extend(bytes);
            } else {
                self.push_offset(&mut table, at + (table_bytes + values.len()) as u64)?;
                bytes.resize(bytes.len().next_multiple_of(2), 0);
                values.extend(bytes);
            }
        }
        let next = if last { 0 } else { at + (table_bytes + values.len()) as u64 };
        self.push_offset(&mut table, next)?;
        table.extend(values);
        Ok(table)
    }

    /// A value's field type, its count and its bytes.
    fn encoded(self, value: &Value) -> Result<(u16, usize, Vec<u8>)> {
        Ok(match value {
            Value::Ascii(text) => (2, text.len() + 1, [text.as_bytes(), &[0]].concat()),
            Value::Short(values) => (3, values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Value::Long(values) => (4, values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Value::Rational(over, under) => (5, 1, [over.to_le_bytes(), under.to_le_bytes()].concat()),
            Value::Offsets(values) => {
                let mut bytes = Vec::new();
                for &value in values {
                    self.push_offset(&mut bytes, value)?;
                }
                (if self == Self::Classic { 4 } else { 16 }, values.len(), bytes)
            }
        })
    }

    fn push_offset(self, bytes: &mut Vec<u8>, value: u64) -> Result<()> {
        match self {
            Self::Big => bytes.extend(value.to_le_bytes()),
            Self::Classic => {
                let short = u32::try_from(value).map_err(|_| {
                    let message = format!("expected at most {} bytes in a classic tiff, found {value}", u32::MAX);
                    Error::new(ErrorKind::Limits, "SYN-0003", message).with_advice("write a bigtiff instead")
                })?;
                bytes.extend(short.to_le_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_classic_directory_has_the_bytes_of_the_specification() {
        let tags = Directory::from([(270, Value::Ascii("abcd".into())), (256, Value::Short(vec![7]))]);
        let expected = [
            &[2, 0][..],
            &[0, 1, 3, 0, 1, 0, 0, 0, 7, 0, 0, 0],
            &[14, 1, 2, 0, 5, 0, 0, 0, 38, 0, 0, 0], // 8 + 2 + 2 * 12 + 4
            &[0, 0, 0, 0],
            b"abcd\0\0",
        ];
        assert_eq!(Container::Classic.directory(&tags, 8, true).unwrap(), expected.concat());
    }

    #[test]
    fn an_offset_beyond_4_gib_needs_a_big_file() {
        let tags = Directory::from([(324, Value::Offsets(vec![1 << 32]))]);
        assert_eq!(Container::Classic.directory(&tags, 8, true).unwrap_err().code(), "SYN-0003");
        assert_eq!(Container::Big.directory(&tags, 16, true).unwrap().len(), 8 + 20 + 8);
        assert_eq!(Container::Big.header(16).unwrap().len(), 16);
    }
}
