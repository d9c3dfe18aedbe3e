//! Cells → tables, a row each; columns of which nothing was measured are left out.

use super::NONE;
use crate::bench::names::grouped;
use crate::bench::record::{Cell, Parity, Stage, WholeRun};
use crate::bench::words;
use crate::evaluate::Figure;
use crate::report::{self, Part, Table};

/// A column: its name, and what it says of a cell; none where that was not measured.
type Column = (&'static str, fn(&Cell) -> Option<report::Cell>);

const COSTS: [Column; 7] = [
    ("Network [tiles/s]", |cell| Some(report::Cell::figure(cell.network.figure()))),
    ("Ratio to the first", |cell| Some(report::Cell::figure(cell.ratio.as_ref()?.figure()))),
    ("Whole line [tiles/s]", |cell| Some(report::Cell::figure(cell.line.as_ref()?.rate.figure()))),
    ("Energy [J/tile]", |cell| Some(report::Cell::figure(cell.energy.as_ref()?.joules_per_tile.figure()))),
    ("Memory", |cell| cell.memory.host_bytes.map(bytes)),
    ("On the device", |cell| cell.memory.device_bytes.map(bytes)),
    ("Largest difference", |cell| Some(difference(cell.parity?.max))),
];

const STARTS: [Column; 6] = [
    ("First start", |cell| Some(seconds(cell.start.cold_s))),
    ("All starts, kernels known [s]", |cell| Some(report::Cell::figure(cell.start.again_s.figure()))),
    ("of it, device", |cell| Some(seconds(cell.start.open_s))),
    ("of it, model", |cell| Some(seconds(cell.start.load_s))),
    ("First batch", |cell| Some(seconds(cell.start.first_s))),
    ("Warm-up after it", |cell| Some(seconds(cell.start.warm_up_s))),
];

const PARITIES: [Column; 4] = [
    ("Tiles", |cell| Some(report::Cell::count(cell.parity?.tiles as u64))),
    ("Largest", |cell| Some(difference(cell.parity?.max))),
    ("Median", |cell| Some(difference(cell.parity?.median))),
    ("Tiles of another class", |cell| Some(flips(&cell.parity?))),
];

/// Figures of a model's cells, their starts, and what ran them.
pub(super) fn of_model(cells: &[&Cell]) -> Vec<Part> {
    let rows = |name: &dyn Fn(&Cell) -> String| cells.iter().map(|&cell| (name(cell), cell)).collect::<Vec<_>>();
    let name = rows(&Cell::name);
    vec![
        table("Speed and cost: medians, lowest and highest round in brackets", &name, &COSTS),
        table("Until it runs at full speed", &name, &STARTS),
        runners(cells),
    ]
}

/// Whole programs on the slide.
pub(super) fn runs(runs: &[WholeRun]) -> Vec<Part> {
    if runs.is_empty() {
        return Vec::new();
    }
    let row = |run: &WholeRun| {
        let WholeRun { program, model, device, dtype, setting, .. } = run;
        let words = [model, device, dtype, setting].map(report::Cell::text);
        let figures = [Some(&run.seconds), Some(&run.rate), run.ratio.as_ref()];
        let figures = figures.map(|of| of.map_or_else(absent, |of| report::Cell::figure(of.figure())));
        let tiles = report::Cell::count(run.tiles as u64);
        (report::Cell::text(program), words.into_iter().chain([tiles]).chain(figures).collect())
    };
    let head = ["Program", "Model", "Device", "Dtype", "Setting", "Tiles", "Seconds", "Tiles/s", "Ratio to the first"];
    vec![Part::Table(Table {
        caption: "From the program's start to its last file, on the same slide, in turn".to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: runs.iter().map(row).collect(),
        dense: true,
        sortable: false,
    })]
}

/// Differences of all models' outputs from those of the reference.
pub(super) fn parity(models: &[(&str, Vec<&Cell>)]) -> Vec<Part> {
    let tables = models.iter().filter_map(|(model, cells)| {
        let cells = cells.iter().filter(|cell| cell.parity.is_some());
        let rows: Vec<(String, &Cell)> = cells.map(|cell| (cell.name(), *cell)).collect();
        (!rows.is_empty()).then(|| table(&format!("{model}: |difference| of outputs"), &rows, &PARITIES))
    });
    let tables: Vec<Part> = tables.collect();
    if tables.is_empty() {
        return tables;
    }
    let text = "Outputs of each cell against those of the reference, burn on the CPU in f32, on the same tiles: the largest and the \
                median difference of an output, and for how many tiles another class comes first.";
    std::iter::once(Part::Text(text.to_owned())).chain(tables).collect()
}

/// Stages of some cells of a model: time of a tile, and how busy the stage was.
pub(super) fn stages(model: &str, cells: &[&Cell]) -> Option<Part> {
    let names: Vec<&str> = cells.first()?.stages.iter().map(|stage| stage.name.as_str()).collect();
    let told = |stage: &Stage| {
        let mut cell = report::Cell::figure(Figure { value: Some(stage.ms_per_tile.median), ..Figure::default() });
        cell.note = Some(words::percent(stage.utilisation));
        cell
    };
    let row = |cell: &&Cell| {
        let stage = |name: &&str| cell.stages.iter().find(|stage| stage.name == *name);
        let cells = names.iter().map(|name| stage(name).map_or_else(absent, told)).collect();
        (report::Cell::text(cell.name()), cells)
    };
    Some(Part::Table(Table {
        caption: format!("{model}: ms per tile, and share of the line's time in which the stage was at work"),
        head: std::iter::once("Cell").chain(names.iter().copied()).map(str::to_owned).collect(),
        rows: cells.iter().map(row).collect(),
        dense: true,
        sortable: false,
    }))
}

/// What a device, a program and their settings are called: the same for all batches.
fn runners(cells: &[&Cell]) -> Part {
    let groups = grouped(cells.iter().copied(), |cell| (cell.runner(), cell.setting.as_str()));
    let row = |((name, setting), cells): &((String, &str), Vec<&Cell>)| {
        let cell = cells[0];
        let words = [&cell.program, &cell.device_name, &cell.backend].map(String::as_str);
        (report::Cell::text(name), words.into_iter().chain([*setting]).map(report::Cell::text).collect())
    };
    Part::Table(Table {
        caption: "What ran it".to_owned(),
        head: ["", "Program", "Device", "Backend", "Setting"].map(str::to_owned).to_vec(),
        rows: groups.iter().map(row).collect(),
        ..Table::default()
    })
}

fn table(caption: &str, rows: &[(String, &Cell)], columns: &[Column]) -> Part {
    let told: Vec<&Column> = columns.iter().filter(|(_, of)| rows.iter().any(|(_, cell)| of(cell).is_some())).collect();
    let row = |(name, cell): &(String, &Cell)| {
        let cells = told.iter().map(|(_, of)| of(cell).unwrap_or_else(absent)).collect();
        (report::Cell::text(name), cells)
    };
    Part::Table(Table {
        caption: caption.to_owned(),
        head: std::iter::once("Cell").chain(told.iter().map(|column| column.0)).map(str::to_owned).collect(),
        rows: rows.iter().map(row).collect(),
        dense: told.len() > 5,
        sortable: false,
    })
}

fn absent() -> report::Cell {
    report::Cell::number(NONE)
}

fn bytes(value: u64) -> report::Cell {
    report::Cell::sorted(words::bytes(value), value as f64)
}

fn seconds(value: f64) -> report::Cell {
    report::Cell::sorted(words::seconds(value), value)
}

fn difference(value: f64) -> report::Cell {
    report::Cell::sorted(words::difference(value), value)
}

fn flips(parity: &Parity) -> report::Cell {
    parity.flips.map_or_else(|| report::Cell::number("no classes"), |flips| report::Cell::count(flips as u64))
}
