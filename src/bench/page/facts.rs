//! What was measured on what, as labels and values.

use crate::bench::names::fastest;
use crate::bench::record::{BenchRecord, Cell, ModelUsed};
use crate::bench::words;
use crate::report::{self, Fact, Part, Table};

/// What a reader looks for first.
pub(super) fn headline(record: &BenchRecord, models: &[(&str, Vec<&Cell>)]) -> Vec<Fact> {
    let fastest = models.iter().filter_map(|(model, cells)| {
        let cell = fastest(cells)?;
        let told = format!("{} tiles/s on {}", words::digits(cell.network.median), cell.name());
        Some(Fact::new(format!("Fastest with {model}"), told))
    });
    let facts = [
        Fact::new("Machine", record.machine.about()),
        Fact::new("Date", record.date.as_str()),
        Fact::new("Versions", format!("eosin {}, burn {}", record.eosin, record.burn)),
        Fact::new("Settings", record.settings.about()),
        Fact::new("Use", record.note.as_str()),
    ];
    let tiles = record.models.iter().map(|model| Fact::new(format!("Tiles for {}", model.name), model.about()));
    facts.into_iter().chain(tiles).chain(fastest).collect()
}

/// The machine, its adapters, and the slide.
pub(super) fn machine(record: &BenchRecord) -> Vec<Part> {
    let machine = &record.machine;
    let not_known = || "not known".to_owned();
    let clock = machine.clock_mhz.map(|[low, high]| format!("{low:.0} to {high:.0} MHz"));
    let is_virtual = machine.is_virtual.map(|is| if is { "yes" } else { "no" }.to_owned());
    let facts = [
        Fact::new("Processor", machine.cpu.as_str()),
        Fact::new("Computes with", machine.simd.join(", ")),
        Fact::new("Cores", machine.cores.to_string()),
        Fact::new("Memory", machine.memory_bytes.map_or_else(not_known, words::bytes)),
        Fact::new("Operating system", machine.os.as_str()),
        Fact::new("Virtual machine", is_virtual.unwrap_or_else(not_known)),
        Fact::new("Clock at the start", clock.unwrap_or_else(not_known)),
        Fact::new("Clock is set by", machine.governor.clone().unwrap_or_else(not_known)),
    ];
    let fingerprint = |model: &ModelUsed| {
        Fact::new(format!("Slide for {} (fingerprint)", model.name), model.input.fingerprint.as_str())
    };
    let digest = |model: &ModelUsed| Fact::new(format!("Weights of {} (BLAKE3)", model.name), model.digest.as_str());
    let facts =
        facts.into_iter().chain(record.models.iter().flat_map(|model| [fingerprint(model), digest(model)])).collect();
    let rows: Vec<_> = machine
        .adapters
        .iter()
        .map(|adapter| {
            let clock = adapter.clock_mhz.map_or_else(not_known, |mhz| format!("{mhz:.0} MHz"));
            let words = [&adapter.name, &adapter.kind, &adapter.driver].map(report::Cell::text);
            (report::Cell::text(&adapter.device), words.into_iter().chain([report::Cell::text(clock)]).collect())
        })
        .collect();
    let head = ["Device", "Name", "Kind", "Driver", "Clock"].map(str::to_owned).to_vec();
    let caption = "GPUs and software renderers that were found".to_owned();
    let table = Table { caption, head, rows, ..Table::default() };
    let mut parts = vec![Part::Facts(facts)];
    parts.extend((!table.rows.is_empty()).then_some(Part::Table(table)));
    parts
}
