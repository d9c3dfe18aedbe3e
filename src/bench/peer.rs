//! Other programs: their scripts, which are compiled in, and how they are started.

use crate::error::{Error, ErrorKind, Result};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

/// Tiles in a batch of programs that do not say what they take usually; WSInfer's own default.
pub(super) const PEER_BATCH: usize = 32;

/// Another program that runs the same network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// ONNX Runtime.
    OnnxRuntime,
    /// `PyTorch`.
    Torch,
    /// WSInfer, as a whole program.
    WsInfer,
}

/// Names and texts of all scripts.
const SCRIPTS: [(&str, &str); 5] = [
    ("peer.py", include_str!("../../benches/peers/peer.py")),
    ("peer_network.py", include_str!("../../benches/peers/peer_network.py")),
    ("peer_onnxruntime.py", include_str!("../../benches/peers/peer_onnxruntime.py")),
    ("peer_torch.py", include_str!("../../benches/peers/peer_torch.py")),
    ("peer_wsinfer.py", include_str!("../../benches/peers/peer_wsinfer.py")),
];

impl Peer {
    /// The name used in flags and outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "onnxruntime",
            Self::Torch => "torch",
            Self::WsInfer => "wsinfer",
        }
    }

    /// The command that runs it, of scripts that [`write_scripts`] wrote.
    pub(super) fn command(self, python: &str, scripts: &Path) -> Command {
        let mut command = Command::new(python);
        command.arg(scripts.join(format!("peer_{}.py", self.name())));
        command
    }
}

impl FromStr for Peer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = [Self::OnnxRuntime, Self::Torch, Self::WsInfer].into_iter().find(|peer| peer.name() == text);
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "BCH-0015",
                format!("expected onnxruntime, torch or wsinfer, found \"{text}\""),
            )
        })
    }
}

/// Writes all scripts into a folder.
///
/// # Errors
/// [`ErrorKind::Io`].
pub(super) fn write_scripts(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, "make a folder", error))?;
    SCRIPTS.iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| Error::io(&path, "write a script", error))
    })
}
