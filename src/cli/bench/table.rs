//! A record as lines for a terminal: a table with bars for each model, stages, what is absent, and warnings last.

use crate::cli::text::{short, wrapped};
use eosin::bench::{BenchRecord, Cell, WholeRun, fastest_with_stages, words};

/// Characters of a device with its program; longer ones are cut.
const PLACE: usize = 16;
/// Narrower bars say nothing, wider ones not more.
const BARS: std::ops::RangeInclusive<usize> = 6..=40;
/// What is said where there is nothing.
const NONE: &str = "-";
/// Columns with words; numbers in all others are set to the right.
const WORDS: usize = 2;
/// Column after which the bar stands.
const BAR_AFTER: usize = 4;

/// All of it. `width`: characters in a line of the terminal; without one there are no bars and nothing is cut.
pub(super) fn lines(record: &BenchRecord, width: Option<usize>) -> Vec<String> {
    let versions = format!("{}, eosin {}, burn {}", record.date, record.eosin, record.burn);
    let mut lines = wrapped("bench", &versions, width);
    lines.extend(wrapped("machine", &record.machine.about(), width));
    for model in &record.models {
        lines.extend(wrapped("tiles", &format!("{}: {}", model.name, model.about()), width));
    }
    lines.extend(wrapped("settings", &record.settings.about(), width));
    let models = record.models();
    lines.extend(tables(&models, width));
    for (model, cells) in &models {
        lines.extend(stages(model, &fastest_with_stages(cells), width));
    }
    lines.extend(runs(&record.runs, width));
    lines.push(String::new());
    if !models.is_empty() {
        let meaning = format!(
            "tiles/s are medians of {} rounds, ± half of the way from the lowest to the highest; ratio: to the model's first \
             row; line: tiles/s from the slide's file to a map; memory: of the process, with a GPU on the device; diff: \
             largest difference of an output from the reference, burn on the CPU; stages: ms per tile of a thread, lane or device, and \
             the share of the line's time in which it was at work",
            record.settings.all_rounds()
        );
        lines.extend(wrapped("", &meaning, width));
    }
    for absent in &record.absent {
        lines.extend(wrapped("absent", &format!("{}: {}", absent.what, absent.why), width));
    }
    let notes = |warns: bool| record.notes.iter().filter(move |note| note.starts_with(WARNING) == warns);
    lines.extend(notes(false).flat_map(|note| wrapped("note", note, width)));
    lines.extend(notes(true).flat_map(|note| wrapped("WARNING", &note[WARNING.len()..], width)));
    lines
}

/// How notes begin that put figures in doubt.
pub(super) const WARNING: &str = "WARNING: ";

/// A table for each model, with the same columns.
fn tables(models: &[(&str, Vec<&Cell>)], width: Option<usize>) -> Vec<String> {
    let head = ["device", "dtype", "batch", "tiles/s", "", "ratio", "line", "memory", "diff"].map(str::to_owned);
    let rows = models.iter().flat_map(|model| &model.1).map(|cell| row(cell, width));
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let widths: [usize; 9] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0));
    let words_px: usize = widths.iter().sum();
    // Two spaces between columns where there is room for them.
    let room = |gap: usize| width.map(|width| width.saturating_sub(words_px + gap * widths.len()));
    let gap = if room(2).is_none_or(|room| room >= 2 * BARS.start()) { 2 } else { 1 };
    let bars = room(gap).filter(|room| room >= BARS.start()).map(|room| room.min(*BARS.end()));
    let line = |row: &[String; 9], bar: String| {
        let mut line = String::new();
        for (at, (text, width)) in row.iter().zip(widths).enumerate() {
            let between = if at == 0 { 0 } else { gap };
            let padding = " ".repeat(width - text.chars().count());
            let (before, after) = if at < WORDS { ("", padding.as_str()) } else { (padding.as_str(), "") };
            line.extend([" ".repeat(between).as_str(), before, text, after]);
            if let Some(room) = bars.filter(|_| at == BAR_AFTER) {
                line.extend([" ".repeat(gap), format!("{bar:<room$}")]);
            }
        }
        line.trim_end().to_owned()
    };
    let (mut lines, mut rows) = (Vec::new(), rows.iter());
    let head = rows.next().map(|head| line(head, String::new())).unwrap_or_default();
    for (model, cells) in models {
        lines.push(String::new());
        lines.push(width.map_or_else(|| (*model).to_owned(), |width| short(model, width)));
        lines.push(head.clone());
        let most = cells.iter().map(|cell| cell.network.median).fold(0.0, f64::max);
        for (cell, row) in cells.iter().zip(rows.by_ref()) {
            lines.push(line(row, bars.map(|room| bar(cell.network.median / most, room)).unwrap_or_default()));
        }
    }
    lines
}

