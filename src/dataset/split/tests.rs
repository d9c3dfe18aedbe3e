//! Divisions of made-up tiles whose patients, slides, places and copies are known.

use super::*;
use crate::dataset::config::SplitBy;
use crate::dataset::tiles::tests::set;
use crate::geometry::Rect;

/// 20 x 20 places every `step` pixels; class 1 in one corner, class 2 only at two places.
fn slide(step: i64) -> TileSet {
    let places = (0..20).flat_map(|x| (0..20).map(move |y| (x, y)));
    let label = |x: i64, y: i64| match (x, y) {
        (0, 19) | (19, 0) => 2,
        _ => usize::from(x + y < 12),
    };
    set(places.map(|(x, y)| (label(x, y), Some(Rect::new(x * step, y * step, 100, 100)))).collect(), 3)
}

/// Files of `patients`; patient p has p % 7 + 3 tiles, a third of them of class 1, and every fifth patient one of class 2.
fn cohort(patients: usize) -> TileSet {
    let label = |patient: usize, at: usize| {
        if patient.is_multiple_of(5) && at == 0 { 2 } else { usize::from(at.is_multiple_of(3)) }
    };
    let of = |patient: usize| (0..patient % 7 + 3).map(move |at| (patient, label(patient, at)));
    let tiles: Vec<(usize, usize)> = (0..patients).flat_map(of).collect();
    let mut files = set(tiles.iter().map(|&(_, class)| (class, None)).collect(), 3);
    for (tile, (patient, _)) in files.tiles.iter_mut().zip(tiles) {
        tile.patient = Some(format!("secret {patient}"));
        tile.slide = Some((patient / 2).to_string());
        tile.site = Some((patient % 3).to_string());
    }
    files
}

const CONFIG: SplitConfig = SplitConfig {
    by: None,
    validation: 0.25,
    test: 0.0,
    folds: None,
    fold: None,
    block_tiles: 4,
    duplicates: Duplicates::Refuse,
};

fn with_test(files: &TileSet, config: SplitConfig) -> Split {
    split(files, &SplitConfig { test: 0.25, ..config }, 1).unwrap()
}

fn code(outcome: Result<Split>) -> (&'static str, String) {
    let error = outcome.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    (error.code(), error.message().to_owned())
}

#[test]
fn blocks_stay_whole_and_every_class_is_on_both_sides() {
    let set = slide(100);
    let divided = split(&set, &CONFIG, 1).unwrap();
    let block = |index: usize| set.tiles[index].rect_l0.map(|rect| (rect.x / 400, rect.y / 400));
    for &index in &divided.train {
        assert!(divided.validation.iter().all(|&other| block(other) != block(index)));
    }
    assert_eq!((divided.train.len() + divided.validation.len(), divided.dropped), (400, 0));
    let counts = set.counts(&divided.validation);
    assert_eq!(counts[2], 1);
    for class in [0, 1] {
        let share = counts[class] as f64 / set.counts(&(0..400).collect::<Vec<_>>())[class] as f64;
        assert!((0.15..0.35).contains(&share), "class {class}: {share}");
    }
    assert_eq!(divided, split(&set, &CONFIG, 1).unwrap());
    assert_ne!(divided, split(&set, &CONFIG, 2).unwrap());
    assert!(divided.describe(&CONFIG).contains("blocks of 4 x 4 tiles"), "{}", divided.describe(&CONFIG));
}

#[test]
fn tiles_that_overlap_a_held_out_tile_do_not_train() {
    let mut set = slide(50);
    // Its two tiles cannot be on three sides.
    set.tiles.retain(|tile| tile.truth.class() != Some(2));
    set.targets = crate::dataset::Targets::Classes(vec!["a".to_owned(), "b".to_owned()]);
    let divided = with_test(&set, CONFIG);
    assert!(divided.dropped > 0 && !divided.test.is_empty());
    check_leak(&set, &divided).unwrap();
    let all = divided.train.len() + divided.validation.len() + divided.test.len() + divided.dropped;
    assert_eq!(all, set.tiles.len());
}

