//! A PyTorch file in memory to named tensors, without running anything that it holds.
//!
//! Such a file is a pickle, a small program for Python's object machine, with the numbers beside it. Invariant: the program
//! is read, never obeyed. [`machine`] follows it over plain values of its own; a name of Python stays a name, nothing is
//! imported and nothing is called. Of names there are three kinds (`globals`): the few that make tensors and dictionaries
//! are understood; those through which files run programs are refused wherever they stand (`MOD-0107`), because such a file
//! is an attack; every other becomes an opaque object, which is ignored outside the weights (options, optimisers, callbacks)
//! and refused among them. Memory is bounded by the file's length and by the limits that stand with each part.
//!
//! Read are the archives and the older streams of `torch.save`, and the module trees of TorchScript archives. Not read:
//! whole Python modules, tar files, quantised and sparse tensors, big-endian numbers, compressed archives, and the code of
//! TorchScript.

mod archive;
mod globals;
mod input;
mod legacy;
mod machine;
mod pickle;
mod rebuild;
mod select;
mod storage;
mod value;
mod view;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_WEIGHTS_BYTES;
use crate::nn::tensor_map::{Precision, TensorMap};

/// Characters of a file's own words in a message.
const SHOWN: usize = 80;

/// Reads a weights file, told by its first bytes: safetensors, an archive of `torch.save` or TorchScript (`.pth`, `.pt`,
/// `.bin`, `.ckpt`), or the stream that `torch.save` wrote before 1.6. `part` names the entry of a PyTorch file that holds
/// the weights where there are several.
///
/// # Errors
/// Those of [`TensorMap::from_safetensors`] and [`TensorMap::from_torch`]; `MOD-0109` for a part of a
/// safetensors file, which has none.
pub fn read_weights(bytes: &[u8], part: Option<&str>) -> Result<(TensorMap, Precision)> {
    match (is_torch(bytes), part) {
        (true, _) => TensorMap::from_torch(bytes, part),
        (false, None) => TensorMap::from_safetensors(bytes),
        (false, Some(part)) => {
            let message =
                format!("expected a PyTorch file in which {} is a part, found another kind of file", shown(part));
            Err(Error::new(ErrorKind::Model, "MOD-0109", message))
        }
    }
}

impl TensorMap {
    /// Reads a file of `torch.save` or TorchScript: F32, F16, BF16 and F64, as F32; I64 counters named
    /// `num_batches_tracked` are left out, as with safetensors. Views come out row-major. Also says how the numbers were
    /// stored (the widest kind met, F64 as F32).
    ///
    /// The weights are the dictionary under `part`; without it the one dictionary of tensors under a usual key
    /// (`state_dict`, `model`, `teacher`, ...), or else the file's root.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0101` not a whole file, or one that contradicts itself; `MOD-0102` another kind of number;
    /// `MOD-0103` a value that is not finite; `MOD-0104` a name that occurs twice; `MOD-0107` something else than a tensor
    /// among the weights, or anywhere a name through which files run programs; `MOD-0108` a kind of file that is not read;
    /// `MOD-0109` no named tensors, or several sets of them. [`ErrorKind::Limits`] (`MOD-0106`): too large.
    pub fn from_torch(bytes: &[u8], part: Option<&str>) -> Result<(Self, Precision)> {
        if bytes.len() as u64 > MAX_WEIGHTS_BYTES {
            return Err(limits(format!(
                "expected at most {MAX_WEIGHTS_BYTES} bytes of weights, found {}",
                bytes.len()
            )));
        }
        if let Some(kind) = foreign(bytes) {
            return Err(unread(format!("expected a file of torch.save, found {kind}")));
        }
        if bytes.starts_with(b"PK") { archive::read(bytes, part) } else { legacy::read(bytes, part) }
    }
}

/// Whether it is to be read as a PyTorch file, or not read at all; everything else is left to safetensors.
fn is_torch(bytes: &[u8]) -> bool {
    // Eight bytes of a length far below 2^40, then a JSON object. The length may begin as a pickle does.
    let safetensors = bytes.get(5..9) == Some(b"\0\0\0{");
    // What pickles begin with: their version, or in the oldest a global, a mark, a dictionary or a list.
    !safetensors
        && (bytes.starts_with(b"PK")
            || foreign(bytes).is_some()
            || bytes.first().is_some_and(|first| b"\x80c(}]".contains(first)))
}

/// Kinds of files that hold weights elsewhere and are not read.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(257..262) == Some(b"ustar") {
        return Some("a tar file; PyTorch wrote such before 0.1.10");
    }
    let kinds: [(&[u8], &str); 3] =
        [(b"\x1f\x8b", "a gzip file"), (b"\x89HDF", "an HDF5 file"), (b"GGUF", "a GGUF file")];
    kinds.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, kind)| *kind)
}

/// Not a whole file, or one that contradicts itself.
fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model, "MOD-0101", message)
}

fn limits(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Limits, "MOD-0106", message)
}

/// Something else than a tensor.
fn not_a_tensor(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model, "MOD-0107", message)
}

/// Sound as far as is known, but of a kind that is not read.
fn unread(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model, "MOD-0108", message)
        .with_advice("save the weights with safetensors.torch.save_file or with torch.save(model.state_dict(), ...)")
}

/// A file's own words, fit for a terminal: short, on one line, without control characters.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}
