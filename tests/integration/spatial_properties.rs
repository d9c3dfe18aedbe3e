//! What holds of spatial statistics whatever the values: no direction, no order, no thread changes a figure; patterns are
//! found, and noise is not.

use crate::formula::uniform;
use eosin::spatial::{
    Contiguity, Edges, Lattice, LocalMoran, Neighbours, Permutations, RELABELLINGS, Window, autocorrelation,
    class_distance, contacts, gi, join_counts, local_moran, marked_l, nearest_distances, ripley,
};

/// A grid of hills with a grain, some cells missing; of each cell its value, and three classes.
fn hills(side: u32) -> (Vec<(u32, u32)>, Vec<f64>, Vec<u8>) {
    let all = (0..side * side).map(|at| (at % side, at / side));
    let cells: Vec<(u32, u32)> = all.filter(|(column, row)| (column * 7 + row * row) % 11 > 1).collect();
    let value = |&(column, row): &(u32, u32)| {
        let (x, y) = (f64::from(column), f64::from(row));
        (x * 0.3).sin() * (y * 0.2).cos() + 0.8 * ((x * 12.9898 + y * 78.233).sin() * 43_758.545).fract()
    };
    let values: Vec<f64> = cells.iter().map(value).collect();
    let labels = values.iter().map(|&value| u8::from(value > 0.0) + u8::from(value > 0.6)).collect();
    (cells, values, labels)
}

/// Numbers without a pattern.
fn noise(seed: usize, count: usize) -> Vec<f64> {
    (seed << 32..).take(count).map(|at| uniform("noise", at)).collect()
}

#[test]
fn p_values_by_permutation_are_those_of_the_normal_distribution_where_both_hold() {
    let (cells, _, _) = hills(40);
    let neighbours = Neighbours::of(&cells, Contiguity::Queen).unwrap();
    let permutations = Permutations { count: 9999, seed: 3 };
    for seed in 1..7 {
        let values = noise(seed, cells.len());
        let found = autocorrelation(&neighbours, &values, Some(permutations)).unwrap();
        for figure in [found.moran, found.geary] {
            let (tried, known) = (figure.permutation.unwrap().p, figure.randomisation.unwrap().p);
            // Four standard errors of 9,999 permutations, and a little for being only nearly normal.
            assert!((tried - known).abs() < 4.0 * (known * (1.0 - known) / 1e4).sqrt() + 0.005, "{tried} {known}");
        }
    }
}

#[test]
fn turning_and_mirroring_the_grid_changes_no_figure() {
    let side = 24;
    let (cells, values, labels) = hills(side);
    let marks: Vec<bool> = labels.iter().map(|&label| label == 2).collect();
    // A quarter turn, two mirrors, and a move.
    let ways = |x: u32, y: u32| [(side - y, x), (side - x, y), (y, x), (x + 900, y + 70)];
    let figures = |cells: &[(u32, u32)], contiguity: Contiguity| -> Vec<f64> {
        let neighbours = Neighbours::of(cells, contiguity).unwrap();
        let lattice = Lattice::of(cells).unwrap();
        let both = autocorrelation(&neighbours, &values, None).unwrap();
        let mut figures = vec![both.moran.value, both.geary.value, both.moran.randomisation.unwrap().z];
        figures.extend(local_moran(&neighbours, &values, None).unwrap().into_iter().flatten().map(|cell| cell.value));
        figures.extend(gi(&neighbours, &values).unwrap().into_iter().flatten());
        figures.extend(contacts(&neighbours, &labels, 3, None).unwrap().iter().map(|contact| contact.count as f64));
        let curve = marked_l(&lattice, &marks, &[1.0, 2.0, 5.0, 9.0], None).unwrap();
        figures.extend(curve.radii.iter().map(|at| at.l.unwrap()));
        figures.push(class_distance(&lattice, &labels, 0, 2, None).unwrap().mean);
        figures
    };
    for contiguity in [Contiguity::Queen, Contiguity::Rook] {
        let straight = figures(&cells, contiguity);
        for way in 0..4 {
            let turned: Vec<(u32, u32)> = cells.iter().map(|&(x, y)| ways(x, y)[way]).collect();
            let turned = figures(&turned, contiguity);
            assert_eq!(straight.len(), turned.len());
            assert!(straight.iter().zip(&turned).all(|(a, b)| (a - b).abs() < 1e-10 * (1.0 + a.abs())));
        }
    }
}

