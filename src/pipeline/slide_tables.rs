//! Numbers of a slide → the tables of its report.

use crate::evaluate::Figure;
use crate::measure::{HotSpots, MapAgreement, Measure, Measurements, Readout, Region, Topic};
use crate::report::{Captioned, Cell, Part, ReadoutGroup, ScatterPlot, Table, scatter_plot};

/// The numbers of a topic.
pub(super) fn of_topic(topic: Topic, measurements: &Measurements) -> impl Iterator<Item = &Readout> {
    measurements.readouts.iter().filter(move |readout| readout.measure.definition().topic == topic)
}

/// Whether a measure was made in several regions; it then has a table of its own.
pub(super) fn by_region(measure: Measure, measurements: &Measurements) -> bool {
    let mut regions = measurements.readouts.iter().filter(|found| found.measure == measure).map(|found| found.region);
    let first = regions.next();
    regions.any(|region| Some(region) != first)
}

/// A measure in each region: a row for each class, or one for all of them together.
pub(super) fn region_table(measure: Measure, measurements: &Measurements, names: &[String]) -> [Part; 2] {
    let found: Vec<&Readout> = measurements.readouts.iter().filter(|readout| readout.measure == measure).collect();
    let mut regions: Vec<Region> = found.iter().map(|readout| readout.region).collect();
    regions.sort_unstable();
    regions.dedup();
    let row = |of: Option<&String>, name: &str| {
        let cell = |&region: &Region| {
            let is = |readout: &&&Readout| readout.of.as_ref() == of && readout.region == region;
            Cell::figure(found.iter().find(is).map(|readout| readout.figure).unwrap_or_default())
        };
        let any = found.iter().any(|readout| readout.of.as_ref() == of);
        any.then(|| (Cell::text(name), regions.iter().map(cell).collect()))
    };
    let definition = measure.definition();
    let unit = if definition.unit.is_empty() { String::new() } else { format!(" [{}]", definition.unit) };
    let source = if definition.source.is_empty() { String::new() } else { format!(" Source: {}.", definition.source) };
    let rows = std::iter::once(row(None, "all classes")).chain(names.iter().map(|name| row(Some(name), name)));
    let head = std::iter::once("Class").chain(regions.iter().map(|region| region.title())).map(str::to_owned);
    let table = Table {
        caption: format!("{}{unit} by region", definition.title),
        head: head.collect(),
        rows: rows.flatten().collect(),
        dense: true,
        sortable: false,
    };
    [Part::Text(format!("{}: {}{source}", definition.title, definition.text)), Part::Table(table)]
}

/// A row for each class, a column for each measure that is of one region, and what the columns are.
pub(super) fn class_table(topic: Topic, measurements: &Measurements, names: &[String]) -> Vec<Part> {
    let of_class = |readout: &&Readout| readout.of.as_ref().is_some_and(|of| names.contains(of));
    let readouts: Vec<&Readout> = of_topic(topic, measurements)
        .filter(of_class)
        .filter(|readout| !by_region(readout.measure, measurements))
        .collect();
    let mut columns: Vec<(Measure, bool)> = Vec::new();
    for readout in &readouts {
        match columns.iter_mut().find(|known| known.0 == readout.measure) {
            Some(known) => known.1 |= readout.p.is_some(),
            None => columns.push((readout.measure, readout.p.is_some())),
        }
    }
    if columns.is_empty() {
        return Vec::new();
    }
    let mut head = vec!["Class".to_owned()];
    for &(measure, tested) in &columns {
        let definition = measure.definition();
        let unit = if definition.unit.is_empty() { String::new() } else { format!(" [{}]", definition.unit) };
        head.push(format!("{}{unit}", definition.title));
        head.extend(tested.then(|| "p".to_owned()));
    }
    let row = |name: &String| {
        let own: Vec<&&Readout> = readouts.iter().filter(|readout| readout.of.as_ref() == Some(name)).collect();
        let unit = own.iter().find_map(|readout| readout.unit.as_deref());
        let titled = unit.map_or_else(|| name.clone(), |unit| format!("{name} [{unit}]"));
        let cells = columns.iter().flat_map(|&(measure, tested)| {
            let found = own.iter().find(|readout| readout.measure == measure);
            let p = tested.then(|| Cell::number(found.and_then(|readout| readout.p).map(p_text).unwrap_or_default()));
            std::iter::once(Cell::figure(found.map(|readout| readout.figure).unwrap_or_default())).chain(p)
        });
        (!own.is_empty()).then(|| (Cell::text(titled), cells.collect()))
    };
    let caption = format!("{} by class", topic.title());
    let rows = names.iter().filter_map(row).collect();
    let table = Table { caption, head, rows, dense: columns.len() > 3, sortable: false };
    let explained = columns.iter().map(|(measure, _)| {
        let definition = measure.definition();
        (Cell::text(definition.title), [definition.text, definition.source].map(Cell::text).to_vec())
    });
    let head = ["Column", "What it says", "Source"].map(str::to_owned).to_vec();
    let caption = "What the columns are".to_owned();
    let explained = Table { caption, head, rows: explained.collect(), ..Table::default() };
    vec![Part::Table(table), Part::Table(explained)]
}

