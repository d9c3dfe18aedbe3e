//! A run of numbers in a file, and the kinds of numbers there are: also those that are no weights, because their size is
//! needed to find what follows, and their name for the message that refuses them.

/// A kind of number, by the class of its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// As messages name it.
    pub name: &'static str,
    /// Bytes of one number.
    pub bytes: u64,
}

/// Class names in the module `torch`. The last are of quantised numbers and of bytes without a type.
const KINDS: [(&str, Kind); 18] = [
    ("FloatStorage", Kind { name: "F32", bytes: 4 }),
    ("HalfStorage", Kind { name: "F16", bytes: 2 }),
    ("BFloat16Storage", Kind { name: "BF16", bytes: 2 }),
    ("DoubleStorage", Kind { name: "F64", bytes: 8 }),
    ("LongStorage", Kind { name: "I64", bytes: 8 }),
    ("IntStorage", Kind { name: "I32", bytes: 4 }),
    ("ShortStorage", Kind { name: "I16", bytes: 2 }),
    ("CharStorage", Kind { name: "I8", bytes: 1 }),
    ("ByteStorage", Kind { name: "U8", bytes: 1 }),
    ("BoolStorage", Kind { name: "BOOL", bytes: 1 }),
    ("ComplexFloatStorage", Kind { name: "C64", bytes: 8 }),
    ("ComplexDoubleStorage", Kind { name: "C128", bytes: 16 }),
    ("QInt8Storage", Kind { name: "QI8", bytes: 1 }),
    ("QUInt8Storage", Kind { name: "QU8", bytes: 1 }),
    ("QInt32Storage", Kind { name: "QI32", bytes: 4 }),
    ("QUInt4x2Storage", Kind { name: "QU4", bytes: 1 }),
    ("QUInt2x4Storage", Kind { name: "QU2", bytes: 1 }),
    ("UntypedStorage", Kind { name: "bytes without a type", bytes: 1 }),
];

impl Kind {
    /// The kind of a storage class.
    pub(super) fn of(class: &str) -> Option<Self> {
        KINDS.iter().find(|(name, _)| *name == class).map(|(_, kind)| *kind)
    }
}

/// A run of numbers in the file, as the pickle describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    /// Its name in the file.
    pub key: &'a str,
    pub kind: Kind,
    /// Numbers in it.
    pub length: u64,
}

impl Storage<'_> {
    /// Bytes in it, if that many can be counted.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.length.checked_mul(self.kind.bytes)
    }
}
