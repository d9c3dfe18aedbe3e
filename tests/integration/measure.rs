//! Read-outs of maps whose truth is known: a round tumour with a ring of immune cells, and the generated slide.

use eosin::geometry::{Rect, Size};
use eosin::map::{BiomarkerMap, MapConfig};
use eosin::measure::{
    Measure, MeasureConfig, MeasuredMap, Measurements, Phenotype, Readout, Region, Subject, Topic, measure,
};
use eosin::spatial::{Contiguity, Neighbours, autocorrelation, benjamini_hochberg, bivariate_moran, lee};
use eosin::synthetic::{CLASS_NAMES, SyntheticConfig, SyntheticSlide};
use eosin::tile::{GridRule, Meaning, Predictions, Reading, Role, TilePlan, Unfamiliarity};
use eosin::units::Mpp;
use std::f64::consts::PI;

/// Side of the tiles of the round tumour, which are its cells; 1 um is 1 px.
const CELL_UM: f64 = 50.0;
/// Radii in um: the tumour, the ring of immune cells around it, the section.
const TUMOUR: f64 = 2000.0;
const RING: [f64; 2] = [2200.0, 2400.0];
const SECTION: f64 = 3800.0;
const CENTRE: f64 = 4000.0;

fn plan(slide: Size, mpp: f64, side_l0: u32, origins_l0: Vec<(i64, i64)>) -> TilePlan {
    TilePlan {
        rule: GridRule::Eosin,
        slide_l0: slide,
        mpp: Mpp::new(mpp).unwrap(),
        side_l0,
        step_l0: side_l0,
        level: 0,
        downsample: (1.0, 1.0),
        read_px: side_l0,
        tile_px: side_l0,
        fill: [255; 3],
        places: origins_l0.len(),
        origins_l0,
    }
}

fn role(role: Role) -> Reading {
    Reading { role: Some(role), threshold: None }
}

/// A round tumour in stroma, a ring of immune cells around it; every tile is wholly of the class at its centre.
fn round_tumour(lost: impl Fn(f64) -> bool) -> (TilePlan, Predictions) {
    let cells = 160;
    let (mut origins, mut rows) = (Vec::new(), Vec::new());
    for x in 0..cells {
        for y in 0..cells {
            let at = |cell: i32| (f64::from(cell) + 0.5) * CELL_UM - CENTRE;
            let r = at(x).hypot(at(y));
            if r >= SECTION {
                continue;
            }
            origins.push((i64::from(x) * 50, i64::from(y) * 50));
            let class = if r < TUMOUR {
                0
            } else if (RING[0]..RING[1]).contains(&r) {
                2
            } else {
                1
            };
            let mut scores = vec![0.05_f32; 3];
            scores[class] = 0.9;
            rows.push((!lost(r)).then_some(scores));
        }
    }
    let names = ["tumour", "stroma", "immune"].map(str::to_owned).to_vec();
    let plan = plan(Size::new(8000, 8000), 1.0, 50, origins);
    (plan, Predictions { meaning: Meaning::Classes, class_names: names, rows, unfamiliarity: None })
}

const ROLES: [Role; 3] = [Role::Tumour, Role::Stroma, Role::Immune];

fn quick() -> MeasureConfig {
    MeasureConfig { replicates: 200, permutations: 99, ..MeasureConfig::default() }
}

fn measured(plan: &TilePlan, predictions: &Predictions, config: &MeasureConfig) -> Measurements {
    let map = BiomarkerMap::new(plan, predictions).unwrap();
    let readings = ROLES.map(role);
    let subject = Subject { plan, predictions, map: &map, readings: &readings, measured: None };
    measure(&subject, config).unwrap()
}

fn value(found: &Measurements, measure: Measure, of: Option<&str>, region: Region) -> f64 {
    let readout = found.find(measure, of, region);
    readout.unwrap_or_else(|| panic!("{measure:?} {of:?} {region:?}")).figure.value.unwrap()
}

/// Numbers that no rounding can make differ.
fn same(found: f64, truth: f64) -> bool {
    (found - truth).abs() < f64::EPSILON
}

