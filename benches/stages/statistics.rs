//! Numbers of a large section: all that a slide's report has, and each spatial statistic by itself with the permutations that
//! are usual.

use crate::group;
use crate::input::Input;
use crate::section::{readings, section};
use criterion::Criterion;
use eosin::map::BiomarkerMap;
use eosin::measure::{MeasureConfig, Subject, local_statistics, measure};
use eosin::spatial::{
    Contiguity, Edges, Lattice, Neighbours, Permutations, RELABELLINGS, Window, autocorrelation, bivariate_moran,
    class_distance, contacts, gi_star, lee, local_moran, marked_l, nearest_distances, ripley,
};
use std::hint::black_box;

/// Tiles of the section.
const TILES: u32 = 100_000;
/// Cells along each side of a square that is about as large.
const SIDE: u32 = 316;

pub(crate) fn bench(criterion: &mut Criterion, _: &Input) {
    of_a_slide(criterion);
    of_a_grid(criterion);
}

/// As `pipeline` asks for them.
fn of_a_slide(criterion: &mut Criterion) {
    let (plan, predictions) = section(TILES);
    let (map, readings) = (BiomarkerMap::new(&plan, &predictions).unwrap(), readings());
    let config = MeasureConfig::default();
    let subject = Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: None };
    let mut group = group(criterion, "cpu", "f64", "statistics", plan.len());
    group.bench_function("measure", |bencher| bencher.iter(|| measure(black_box(&subject), &config).unwrap()));
    group.bench_function("measure_local", |bencher| {
        bencher.iter(|| local_statistics(&plan, black_box(&predictions), &readings, &config).unwrap());
    });
    group.finish();
}

/// Smooth hills with grain: from -1 to 1 or so.
fn hills(column: u32, row: u32) -> f64 {
    let (x, y) = (f64::from(column), f64::from(row));
    (x * 0.05).sin() * (y * 0.04).cos() + 0.3 * ((x * 12.9898 + y * 78.233).sin() * 43_758.545).fract()
}

/// Each statistic on smooth hills with grain; points are those cells, each moved within itself.
fn of_a_grid(criterion: &mut Criterion) {
    let cells: Vec<(u32, u32)> = (0..SIDE * SIDE).map(|at| (at % SIDE, at / SIDE)).collect();
    let values: Vec<f64> = cells.iter().map(|&(column, row)| hills(column, row)).collect();
    let other: Vec<f64> = cells.iter().map(|&(column, row)| hills(row, column + 9)).collect();
    let marked: Vec<bool> = values.iter().map(|&value| value > 0.3).collect();
    let labels: Vec<u8> = values.iter().map(|&value| u8::from(value > 0.0) + u8::from(value > 0.5)).collect();
    let neighbours = Neighbours::of(&cells, Contiguity::Queen).unwrap();
    let lattice = Lattice::of(&cells).unwrap();
    let times = |count| Some(Permutations { count, seed: 1 });
    let mut group = group(criterion, "cpu", "f64", "statistics", cells.len());
    group.bench_function("neighbours", |bencher| {
        bencher.iter(|| Neighbours::of(black_box(&cells), Contiguity::Queen));
    });
    group.bench_function("moran_and_geary_999", |bencher| {
        bencher.iter(|| autocorrelation(&neighbours, black_box(&values), times(999)));
    });
    group.bench_function("bivariate_moran_and_lee_999", |bencher| {
        bencher.iter(|| {
            (bivariate_moran(&neighbours, &values, &other, times(999)), lee(&neighbours, &values, &other, times(999)))
        });
    });
    group.bench_function("gi_star", |bencher| bencher.iter(|| gi_star(&neighbours, black_box(&values))));
    group.bench_function("local_moran_199", |bencher| {
        bencher.iter(|| local_moran(&neighbours, black_box(&values), times(199)));
    });
    group.bench_function("local_moran_9999", |bencher| {
        bencher.iter(|| local_moran(&neighbours, black_box(&values), times(9999)));
    });
    group.bench_function("contacts_of_3_classes_999", |bencher| {
        bencher.iter(|| contacts(&neighbours, black_box(&labels), 3, times(999)));
    });
    let radii: Vec<f64> = (1..=20).map(f64::from).collect();
    group.bench_function("marked_l_to_20_cells_199", |bencher| {
        bencher.iter(|| marked_l(&lattice, black_box(&marked), &radii, times(RELABELLINGS)));
    });
    group.bench_function("class_distance_199", |bencher| {
        bencher.iter(|| class_distance(&lattice, black_box(&labels), 0, 2, times(199)));
    });

    // Each point within its cell, so that they are as many and not on a grid.
    let place = |&(column, row): &(u32, u32)| {
        [
            f64::from(column) + 0.5 + 0.4 * hills(column, row).sin(),
            f64::from(row) + 0.5 + 0.4 * hills(row, column).cos(),
        ]
    };
    let points: Vec<[f64; 2]> = cells.iter().map(place).collect();
    let window = Window::of([0.0; 2], [f64::from(SIDE); 2]).unwrap();
    let radii: Vec<f64> = (1..=10).map(|tenth| f64::from(tenth) * 0.6).collect();
    group.bench_function("nearest_of_points", |bencher| bencher.iter(|| nearest_distances(black_box(&points))));
    group.bench_function("ripley_of_points_110_neighbours", |bencher| {
        bencher.iter(|| ripley(black_box(&points), window, &radii, Edges::Isotropic));
    });
    group.finish();
}
