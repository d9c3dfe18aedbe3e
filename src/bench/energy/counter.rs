//! A counter of microjoules that the kernel keeps → joules since it was opened.
//!
//! Invariant: the sum never falls. A counter that falls has turned over where its range is known, else it is broken.

use crate::bench::kernel::number;
use std::path::PathBuf;

/// A file with a count of microjoules.
#[derive(Debug)]
pub(super) struct Counter {
    file: PathBuf,
    range_uj: Option<u64>,
    last_uj: u64,
    sum_uj: u64,
}

impl Counter {
    /// Opens a counter that begins anew after `range_uj`. None where it cannot be read, or stands at 0 since the computer
    /// was started.
    pub fn open(file: PathBuf, range_uj: Option<u64>) -> Option<Self> {
        let last_uj = number(&file).filter(|count| *count > 0)?;
        Some(Self { file, range_uj, last_uj, sum_uj: 0 })
    }

    /// Joules since it was opened; it may have turned over once since the last call. None when it cannot be read any more.
    pub fn joules(&mut self) -> Option<f64> {
        let now_uj: u64 = number(&self.file)?;
        let step_uj = match now_uj.checked_sub(self.last_uj) {
            Some(step_uj) => step_uj,
            None => self.range_uj?.checked_sub(self.last_uj)?.checked_add(now_uj)?,
        };
        self.last_uj = now_uj;
        self.sum_uj = self.sum_uj.checked_add(step_uj)?;
        Some(self.sum_uj as f64 / 1e6)
    }
}