fn row(cell: &Cell, width: Option<usize>) -> [String; 9] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let cut = |text: String| if width.is_some() { short(&text, PLACE) } else { text };
    [
        cut(cell.place()),
        cut(cell.dtype.clone()),
        cell.batch.to_string(),
        words::digits(cell.network.median),
        words::spread(&cell.network).replace(' ', ""),
        or_none(cell.ratio.as_ref().map(|ratio| words::digits(ratio.median))),
        or_none(cell.line.as_ref().map(|line| words::digits(line.rate.median))),
        or_none(cell.memory.device_bytes.or(cell.memory.host_bytes).map(words::bytes)),
        or_none(cell.parity.map(|parity| words::difference(parity.max))),
    ]
}

/// A share of `room` characters, to an eighth of one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 8 times the room")]
fn bar(share: f64, room: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * room as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// Stages of some cells beside each other: time of a tile, and share of the line's time in which it was worked on.
fn stages(model: &str, cells: &[&Cell], width: Option<usize>) -> Vec<String> {
    const NAME: usize = 12;
    const COLUMN: usize = 22;
    let Some(first) = cells.first() else { return Vec::new() };
    let beside = width.map_or(cells.len(), |width| (width.saturating_sub(NAME) / COLUMN).max(1));
    let title = format!("stages of {model}");
    let mut lines = vec![String::new(), width.map_or_else(|| title.clone(), |width| short(&title, width))];
    for cells in cells.chunks(beside) {
        let heads = cells.iter().map(|cell| format!("{:>COLUMN$}", short(&cell.name(), COLUMN - 2)));
        lines.push(format!("{:NAME$}{}", "", heads.collect::<String>()));
        for name in first.stages.iter().map(|stage| &stage.name) {
            let told = cells.iter().map(|cell| {
                let stage = cell.stages.iter().find(|stage| stage.name == *name);
                let told = stage.map(|stage| (stage.ms_per_tile.median, stage.utilisation));
                let told = told.map(|(ms, busy)| format!("{}  {:>5}", words::digits(ms), words::percent(busy)));
                format!("{:>COLUMN$}", told.unwrap_or_else(|| NONE.to_owned()))
            });
            lines.push(format!("{:<NAME$}{}", short(name, NAME), told.collect::<String>()));
        }
    }
    lines
}

/// Whole programs on the slide.
fn runs(runs: &[WholeRun], width: Option<usize>) -> Vec<String> {
    if runs.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    for run in runs {
        let ratio = run.ratio.as_ref().map(|ratio| format!(", ratio {}", words::digits(ratio.median)));
        let (seconds, rate) = (words::seconds(run.seconds.median), words::digits(run.rate.median));
        let told = format!(
            "{} with {} on {} in {}: {} tiles in {seconds}, {rate} tiles/s {}{}, from its start to its last file",
            run.program,
            run.model,
            run.device,
            run.dtype,
            run.tiles,
            words::spread(&run.rate),
            ratio.unwrap_or_default()
        );
        lines.extend(wrapped("whole", &told, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::sample_record::record;
    use super::*;

    #[test]
    fn every_line_fits_its_terminal() {
        for width in [72, 80, 100, 200] {
            for line in lines(&record(), Some(width)) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn the_fastest_has_the_longest_bar_and_the_ratio_of_its_rate() {
        let lines = lines(&record(), Some(80));
        let row = |start: &str| lines.iter().find(|line| line.starts_with(start)).unwrap().clone();
        let bar = |line: &str| line.chars().filter(|sign| *sign == '█').count();
        let (fast, slow) = (row("vulkan:0  f16      64"), row("cpu       f32       1"));
        assert!(bar(&fast) >= *BARS.start() && bar(&slow) == 0, "{fast}\n{slow}");
        // 19.3 times the CPU's rate, which has 0.62 of it in single tiles.
        assert!(fast.contains("7913") && fast.contains("31.1") && fast.contains("4.2e-3"), "{fast}");
        assert_eq!(
            [bar_of(0.0), bar_of(0.05), bar_of(0.5), bar_of(1.0), bar_of(7.0)],
            ["", "▍", "████", "████████", "████████"]
        );
    }

    fn bar_of(share: f64) -> String {
        bar(share, 8)
    }

    #[test]
    fn without_a_terminal_nothing_is_drawn_or_cut() {
        let text = lines(&record(), None).join("\n");
        assert!(!text.contains('█') && !text.contains('…'), "{text}");
        assert!(text.contains(&record().absent[0].why));
    }

    #[test]
    fn warnings_come_last_after_what_is_absent() {
        let lines = lines(&record(), Some(80));
        let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
        assert!(at("absent") < at("note") && at("note") < at("WARNING"));
        assert!(lines[at("WARNING") + 1..].iter().all(|line| line.starts_with("         ")), "{lines:#?}");
    }

    #[test]
    fn an_empty_record_has_lines_still() {
        let empty = BenchRecord { cells: Vec::new(), absent: Vec::new(), notes: Vec::new(), ..record() };
        assert!(lines(&empty, Some(80)).len() >= 4);
        let mut still = record();
        still.cells.iter_mut().for_each(|cell| cell.network.median = 0.0);
        assert!(!lines(&still, Some(80)).concat().contains('█'));
    }
}
