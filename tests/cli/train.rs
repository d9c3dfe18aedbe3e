//! `eosin train`: a model that can be used at once, one line when it cannot be made, and a run that goes on.

use crate::workplace::{Said, Workplace, results_of, score_args, with_summary};
#[cfg(unix)]
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
#[cfg(unix)]
use std::process::{Command, Output};

/// Tiles for the slide of the workplace, as few and small as the networks take.
const CONFIG: &str = r#"
epochs = 1
batch = 4
[data]
kind = "folder"
path = "tiles"
[input]
um_per_px = 2.0
tile_px = 32
input_px = 32
[card]
name = "trained"
"#;
const TRAIN: &[&str] = &["train", "train.toml", "--out", "runs"];

/// With a training in `train.toml`, which leaves it to the command line where results go.
fn workplace() -> Workplace {
    let here = Workplace::new();
    for (class, tint) in [("dark", 60), ("light", 180)] {
        std::fs::create_dir_all(here.path("tiles").join(class)).unwrap();
        for number in 0..4_u8 {
            let pixel = |x: u32, y: u32| image::Rgb([tint + u8::try_from((x * 3 + y) % 40).unwrap() + number; 3]);
            let path = here.path("tiles").join(class).join(format!("{number}.png"));
            image::RgbImage::from_fn(32, 32, pixel).save(path).unwrap();
        }
    }
    here.write("train.toml", CONFIG.as_bytes());
    here
}

#[test]
fn a_trained_model_is_whole_and_scores_slides() {
    let here = workplace();
    // Names come from others: a terminal must not obey them.
    std::fs::rename(here.path("tiles/light"), here.path("tiles/light\u{1b}[31m")).unwrap();
    let said = here.run(TRAIN);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert!(said.out.contains("balanced_accuracy") && said.out.contains("light\u{fffd}[31m"), "{}", said.out);
    said.line("device   CPU");
    said.line("class    light\u{fffd}[31m: 3 training, 1 validation, 0 test tiles");
    said.line("model    ");
    let files = here.files("runs");
    let model = ["trained/CARD.md", "trained/model.toml", "trained/weights.safetensors"];
    let run =
        ["best-00001.safetensors", "checkpoint-00001.safetensors", "checkpoint.json", "config.toml", "curves.csv"];
    let figures = ["evaluation.html", "evaluation.json", "figures.svg", "loss.svg", "predictions.csv"];
    assert_eq!(files, [&run[..], &figures, &model].concat());

    let mut models = here.program(&["models", "--json"]);
    let said = Said::new(&models.env("EOSIN_MODELS", here.path("runs")).output().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains("\"trained\""), "{}", said.out);
    let said = here.run(&score_args("runs/trained", "out", &["slides"], &[]));
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert_eq!(here.files("out"), with_summary(&[results_of("good")]));
}

#[test]
fn what_is_wrong_with_a_training_is_one_line_and_nothing_is_begun() {
    let here = workplace();
    let before = here.files(".");
    let rows = [
        ("", "", "--epochs=0", "epochs: expected 1 to 100000, found 0"),
        ("epochs = 1", "epoch = 1", "-q", "TRN-0101"),
        ("epochs = 1", "epochs = ", "-q", "TRN-0101"),
        ("\"trained\"", "\"..\"", "-q", "card.name"),
        ("\"trained\"", "\"checkpoint.json\"", "-q", "card.name"),
        ("tile_px = 32", "tile_px = 16", "-q", "input.tile_px"),
    ];
    for (from, to, more, word) in rows {
        here.write("train.toml", CONFIG.replacen(from, to, 1).as_bytes());
        let said = here.run(&[TRAIN, &[more]].concat());
        assert_eq!((said.code, said.out.as_str(), said.lines.len()), (Some(4), "", 1), "{to}: {:#?}", said.lines);
        assert!(said.line("eosin: ").contains(word) && said.lines[0].contains("train.toml"), "{:#?}", said.lines);
        assert_eq!(here.files("."), before, "{to}");
    }
    here.write("train.toml", CONFIG.as_bytes());
    let said = here.run(&TRAIN[..2]);
    assert_eq!((said.code, said.lines.len()), (Some(4), 2), "{:#?}", said.lines);
    assert!(said.lines[0].contains("expected out, found none") && said.lines[1].contains("--out"));
    for (from, to) in [("batch = 4", "exclude = [\"drak\"]"), ("[card]", "[card]\ncolors = { drak = [1, 2, 3] }")] {
        here.write("train.toml", CONFIG.replacen(from, to, 1).as_bytes());
        let said = here.run(&[TRAIN, &["-q"]].concat());
        assert_eq!((said.code, said.lines.len()), (Some(4), 1), "{:#?}", said.lines);
        assert!(said.line("eosin: ").contains("(dark, light), found \"drak\""));
    }
}