/// A chance as it is read.
pub(super) fn p_text(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

pub(super) fn hot_spots(found: &[HotSpots]) -> Option<ReadoutGroup<'static>> {
    let rows = found.iter().flat_map(|of| of.spots.iter().zip(1..).map(move |(spot, rank)| (of, spot, rank)));
    let number = |value: f64| Cell::figure(Figure { value: Some(value), ..Figure::default() });
    let rows: Vec<_> = rows
        .map(|(of, spot, rank)| {
            let place = format!("{}, {} ({} x {})", spot.x_l0, spot.y_l0, spot.w_l0, spot.h_l0);
            let p = Cell::number(spot.p.map(p_text).unwrap_or_default());
            let cells = vec![Cell::count(rank), number(spot.value), p, number(spot.tissue_mm2), Cell::text(place)];
            (Cell::text(of.of.as_str()), cells)
        })
        .collect();
    let head = ["Class", "Rank", "Share or mean", "p", "Tissue [mm²]", "Place: left, top (width x height), level-0 px"];
    let caption = "Squares with most of a class or number, without overlap".to_owned();
    let table = Table { caption, head: head.map(str::to_owned).to_vec(), rows, ..Table::default() };
    let text = "p: how often the largest of all squares reaches as much when the cells of the tissue are shuffled.";
    (!found.is_empty()).then(|| ReadoutGroup {
        heading: "Hot spots".to_owned(),
        text: text.to_owned(),
        readouts: Vec::new(),
        parts: vec![Part::Table(table)],
    })
}

pub(super) fn agreement(found: &[MapAgreement]) -> Option<ReadoutGroup<'static>> {
    let row = |of: &MapAgreement| {
        let figures = [of.pearson, of.spearman, of.r2, of.concordance].map(Cell::figure);
        (Cell::text(of.name.as_str()), std::iter::once(Cell::count(of.cells as u64)).chain(figures).collect())
    };
    let head = ["Number", "Cells", "Pearson", "Spearman", "R²", "Concordance"].map(str::to_owned).to_vec();
    let caption = "The map against the measured one, cell by cell".to_owned();
    let table = Table { caption, head, rows: found.iter().map(row).collect(), ..Table::default() };
    let figure = |of: &MapAgreement| {
        let about = format!("{}: measured and mapped value of each cell", of.name);
        let svg = scatter_plot(&ScatterPlot { about: &about, name: &of.name, points: &of.pairs });
        Captioned { svg, caption: format!("{}, {} cells: measured to the right, mapped upwards.", of.name, of.cells) }
    };
    (!found.is_empty()).then(|| ReadoutGroup {
        heading: "Agreement with a measured map".to_owned(),
        text: "A cell's measured value is the mean of the measured places whose centre lies in it.".to_owned(),
        readouts: Vec::new(),
        parts: vec![Part::Table(table), Part::Figures(found.iter().map(figure).collect())],
    })
}
