//! What cells are called, and a record's cells by model, by device and by what ran them.

use super::record::{BenchRecord, Cell, InputFacts, Machine, ModelUsed, Settings};
use super::words;

impl Cell {
    /// Its program without the version, such as `eosin`.
    pub fn program_name(&self) -> &str {
        let begins_version = |word: &str| word.trim_start_matches('v').starts_with(|sign: char| sign.is_ascii_digit());
        let words = self.program.split(' ').take_while(|word| !begins_version(word));
        self.program[..words.map(|word| word.len() + 1).sum::<usize>().saturating_sub(1)].trim_end()
    }

    /// The device's kind as it is asked for: `vulkan` of `vulkan:0`.
    pub fn device_kind(&self) -> &str {
        self.device.split(':').next().unwrap_or_default()
    }

    /// The device, after the program where that is another one than this: `vulkan:0`, `torch cpu`.
    pub fn place(&self) -> String {
        if self.is_ours() { self.device.clone() } else { format!("{} {}", self.program_name(), self.device) }
    }

    /// All that a process is of: `vulkan:0 f16`.
    pub fn runner(&self) -> String {
        format!("{} {}", self.place(), self.dtype)
    }

    /// What tells it from others of its model: `vulkan:0 f16 b64`, where `b64` is a batch of 64 tiles.
    pub fn name(&self) -> String {
        format!("{} b{}", self.runner(), self.batch)
    }

    /// Whether this program was measured, not another one.
    pub fn is_ours(&self) -> bool {
        self.program_name() == env!("CARGO_PKG_NAME")
    }
}

impl BenchRecord {
    /// Models and their cells, both in the order of the record.
    pub fn models(&self) -> Vec<(&str, Vec<&Cell>)> {
        grouped(&self.cells, |cell| cell.model.as_str())
    }
}

/// Those of the same key together, in the order in which keys come first.
pub fn grouped<'a, K: PartialEq>(
    cells: impl IntoIterator<Item = &'a Cell>,
    key: impl Fn(&'a Cell) -> K,
) -> Vec<(K, Vec<&'a Cell>)> {
    let mut groups: Vec<(K, Vec<&Cell>)> = Vec::new();
    for cell in cells {
        let key = key(cell);
        match groups.iter_mut().find(|group| group.0 == key) {
            Some(group) => group.1.push(cell),
            None => groups.push((key, vec![cell])),
        }
    }
    groups
}

/// The cell whose network scores most tiles in a second.
pub fn fastest<'a>(cells: &[&'a Cell]) -> Option<&'a Cell> {
    cells.iter().copied().max_by(|a, b| a.network.median.total_cmp(&b.network.median))
}

/// The fastest cell of each device of which the stages are known.
pub fn fastest_with_stages<'a>(cells: &[&'a Cell]) -> Vec<&'a Cell> {
    let staged = cells.iter().copied().filter(|cell| !cell.stages.is_empty());
    grouped(staged, |cell| cell.device.as_str()).iter().filter_map(|(_, cells)| fastest(cells)).collect()
}

impl Machine {
    /// `AMD EPYC 7B13, 16 cores, 62.8 GiB, Linux 6.1`.
    pub fn about(&self) -> String {
        let cores = format!("{} core{}", self.cores, if self.cores == 1 { "" } else { "s" });
        let parts = [Some(self.cpu.clone()), Some(cores), self.memory_bytes.map(words::bytes), Some(self.os.clone())];
        let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }
}

impl ModelUsed {
    /// `160 px at 2.08 um/px of a synthetic slide, ...`.
    pub fn about(&self) -> String {
        format!("{} px at {} um/px, {}", self.tile_px, words::digits(self.um_per_px), self.input.about())
    }
}

impl InputFacts {
    /// `synthetic, 8192 x 8192 px at 0.25 um/px`.
    pub fn about(&self) -> String {
        let format = if self.format.is_empty() { String::new() } else { format!(" ({})", self.format) };
        format!("{}{format}, {} x {} px at {} um/px", self.kind, self.width, self.height, self.mpp)
    }
}

impl Settings {
    /// Rounds of each figure in all.
    pub fn all_rounds(&self) -> usize {
        self.starts * self.rounds
    }

    /// `3 starts of 3 rounds of 2 s, 512 tiles, seed 0`.
    pub fn about(&self) -> String {
        let Self { starts, rounds, seconds, tiles, seed, empty_caches } = self;
        let caches = if *empty_caches { ", kernel caches empty at the start" } else { "" };
        format!("{starts} starts of {rounds} rounds of {seconds} s, {tiles} tiles in memory, seed {seed}{caches}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_without_their_version() {
        let name = |program: &str| Cell { program: program.to_owned(), ..Cell::default() }.program_name().to_owned();
        let programs = ["eosin 0.1.0", "torch 2.5.1+cu124 compiled", "ONNX Runtime v1.19", "tool", "", "9", "a  b"];
        assert_eq!(programs.map(name), ["eosin", "torch", "ONNX Runtime", "tool", "", "", "a  b"]);
    }

    #[test]
    fn cells_are_named_by_what_tells_them_apart() {
        let ours = Cell {
            program: "eosin 0.1.0".to_owned(),
            device: "vulkan:0".to_owned(),
            dtype: "f16".to_owned(),
            batch: 64,
            ..Cell::default()
        };
        let other = Cell { program: "torch 2.5".to_owned(), device: "cpu".to_owned(), ..ours.clone() };
        assert_eq!([ours.name(), other.name()], ["vulkan:0 f16 b64", "torch cpu f16 b64"]);
        assert_eq!([ours.device_kind(), other.device_kind()], ["vulkan", "cpu"]);
    }
}
