//! One fault, one line: what is wrong with a slide is said, and costs the slide beside it nothing.

use crate::workplace::{SUMMARY, Workplace, results_of, results_without_tissue, score_args, with_summary};

/// Name of the slide, exit code, how its line begins, what that line must hold, status in the summary.
type Row = (&'static str, i32, &'static str, &'static [&'static str], &'static str);

const ROWS: &[Row] = &[
    ("missing.svs", 2, "failed", &["slides/missing.svs", "no such file", "IO-0001"], "failed"),
    ("text.svs", 2, "failed", &["slides/text.svs", "not a slide", "no TIFF", "WSI-0100"], "failed"),
    ("nothing.svs", 2, "failed", &["slides/nothing.svs", "the file is empty", "WSI-0100"], "failed"),
    ("cut.svs", 2, "failed", &["slides/cut.svs", "end of the file", "WSI-0101", "copy it again"], "failed"),
    ("no-mpp.svs", 2, "failed", &["slides/no-mpp.svs", "um/px", "RUN-0003", "--mpp"], "failed"),
    ("ruined.svs", 2, "failed", &["slides/ruined.svs", "damaged JPEG", "WSI-0301"], "failed"),
    ("no-level-0.svs", 2, "failed", &["slides/no-level-0.svs", "none that can be decoded", "RUN-0004"], "failed"),
    ("glass.svs", 0, "empty", &["no tissue found"], "no_tissue"),
    ("hole.svs", 0, "scored", &["lost to damage"], "scored"),
    ("no-last-level.svs", 0, "scored", &["tiles in"], "scored"),
];

#[test]
fn each_fault_of_a_slide_is_one_line_and_the_slide_beside_it_is_scored() {
    let here = Workplace::new();
    here.write("slides/text.svs", b"a letter to the pathologist");
    here.write("slides/nothing.svs", b"");
    let good = here.read("slides/good.svs");
    here.write("slides/cut.svs", &good[..good.len() / 2]);
    here.write_slide_without_mpp("slides/no-mpp.svs");
    here.write_glass("slides/glass.svs");
    here.write_slide("slides/ruined.svs", |_| true);
    here.write_slide("slides/no-level-0.svs", |place| place.level == 0);
    here.write_slide("slides/no-last-level.svs", |place| place.level == 2);
    here.write_slide("slides/hole.svs", |place| (place.level, place.col, place.row) == (0, 1, 1));
    here.score_into("alone", &["slides/good.svs"], &[]);
    let alone = here.read("alone/model-outputs-csv/good.csv");

    for (name, code, start, words, status) in ROWS {
        let slide = format!("slides/{name}");
        let id = name.strip_suffix(".svs").unwrap();
        let _ = std::fs::remove_dir_all(here.path("out"));
        // The faulty one first, so that what it leaves would meet the good one.
        let said = here.score(&[&slide, "slides/good.svs"], &[]);
        assert_eq!((said.code, said.out.as_str()), (Some(*code), ""), "{name}: {:#?}", said.lines);
        // Model, device, note, the slides, the end.
        assert_eq!(said.lines.len(), 6, "{name}: {:#?}", said.lines);
        let line = said.line(&format!("{start:<9}{id}"));
        assert!(words.iter().all(|word| line.contains(word)), "{name}: {words:?} in {line}");
        said.line("scored   good: ");
        let failed = if *code == 0 { "2 of 2 slides done; " } else { "1 of 2 slides done, 1 failed; " };
        said.line(failed);

        let of_fault = if *status == "failed" {
            vec![format!("{id}.json")]
        } else if *status == "no_tissue" {
            results_without_tissue(id)
        } else {
            results_of(id)
        };
        assert_eq!(here.files("out"), with_summary(&[of_fault, results_of("good")]), "{name}");
        assert_eq!(here.read("out/model-outputs-csv/good.csv"), alone, "{name}");
        assert_eq!(here.record(id)["status"], *status, "{name}");
        let summary = here.read(&format!("out/{SUMMARY}"));
        let mut summary = csv::Reader::from_reader(&summary[..]);
        let rows: Vec<csv::StringRecord> = summary.records().map(Result::unwrap).collect();
        let rows: Vec<[&str; 2]> = rows.iter().map(|row| [&row[0], &row[1]]).collect();
        assert_eq!(rows, [[id, *status], ["good", "scored"]], "{name}");
    }
}

