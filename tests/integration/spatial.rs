//! Spatial statistics against esda 2.9.0, pointpats 2.5.5 and astropy on the same grids and points
//! (`parity/statistics/grids.json` and `points.json`).

use crate::shared::shared;
use eosin::spatial::{
    Association, Autocorrelation, Contiguity, Edges, JoinCount, LocalMoran, Neighbours, NormalTest, Permutations,
    Quadrant, Window, autocorrelation, bivariate_moran, clark_evans, contacts, cross_ripley, gi, gi_star, join_counts,
    lee, local_bivariate_moran, local_geary, local_moran, nearest_between, nearest_distances, ripley,
};
use serde_json::Value;

/// Both sides compute in f64 and sum some thousand terms; of the largest figure beside it, since local figures near 0 are
/// differences of larger ones.
const TOLERANCE: f64 = 1e-11;
/// p-values down to 1e-158: an error of 1e-13 in z is one of z * 1e-13 * z in its p.
const TAIL_TOLERANCE: f64 = 1e-9;

const CONTIGUITIES: [(&str, Contiguity); 2] = [("queen", Contiguity::Queen), ("rook", Contiguity::Rook)];

fn reference(name: &str) -> Option<Value> {
    let path = shared(&format!("parity/statistics/{name}"))?;
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn real(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn near(found: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what} is not in the reference"));
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{what}: {found} against {expected}");
}

/// Values of cells; those of the reference that are null must be `None`.
fn all_near(found: &[Option<f64>], expected: &Value, what: &str) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().filter_map(Value::as_f64).fold(0.0, |most: f64, value| most.max(value.abs()));
    for (cell, (found, expected)) in found.iter().zip(expected).enumerate() {
        match (found, expected.as_f64()) {
            (Some(found), Some(expected)) => {
                assert!((found - expected).abs() <= TOLERANCE * largest, "{what} {cell}: {found} against {expected}");
            }
            (found, expected) => assert_eq!(*found, expected, "{what} {cell}"),
        }
    }
}

/// A set of cells with one contiguity, and what is expected of it.
struct Case<'a> {
    name: String,
    neighbours: Neighbours,
    set: &'a Value,
    expected: &'a Value,
}

impl Case<'_> {
    fn values(&self, variable: &str) -> Vec<f64> {
        real(&self.set["values"][variable])
    }

    fn variables(&self) -> impl Iterator<Item = &String> {
        self.set["values"].as_object().unwrap().keys()
    }

    fn marks(&self) -> Vec<bool> {
        real(&self.set["class_map"]).into_iter().map(|class| class > 0.5).collect()
    }

    /// The references give an island what an empty sum gives; we give nothing.
    fn without_islands(&self, expected: &Value) -> Value {
        let mut expected = expected.clone();
        self.neighbours.islands().for_each(|cell| expected[cell] = Value::Null);
        expected
    }
}

fn cells(set: &Value) -> Vec<(u32, u32)> {
    let whole = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    set["cells_row_column"].as_array().unwrap().iter().map(|cell| (whole(&cell[1]), whole(&cell[0]))).collect()
}

fn cases(grids: &Value) -> Vec<Case<'_>> {
    let sets = grids["sets"].as_object().unwrap().iter();
    let cases = sets.flat_map(|(name, set)| {
        CONTIGUITIES.map(|(word, contiguity)| Case {
            name: format!("{name} {word}"),
            neighbours: Neighbours::of(&cells(set), contiguity).unwrap(),
            set,
            expected: &set["results"][word],
        })
    });
    cases.collect()
}

fn near_test(found: Option<NormalTest>, expected: &Value, kind: &str, what: &str) {
    let found = found.unwrap();
    near(found.variance, &expected[format!("var_{kind}")], TOLERANCE, what);
    near(found.z, &expected[format!("z_{kind}")], TOLERANCE, what);
    if let Some(p) = expected.get(format!("p_{kind}_two_sided")) {
        near(found.p, p, TAIL_TOLERANCE, what);
    }
}