#[test]
fn a_checkerboard_is_as_unlike_its_neighbours_as_can_be() {
    let cells: Vec<(u32, u32)> = (0..100).map(|at| (at % 10, at / 10)).collect();
    let marks: Vec<bool> = cells.iter().map(|(column, row)| (column + row) % 2 == 0).collect();
    let values: Vec<f64> = marks.iter().map(|&mark| f64::from(u8::from(mark))).collect();
    let rook = Neighbours::of(&cells, Contiguity::Rook).unwrap();
    let found = autocorrelation(&rook, &values, Some(Permutations { count: 99, seed: 0 })).unwrap();
    assert!((found.moran.value + 1.0).abs() < 1e-12 && found.moran.permutation.unwrap().z.unwrap() < -5.0);
    assert!(found.geary.value > 1.9);
    let joins = join_counts(&rook, &marks).unwrap();
    assert_eq!([joins.both.count, joins.neither.count, joins.one.count], [0, 0, 180]);
    let curve = marked_l(
        &Lattice::of(&cells).unwrap(),
        &marks,
        &[1.0, 1.5],
        Some(Permutations { count: RELABELLINGS, seed: 0 }),
    );
    let curve = curve.unwrap();
    assert!(curve.p.unwrap() <= 0.05);
    assert!(curve.radii[0].l.unwrap() < curve.radii[0].low.unwrap());
}

#[test]
fn classes_by_other_names_have_the_same_contacts() {
    let (cells, _, labels) = hills(24);
    let neighbours = Neighbours::of(&cells, Contiguity::Queen).unwrap();
    let permutations = Some(Permutations { count: 99, seed: 1 });
    let named = |names: [u8; 3]| {
        let labels: Vec<u8> = labels.iter().map(|&label| names[usize::from(label)]).collect();
        contacts(&neighbours, &labels, 3, permutations).unwrap()
    };
    let (straight, other) = (named([0, 1, 2]), named([2, 0, 1]));
    let renamed = [2, 0, 1];
    for contact in straight {
        let same = other[renamed[usize::from(contact.from)] * 3 + renamed[usize::from(contact.to)]];
        assert_eq!((same.count, same.permutation), (contact.count, contact.permutation));
    }
}

#[test]
fn patterns_of_hills_are_found_and_noise_is_not() {
    let (cells, values, labels) = hills(40);
    let lattice = Lattice::of(&cells).unwrap();
    let neighbours = Neighbours::of(&cells, Contiguity::Queen).unwrap();
    let permutations = Some(Permutations { count: 199, seed: 2 });
    let marks: Vec<bool> = labels.iter().map(|&label| label == 2).collect();
    let curve = marked_l(&lattice, &marks, &[1.5, 3.0, 6.0], permutations).unwrap();
    assert!(curve.p.unwrap() < 0.05 && curve.radii[0].l.unwrap() > curve.radii[0].high.unwrap());
    // Low and high stand on different hills.
    let far = class_distance(&lattice, &labels, 0, 2, permutations).unwrap();
    assert!(far.permutation.unwrap().p < 0.05 && far.permutation.unwrap().z.unwrap() > 2.0);
    let local = local_moran(&neighbours, &values, permutations).unwrap();
    let small = |cells: &[Option<LocalMoran>]| {
        cells.iter().flatten().filter(|cell| cell.p.unwrap() <= 0.05).count() as f64 / cells.len() as f64
    };
    assert!(small(&local) > 0.2, "{}", small(&local));

    let grain = noise(9, cells.len());
    let local = local_moran(&neighbours, &grain, Some(Permutations { count: 9999, seed: 2 })).unwrap();
    // 5 of 100, give or take four standard deviations of a share of 1,300 cells that overlap.
    assert!((small(&local) - 0.05).abs() < 0.03, "{}", small(&local));
    let marks: Vec<bool> = grain.iter().map(|&value| value > 0.0).collect();
    let curve = marked_l(&lattice, &marks, &[1.5, 3.0, 6.0], permutations).unwrap();
    assert!(curve.p.unwrap() > 0.05);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (cells, values, labels) = hills(30);
    let neighbours = Neighbours::of(&cells, Contiguity::Queen).unwrap();
    let lattice = Lattice::of(&cells).unwrap();
    let marks: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
    let points: Vec<[f64; 2]> =
        cells.iter().zip(&values).map(|(&(x, y), value)| [f64::from(x) + value.sin(), f64::from(y)]).collect();
    let window = Window::of([-2.0, -2.0], [40.0, 40.0]).unwrap();
    let permutations = Some(Permutations { count: 50, seed: 8 });
    let all = || {
        let figures = (
            autocorrelation(&neighbours, &values, permutations),
            local_moran(&neighbours, &values, permutations),
            contacts(&neighbours, &labels, 3, permutations),
            marked_l(&lattice, &marks, &[1.0, 4.0], permutations),
            class_distance(&lattice, &labels, 1, 2, permutations),
            ripley(&points, window, &[1.0, 3.0], Edges::Isotropic),
            nearest_distances(&points),
        );
        // Numbers are written so that they are read back to the bit.
        serde_json::to_string(&figures).unwrap()
    };
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
    assert_eq!(with(1), with(4));
}