/// Area of a ring, mm².
fn ring_mm2(inner: f64, outer: f64) -> f64 {
    PI * (outer * outer - inner * inner) / 1e6
}

/// Cells are decided by their centre, so each circle is off by at most half a cell's diagonal along its whole length.
fn quantisation_mm2(radii: &[f64]) -> f64 {
    radii.iter().map(|r| 2.0 * PI * r * CELL_UM * 0.5_f64.sqrt() / 1e6).sum()
}

#[test]
fn areas_margin_and_profile_of_a_round_tumour_are_those_of_geometry_within_half_a_cell() {
    let (plan, predictions) = round_tumour(|_| false);
    let found = measured(&plan, &predictions, &quick());
    let of = |measure, name, region| value(&found, measure, name, region);
    let near = |found: f64, truth: f64, radii: &[f64]| {
        assert!((found - truth).abs() <= quantisation_mm2(radii), "{found} {truth}");
    };
    near(of(Measure::TumourArea, None, Region::Tissue), ring_mm2(0.0, TUMOUR), &[TUMOUR]);
    near(of(Measure::TissueArea, None, Region::Tissue), ring_mm2(0.0, SECTION), &[SECTION]);
    near(of(Measure::TissueArea, None, Region::TumourCore), ring_mm2(0.0, TUMOUR - 500.0), &[TUMOUR - 500.0]);
    near(of(Measure::TissueArea, None, Region::MarginInside), ring_mm2(1500.0, 2000.0), &[1500.0, 2000.0]);
    near(of(Measure::TissueArea, None, Region::MarginOutside), ring_mm2(2000.0, 2500.0), &[2000.0, 2500.0]);
    near(of(Measure::TissueArea, None, Region::Beyond), ring_mm2(2500.0, SECTION), &[2500.0, SECTION]);
    near(of(Measure::ClassArea, Some("immune"), Region::Tissue), ring_mm2(RING[0], RING[1]), &RING);
    let outside = ring_mm2(RING[0], RING[1]) / ring_mm2(2000.0, 2500.0);
    let slack = (quantisation_mm2(&RING) + outside * quantisation_mm2(&[2000.0, 2500.0])) / ring_mm2(2000.0, 2500.0);
    let share = of(Measure::ImmuneFraction, None, Region::MarginOutside);
    assert!((share - outside).abs() <= slack, "{share} {outside}");
    assert!(same(of(Measure::ImmuneFraction, None, Region::Tumour), 0.0));
    assert_eq!(found.phenotype.unwrap().phenotype, Phenotype::Excluded);
    // Mean of the distance to the tumour's circle over the ring; cells are off by half a diagonal at either end.
    let mean = 2.0 / 3.0 * (RING[1].powi(3) - RING[0].powi(3)) / (RING[1].powi(2) - RING[0].powi(2)) - TUMOUR;
    let distance = of(Measure::ImmuneToTumour, None, Region::Tissue);
    assert!((distance - mean).abs() < CELL_UM, "{distance} {mean}");
    // A staircase round a circle is 4 / pi times as long, whatever its steps.
    let border = of(Measure::BorderLength, None, Region::Tissue);
    assert!((border / (8.0 * TUMOUR / 1000.0) - 1.0).abs() < 0.02, "{border}");
    let stroma = ring_mm2(TUMOUR, SECTION) - ring_mm2(RING[0], RING[1]);
    let truth = stroma / (stroma + ring_mm2(0.0, TUMOUR));
    assert!((of(Measure::StromaShare, None, Region::Tissue) - truth).abs() < 0.01);
    // Cells of 50 um are the tiles themselves here.
    let til = of(Measure::TilFraction, None, Region::Tissue);
    assert!((til - of(Measure::ImmuneFraction, None, Region::Tissue)).abs() < 1e-12);
    let profile = found.profile.as_ref().unwrap();
    assert_eq!(profile.steps.len(), 20);
    for (step, (tumour, immune)) in
        profile.steps.iter().zip(profile.series[0].figures.iter().zip(&profile.series[2].figures))
    {
        let (tumour, immune) = (tumour.value.unwrap(), immune.value.unwrap());
        assert!(same(tumour, if step.to_um <= 0.0 { 1.0 } else { 0.0 }), "{step:?}");
        let middle = f64::midpoint(step.from_um, step.to_um);
        if (200.0..400.0).contains(&middle) {
            assert!(immune > 0.7, "{step:?} {immune}");
        } else {
            assert!(immune < 0.3, "{step:?} {immune}");
        }
    }
    // The grid is of 160 x 160 cells, of which the middle one is deep in the tumour. A quarter of the tissue is tumour, so nine
    // cells without any are no surprise.
    let local = found.local.iter().find(|local| local.of == "tumour").unwrap();
    let at = |col: usize, row: usize| local.cells[row * 160 + col];
    assert_eq!([at(80, 80), at(80, 10), at(0, 0)], [Some(true), None, None]);
    let spots = found.hot_spots.iter().find(|spots| spots.of == "immune").unwrap();
    assert!(!spots.spots.is_empty());
    for spot in &spots.spots {
        // A window of 1 mm across the ring of 0.2 mm holds a fifth and a little more of it.
        assert!((0.18..0.45).contains(&spot.value) && spot.p == Some(0.01), "{spot:?}");
        let middle = |at: i64, side: u32| at as f64 + f64::from(side) / 2.0 - CENTRE;
        let r = middle(spot.x_l0, spot.w_l0).hypot(middle(spot.y_l0, spot.h_l0));
        assert!((1700.0..2900.0).contains(&r), "{r}");
    }
}

