//! One file per format; [`super::format::FORMATS`] lists them.

pub(crate) mod aperio;
pub(crate) mod generic_tiff;
