//! The numbers in which a network is computed.

use crate::error::{Error, ErrorKind, Result};
use burn::tensor::FloatDType;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Type of the numbers of weights and activations; scores and distances are f32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Single precision: 24 bits, up to 3e38.
    #[default]
    F32,
    /// Half precision: 11 bits, up to 65,504. Half the memory, and what the matrix units of GPUs are made for.
    F16,
}

impl Dtype {
    /// All of them, the most exact first.
    pub const ALL: [Self; 2] = [Self::F32, Self::F16];

    /// The name used in flags and outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// burn's name.
    pub fn float(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::F16 => FloatDType::F16,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dtype {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "DEV-0009", format!("expected a precision, f32 or f16, found \"{text}\""))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_and_written_alike_and_the_rest_refused() {
        for (name, dtype) in [("f32", Dtype::F32), ("f16", Dtype::F16)] {
            assert_eq!((name.parse::<Dtype>().unwrap(), dtype.to_string()), (dtype, name.to_owned()));
            let json = format!("\"{name}\"");
            assert_eq!(serde_json::to_string(&dtype).unwrap(), json);
            assert_eq!(serde_json::from_str::<Dtype>(&json).unwrap(), dtype);
        }
        for bad in ["", "F16", "f64", "bf16", "half", "16", " f16", "f16 "] {
            let error = bad.parse::<Dtype>().unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Usage, "DEV-0009"), "{bad}");
            assert!(error.message().contains("f32 or f16"), "{error}");
        }
        assert_eq!(Dtype::default(), Dtype::F32);
    }
}
