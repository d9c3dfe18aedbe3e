//! How values lie in space: alike among neighbours, hot in places, clustered, near each other.
//!
//! Figures that are sums over cells and their neighbours go into the tally, so that they have intervals; tests against random
//! arrangements are made once, on all tissue.

use super::field::Field;
use super::readout::{Measure, Readout};
use super::tally::{Sum, Sums, Tally};
use crate::error::Result;
use crate::spatial::{Contiguity, Neighbours, autocorrelation, benjamini_hochberg, gi_star, join_counts, two_sided_p};
use crate::tile::{Meaning, Role};
use serde::{Deserialize, Serialize};

/// A cell is hot at this false discovery rate.
const FALSE_DISCOVERY: f64 = 0.05;

/// Local maps of a slide; more of them would make its report too long to choose from.
const LOCAL_MAPS: usize = 3;

/// Numbers of pairs of classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairTable {
    /// What was measured.
    pub measure: Measure,
    /// Names of the classes, of rows and columns.
    pub names: Vec<String>,
    /// A number for each row and column; none where it is not defined.
    pub values: Vec<Vec<Option<f64>>>,
}

/// The tissue's cells with their neighbours.
pub(super) struct Tissue {
    pub neighbours: Neighbours,
    /// Columns and rows.
    pub cells: Vec<(u32, u32)>,
    /// The place of each cell in the field.
    pub places: Vec<usize>,
    /// The cell of each place; none for background.
    cell_of: Vec<Option<usize>>,
}

impl Tissue {
    pub fn of(field: &Field<'_>) -> Result<Self> {
        let mut cell_of = vec![None; field.places.len()];
        let mut places = Vec::new();
        for (at, _) in field.places.iter().enumerate().filter(|(_, place)| place.tissue) {
            cell_of[at] = Some(places.len());
            places.push(at);
        }
        let cells: Vec<_> = places.iter().map(|&at| (field.places[at].col, field.places[at].row)).collect();
        Ok(Self { neighbours: Neighbours::of(&cells, Contiguity::Queen)?, cells, places, cell_of })
    }

    /// A class's scores, cell by cell.
    pub fn scores(&self, field: &Field<'_>, class: usize) -> Vec<f64> {
        self.places.iter().map(|&at| f64::from(field.places[at].scores[class])).collect()
    }

    /// Where a class is present, cell by cell.
    pub fn present(&self, field: &Field<'_>, class: usize) -> Vec<bool> {
        self.places.iter().map(|&at| Field::holds(&field.present[class], &field.places[at])).collect()
    }
}

/// Classes that take part: all but background.
pub(super) fn classes(field: &Field<'_>) -> Vec<usize> {
    (0..field.readings.len()).filter(|&class| field.readings[class].role != Some(Role::Background)).collect()
}

/// One value of every cell with what its neighbours have, as sums.
struct Smooth {
    /// Deviations from the mean over all tissue, and the mean of the neighbours' ones.
    values: Vec<f64>,
    lags: Vec<Option<f64>>,
    value: Sum,
    square: Sum,
    /// Of cells that have neighbours only.
    lag: Sum,
    value_linked: Sum,
}

/// Adds what is summed over cells, and p where there is a formula for it.
pub(super) fn arrange<'f>(field: &'f Field<'_>, tissue: &Tissue, tally: &mut Tally<'f>) -> Vec<(Readout, f64)> {
    let mut tests = Vec::new();
    if tissue.cells.is_empty() {
        return tests;
    }
    let names = field.map.class_names();
    let count = tally.sum(|at, _| f64::from(u8::from(tissue.cell_of[at].is_some())));
    let linked = |at: usize| tissue.cell_of[at].is_some_and(|cell| !tissue.neighbours.of_cell(cell).is_empty());
    let links = tally.sum(|at, _| f64::from(u8::from(linked(at))));
    let mut smooth = Vec::new();
    for class in classes(field) {
        let scores = tissue.scores(field, class);
        if let Some(found) = autocorrelation(&tissue.neighbours, &scores, None) {
            let p = found.moran.randomisation.map(|test| test.p);
            tests.extend(p.map(|p| (Readout::of(Measure::Moran, &names[class]), p)));
            let p = found.geary.randomisation.map(|test| test.p);
            tests.extend(p.map(|p| (Readout::of(Measure::Geary, &names[class]), p)));
        }
        let one = Smooth::new(tissue, &scores, tally);
        one.read(tissue, &names[class], (count, links), tally);
        hot(field, tissue, class, &scores, tally);
        smooth.push((class, one));
    }
    if *field.map.meaning() != Meaning::Classes {
        for (x, one) in &smooth {
            for (y, other) in smooth.iter().filter(|(y, _)| y != x) {
                pair(tissue, [one, other], &format!("{}|{}", names[*x], names[*y]), x < y, (count, links), tally);
            }
        }
    }
    tests
}