fn near_association(found: &Association, value: &str, expected: &Value, what: &str) {
    near(found.value, &expected[value], TOLERANCE, what);
    // Where there are islands, the reference has C alone.
    if expected.get("expectation").is_some() {
        near(found.expectation, &expected["expectation"], TOLERANCE, what);
        near_test(found.normality, expected, "normality", what);
        near_test(found.randomisation, expected, "randomisation", what);
    }
}

#[test]
fn neighbours_and_islands_are_those_of_libpysal() {
    let Some(grids) = reference("grids.json") else { return };
    for Case { name, neighbours, expected, .. } in cases(&grids) {
        assert_eq!(neighbours.links() as u64, expected["links"].as_u64().unwrap(), "{name}");
        let islands: Vec<f64> = neighbours.islands().map(|cell| cell as f64).collect();
        assert_eq!(islands, real(&expected["islands"]), "{name}");
    }
}

#[test]
fn figures_of_the_whole_grid_are_those_of_esda() {
    let Some(grids) = reference("grids.json") else { return };
    for case in cases(&grids) {
        for variable in case.variables() {
            let what = format!("{} {variable}", case.name);
            let expected = &case.expected[variable.as_str()];
            let found = autocorrelation(&case.neighbours, &case.values(variable), None).unwrap();
            near_association(&found.moran, "I", &expected["moran"], &what);
            near_association(&found.geary, "C", &expected["geary"], &what);
        }
    }
}

#[test]
fn figures_of_each_cell_are_those_of_esda() {
    let Some(grids) = reference("grids.json") else { return };
    let number = |quadrant| match quadrant {
        Quadrant::HighHigh => 1.0,
        Quadrant::LowHigh => 2.0,
        Quadrant::LowLow => 3.0,
        Quadrant::HighLow => 4.0,
    };
    for case in cases(&grids) {
        for variable in case.variables() {
            let what = |figure: &str| format!("{} {variable} {figure}", case.name);
            let expected = &case.expected[variable.as_str()];
            let values = case.values(variable);
            let local = local_moran(&case.neighbours, &values, None).unwrap();
            let of = |figure: fn(LocalMoran) -> f64| -> Vec<_> { local.iter().map(|cell| cell.map(figure)).collect() };
            all_near(&of(|cell| cell.value), &case.without_islands(&expected["local_moran"]), &what("I"));
            let quadrants: Vec<_> = local.iter().map(|cell| cell.map(|cell| number(cell.quadrant))).collect();
            all_near(&quadrants, &case.without_islands(&expected["local_moran_quadrant"]), &what("quadrant"));
            let geary = local_geary(&case.neighbours, &values).unwrap();
            // The reference has none for a set with islands.
            if expected["local_geary"].is_null() {
                let without: Vec<usize> = (0..geary.len()).filter(|&cell| geary[cell].is_none()).collect();
                assert_eq!(without, case.neighbours.islands().collect::<Vec<_>>());
            } else {
                all_near(&geary, &expected["local_geary"], &what("C"));
            }
            let hot = gi_star(&case.neighbours, &values).unwrap();
            all_near(&hot, &expected["getis_ord_gi_star_z"], &what("Gi*"));
            all_near(&gi(&case.neighbours, &values).unwrap(), &expected["getis_ord_gi_z"], &what("Gi"));
        }
    }
}