#[test]
fn intervals_hold_their_value_and_lost_tiles_are_in_no_number() {
    let (plan, predictions) = round_tumour(|_| false);
    let whole = measured(&plan, &predictions, &quick());
    let with_interval = whole.readouts.iter().filter(|readout| readout.figure.low.is_some());
    for readout in with_interval.clone() {
        let figure = readout.figure;
        // The percentile interval of what cannot be below 0 or above 1 may end at the value, not short of it.
        assert!(figure.low.unwrap() <= figure.value.unwrap() + 1e-9, "{readout:?}");
        assert!(figure.high.unwrap() >= figure.value.unwrap() - 1e-9, "{readout:?}");
    }
    assert!(with_interval.count() > 20);
    // All tiles of the ring are lost: nothing of immune cells is left, and nothing else changes but the areas.
    let (plan, predictions) = round_tumour(|r| (RING[0]..RING[1]).contains(&r));
    let found = measured(&plan, &predictions, &quick());
    assert!(same(value(&found, Measure::ClassArea, Some("immune"), Region::Tissue), 0.0));
    let lost = value(&found, Measure::FailedArea, None, Region::Tissue);
    assert!((lost - value(&whole, Measure::ClassArea, Some("immune"), Region::Tissue)).abs() < 1e-9);
    let tumour = |found: &Measurements| value(found, Measure::TumourArea, None, Region::Tissue);
    assert!((tumour(&found) - tumour(&whole)).abs() < 1e-9);
    let (scored, all) = (
        value(&found, Measure::TissueArea, None, Region::Tissue),
        value(&whole, Measure::TissueArea, None, Region::Tissue),
    );
    assert!((scored + lost - all).abs() < 1e-9);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (plan, predictions) = round_tumour(|_| false);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&measured(&plan, &predictions, &quick())).unwrap())
    };
    assert_eq!(with(1), with(4));
}

/// A map of two numbers with holes, that go together in part.
fn two_numbers() -> (TilePlan, Predictions) {
    let (mut origins, mut rows) = (Vec::new(), Vec::new());
    for x in 0..40_i32 {
        for y in 0..30_i32 {
            if (x * 7 + y * 3) % 11 == 0 {
                continue;
            }
            origins.push((i64::from(x) * 100, i64::from(y) * 100));
            let a = (f64::from(x) / 7.0).sin() + f64::from((x * 31 + y * 17) % 13) / 13.0;
            let b = 0.5 * a + (f64::from(y) / 5.0).cos();
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            rows.push(Some(vec![a as f32, b as f32]));
        }
    }
    let names = ["a", "b"].map(str::to_owned).to_vec();
    let meaning = Meaning::Estimates(vec![Some("cells/mm2".into()), None]);
    let plan = plan(Size::new(4000, 3000), 0.5, 100, origins);
    (plan, Predictions { meaning, class_names: names, rows, unfamiliarity: None })
}

