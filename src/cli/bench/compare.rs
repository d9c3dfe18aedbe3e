//! `eosin bench compare`: two records against each other.

use super::table::WARNING;
use crate::cli::exit;
use crate::cli::text::{answer_json, say, short, terminal_width, wrapped};
use eosin::bench::{BenchRecord, ComparedFigure, Comparison, FigureName, Side, compare, words};
use eosin::{Error, ErrorKind, Result};
use std::path::Path;
use std::process::ExitCode;

/// Prints what the second record is of the first.
pub(crate) fn run(a: &Path, b: &Path, json: bool) -> Result<ExitCode> {
    let found = compare(&BenchRecord::read(a)?, &BenchRecord::read(b)?);
    if json {
        let value = serde_json::to_value(&found)
            .map_err(|error| Error::new(ErrorKind::Io, "BCH-0103", format!("cannot write the comparison: {error}")))?;
        answer_json(&value);
    } else {
        for line in lines(&found, terminal_width()) {
            say!("{line}");
        }
    }
    Ok(ExitCode::from(exit::DONE))
}

/// A comparison for a terminal of so many characters in a line; without one nothing is cut.
fn lines(found: &Comparison, width: Option<usize>) -> Vec<String> {
    const NAME: usize = 28;
    let cut = |text: &str, most: usize| if width.is_some() { short(text, most) } else { text.to_owned() };
    let side = |Side { eosin, burn, date, machine }: &Side| format!("{date}, eosin {eosin}, burn {burn}; {machine}");
    let mut lines = wrapped("A", &side(&found.a), width);
    lines.extend(wrapped("B", &side(&found.b), width));
    let mut model = None;
    for cell in &found.cells {
        if model != Some(&cell.model) {
            model = Some(&cell.model);
            lines.push(String::new());
            lines.push(cut(&cell.model, width.unwrap_or_default()));
            lines.push(format!("{:NAME$}  {:12}{:>10}{:>10}{:>8}", "", "", "A", "B", "B/A"));
        }
        for (at, figure) in cell.figures.iter().enumerate() {
            let name = if at == 0 { cut(&cell.name, NAME) } else { String::new() };
            lines.push(format!("{name:<NAME$}  {}", told(figure)));
        }
    }
    lines.push(String::new());
    if !found.cells.is_empty() {
        let meaning = "network and line: medians, tiles/s; start: median; they agree where the median of one lies among \
                       the rounds of the other. Memory is measured once, and agrees within a tenth.";
        lines.extend(wrapped("", meaning, width));
    }
    lines.extend(found.only_a.iter().flat_map(|name| wrapped("only A", name, width)));
    lines.extend(found.only_b.iter().flat_map(|name| wrapped("only B", name, width)));
    let notes = |warns: bool| found.notes.iter().filter(move |note| note.starts_with(WARNING) == warns);
    lines.extend(notes(false).flat_map(|note| wrapped("note", note, width)));
    lines.extend(notes(true).flat_map(|note| wrapped("WARNING", &note[WARNING.len()..], width)));
    lines
}

fn told(figure: &ComparedFigure) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of bytes")]
    let bytes = |value: f64| words::bytes(value as u64);
    let (name, said): (_, fn(f64) -> String) = match figure.figure {
        FigureName::Network => ("network", words::digits),
        FigureName::Line => ("line", words::digits),
        FigureName::ColdStart => ("start", words::seconds),
        FigureName::HostMemory => ("memory", bytes),
        FigureName::DeviceMemory => ("on device", bytes),
    };
    let ratio = figure.ratio.map_or_else(|| "-".to_owned(), words::digits);
    format!("{name:<12}{:>10}{:>10}{ratio:>8}  {}", said(figure.a), said(figure.b), figure.verdict.name())
}

#[cfg(test)]
mod tests {
    use super::super::sample_record::{around, record};
    use super::*;

    #[test]
    fn lines_fit_and_say_ratio_verdict_and_what_only_one_has() {
        let mut other = record();
        other.cells[0].network = around(other.cells[0].network.median * 2.0);
        other.cells.pop();
        let found = compare(&record(), &other);
        let said = lines(&found, Some(80));
        assert!(said.iter().all(|line| line.chars().count() <= 80), "{said:#?}");
        let first = said.iter().find(|line| line.contains("network")).unwrap();
        assert!(first.starts_with("cpu f32 b1 ") && first.ends_with("2.00  faster"), "{first}");
        assert!(said.iter().any(|line| line == "only A   tissue-vit-small.nct vulkan:0 f16 b64"), "{said:#?}");
        assert!(said.last().unwrap().starts_with("         ") || said.last().unwrap().starts_with("WARNING"));
    }

    #[test]
    fn files_that_cannot_be_compared_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let [good, bad] = ["good.json", "bad.json"].map(|name| folder.path().join(name));
        std::fs::write(&good, serde_json::to_vec(&record()).unwrap()).unwrap();
        std::fs::write(&bad, "{\"schema\": 99}").unwrap();
        assert_eq!(run(&good, &bad, true).unwrap_err().code(), "BCH-0101");
        assert_eq!(run(&good, &folder.path().join("none"), false).unwrap_err().code(), "IO-0001");
    }
}
