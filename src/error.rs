//! The one error type: what went wrong, whose fault it is, where, and what to do about it.
//!
//! Invariant: a message states what was expected and what was found, in lower case, without a full stop. Advice is kept
//! apart from the message, so that only the command line shows it. This file knows no other module of the crate.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file breaks its own specification.
    Format,
    /// The file is valid, but uses something that is not implemented; the message names it.
    Unsupported,
    /// A size is beyond the limits that keep memory bounded.
    Limits,
    /// The request itself is wrong: a flag, a name, a value.
    Usage,
    /// The model's card, weights or shapes do not fit together.
    Model,
    /// No such device, or the device failed.
    Device,
    /// A digest differs, or a file changed while it was read.
    Integrity,
    /// The operating system refused: missing file, no permission, full disk.
    Io,
    /// The user asked to stop.
    Interrupted,
}

impl ErrorKind {
    /// Whether it concerns one chunk or level of a slide, so that others may still be read, and not the file as a whole.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Format | Self::Unsupported | Self::Limits)
    }
}

/// An error with its kind, a stable code, and the place where it happened.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    path: Option<PathBuf>,
    level: Option<usize>,
    advice: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` with a stable `code` such as `WSI-0103`, which is what tests match.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            code,
            message: message.into(),
            path: None,
            level: None,
            advice: None,
            source: None,
        }))
    }

    /// Makes an [`ErrorKind::Io`] error about `path`.
    pub fn io(path: &Path, doing: &str, source: std::io::Error) -> Self {
        let message = match source.kind() {
            std::io::ErrorKind::NotFound => format!("cannot {doing}: no such file or folder"),
            std::io::ErrorKind::PermissionDenied => format!("cannot {doing}: permission denied"),
            _ => format!("cannot {doing}: {source}"),
        };
        Self::new(ErrorKind::Io, "IO-0001", message).at_path(path).with_source(source)
    }

    /// Adds the file that the error is about; an earlier, more precise path is kept.
    #[must_use]
    pub fn at_path(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// Adds the pyramid level that the error is about.
    #[must_use]
    pub fn at_level(mut self, level: usize) -> Self {
        self.0.level.get_or_insert(level);
        self
    }

    /// Adds what the user can do about it; shown by the command line on a line of its own.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code, such as `WSI-0103`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The message without place and code.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file it is about, as it was given.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What the user can do about it.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// The message with level and code but without any path, fit for files that leave the computer.
    pub fn without_path(&self) -> String {
        let level = self.0.level.map(|level| format!("level {level}: ")).unwrap_or_default();
        format!("{level}{} [{}]", self.0.message, self.0.code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        f.write_str(&self.without_path())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_path_is_kept_and_the_pathless_text_has_none() {
        let error = Error::new(ErrorKind::Format, "WSI-0001", "expected 2 bytes, found 1")
            .at_level(3)
            .at_path(Path::new("a/inner.svs"))
            .at_path(Path::new("outer"));
        assert_eq!(error.to_string(), "a/inner.svs: level 3: expected 2 bytes, found 1 [WSI-0001]");
        assert_eq!(error.without_path(), "level 3: expected 2 bytes, found 1 [WSI-0001]");
    }
}
