//! How networks are computed: in which numbers, and on the CPU by whom.

use crate::error::{Error, ErrorKind, Result};
use burn::tensor::FloatDType;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What weights and activations are, and what multiplies them; scores and distances are f32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// Single precision: 24 bits, up to 3e38. On the CPU our own engine, which may reach a sum by another way than term by
    /// term.
    #[default]
    F32,
    /// Half precision: 11 bits, up to 65,504. Half the memory, and what the matrix units of GPUs are made for.
    F16,
    /// Convolutions on the CPU's matrix unit (AMX), our own engine: what they multiply is rounded to 8 bits, up to 3e38;
    /// sums, and all else, are f32.
    Bf16,
    /// Single precision on the CPU, our own engine, every sum term by term.
    Exact,
    /// Single precision on the CPU by burn's operations, as on a GPU and in training: slow, and what all others are held
    /// against.
    Reference,
}

impl Arithmetic {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Bf16, Self::Exact, Self::Reference];

    /// The name used in flags and outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Exact => "exact",
            Self::Reference => "reference",
        }
    }

    /// The type of the numbers, as others call it.
    pub fn dtype(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 | Self::Exact | Self::Reference => "f32",
        }
    }

    /// burn's name of the type of weights and activations.
    pub fn float(self) -> FloatDType {
        if self == Self::F16 { FloatDType::F16 } else { FloatDType::F32 }
    }

    /// Whether only the CPU computes so.
    pub fn is_of_the_cpu(self) -> bool {
        matches!(self, Self::Bf16 | Self::Exact | Self::Reference)
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Arithmetic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|arithmetic| arithmetic.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::new(ErrorKind::Usage, "DEV-0009", format!("expected one of {known}, found \"{text}\""))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_and_written_alike_and_the_rest_refused() {
        for arithmetic in Arithmetic::ALL {
            let name = arithmetic.name();
            assert_eq!((name.parse::<Arithmetic>().unwrap(), arithmetic.to_string()), (arithmetic, name.to_owned()));
            let json = format!("\"{name}\"");
            assert_eq!(serde_json::to_string(&arithmetic).unwrap(), json);
            assert_eq!(serde_json::from_str::<Arithmetic>(&json).unwrap(), arithmetic);
        }
        for bad in ["", "F16", "f64", "BF16", "half", "16", " f16", "f16 "] {
            let error = bad.parse::<Arithmetic>().unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Usage, "DEV-0009"), "{bad}");
            assert!(error.message().contains("f32, f16"), "{error}");
        }
        assert_eq!(Arithmetic::default(), Arithmetic::F32);
    }
}