#[test]
fn figures_of_two_values_are_those_of_esda() {
    let Some(grids) = reference("grids.json") else { return };
    for case in cases(&grids) {
        for (pair, expected) in case.expected["pairs"].as_object().unwrap() {
            let what = format!("{} {pair}", case.name);
            let (x, y) = pair.split_once('|').unwrap();
            let (x, y) = (case.values(x), case.values(y));
            let found = bivariate_moran(&case.neighbours, &x, &y, None).unwrap();
            near(found.value, &expected["bivariate_moran"], TOLERANCE, &what);
            let local = local_bivariate_moran(&case.neighbours, &x, &y, None).unwrap();
            let local: Vec<_> = local.iter().map(|cell| cell.map(|cell| cell.value)).collect();
            all_near(&local, &case.without_islands(&expected["bivariate_local_moran"]), &what);
            let found = lee(&case.neighbours, &x, &y, None).unwrap();
            near(found.l.value, &expected["lee_L"], TOLERANCE, &what);
            near(found.smoothing_x, &expected["lee_smoothing_x"], TOLERANCE, &what);
            near(found.smoothing_y, &expected["lee_smoothing_y"], TOLERANCE, &what);
        }
    }
}

#[test]
fn counts_of_joins_and_their_moments_are_those_of_the_reference() {
    let Some(grids) = reference("grids.json") else { return };
    for case in cases(&grids) {
        let expected = &case.expected["join_counts"];
        let found = join_counts(&case.neighbours, &case.marks()).unwrap();
        let total = found.both.count + found.neither.count + found.one.count;
        near(total as f64, &expected["total"], 0.0, &case.name);
        for (name, JoinCount { count, expectation, test }) in
            [("BB", found.both), ("WW", found.neither), ("BW", found.one)]
        {
            let what = format!("{} {name}", case.name);
            near(count as f64, &expected[name], 0.0, &what);
            near(expectation, &expected[format!("expected_{name}")], TOLERANCE, &what);
            near(test.unwrap().variance, &expected[format!("var_{name}")], TOLERANCE, &what);
            near(test.unwrap().z, &expected[format!("z_{name}")], TOLERANCE, &what);
        }
    }
}

#[test]
fn permutations_find_the_moments_that_are_known() {
    let Some(grids) = reference("grids.json") else { return };
    let permutations = Permutations { count: 4999, seed: 5 };
    for case in cases(&grids) {
        for variable in case.variables() {
            let Autocorrelation { moran, geary } =
                autocorrelation(&case.neighbours, &case.values(variable), Some(permutations)).unwrap();
            for found in [moran, geary] {
                let (tried, known) = (found.permutation.unwrap(), found.randomisation.unwrap());
                // Four standard errors of a mean of 4,999, and of a standard deviation with some kurtosis.
                let error = known.variance.sqrt() / 5000_f64.sqrt();
                assert!((tried.mean - found.expectation).abs() < 4.0 * error, "{} {variable}", case.name);
                assert!((tried.deviation / known.variance.sqrt() - 1.0).abs() < 0.06, "{} {variable}", case.name);
                // All of these are clustered beyond what 4,999 permutations can reach.
                assert!((tried.p - 1.0 / 5000.0).abs() < 1e-15, "{} {variable}", case.name);
            }
        }
    }
}

#[test]
fn permuted_counts_of_contacts_have_the_moments_of_joins() {
    let Some(grids) = reference("grids.json") else { return };
    let permutations = Some(Permutations { count: 4999, seed: 6 });
    for case in cases(&grids) {
        let marks = case.marks();
        let labels: Vec<u8> = marks.iter().map(|&mark| u8::from(mark)).collect();
        let found = contacts(&case.neighbours, &labels, 2, permutations).unwrap();
        let known = join_counts(&case.neighbours, &marks).unwrap();
        // Pairs of one class are counted from both ends.
        for (contact, join, times) in [
            (found[0], known.neither, 2.0),
            (found[1], known.one, 1.0),
            (found[2], known.one, 1.0),
            (found[3], known.both, 2.0),
        ] {
            let (tried, test) = (contact.permutation.unwrap(), join.test.unwrap());
            let deviation = times * test.variance.sqrt();
            assert!((contact.count as f64 - times * join.count as f64).abs() < 0.5);
            assert!((contact.expectation - times * join.expectation).abs() < 1e-9 * contact.expectation);
            // Four standard errors of a mean of 4,999, and of their standard deviation.
            assert!((tried.mean - contact.expectation).abs() < 4.0 * deviation / 5000_f64.sqrt(), "{}", case.name);
            assert!((tried.deviation / deviation - 1.0).abs() < 0.05, "{}", case.name);
            assert!((tried.z.unwrap() / test.z - 1.0).abs() < 0.06, "{}", case.name);
        }
    }
}