#[test]
fn a_training_goes_on_when_nobody_reads_what_it_says() {
    let here = workplace();
    let mut child = here.program(TRAIN);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(here.path("runs/trained/model.toml").exists());
}

/// Starts a training and stops it when it has said something.
#[cfg(unix)]
fn stopped_after(here: &Workplace, args: &[&str], word: &str) -> Said {
    let mut child = here.program(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = Vec::new();
    while !String::from_utf8_lossy(&stderr).contains(word) {
        assert_ne!(lines.read_until(b'\n', &mut stderr).unwrap(), 0, "{}", String::from_utf8_lossy(&stderr));
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    lines.read_to_end(&mut stderr).unwrap();
    Said::new(&Output { status: child.wait().unwrap(), stdout: Vec::new(), stderr })
}

#[cfg(unix)]
#[test]
fn a_training_that_was_stopped_says_how_to_go_on_and_does() {
    let here = workplace();
    // Far more epochs than are done before the signal comes.
    here.write("train.toml", CONFIG.replacen("epochs = 1", "epochs = 10000", 1).as_bytes());
    let said = stopped_after(&here, TRAIN, "epoch    1: ");
    assert_eq!(said.code, Some(130), "{:#?}", said.lines);
    assert!(said.line("eosin: ").contains("TRN-0001"));
    let advice = said.lines.last().unwrap();
    assert!(advice.ends_with(" with --resume"), "{:#?}", said.lines);
    let done = advice.trim().strip_prefix("go on after ").unwrap().strip_suffix(" with --resume").unwrap();

    let said = here.run(TRAIN);
    assert_eq!((said.code, said.lines.len()), (Some(4), 3), "{:#?}", said.lines);
    assert!(said.line("eosin: ").contains("TRN-0501") && said.lines[2].contains("--resume"));
    // Another number of epochs is another training: the rate falls otherwise.
    let said = here.run(&[TRAIN, &["--resume", "--epochs", "2"]].concat());
    assert_eq!(said.code, Some(4));
    assert!(said.line("eosin: ").contains("TRN-0502"), "{:#?}", said.lines);
    // Nor does it matter from where the same files are named.
    let moved = CONFIG.replacen("epochs = 1", "epochs = 10000", 1).replacen("\"tiles\"", "\"slides/../tiles\"", 1);
    here.write("train.toml", moved.as_bytes());
    let said = stopped_after(&here, &[TRAIN, &["--resume"]].concat(), "resumed  ");
    assert_eq!(said.line("resumed  "), format!("resumed  after {done}"));
    assert_eq!(said.code, Some(130), "{:#?}", said.lines);
}

#[cfg(unix)]
#[test]
fn a_training_that_was_killed_again_and_again_ends_in_the_same_model() {
    let here = workplace();
    here.write("train.toml", CONFIG.replacen("epochs = 1", "epochs = 5", 1).as_bytes());
    assert_eq!(here.run(&["train", "train.toml", "--out", "through", "-q"]).code, Some(0));
    let again = [TRAIN, &["--resume"]].concat();
    // After the first words, in the middle of epochs, and right behind their checkpoints.
    for word in ["device ", "class ", "epoch    1", "resumed ", "epoch    2", "resumed ", "epoch    4"] {
        let mut child = here.program(&again).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains(word) {
            // One that ends first has nothing left to be killed in.
            if lines.read_until(b'\n', &mut said).unwrap() == 0 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    if !here.path("runs/trained").exists() {
        assert_eq!(here.run(&again).code, Some(0));
    }
    for file in ["trained/weights.safetensors", "predictions.csv", "evaluation.html"] {
        assert!(here.read(&format!("runs/{file}")) == here.read(&format!("through/{file}")), "{file}");
    }
}