#[test]
fn numbers_of_space_are_those_of_the_statistics_themselves() {
    let (plan, predictions) = two_numbers();
    let map = BiomarkerMap::new(&plan, &predictions).unwrap();
    let readings = [Reading::default(); 2];
    let subject = Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: None };
    let config = MeasureConfig { block_um: 250.0, ..quick() };
    let found = measure(&subject, &config).unwrap();
    let cells: Vec<(u32, u32)> = plan
        .origins_l0
        .iter()
        .map(|&(x, y)| (u32::try_from(x / 100).unwrap(), u32::try_from(y / 100).unwrap()))
        .collect();
    let neighbours = Neighbours::of(&cells, Contiguity::Queen).unwrap();
    let column = |class: usize| -> Vec<f64> {
        predictions.rows.iter().map(|row| f64::from(row.as_ref().unwrap()[class])).collect()
    };
    let (a, b) = (column(0), column(1));
    let alone = autocorrelation(&neighbours, &a, None).unwrap();
    let pair = lee(&neighbours, &a, &b, None).unwrap().l.value;
    let crossed = bivariate_moran(&neighbours, &b, &a, None).unwrap().value;
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    let tissue = Region::Tissue;
    for (measure, of, truth) in [
        (Measure::Moran, "a", alone.moran.value),
        (Measure::Geary, "a", alone.geary.value),
        (Measure::Lee, "a|b", pair),
        (Measure::BivariateMoran, "b|a", crossed),
        (Measure::Mean, "a", mean),
    ] {
        let found = found.find(measure, Some(of), tissue).unwrap();
        let figure = found.figure;
        // Sums in another order.
        assert!((figure.value.unwrap() - truth).abs() < 1e-9 * (1.0 + truth.abs()), "{measure:?} {figure:?} {truth}");
        assert!(figure.low.unwrap() < figure.high.unwrap(), "{measure:?} {figure:?}");
    }
    let of = |values: &[f64]| Some(autocorrelation(&neighbours, values, None).unwrap().moran.randomisation.unwrap().p);
    let adjusted = benjamini_hochberg(&[of(&a), of(&b)]);
    assert_eq!(found.find(Measure::Moran, Some("a"), tissue).unwrap().p, adjusted[0], "adjusted for both numbers");
    assert_eq!(found.find(Measure::Mean, Some("a"), tissue).unwrap().unit(), "cells/mm2");
    let mut sorted = a.clone();
    sorted.sort_by(f64::total_cmp);
    assert!(same(value(&found, Measure::Median, Some("a"), tissue), sorted[(sorted.len() - 1) / 2]));
}

#[test]
fn arrangement_is_that_of_the_tiles_whatever_the_cells_and_without_chance_where_tiles_overlap() {
    let (plan, predictions) = round_tumour(|_| false);
    let readings = ROLES.map(role);
    let of = |plan: &TilePlan, cells: &MapConfig| {
        let map = BiomarkerMap::with(plan, &predictions, cells).unwrap();
        measure(&Subject { plan, predictions: &predictions, map: &map, readings: &readings, measured: None }, &quick())
            .unwrap()
    };
    let arranged = |found: &Measurements| {
        let topic = |readout: &&Readout| readout.measure.definition().topic == Topic::Arrangement;
        let distance = found.find(Measure::ImmuneToTumour, None, Region::Tissue).cloned();
        let readouts: Vec<Readout> = found.readouts.iter().filter(topic).cloned().chain(distance).collect();
        (readouts, found.hot_spots.clone(), found.clustering.clone())
    };
    let tiles = of(&plan, &MapConfig::default());
    let (finer, smoother) = (
        of(&plan, &MapConfig { cell_um: Some(25.0), smooth_um: None }),
        of(&plan, &MapConfig { cell_um: None, smooth_um: Some(150.0) }),
    );
    assert!(arranged(&tiles).0.len() > 10);
    assert_eq!(arranged(&finer), arranged(&tiles));
    assert_eq!(arranged(&smoother), arranged(&tiles));
    // The same tiles, twice as wide: each shares three quarters of itself with others.
    let overlapping = of(&TilePlan { side_l0: 100, ..plan.clone() }, &MapConfig::default());
    assert!(overlapping.readouts.iter().all(|readout| readout.p.is_none()));
    assert!(overlapping.hot_spots.iter().flat_map(|of| &of.spots).all(|spot| spot.p.is_none()));
    assert!(overlapping.find(Measure::JoinCount, Some("tumour"), Region::Tissue).is_none());
    assert!(overlapping.flags.iter().any(|flag| flag.contains("overlap")), "{:?}", overlapping.flags);
}