#[test]
fn leaks_are_refused_on_any_two_sides() {
    let set = slide(50);
    let same = Split { train: vec![0, 1], validation: vec![1], ..Split::default() };
    assert_eq!(check_leak(&set, &same).unwrap_err().code(), "TRN-0302");
    let mut far = slide(100);
    assert_eq!(check_leak(&far, &same).unwrap_err().code(), "TRN-0301");
    for touching in [
        Split { train: vec![0], validation: vec![1], ..Split::default() },
        Split { train: vec![0], test: vec![1], ..Split::default() },
        Split { validation: vec![0], test: vec![1], ..Split::default() },
    ] {
        assert_eq!(check_leak(&set, &touching).unwrap_err().code(), "TRN-0302");
        check_leak(&far, &touching).unwrap();
        // The same pixels of different slides are others.
        let mut two = set.clone();
        two.tiles[0].slide = Some("a".to_owned());
        check_leak(&two, &touching).unwrap();
    }
    far.tiles.iter_mut().for_each(|tile| tile.patient = Some("secret".to_owned()));
    let torn = Split { validation: vec![0], test: vec![1, 2], ..Split::default() };
    let error = check_leak(&far, &torn).unwrap_err();
    let expected = "expected each patient on one side, found 1 on two, such as that of 0 (validation) and 1 (test)";
    assert_eq!((error.code(), error.message()), ("TRN-0304", expected));
    check_leak(&far, &Split { by: Grouping::Block, ..torn }).unwrap();
}

#[test]
fn copies_of_an_image_stay_together() {
    let mut files = set((0..40).map(|at| (at % 2, None)).collect(), 2);
    for at in 0..20 {
        files.tiles[at + 20].digest = files.tiles[at].digest;
    }
    let divided = split(&files, &CONFIG, 3).unwrap();
    assert!(divided.train.iter().all(|&at| !divided.validation.contains(&((at + 20) % 40))));
    let leak = Split { train: vec![0], validation: vec![20], ..Split::default() };
    assert_eq!(check_leak(&files, &leak).unwrap_err().code(), "TRN-0301");
}

#[test]
fn patients_stay_whole_and_classes_have_equal_shares() {
    let files = cohort(60);
    let all = files.counts(&(0..files.tiles.len()).collect::<Vec<_>>());
    for seed in 1..6 {
        let divided = split(&files, &SplitConfig { test: 0.2, validation: 0.2, ..CONFIG }, seed).unwrap();
        assert_eq!((divided.by, divided.groups.iter().sum::<usize>()), (Grouping::Patient, 60));
        for tiles in [&divided.validation, &divided.test] {
            for (count, total) in files.counts(tiles).into_iter().zip(&all) {
                // To a tile of a class, or 3 %.
                let off = (count as f64 - 0.2 * *total as f64).abs();
                assert!(off <= 1.0_f64.max(0.03 * *total as f64), "seed {seed}: {count} of {total}");
            }
        }
        assert!(divided.notes.is_empty());
    }
}

#[test]
fn over_all_folds_every_tile_tests_once() {
    let files = cohort(23);
    for folds in [2, 5, 23] {
        let mut tested = vec![0; files.tiles.len()];
        for fold in 1..=folds {
            let config = SplitConfig { folds: Some(folds), fold: Some(fold), validation: 0.2, ..CONFIG };
            let divided = split(&files, &config, 4).unwrap();
            assert_eq!(divided.fold, Some((fold, folds)));
            divided.test.iter().for_each(|&tile| tested[tile] += 1);
            assert_eq!(divided.train.len() + divided.validation.len() + divided.test.len(), files.tiles.len());
        }
        assert!(tested.iter().all(|&times| times == 1), "{folds} folds");
    }
    let config = SplitConfig { folds: Some(24), fold: Some(1), validation: 0.2, ..CONFIG };
    assert_eq!(code(split(&files, &config, 4)).0, "TRN-0306");
}

#[test]
fn what_is_kept_whole_can_be_chosen() {
    let files = cohort(60);
    let by = |by| with_test(&files, SplitConfig { by: Some(by), ..CONFIG });
    let (slides, sites, tiles) = (by(SplitBy::Slide), by(SplitBy::Site), by(SplitBy::Tile));
    assert_eq!((slides.groups.iter().sum::<usize>(), sites.groups), (30, [1, 1, 1]));
    assert!(
        tiles.notes[0].contains("although patients are known")
            && slides.notes == [tiles.notes[0].replace("images", "slides")]
    );
    assert!(sites.notes.is_empty());
}