#[test]
fn a_damaged_chunk_loses_the_tiles_that_need_it_and_their_cells_are_empty() {
    let here = Workplace::new();
    here.write_slide("slides/hole.svs", |place| (place.level, place.col, place.row) == (0, 1, 1));
    here.score(&["slides"], &[]);
    let table = |id: &str| String::from_utf8(here.read(&format!("out/model-outputs-csv/{id}.csv"))).unwrap();
    let (sound, hole) = (table("good"), table("hole"));
    let lost: Vec<&str> = hole.lines().filter(|line| line.ends_with(",,")).collect();
    // Tiles of 128 px in a chunk of 256 px.
    assert_eq!(lost.len(), 4, "{hole}");
    for (sound, hole) in sound.lines().zip(hole.lines()).filter(|(_, hole)| !hole.ends_with(",,")) {
        assert_eq!(sound, hole);
    }
    let tiles = &here.record("hole")["tiles"];
    assert_eq!((&tiles["lost"], &tiles["skipped"]), (&4.into(), &0.into()));
}

#[test]
fn a_slide_that_is_named_twice_is_scored_once_and_slides_of_one_name_are_told_apart() {
    let here = Workplace::new();
    std::fs::create_dir(here.path("more")).unwrap();
    here.copy("slides/good.svs", "more/good.svs");
    here.write("more/letter.txt", b"no slide");
    let said = here.score(&["slides/good.svs", "slides", "./slides/../slides/good.svs"], &[]);
    assert_eq!((said.code, here.files("out")), (Some(0), with_summary(&[results_of("good")])));
    said.line("1 of 1 slides done; ");
    let said = here.score_into("both", &["slides", "more"], &[]);
    assert_eq!(said.code, Some(0));
    assert_eq!(here.files("both"), with_summary(&[results_of("good_svs"), results_of("good_svs_2")]));
    said.line("scored   good_svs (more/good.svs): ");
    said.line("scored   good_svs_2 (slides/good.svs): ");
}

#[test]
fn names_of_files_give_no_orders_to_the_terminal() {
    let here = Workplace::new();
    let said = here.score(&["slides/\u{1b}[2J.svs"], &["--quiet"]);
    assert_eq!((said.code, said.lines.len()), (Some(2), 1));
    let said = here.run(&["info", "slides/\u{1b}[2J.svs"]);
    assert_eq!((said.code, said.lines.len()), (Some(3), 1));
}

#[test]
fn quiet_says_only_what_failed() {
    let here = Workplace::new();
    here.write("slides/text.svs", b"text");
    let said = here.score(&["slides"], &["--quiet"]);
    assert_eq!((said.code, said.out.as_str(), said.lines.len()), (Some(2), "", 1), "{:#?}", said.lines);
    said.line("failed   text (slides/text.svs): ");
    let said = here.score(&["slides/good.svs"], &["--quiet"]);
    assert_eq!((said.code, said.out.as_str(), said.lines.len()), (Some(0), "", 0), "{:#?}", said.lines);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    use std::process::Stdio;
    let here = Workplace::new();
    here.write("slides/text.svs", b"text");
    let args = score_args("model", "out", &["slides"], &[]);
    let mut child =
        here.program(&args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert_eq!(here.files("out"), with_summary(&[results_of("good"), vec!["text.json".to_string()]]));
    for args in [&["info", "slides/good.svs"][..], &["models"], &["models", "--json"], &["doctor"]] {
        let mut child = here.program(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{args:?}");
    }
}