#[test]
fn background_makes_no_margin_and_is_no_square_of_tissue() {
    // Stroma, which is all that touches the tumour, is called background: no edge of a cell is a border.
    let (plan, predictions) = round_tumour(|_| false);
    let readings = [role(Role::Tumour), role(Role::Background), role(Role::Immune)];
    let map = BiomarkerMap::new(&plan, &predictions).unwrap();
    let subject = Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: None };
    let found = measure(&subject, &quick()).unwrap();
    assert!(found.find(Measure::TissueArea, None, Region::MarginInside).is_some_and(|margin| {
        // Immune cells lie 200 um beyond the border, so only tumour within 300 um of it is in the margin of 500 um.
        let truth = ring_mm2(TUMOUR - 300.0, TUMOUR);
        (margin.figure.value.unwrap() - truth).abs() <= quantisation_mm2(&[TUMOUR - 300.0, TUMOUR])
    }));
    assert!(same(value(&found, Measure::BorderLength, None, Region::Tissue), 0.0));
    let glass = value(&found, Measure::ClassArea, Some("stroma"), Region::Tissue);
    assert!(glass > 10.0 && found.find(Measure::ClassFraction, Some("stroma"), Region::Tissue).is_none());
}

#[test]
fn what_tiles_are_too_large_to_show_is_left_out_and_said() {
    let (plan, predictions) = round_tumour(|_| false);
    let found = measured(&plan, &predictions, &MeasureConfig { largest_gap_mm2: 0.002, ..quick() });
    assert!(found.find(Measure::ImmuneFraction, None, Region::Tumour).is_none() && found.phenotype.is_none());
    assert!(found.find(Measure::ImmuneFraction, None, Region::MarginOutside).is_some());
    assert!(found.flags.iter().any(|flag| flag.contains("nothing but tumour")), "{:?}", found.flags);
}

#[test]
fn a_measured_map_that_is_the_map_agrees_wholly() {
    let (plan, predictions) = two_numbers();
    let map = BiomarkerMap::new(&plan, &predictions).unwrap();
    let readings = [Reading::default(); 2];
    let rows = plan.origins_l0.iter().zip(&predictions.rows);
    let rows = rows.map(|((x, y), row)| format!("{x},{y},{}", 3.0 * row.as_ref().unwrap()[1] + 1.0));
    let table = rows.collect::<Vec<_>>().join("\n");
    let truth = MeasuredMap::read(format!("x,y,b\n{table}").as_bytes(), &predictions.class_names).unwrap();
    let subject =
        Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: Some(&truth) };
    let found = measure(&subject, &quick()).unwrap();
    let [agreement] = &found.agreement[..] else { panic!("one number was measured: {:?}", found.agreement) };
    assert_eq!((agreement.name.as_str(), agreement.cells), ("b", plan.len()));
    assert!(
        (agreement.pearson.value.unwrap() - 1.0).abs() < 1e-6 && (agreement.spearman.value.unwrap() - 1.0).abs() < 1e-9
    );
    assert!(agreement.r2.value.unwrap() < 1.0, "in line with it, but not the same numbers");
}