#[test]
fn sides_that_the_data_name_are_obeyed_and_checked() {
    let mut files = cohort(12);
    let patients = Grouping::Patient.groups(&files, 1);
    for (tile, patient) in files.tiles.iter_mut().zip(&patients) {
        tile.side = Some(if patient.is_multiple_of(3) { Side::Validation } else { Side::Train });
    }
    let divided = split(&files, &CONFIG, 1).unwrap();
    assert!(divided.given && divided.notes[0].contains("were not asked"));
    assert!(divided.validation.iter().all(|&tile| patients[tile].is_multiple_of(3)) && divided.groups == [8, 4, 0]);
    let folds = SplitConfig { folds: Some(3), fold: Some(1), ..CONFIG };
    assert_eq!(code(split(&files, &folds, 1)).0, "TRN-0307");

    let mut torn = files.clone();
    torn.tiles[1].side = Some(Side::Train);
    let (found, message) = code(split(&torn, &CONFIG, 1));
    assert!(found == "TRN-0304" && message.contains("that of 1 (training) and 0 (validation)"), "{message}");
    let asked = split(&torn, &SplitConfig { by: Some(SplitBy::Tile), ..CONFIG }, 1).unwrap();
    assert!(asked.notes.iter().any(|note| note.contains("although patients are known")));

    let mut copied = files.clone();
    let train = divided.train[0];
    copied.tiles[train].digest = copied.tiles[0].digest;
    let (found, message) = code(split(&copied, &CONFIG, 1));
    assert!(
        found == "TRN-0301" && message.contains(&format!("found {train} for training and its copy 0")),
        "{message}"
    );
    let dropped = split(&copied, &SplitConfig { duplicates: Duplicates::Drop, ..CONFIG }, 1).unwrap();
    assert_eq!((dropped.copies_dropped, dropped.train.len()), (1, divided.train.len() - 1));
    assert!(!dropped.train.contains(&train) && dropped.validation == divided.validation);

    files.tiles.iter_mut().for_each(|tile| tile.side = Some(Side::Train));
    assert_eq!(code(split(&files, &CONFIG, 1)).0, "TRN-0303");
}

#[test]
fn copies_of_different_patients_are_refused_or_held_back() {
    let mut files = cohort(20);
    let digest = files.tiles[0].digest;
    files.tiles.iter_mut().step_by(13).for_each(|tile| tile.digest = digest);
    let (found, message) = code(split(&files, &CONFIG, 1));
    assert!(found == "TRN-0305" && message.contains("found 0 and 13 of different ones"), "{message}");
    let mut dropped = 0;
    for seed in 0..20 {
        let config = SplitConfig { duplicates: Duplicates::Drop, ..CONFIG };
        let divided = split(&files, &config, seed).unwrap();
        check_leak(&files, &divided).unwrap();
        dropped += divided.copies_dropped;
    }
    assert!(dropped > 0);
    // Places may look alike: empty glass does.
    for (at, tile) in files.tiles.iter_mut().enumerate() {
        tile.rect_l0 = Some(Rect::new(i64::try_from(at).unwrap() * 200, 0, 100, 100));
    }
    split(&files, &CONFIG, 1).unwrap();
}

#[test]
fn too_few_groups_are_refused_by_number() {
    let mut files = cohort(2);
    let (found, message) = code(split(&files, &SplitConfig { test: 0.2, ..CONFIG }, 1));
    assert_eq!((found, message.as_str()), ("TRN-0306", "expected at least 3 patients to divide, found 2"));
    files.tiles.iter_mut().for_each(|tile| tile.patient = Some("secret".to_owned()));
    assert_eq!(code(split(&files, &CONFIG, 1)).0, "TRN-0306");
}

#[test]
fn settings_without_sense_are_refused() {
    for config in [
        SplitConfig { validation: 0.0, ..CONFIG },
        SplitConfig { validation: f64::NAN, ..CONFIG },
        SplitConfig { test: -0.1, ..CONFIG },
        SplitConfig { validation: 0.5, test: 0.5, ..CONFIG },
        SplitConfig { fold: Some(3), ..CONFIG },
        SplitConfig { folds: Some(3), fold: Some(4), ..CONFIG },
        SplitConfig { folds: Some(3), fold: Some(0), ..CONFIG },
        SplitConfig { folds: Some(3), fold: Some(1), test: 0.1, ..CONFIG },
        SplitConfig { folds: Some(1), fold: Some(1), ..CONFIG },
        SplitConfig { block_tiles: 0, ..CONFIG },
    ] {
        assert_eq!(config.check().unwrap_err().code(), "TRN-0102", "{config:?}");
    }
    CONFIG.check().unwrap();
    // Each fold in turn is for those who train, not for one split.
    let folds = SplitConfig { folds: Some(3), ..CONFIG };
    folds.check().unwrap();
    assert_eq!(code(split(&cohort(4), &folds, 1)).0, "TRN-0102");
}
