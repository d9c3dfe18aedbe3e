//! A run that is stopped, by its user or by the disk: what is whole stays, nothing else, and the next run goes on.

use crate::workplace::{SUMMARY, Said, Workplace, results_of, score_args, with_summary};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

/// Slides that do not exist, under names so long that telling of them all fills the pipe to the test many times over: the
/// program waits in the midst of them until the test reads on, and so cannot end before the signal came.
const MISSING: usize = 120;
const NAME: usize = 2000;

#[test]
fn a_signal_ends_the_run_between_two_tiles_and_the_next_run_goes_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let here = Workplace::new();
        here.copy("slides/good.svs", "slides/next.svs");
        let missing: Vec<String> = (0..MISSING).map(|n| format!("{n}/{}.svs", "x/".repeat(NAME / 2))).collect();
        let mut slides = vec!["slides/good.svs", "slides/next.svs"];
        slides.extend(missing.iter().map(String::as_str));
        // Many tiles of the second slide, so that the signal is likely to come among them; nothing depends on it.
        let args = score_args("model", "out", &slides, &["--overlap", "0.7"]);
        let mut child =
            here.program(&args).stdout(Stdio::null()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut stderr = Vec::new();
        while !String::from_utf8_lossy(&stderr).contains("scored   good: ") {
            assert_ne!(lines.read_until(b'\n', &mut stderr).unwrap(), 0, "{}", String::from_utf8_lossy(&stderr));
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        lines.read_to_end(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        let said = Said::new(&Output { status, stdout: Vec::new(), stderr });
        assert_eq!(said.code, Some(code), "{:#?}", said.lines);
        assert!(said.lines.last().unwrap().starts_with("stopped: "), "{:#?}", said.lines);
        // Every file belongs to a slide that is through, and is whole.
        let next_is_done = said.lines.iter().any(|line| line.starts_with("scored   next: "));
        let through = said.lines.iter().filter_map(|line| line.strip_prefix("failed   "));
        let mut expected: Vec<Vec<String>> =
            through.map(|line| vec![format!("{}.json", line.split(' ').next().unwrap())]).collect();
        expected.push(results_of("good"));
        if next_is_done {
            expected.push(results_of("next"));
        }
        assert_eq!(here.files("out"), with_summary(&expected));

        let said = here.score(&["slides"], &["--overlap", "0.7"]);
        assert_eq!(said.code, Some(0));
        said.line("kept     good: ");
        said.line(if next_is_done { "kept     next: " } else { "scored   next: " });
        let table = |id: &str| here.read(&format!("out/model-outputs-csv/{id}.csv"));
        assert_eq!(table("next"), table("good"));
    }
}

#[test]
fn a_disk_that_takes_no_more_ends_the_run_and_leaves_no_part_of_the_slide() {
    let here = Workplace::new();
    here.write("slides/a.svs", b"text");
    here.write("slides/later.svs", b"text");
    let said = limited(&here, &[]);
    assert_eq!(said.code, Some(3), "{:#?}", said.lines);
    said.line("failed   a (slides/a.svs): ");
    assert!(said.line("eosin: ").contains("OUT-0002"), "{:#?}", said.lines);
    assert_eq!(here.files("out"), ["a.json", SUMMARY]);
    let said = here.score(&["slides"], &[]);
    said.line("scored   good: ");
    said.line("failed   later (slides/later.svs): ");

    // Nothing was replaced yet when the disk was full, so nothing is lost.
    let results: Vec<Vec<u8>> = results_of("good").iter().map(|name| here.read(&format!("out/{name}"))).collect();
    assert_eq!(limited(&here, &["--overwrite"]).code, Some(3));
    for (name, bytes) in results_of("good").iter().zip(&results) {
        assert!(here.read(&format!("out/{name}")) == *bytes, "{name}");
    }
}

/// Scores all slides under a limit on the size of files, which stands in for a full disk: records fit, pictures do not.
fn limited(here: &Workplace, more: &[&str]) -> Said {
    let mut limited = Command::new("sh");
    here.prepare(&mut limited);
    limited.args(["-c", r#"trap '' XFSZ; ulimit -f 16; exec "$0" "$@""#, env!("CARGO_BIN_EXE_eosin")]);
    Said::new(&limited.args(score_args("model", "out", &["slides"], more)).output().unwrap())
}
