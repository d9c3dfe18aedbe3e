//! Two records → cell by cell, how many times one is the other, and whether that is more than rounds differ anyway.
//!
//! Cells are the same when program, model, device, dtype and batch are; versions may differ, as they are what is mostly
//! compared. Invariant: figures that are of different things are not compared without a warning.

use super::names::grouped;
use super::record::{AdapterFacts, BenchRecord, Cell, InputFacts, Machine, ModelUsed};
use super::samples::Samples;
use serde::Serialize;
use serde_json::Value;

/// Memory is measured once, so nothing tells how far it scatters; within a tenth it is taken for the same.
const ONCE_WITHIN: f64 = 0.1;

/// Two records against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What the figures may be used for.
    pub note: String,
    /// The first record.
    pub a: Side,
    /// The second one.
    pub b: Side,
    /// Cells that both have, in the order of the first record.
    pub cells: Vec<ComparedCell>,
    /// Names of cells that only the first one has, each after its model.
    pub only_a: Vec<String>,
    /// Names of cells that only the second one has.
    pub only_b: Vec<String>,
    /// Remarks; those that put ratios in doubt begin with `WARNING: `.
    pub notes: Vec<String>,
}

/// One of two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Version of the program.
    pub eosin: String,
    /// Version of burn.
    pub burn: String,
    /// When it began, UTC.
    pub date: String,
    /// What it ran on, in short.
    pub machine: String,
}

/// A cell that both records have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedCell {
    /// Its model.
    pub model: String,
    /// What tells it from others of the model, such as `vulkan:0 f16 b64`.
    pub name: String,
    /// Its figures.
    pub figures: Vec<ComparedFigure>,
}

/// A figure in both records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedFigure {
    /// Which one.
    pub figure: FigureName,
    /// In the first record: the median where there are rounds.
    pub a: f64,
    /// In the second one.
    pub b: f64,
    /// The second over the first; none when that is 0.
    pub ratio: Option<f64>,
    /// What it says of the second record.
    pub verdict: Verdict,
}

/// A figure that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureName {
    /// The network alone, tiles/s.
    Network,
    /// The whole line, tiles/s.
    Line,
    /// From the start of the process to the first scores, seconds.
    ColdStart,
    /// Memory of the process, bytes.
    HostMemory,
    /// Memory on the device, bytes.
    DeviceMemory,
}

/// What two figures say of the second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They lie within what rounds differ by ([`Samples::agrees_with`]); of memory, measured once, within a tenth.
    Agrees,
    /// It is faster.
    Faster,
    /// It is slower.
    Slower,
    /// It takes more memory.
    More,
    /// It takes less memory.
    Less,
}

impl Verdict {
    /// As it is read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::More => "more",
            Self::Less => "less",
        }
    }
}

/// What makes cells of two records the same.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str, usize);

fn key(cell: &Cell) -> Key<'_> {
    (cell.program_name(), &cell.model, &cell.device, &cell.dtype, cell.batch)
}