/// Join counts, which are against chance alone and have no interval.
pub(super) fn joins(field: &Field<'_>, tissue: &Tissue) -> Vec<Readout> {
    let of = |class: usize| {
        let found = join_counts(&tissue.neighbours, &tissue.present(field, class))?.both.test?;
        let mut readout = Readout::of(Measure::JoinCount, &field.map.class_names()[class]);
        readout.figure.value = Some(found.z);
        Some(Readout { p: Some(found.p), ..readout })
    };
    if tissue.cells.is_empty() { Vec::new() } else { classes(field).into_iter().filter_map(of).collect() }
}

/// Where there is more or less of a class than chance would have, on the tiles' own grid.
///
/// # Source
/// Gi* of Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x, at a false discovery rate of 5 % over all cells.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalMap {
    /// The class.
    pub of: String,
    /// Top-left corner of the first cell, level-0 pixels.
    pub origin_l0: (i64, i64),
    /// Distance between cells, level-0 pixels.
    pub step_l0: u32,
    /// Cell by cell, row by row: more than chance, or less; none where neither, and where there is no tissue.
    pub cells: Vec<Option<bool>>,
}

/// Local maps of the classes that a reader asks for first: immune cells and tumour, or the first numbers.
pub(super) fn local(field: &Field<'_>, tissue: &Tissue) -> Vec<LocalMap> {
    let wanted = |class: &usize| matches!(field.readings[*class].role, Some(Role::Immune | Role::Tumour));
    let classes = classes(field);
    let mut chosen: Vec<usize> = classes.iter().copied().filter(wanted).collect();
    if chosen.is_empty() {
        chosen = classes;
    }
    let of = |class: usize| {
        let standing = standing(tissue, &tissue.scores(field, class))?;
        let mut cells = vec![None; field.map.cols() as usize * field.map.rows() as usize];
        for (&(col, row), standing) in tissue.cells.iter().zip(standing) {
            cells[row as usize * field.map.cols() as usize + col as usize] = standing;
        }
        let (origin_l0, step_l0) = (field.map.origin_l0(), field.map.step_l0());
        Some(LocalMap { of: field.map.class_names()[class].clone(), origin_l0, step_l0, cells })
    };
    chosen.into_iter().take(LOCAL_MAPS).filter_map(of).collect()
}

/// For each cell whether it and its neighbours have more than chance, or less; none where neither.
fn standing(tissue: &Tissue, scores: &[f64]) -> Option<Vec<Option<bool>>> {
    let z = gi_star(&tissue.neighbours, scores)?;
    let p: Vec<Option<f64>> = z.iter().map(|z| z.map(two_sided_p)).collect();
    let beyond = benjamini_hochberg(&p).into_iter().map(|q| q.is_some_and(|q| q <= FALSE_DISCOVERY));
    Some(z.into_iter().zip(beyond).map(|(z, beyond)| z.filter(|_| beyond).map(|z| z > 0.0)).collect())
}

/// The share of cells that are hot.
fn hot<'f>(field: &'f Field<'_>, tissue: &Tissue, class: usize, scores: &[f64], tally: &mut Tally<'f>) {
    let Some(standing) = standing(tissue, scores) else { return };
    let is_hot = |cell: usize| standing[cell] == Some(true);
    let hot = tally.sum(|at, place| if tissue.cell_of[at].is_some_and(is_hot) { place.mm2 } else { 0.0 });
    let all = tally.area(|place| place.tissue);
    tally.read(Readout::of(Measure::HotShare, &field.map.class_names()[class]), all, move |sums| sums.ratio(hot, all));
}

impl Smooth {
    fn new(tissue: &Tissue, scores: &[f64], tally: &mut Tally<'_>) -> Self {
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let values: Vec<f64> = scores.iter().map(|score| score - mean).collect();
        let lags = tissue.neighbours.means(&values);
        let mut sum = |of: &dyn Fn(usize) -> f64| tally.sum(|at, _| tissue.cell_of[at].map_or(0.0, of));
        let value = sum(&|cell| values[cell]);
        let square = sum(&|cell| values[cell] * values[cell]);
        let lag = sum(&|cell| lags[cell].unwrap_or(0.0));
        let value_linked = sum(&|cell| lags[cell].map_or(0.0, |_| values[cell]));
        Self { values, lags, value, square, lag, value_linked }
    }