#[test]
fn a_slide_without_tissue_and_one_with_a_single_tile_have_numbers_where_they_are_defined() {
    let names = ["tumour", "stroma", "immune"].map(str::to_owned).to_vec();
    for rows in [vec![], vec![Some(vec![0.9_f32, 0.05, 0.05])], vec![None]] {
        let plan = plan(Size::new(400, 400), 1.0, 50, (0..rows.len()).map(|_| (0, 0)).collect());
        let predictions =
            Predictions { meaning: Meaning::Classes, class_names: names.clone(), rows, unfamiliarity: None };
        let found = measured(&plan, &predictions, &quick());
        assert!(found.flags.iter().any(|flag| flag.starts_with("WARNING: ")), "{:?}", found.flags);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Measurements>(&text).unwrap(), found);
        let area = found.find(Measure::TissueArea, None, Region::Tissue).and_then(|readout| readout.figure.value);
        let scored = predictions.scored() as f64;
        assert!((area.unwrap() - scored * 0.0025).abs() < 1e-12);
    }
}

#[test]
fn tiles_unlike_the_training_data_are_counted_and_flagged() {
    let (plan, mut predictions) = round_tumour(|_| false);
    let distances = (0..plan.len()).map(|tile| Some(if tile % 4 == 0 { 20.0 } else { 5.0 })).collect();
    predictions.unfamiliarity = Some(Unfamiliarity { distances, threshold: 10.0 });
    let found = measured(&plan, &predictions, &quick());
    assert!((value(&found, Measure::Unfamiliar, None, Region::Tissue) - 0.25).abs() < 1e-3);
    assert!(found.flags.iter().any(|flag| flag.contains("unlike")), "{:?}", found.flags);
}

/// The generated slide: each tile is scored with the true share of each class, so its decision is the truth's largest. The
/// area of a class is then off by at most what the tiles hold of other classes than their largest, which is the
/// quantisation of this slide by these tiles.
#[test]
fn read_outs_of_the_generated_slide_are_its_truth_within_what_tiles_can_tell() {
    let side = 128_u32;
    let config = SyntheticConfig { seed: 3, size: Size::new(4096, 4096), mpp: Mpp::new(1.0).unwrap() };
    let slide = SyntheticSlide::new(config);
    let (mut origins, mut rows, mut truth) = (Vec::new(), Vec::new(), vec![0.0; CLASS_NAMES.len()]);
    let mut mixed = 0.0;
    let tile_mm2 = f64::from(side * side) / 1e6;
    for x in 0..4096 / side {
        for y in 0..4096 / side {
            let (x, y) = (i64::from(x * side), i64::from(y * side));
            let shares = slide.truth_fractions(Rect::new(x, y, side, side));
            origins.push((x, y));
            truth.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share * tile_mm2);
            mixed += (1.0 - shares.iter().copied().fold(0.0, f64::max)) * tile_mm2;
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            rows.push(Some(shares.iter().map(|&share| share as f32).collect()));
        }
    }
    let names: Vec<String> = CLASS_NAMES.iter().map(ToString::to_string).collect();
    let plan = plan(Size::new(4096, 4096), 1.0, side, origins);
    let predictions = Predictions { meaning: Meaning::Classes, class_names: names.clone(), rows, unfamiliarity: None };
    let map = BiomarkerMap::new(&plan, &predictions).unwrap();
    let readings: Vec<Reading> =
        names.iter().map(|name| Reading { role: Role::of_name(name), threshold: None }).collect();
    let subject = Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: None };
    let found = measure(&subject, &quick()).unwrap();
    assert!(mixed < 0.25 * 4.096 * 4.096, "the slide is mostly of pure tiles: {mixed} mm2 are not");
    for (name, truth) in names.iter().zip(&truth) {
        let area = value(&found, Measure::ClassArea, Some(name), Region::Tissue);
        assert!((area - truth).abs() <= mixed, "{name}: {area} mm2, truth {truth}, mixed {mixed}");
    }
    let tissue: f64 = value(&found, Measure::TissueArea, None, Region::Tissue);
    let glass = names.iter().position(|name| Role::of_name(name) == Some(Role::Background));
    let expected: f64 = truth.iter().enumerate().filter(|(class, _)| Some(*class) != glass).map(|(_, area)| area).sum();
    assert!((tissue - expected).abs() <= mixed, "{tissue} {expected}");
}