fn places(values: &Value) -> Vec<[f64; 2]> {
    values.as_array().unwrap().iter().map(|point| real(point).try_into().unwrap()).collect()
}

#[test]
fn k_and_l_are_those_of_the_reference_with_each_correction_at_the_edges() {
    let Some(reference) = reference("points.json") else { return };
    let points = places(&reference["points"]);
    let corners = real(&reference["window"]);
    let window = Window::of([corners[0], corners[1]], [corners[2], corners[3]]).unwrap();
    let radii = real(&reference["radii"]);
    let edges = [
        ("none", Edges::None),
        ("translation", Edges::Translation),
        ("isotropic", Edges::Isotropic),
        ("border", Edges::Border),
    ];
    for (name, edges) in edges {
        let found = ripley(&points, window, &radii, edges).unwrap();
        all_near(&found.k, &reference["K"][name], name);
        all_near(&found.l, &reference["L"][name], name);
        // Its "ripley" looks at one end of each pair only, so it is another figure.
        if let Some(astropy) = reference["K_astropy"].get(name) {
            all_near(&found.k, astropy, name);
        }
    }

    // The form of pointpats: the box of the points for a window, and n^2 below.
    let ends = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (x, y) = (ends(0), ends(1));
    let box_of_points = Window::of([x.0, y.0], [x.1, y.1]).unwrap();
    let pointpats = &reference["K_pointpats_no_correction"];
    let found = ripley(&points, box_of_points, &real(&pointpats["support"]), Edges::None).unwrap();
    let n = points.len() as f64;
    let form: Vec<_> = found.k.iter().map(|k| k.map(|k| k * (n - 1.0) / n)).collect();
    all_near(&form, &pointpats["K"], "pointpats");

    let nearest = nearest_distances(&points).unwrap();
    let nearest: Vec<_> = nearest.into_iter().map(Some).collect();
    all_near(&nearest, &reference["nearest_neighbour_distances"], "nearest");
    let found = clark_evans(&points, window).unwrap();
    near(found.ratio, &reference["clark_evans_ratio_no_correction"], TOLERANCE, "Clark and Evans");
}

#[test]
fn two_kinds_of_points_together_are_the_sum_of_their_parts() {
    let Some(reference) = reference("points.json") else { return };
    let points = places(&reference["points"]);
    let window = Window::of([0.0, 0.0], [100.0, 80.0]).unwrap();
    let radii = real(&reference["radii"]);
    let (a, b) = points.split_at(40);
    let (n, m) = (a.len() as f64, b.len() as f64);
    for edges in [Edges::None, Edges::Translation, Edges::Isotropic] {
        let [whole, own_a, own_b] = [&points, a, b].map(|points| ripley(points, window, &radii, edges).unwrap().k);
        let [across, back] =
            [[a, b], [b, a]].map(|[from, to]| cross_ripley(from, to, window, &radii, edges).unwrap().k);
        for at in 0..radii.len() {
            let pairs = own_a[at].unwrap() * n * (n - 1.0)
                + own_b[at].unwrap() * m * (m - 1.0)
                + (across[at].unwrap() + back[at].unwrap()) * n * m;
            let together = whole[at].unwrap() * (n + m) * (n + m - 1.0);
            assert!((pairs - together).abs() <= 1e-12 * together, "{edges:?} {at}");
        }
    }
    let apart = |a: &[f64; 2]| b.iter().map(|b| (a[0] - b[0]).hypot(a[1] - b[1])).fold(f64::INFINITY, f64::min);
    for (found, a) in nearest_between(a, b).unwrap().into_iter().zip(a) {
        assert!((found - apart(a)).abs() < 1e-12);
    }
}
