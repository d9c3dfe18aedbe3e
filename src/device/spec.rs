//! The text behind `--device` becomes a request.

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::str::FromStr;

/// A way to reach a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Vulkan, on Linux and Windows.
    Vulkan,
    /// Metal, on Apple computers.
    Metal,
    /// Whatever wgpu finds on this platform.
    Wgpu,
    /// CUDA, in builds that have it.
    Cuda,
}

impl Api {
    /// The name used in flags and outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }
}

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceSpec {
    /// The first hardware GPU, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU through one interface: the best one, or the one of this number in the list.
    Gpu(Api, Option<usize>),
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(api, None) => f.write_str(api.name()),
            Self::Gpu(api, Some(index)) => write!(f, "{}:{index}", api.name()),
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            let expected =
                "expected auto, cpu, vulkan, metal, cuda or wgpu, the last four with :N for the N-th adapter";
            Error::new(ErrorKind::Usage, "DEV-0001", format!("{expected}, found \"{text}\""))
        };
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse().map_err(|_| refuse())?)),
            None => (text, None),
        };
        let api = match name {
            "auto" if index.is_none() => return Ok(Self::Auto),
            "cpu" if index.is_none() => return Ok(Self::Cpu),
            "vulkan" => Api::Vulkan,
            "metal" => Api::Metal,
            "wgpu" => Api::Wgpu,
            "cuda" => Api::Cuda,
            _ => return Err(refuse()),
        };
        Ok(Self::Gpu(api, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_understood_and_the_rest_refused() {
        assert_eq!("auto".parse::<DeviceSpec>().unwrap(), DeviceSpec::Auto);
        assert_eq!("vulkan:2".parse::<DeviceSpec>().unwrap(), DeviceSpec::Gpu(Api::Vulkan, Some(2)));
        for text in ["auto", "cpu", "vulkan", "metal:0", "wgpu:3", "cuda"] {
            assert_eq!(text.parse::<DeviceSpec>().unwrap().to_string(), text);
        }
        for bad in ["", "gpu", "cpu:0", "auto:1", "vulkan:", "vulkan:-1", "wgpu:x"] {
            assert_eq!(bad.parse::<DeviceSpec>().unwrap_err().code(), "DEV-0001", "{bad}");
        }
    }
}