/// Compares the second record with the first.
pub fn compare(a: &BenchRecord, b: &BenchRecord) -> Comparison {
    let (groups_a, groups_b) = (grouped(&a.cells, key), grouped(&b.cells, key));
    let found = |groups: &[(Key<'_>, Vec<&Cell>)], key: Key<'_>| groups.iter().any(|group| group.0 == key);
    let only = |ours: &[(Key<'_>, Vec<&Cell>)], theirs: &[(Key<'_>, Vec<&Cell>)]| -> Vec<String> {
        let alone = ours.iter().filter(|group| !found(theirs, group.0));
        alone.map(|(_, cells)| format!("{} {}", cells[0].model, cells[0].name())).collect()
    };
    let pairs: Vec<(&Cell, &Cell)> = groups_a
        .iter()
        .filter_map(|(key, cells)| Some((cells[0], groups_b.iter().find(|group| group.0 == *key)?.1[0])))
        .collect();
    Comparison {
        note: crate::export::RESEARCH_USE.to_owned(),
        a: side(a),
        b: side(b),
        cells: pairs.iter().map(|(a, b)| compared(a, b)).collect(),
        only_a: only(&groups_a, &groups_b),
        only_b: only(&groups_b, &groups_a),
        notes: notes(a, b, &pairs),
    }
}

fn side(record: &BenchRecord) -> Side {
    let BenchRecord { eosin, burn, date, machine, .. } = record;
    Side { eosin: eosin.clone(), burn: burn.clone(), date: date.clone(), machine: machine.about() }
}

fn compared(a: &Cell, b: &Cell) -> ComparedCell {
    let bytes = |of: Option<u64>| of.map(|bytes| bytes as f64);
    let line = a.line.as_ref().zip(b.line.as_ref());
    let once = |name, a: Option<f64>, b: Option<f64>| Some(measured_once(name, a?, b?));
    let (rate, time) = ([Verdict::Slower, Verdict::Faster], [Verdict::Faster, Verdict::Slower]);
    let figures = [
        Some(sampled(FigureName::Network, &a.network, &b.network, rate)),
        line.map(|(a, b)| sampled(FigureName::Line, &a.rate, &b.rate, rate)),
        Some(sampled(FigureName::ColdStart, &a.start.again_s, &b.start.again_s, time)),
        once(FigureName::HostMemory, bytes(a.memory.host_bytes), bytes(b.memory.host_bytes)),
        once(FigureName::DeviceMemory, bytes(a.memory.device_bytes), bytes(b.memory.device_bytes)),
    ];
    ComparedCell { model: a.model.clone(), name: a.name(), figures: figures.into_iter().flatten().collect() }
}

fn sampled(figure: FigureName, a: &Samples, b: &Samples, [lower, higher]: [Verdict; 2]) -> ComparedFigure {
    let verdict = if a.agrees_with(b) {
        Verdict::Agrees
    } else if b.median < a.median {
        lower
    } else {
        higher
    };
    ComparedFigure { figure, a: a.median, b: b.median, ratio: ratio(a.median, b.median), verdict }
}

fn measured_once(figure: FigureName, a: f64, b: f64) -> ComparedFigure {
    let verdict = if (a - b).abs() <= ONCE_WITHIN * a.abs().max(b.abs()) {
        Verdict::Agrees
    } else if b < a {
        Verdict::Less
    } else {
        Verdict::More
    };
    ComparedFigure { figure, a, b, ratio: ratio(a, b), verdict }
}

fn ratio(a: f64, b: f64) -> Option<f64> {
    Some(b / a).filter(|ratio| ratio.is_finite())
}

/// What is not the same besides versions, and warnings of the records themselves.
fn notes(a: &BenchRecord, b: &BenchRecord, pairs: &[(&Cell, &Cell)]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut say = |note: String| {
        // Cells of one device differ in the same way.
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    for (what, a, b) in [("eosin", &a.eosin, &b.eosin), ("burn", &a.burn, &b.burn)] {
        if a != b {
            say(format!("versions of {what}: {a} in A, {b} in B"));
        }
    }
    let warn = |what: &str, found: &[String]| format!("WARNING: {what}: {}", found.join("; "));
    let facts = [
        ("the machines differ", differing(&steady(&a.machine), &steady(&b.machine))),
        ("the tiles differ", inputs(a, b)),
        ("the settings differ", differing(&a.settings, &b.settings)),
    ];
    for (what, found) in facts.iter().filter(|(_, found)| !found.is_empty()) {
        say(warn(what, found));
    }
    for (a, b) in pairs {
        let network = |cell: &Cell| (cell.architecture.clone(), cell.input_px);
        let ((net_a, px_a), (net_b, px_b)) = (network(a), network(b));
        if (&net_a, px_a) != (&net_b, px_b) {
            let model = &a.model;
            say(format!("WARNING: {model} is {net_a} of {px_a} px in A, {net_b} of {px_b} px in B"));
        }
        let ran = |cell: &Cell| [&cell.device_name, &cell.backend, &cell.setting].map(String::clone);
        for ((what, a_says), b_says) in ["device", "backend", "setting"].into_iter().zip(ran(a)).zip(ran(b)) {
            if a_says != b_says {
                say(format!("WARNING: {what} of {} on {}: {a_says} in A, {b_says} in B", a.dtype, a.place()));
            }
        }
        if a.program != b.program && !a.is_ours() {
            say(format!("versions of {}: {} in A, {} in B", a.program_name(), a.program, b.program));
        }
    }
    for (which, record) in [("A", a), ("B", b)] {
        for warning in record.notes.iter().filter_map(|note| note.strip_prefix("WARNING: ")) {
            say(format!("WARNING: {which} itself says: {warning}"));
        }
    }
    notes
}

/// A machine without its clocks, which are never twice the same.
fn steady(machine: &Machine) -> Machine {
    let adapters = machine.adapters.iter().map(|adapter| AdapterFacts { clock_mhz: None, ..adapter.clone() });
    Machine { clock_mhz: None, adapters: adapters.collect(), ..machine.clone() }
}

/// What differs in models that both have, and in their slides.
fn inputs(a: &BenchRecord, b: &BenchRecord) -> Vec<String> {
    let pairs = a.models.iter().filter_map(|a| Some((a, b.models.iter().find(|b| b.name == a.name)?)));
    let model = |used: &ModelUsed| ModelUsed { input: InputFacts::default(), ..used.clone() };
    pairs.flat_map(|(a, b)| [differing(&a.input, &b.input), differing(&model(a), &model(b))].concat()).collect()
}

/// Fields of which two values differ, with both; lists by their name alone.
fn differing<T: Serialize>(a: &T, b: &T) -> Vec<String> {
    let (a, b) = (serde_json::to_value(a).unwrap_or_default(), serde_json::to_value(b).unwrap_or_default());
    let fields = a.as_object().into_iter().flatten().filter(|(name, value)| b.get(name) != Some(value));
    let told = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "not known".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    fields
        .map(|(name, value)| match value {
            Value::Array(_) => name.replace('_', " "),
            value => format!("{} {} in A, {} in B", name.replace('_', " "), told(Some(value)), told(b.get(name))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample_record::{around, record};

    /// The same machine twice as fast, with half the memory.
    fn twice_as_fast() -> BenchRecord {
        let mut record = record();
        for cell in &mut record.cells {
            cell.network = around(cell.network.median * 2.0);
            cell.start.again_s = around(cell.start.again_s.median / 2.0);
            cell.memory.host_bytes = cell.memory.host_bytes.map(|bytes| bytes / 2);
            cell.memory.device_bytes = cell.memory.device_bytes.map(|bytes| bytes / 2);
            if let Some(line) = &mut cell.line {
                line.rate = around(line.rate.median * 2.0);
            }
        }
        record
    }

    #[test]
    fn a_record_agrees_with_itself() {
        let found = compare(&record(), &record());
        assert_eq!(found.cells.len(), record().cells.len());
        let mut figures = found.cells.iter().flat_map(|cell| &cell.figures);
        assert!(figures.all(|figure| figure.ratio == Some(1.0) && figure.verdict == Verdict::Agrees));
        assert!(found.only_a.is_empty() && found.only_b.is_empty());
        assert_eq!(found.notes.len(), 2, "only what the record itself warns of, twice: {:?}", found.notes);
    }

    #[test]
    fn twice_as_fast_is_a_ratio_of_two_and_said_so() {
        let found = compare(&record(), &twice_as_fast());
        for figure in found.cells.iter().flat_map(|cell| &cell.figures) {
            let (ratio, verdict) = match figure.figure {
                FigureName::Network | FigureName::Line => (2.0, Verdict::Faster),
                FigureName::ColdStart => (0.5, Verdict::Faster),
                FigureName::HostMemory | FigureName::DeviceMemory => (0.5, Verdict::Less),
            };
            assert_eq!((figure.ratio, figure.verdict), (Some(ratio), verdict), "{figure:?}");
        }
        let back = compare(&twice_as_fast(), &record());
        let verdicts: Vec<&str> = back.cells[11].figures.iter().map(|figure| figure.verdict.name()).collect();
        assert_eq!(verdicts, ["slower", "slower", "slower", "more", "more"]);
    }

    #[test]
    fn figures_within_the_spread_agree() {
        let mut other = record();
        // Rounds reach from 4 % below to 2 % above the median.
        other.cells[0].network = around(record().cells[0].network.median * 1.015);
        other.cells[0].start.again_s = around(record().cells[0].start.again_s.median * 1.015);
        let found = compare(&record(), &other);
        assert!(found.cells[0].figures.iter().all(|figure| figure.verdict == Verdict::Agrees), "{:?}", found.cells[0]);
    }

    #[test]
    fn versions_may_differ_and_cells_of_one_record_only_are_listed() {
        let mut other = record();
        other.eosin = "0.2.0".to_owned();
        for cell in &mut other.cells {
            cell.program = cell.program.replace("0.1.0", "0.2.0").replace("2.9.1", "3.0");
        }
        let gone = other.cells.remove(0);
        other.cells[0].batch = 32;
        let found = compare(&record(), &other);
        assert_eq!(found.cells.len(), record().cells.len() - 2);
        assert_eq!(found.only_a[0], format!("{} cpu f32 b1", gone.model));
        assert_eq!((found.only_a.len(), found.only_b.len()), (2, 1));
        assert!(found.only_b[0].ends_with("cpu f32 b32"));
        assert!(found.notes.contains(&"versions of eosin: 0.1.0 in A, 0.2.0 in B".to_owned()));
        assert!(found.notes.contains(&"versions of torch: torch 2.9.1+cpu in A, torch 3.0+cpu in B".to_owned()));
    }

    #[test]
    fn what_makes_figures_incomparable_is_warned_of() {
        type Change = fn(&mut BenchRecord);
        let changes: [(Change, &str); 7] = [
            (|record| record.machine.cores = 4, "the machines differ: cores 16 in A, 4 in B"),
            (
                |record| record.machine.memory_bytes = None,
                "the machines differ: memory bytes 137438953472 in A, not known",
            ),
            (|record| record.machine.adapters[0].driver.push('x'), "the machines differ: adapters"),
            (
                |record| record.models[0].input.fingerprint.push('x'),
                "the tiles differ: fingerprint b3:4f1c9e in A, b3:4f1c9ex in B",
            ),
            (|record| record.settings.rounds = 3, "the settings differ: rounds 7 in A, 3 in B"),
            (|record| record.cells[0].input_px = 224, "is resnet18 of 96 px in A, resnet18 of 224 px in B"),
            (|record| record.cells[0].setting.push('s'), "setting of f32 on cpu: 4 lanes in A, 4 laness in B"),
        ];
        for (change, warning) in changes {
            let mut other = record();
            change(&mut other);
            let notes = compare(&record(), &other).notes;
            assert!(notes.len() == 3 && notes[0].starts_with("WARNING: "), "{notes:?}");
            assert!(notes[0].contains(warning), "{notes:?}");
        }
        let mut other = record();
        other.machine.clock_mhz = None;
        other.machine.adapters[0].clock_mhz = Some(1.0);
        assert_eq!(compare(&record(), &other).notes.len(), 2, "clocks are never twice the same");
    }
}