    /// Moran's I and Geary's C of the cells that were drawn, each with its own neighbours.
    fn read(&self, tissue: &Tissue, name: &str, (count, links): (Sum, Sum), tally: &mut Tally<'_>) {
        let Self { value, square, lag, value_linked, .. } = *self;
        let product = tally.sum(|at, _| {
            tissue.cell_of[at].map_or(0.0, |cell| self.lags[cell].map_or(0.0, |lag| lag * self.values[cell]))
        });
        let apart = tally.sum(|at, _| {
            let Some(cell) = tissue.cell_of[at] else { return 0.0 };
            let near = tissue.neighbours.of_cell(cell);
            let apart = |&other: &u32| (self.values[cell] - self.values[other as usize]).powi(2);
            near.iter().map(apart).sum::<f64>() / near.len().max(1) as f64
        });
        let moran = move |sums: &Sums<'_>| {
            let (mean, variation) = variation(sums, count, value, square)?;
            let products = sums[product] - mean * (sums[lag] + sums[value_linked]) + mean * mean * sums[links];
            (sums[links] > 0.0).then(|| sums[count] / sums[links] * products / variation)
        };
        tally.read(Readout::of(Measure::Moran, name), links, moran);
        tally.read(Readout::of(Measure::Geary, name), links, move |sums| {
            let (_, variation) = variation(sums, count, value, square)?;
            (sums[links] > 0.0).then(|| (sums[count] - 1.0) * sums[apart] / (2.0 * sums[links] * variation))
        });
    }
}

/// Mean and sum of squared deviations; none of a constant.
fn variation(sums: &Sums<'_>, count: Sum, value: Sum, square: Sum) -> Option<(f64, f64)> {
    let mean = sums[value] / sums[count];
    let variation = sums[square] - sums[count] * mean * mean;
    (variation > 1e-12 * sums[square]).then_some((mean, variation))
}

/// How two values go together: in the cell itself, in neighbourhoods, and one with the other's neighbours. What is the same
/// both ways round is read `once`.
fn pair(
    tissue: &Tissue,
    [x, y]: [&Smooth; 2],
    of: &str,
    once: bool,
    (count, links): (Sum, Sum),
    tally: &mut Tally<'_>,
) {
    let mut sum = |of: &dyn Fn(usize) -> f64| tally.sum(|at, _| tissue.cell_of[at].map_or(0.0, of));
    let lagged = sum(&|cell| y.lags[cell].map_or(0.0, |lag| lag * x.values[cell]));
    let both = once.then(|| {
        let plain = sum(&|cell| x.values[cell] * y.values[cell]);
        let lags = sum(&|cell| x.lags[cell].unwrap_or(0.0) * y.lags[cell].unwrap_or(0.0));
        (plain, lags)
    });
    let [first, second] = [x, y].map(|one| (one.value, one.square, one.lag, one.value_linked));
    let spread = move |sums: &Sums<'_>| {
        let (x_mean, x_variation) = variation(sums, count, first.0, first.1)?;
        let (y_mean, y_variation) = variation(sums, count, second.0, second.1)?;
        Some((x_mean, y_mean, (x_variation * y_variation).sqrt()))
    };
    tally.read(Readout::of(Measure::BivariateMoran, of), count, move |sums| {
        let (x_mean, y_mean, spread) = spread(sums)?;
        let products = sums[lagged] - x_mean * sums[second.2] - y_mean * sums[first.3] + x_mean * y_mean * sums[links];
        Some(products / spread)
    });
    let Some((plain, lags)) = both else { return };
    tally.read(Readout::of(Measure::Correlation, of), count, move |sums| {
        let (x_mean, y_mean, spread) = spread(sums)?;
        Some((sums[plain] - sums[count] * x_mean * y_mean) / spread)
    });
    tally.read(Readout::of(Measure::Lee, of), count, move |sums| {
        let (x_mean, y_mean, spread) = spread(sums)?;
        let products = sums[lags] - x_mean * sums[second.2] - y_mean * sums[first.2] + x_mean * y_mean * sums[links];
        (sums[links] > 0.0).then(|| sums[count] / sums[links] * products / spread)
    });
}

/// Read-outs of pairs `a|b` as a table; what is the same both ways round fills both halves.
pub(super) fn table(readouts: &[Readout], measure: Measure, names: &[String]) -> Option<PairTable> {
    let found = |x: &String, y: &String| {
        let of = format!("{x}|{y}");
        readouts.iter().find(|readout| readout.measure == measure && readout.of.as_ref() == Some(&of))
    };
    let both_ways = measure != Measure::BivariateMoran;
    let value = |x: &String, y: &String| found(x, y).or_else(|| found(y, x).filter(|_| both_ways))?.figure.value;
    let values: Vec<Vec<_>> = names.iter().map(|x| names.iter().map(|y| value(x, y)).collect()).collect();
    let any = values.iter().flatten().any(Option::is_some);
    any.then(|| PairTable { measure, names: names.to_vec(), values })
}
