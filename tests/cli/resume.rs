//! A run that is started again keeps what is finished, and costs nothing that was.

use crate::workplace::{Workplace, results_of, with_summary};

#[test]
fn a_second_run_keeps_what_is_finished_and_says_so() {
    let here = Workplace::new();
    here.score(&["slides"], &[]).line("scored   good: ");
    let results: Vec<Vec<u8>> = results_of("good").iter().map(|name| here.read(&format!("out/{name}"))).collect();
    let same =
        || results_of("good").iter().zip(&results).all(|(name, bytes)| here.read(&format!("out/{name}")) == *bytes);

    let said = here.score(&["slides"], &[]);
    assert_eq!(said.code, Some(0));
    said.line("kept     good: done by an earlier run");
    said.line("1 of 1 slides done; ");
    assert!(same());

    // Anything that changes results, or a result that is not whole, is a reason to score again.
    here.score(&["slides"], &["--overwrite"]).line("scored   good: ");
    here.score(&["slides"], &["--overlap", "0.5"]).line("scored   good: ");
    here.score(&["slides"], &["--tile-px", "96", "--spacing-um", "0.75"]).line("scored   good: ");
    let grid = &here.record("good")["grid"];
    assert_eq!((&grid["tile_px"], &grid["model_mpp"], &grid["side_l0"]), (&96.into(), &0.75.into(), &144.into()));
    let wsinfer = &["--grid", "wsinfer", "--seg-min-object-size-um2", "100"];
    here.score(&["slides"], wsinfer).line("scored   good: ");
    here.score(&["slides"], &wsinfer[..2]).line("scored   good: ");
    here.score(&["slides"], &[]).line("scored   good: ");
    here.write("out/predictions/good.h5", b"cut");
    here.score(&["slides"], &[]).line("scored   good: ");
    // A map is made again of the predictions, and the same.
    let map = here.read("out/maps/good.png");
    here.write("out/maps/good.png", b"cut");
    here.score(&["slides"], &[]).line("kept     good: ");
    assert_eq!(here.read("out/maps/good.png"), map);
    std::fs::remove_file(here.path("out/model-outputs-csv/good.csv")).unwrap();
    here.score(&["slides"], &[]).line("scored   good: ");
    assert_eq!(here.files("out"), with_summary(&[results_of("good")]));
}

#[test]
fn a_slide_that_is_out_of_reach_fails_and_its_earlier_results_stay() {
    let here = Workplace::new();
    here.score(&["slides/good.svs"], &[]);
    std::fs::rename(here.path("slides"), here.path("unplugged")).unwrap();
    let said = here.score(&["slides/good.svs"], &[]);
    assert_eq!(said.code, Some(2));
    said.line("failed   good (slides/good.svs): ");
    assert_eq!(here.files("out"), with_summary(&[results_of("good")]));
    let summary = String::from_utf8(here.read("out/summary.csv")).unwrap();
    assert!(summary.contains("good,failed,IO-0001"), "{summary}");
    std::fs::rename(here.path("unplugged"), here.path("slides")).unwrap();
    here.score(&["slides/good.svs"], &[]).line("kept     good: ");
}

#[test]
fn a_slide_that_turned_bad_leaves_no_earlier_results() {
    let here = Workplace::new();
    here.score(&["slides/good.svs"], &[]);
    here.write("slides/good.svs", b"no slide any more");
    assert_eq!(here.score(&["slides/good.svs"], &[]).code, Some(2));
    assert_eq!(here.files("out"), with_summary(&[vec!["good.json".to_string()]]));
}

#[test]
fn a_card_that_was_changed_is_a_reason_to_score_again() {
    let here = Workplace::new();
    let card = String::from_utf8(here.read("model/model.toml")).unwrap();
    here.score(&["slides"], &[]);
    for (from, to) in [("mpp = 0.5", "mpp = 0.6"), ("mean = [0.5, ", "mean = [0.4, "), ("name = \"a\"", "name = \"c\"")]
    {
        assert!(card.contains(from), "{from} in {card}");
        here.write("model/model.toml", card.replacen(from, to, 1).as_bytes());
        here.score(&["slides"], &[]).line("scored   good: ");
    }
    here.score(&["slides"], &[]).line("kept     good: ");
}

#[test]
fn a_slip_in_the_arguments_costs_no_finished_results() {
    let here = Workplace::new();
    here.write_slide_without_mpp("slides/no-mpp.svs");
    let slide = &["slides/no-mpp.svs"];
    here.score(slide, &["--mpp", "0.5"]).line("scored   no-mpp: ");
    let before: Vec<Vec<u8>> = results_of("no-mpp").iter().map(|name| here.read(&format!("out/{name}"))).collect();
    for (args, code) in [(&[][..], "RUN-0003"), (&["--mpp", "10"], "TIL-0003")] {
        let said = here.score(slide, args);
        assert_eq!(said.code, Some(2), "{args:?}: {:#?}", said.lines);
        assert!(said.line("failed   no-mpp").contains(code), "{:#?}", said.lines);
        for (name, bytes) in results_of("no-mpp").iter().zip(&before) {
            assert!(here.read(&format!("out/{name}")) == *bytes, "{name} after {args:?}");
        }
    }
    here.score(slide, &["--mpp", "0.5"]).line("kept     no-mpp: ");
}
