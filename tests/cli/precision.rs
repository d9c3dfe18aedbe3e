//! What a network computes in: said in the record, part of what makes results the same, refused where it is not there.

use crate::workplace::{Said, Workplace};
use std::io::Write;

#[test]
fn a_record_says_f16_and_results_in_f32_are_others() {
    let here = Workplace::new();
    let score = |precision: &[&str]| here.score(&["slides"], precision);
    let said = score(&["--precision", "f16"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.line("device   CPU").contains("f16"), "{:#?}", said.lines);
    said.line("scored   good: ");
    assert_eq!(here.record("good")["device"]["dtype"], "f16");
    let metadata = here.read(&format!("out/{}", here.run_metadata()[0]));
    assert!(String::from_utf8(metadata).unwrap().contains("\"f16\""));

    score(&["--precision", "f16"]).line("kept     good: ");
    score(&[]).line("scored   good: ");
    assert_eq!(here.record("good")["device"]["dtype"], "f32");
    score(&["--precision", "f32"]).line("kept     good: ");
    score(&["--precision", "f16"]).line("scored   good: ");
}

#[test]
fn bf16_scores_on_processors_with_amx_and_is_refused_on_others() {
    let here = Workplace::new();
    let said = here.score(&["slides"], &["--precision", "bf16"]);
    if eosin::cpu::Engine::matrix_kernels().is_some() {
        assert_eq!(said.code, Some(0), "{:#?}", said.lines);
        assert_eq!(here.record("good")["device"]["dtype"], "bf16");
    } else {
        assert_eq!(said.code, Some(3), "{:#?}", said.lines);
        let line = said.lines.iter().find(|line| line.contains("DEV-0008")).unwrap();
        assert!(line.contains("expected a CPU with AMX"), "{line}");
        assert!(said.lines.iter().any(|line| line.contains("--precision f32")), "{:#?}", said.lines);
    }
    let said = here.score(&["slides"], &["--precision", "bf16", "--engine", "reference"]);
    assert!(said.lines.iter().any(|line| line.contains("DEV-0010")), "{:#?}", said.lines);
}

#[test]
fn another_precision_is_refused() {
    let here = Workplace::new();
    for bad in ["f64", "half", "F16", ""] {
        let said = here.score(&["slides"], &["--precision", bad]);
        assert_eq!((said.code, said.out.as_str()), (Some(4), ""), "{bad}");
        assert!(said.lines.iter().any(|line| line.contains("exact, f32, f16 or bf16")), "{:#?}", said.lines);
    }
    for command in [&["train"][..], &["explain"], &["models"]] {
        let said = here.run(&[command, &["--precision", "f16"]].concat());
        assert_eq!(said.code, Some(4), "{command:?} is f32 only");
    }
}

/// A GPU of this computer, which the other tests of the program hide.
#[test]
fn a_gpu_scores_in_f16_or_says_that_it_cannot() {
    let here = Workplace::new();
    let args = ["--device", "wgpu", "--precision", "f16", "--batch-size", "1"];
    let args = [&["score", "slides", "--model", "model", "--out", "out"][..], &args].concat();
    let mut program = here.program(&args);
    for driver in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        program.env_remove(driver);
        program.envs(std::env::var_os(driver).map(|value| (driver, value)));
    }
    let said = Said::new(&program.output().unwrap());
    let refused = |code: &str| said.lines.iter().find(|line| line.contains(code));
    if let Some(line) = refused("DEV-0002") {
        let _ = writeln!(std::io::stderr(), "skipped: {line}");
    } else if let Some(line) = refused("DEV-0008") {
        assert_eq!(said.code, Some(3), "{:#?}", said.lines);
        assert!(line.contains("expected a device that computes in f16, found "), "{line}");
        assert!(!line.contains("found  ("), "the device is named in {line}");
        assert!(said.lines.iter().any(|line| line.contains("--precision f32")), "{:#?}", said.lines);
    } else {
        assert_eq!(said.code, Some(0), "{:#?}", said.lines);
        assert_eq!(here.record("good")["device"]["dtype"], "f16");
    }
}
