//! Cells → figures: rates as bars, rates against the batch, stages, and the machine's pace.

use crate::bench::names::{fastest_with_stages, grouped};
use crate::bench::record::{Cell, Pace};
use crate::bench::samples::Samples;
use crate::bench::words;
use crate::evaluate::Figure;
use crate::map::palette::{class_colours, mix};
use crate::report::{Bar, BarChart, Captioned, Fact, LineChart, Part, Series, bar_chart, line_chart};

/// Kinds of devices with the place of their colour among those of Okabe and Ito; all others have the last colour.
const COLOURS: [(&str, usize); 5] = [("cpu", 0), ("vulkan", 5), ("cuda", 2), ("metal", 6), ("wgpu", 4)];
const OTHER_COLOUR: usize = 1;
/// How much of its device's colour a bar of another program has; the rest is white.
const PALER: f32 = 0.4;

fn colour(cell: &Cell) -> [u8; 3] {
    let place = COLOURS.iter().find(|row| row.0 == cell.device_kind()).map_or(OTHER_COLOUR, |row| row.1);
    let full = class_colours(8)[place];
    if cell.is_ours() { full } else { mix([255; 3], full, PALER) }
}

/// Rates of a model's network, of its line, and both against the batch.
pub(super) fn of_model(cells: &[&Cell]) -> Vec<Captioned> {
    let network = |cell: &Cell| Some(cell.network.figure());
    let line = |cell: &Cell| cell.line.as_ref().map(|line| line.rate.figure());
    let mut figures = vec![rates("The network alone, from bytes in memory to scores in memory", cells, network)];
    if cells.iter().any(|cell| cell.line.is_some()) {
        figures.push(rates("The whole line, from the slide's file to a map", cells, line));
    }
    figures.extend(against_batch(cells));
    figures
}

fn rates(caption: &str, cells: &[&Cell], of: impl Fn(&Cell) -> Option<Figure>) -> Captioned {
    let bar = |cell: &&Cell| Some(Bar { name: cell.name(), colour: colour(cell), figure: of(cell)? });
    let chart = BarChart {
        about: format!("{caption}: tiles/s of each cell"),
        x_name: "Tiles/s".to_owned(),
        bars: cells.iter().filter_map(bar).collect(),
    };
    Captioned { svg: bar_chart(&chart), caption: format!("{caption}.") }
}

/// For each device on which there are several batches, tiles/s of each program and dtype: devices apart, as the slowest of
/// them would be a line at 0 beside the fastest.
fn against_batch(cells: &[&Cell]) -> Vec<Captioned> {
    let devices = grouped(cells.iter().copied(), |cell| cell.device.as_str());
    let chart = |(device, cells): &(&str, Vec<&Cell>)| {
        let runners = grouped(cells.iter().copied(), Cell::runner).into_iter();
        let series: Vec<Series> = runners
            .map(|(name, mut cells)| {
                cells.sort_by_key(|cell| cell.batch);
                let points = cells.iter().map(|cell| [cell.batch as f64, cell.network.median]).collect();
                Series { name, points }
            })
            .filter(|series: &Series| series.points.len() > 1)
            .collect();
        let chart = LineChart {
            about: format!("Tiles/s of the network against the batch on {device}"),
            x_name: "Tiles in a batch".to_owned(),
            y_name: "Tiles/s".to_owned(),
            series,
            mark: None,
            log: [true, false],
        };
        let caption = format!(
            "The network on {device}: what larger batches do. Here colours tell programs and types of numbers."
        );
        (!chart.series.is_empty()).then(|| Captioned { svg: line_chart(&chart), caption })
    };
    devices.iter().filter_map(chart).collect()
}

/// Stages of the fastest cell of each device.
pub(super) fn stages(models: &[(&str, Vec<&Cell>)]) -> Vec<Part> {
    let text = "Of the fastest cell on each device: how long a tile takes of one thread, lane or device in each stage. The \
                percentage after the name says how much of the line's time the stage was at work on average; stages work at \
                the same time, and on a GPU the line waits for the one that is nearest to 100 %. Stages from upload to readback \
                are timed without a loader beside them. On the CPU all share the cores: shares of the loader then hold waits \
                for a core, and those of the network are too low by what the loader takes.";
    let parts = models.iter().flat_map(|(model, cells)| {
        let cells = fastest_with_stages(cells);
        let figures: Vec<Captioned> = cells.iter().map(|cell| stage_chart(model, cell)).collect();
        let figures = (!figures.is_empty()).then_some(Part::Figures(figures));
        figures.into_iter().chain(super::tables::stages(model, &cells))
    });
    let parts: Vec<Part> = parts.collect();
    if parts.is_empty() { parts } else { std::iter::once(Part::Text(text.to_owned())).chain(parts).collect() }
}

fn stage_chart(model: &str, cell: &Cell) -> Captioned {
    let bar = |stage: &crate::bench::Stage| Bar {
        name: format!("{}, {}", stage.name, words::percent(stage.utilisation)),
        colour: colour(cell),
        figure: stage.ms_per_tile.figure(),
    };
    let name = format!("{model} on {}", cell.name());
    let chart = BarChart {
        about: format!("{name}: time of a tile in each stage"),
        x_name: "ms per tile of one thread, lane or device".to_owned(),
        bars: cell.stages.iter().map(bar).collect(),
    };
    Captioned { svg: bar_chart(&chart), caption: format!("{name}.") }
}

/// How long the same piece of arithmetic took before each round, and what the system says.
pub(super) fn pace(pace: &Pace) -> Vec<Part> {
    let not_known = || "not known".to_owned();
    let share = |stolen: f64| format!("{:.1} %", stolen * 100.0);
    let probe = if pace.probe_ms.rounds.is_empty() { not_known() } else { probe(&pace.probe_ms) };
    let facts = vec![
        Fact::new("Probe", probe),
        Fact::new("Load at the start", pace.load.map_or_else(not_known, |load| format!("{load:.2}"))),
        Fact::new("Time that other machines had the cores", pace.stolen.map_or_else(not_known, share)),
    ];
    let text = "The probe is the same piece of arithmetic on all cores before each round. Where it varies, figures of the CPU \
                vary with it; ratios are taken round by round, so that they do not.";
    let mut parts = vec![Part::Text(text.to_owned()), Part::Facts(facts)];
    if pace.probe_ms.rounds.len() > 1 {
        let points = (1..).zip(&pace.probe_ms.rounds).map(|(round, &ms)| [f64::from(round), ms]).collect();
        let chart = LineChart {
            about: "How long the probe took before each round".to_owned(),
            x_name: "Probe".to_owned(),
            y_name: "ms".to_owned(),
            series: vec![Series { name: "probe".to_owned(), points }],
            mark: None,
            log: [false, false],
        };
        let caption = "How long the probe took, in the order of the rounds.".to_owned();
        parts.push(Part::Figures(vec![Captioned { svg: line_chart(&chart), caption }]));
    }
    parts
}

fn probe(of: &Samples) -> String {
    format!("{} ms ({} to {})", words::digits(of.median), words::digits(of.low), words::digits(of.high))
}
