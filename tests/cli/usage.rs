//! What concerns the whole run: nothing is begun, one line says why, nothing is left.

use crate::workplace::{Workplace, write_model};
use eosin::nn::Architecture;

/// Arguments, exit code, words of the message, all in one line.
type Row = (&'static [&'static str], i32, &'static [&'static str]);

/// Of an `eosin score slides/good.svs`, to which each row is added.
const ROWS: &[Row] = &[
    // Models.
    (&["-o", "out", "--model", "nowhere"], 4, &["a model named \"nowhere\"", "MOD-0002"]),
    (&["-o", "out", "--model", "slides"], 4, &["slides", "expected model.toml", "MOD-0209"]),
    (&["-o", "out", "--model", "model-cut"], 5, &["weights.safetensors", "digest", "MOD-0301"]),
    (&["-o", "out", "--model", "model-swapped"], 5, &["weights.safetensors", "digest", "MOD-0301"]),
    (&["-o", "out", "--model", "model-misfit"], 4, &["weights do not fit the network", "MOD-0105"]),
    (&["-o", "out", "--model", "model-misspelt"], 4, &["model.toml", "line 1", "unknown field", "MOD-0201"]),
    (&["-o", "out", "--model", "model-empty"], 3, &["weights.safetensors", "no such file", "IO-0001"]),
    (&["-o", "out", "--model", "zoo-cut"], 4, &["model.safetensors", "whole safetensors file", "MOD-0101"]),
    (&["-o", "out", "--model", "zoo-unknown"], 4, &["config.json", "architecture", "MOD-0208"]),
    // Devices.
    (&["-o", "out", "--model", "model", "--device", "vulkan:99"], 3, &["number 99", "found cpu", "DEV-0002"]),
    (&["-o", "out", "--model", "model", "--device", "graphics"], 4, &["graphics", "expected auto, cpu", "DEV-0001"]),
    // Numbers.
    (&["-o", "out", "--mpp", "0,5"], 4, &["'0,5'", "0.05 to 20 um/px", "RUN-0005"]),
    (&["-o", "out", "--mpp", "-1"], 4, &["'-1'", "0.05 to 20 um/px", "RUN-0005"]),
    (&["-o", "out", "--mpp", "1e300"], 4, &["'1e300'", "0.05 to 20 um/px", "RUN-0005"]),
    (&["-o", "out", "--overlap", "1"], 4, &["--overlap", "below 1", "RUN-0005"]),
    (&["-o", "out", "--overlap", "-0.5"], 4, &["from 0 to below 1", "grid of WSInfer", "RUN-0010"]),
    (&["-o", "out", "--grid", "wsinfer", "--overlap", "-1000"], 4, &["--overlap", "below 1", "RUN-0005"]),
    (&["-o", "out", "--spacing-um", "0"], 4, &["--spacing-um", "0.05 to 20 um/px", "RUN-0005"]),
    (&["-o", "out", "--tile-px", "0"], 4, &["a tile of 16 to 4096 px", "RUN-0010"]),
    (&["-o", "out", "--tile-px", "5000"], 4, &["a tile of 16 to 4096 px", "RUN-0010"]),
    (&["-o", "out", "--tile-px", "half"], 4, &["--tile-px"]),
    (&["-o", "out", "--seg-binary-threshold", "9"], 4, &["--grid wsinfer", "RUN-0011"]),
    (&["-o", "out", "--grid", "wsinfer", "--seg-binary-threshold", "0"], 4, &["--seg-binary-threshold"]),
    (&["-o", "out", "--grid", "wsinfer", "--seg-median-filter-size", "8"], 4, &["an odd", "found 8", "TIS-0002"]),
    (&["-o", "out", "--grid", "wsinfer", "--seg-closing-kernel-size", "0"], 4, &["found 0", "TIS-0001"]),
    (&["-o", "out", "--grid", "wsinfer", "--seg-min-hole-size-um2", "-1"], 4, &["found -1", "TIS-0001"]),
    (&["-o", "out", "--grid", "wsinfer", "--seg-thumbsize", "9", "9"], 4, &["found 9", "TIS-0001"]),
    (&["-o", "out", "--min-tissue", "-0.5"], 4, &["--min-tissue", "0 to 1", "RUN-0005"]),
    (&["-o", "out", "--batch-size", "0"], 4, &["--batch-size", "1..=4096"]),
    (&["-o", "out", "--memory-mb", "0"], 4, &["--memory-mb", "0 is not in"]),
    // Outputs.
    (&["-o", "letter", "--model", "model"], 3, &["letter", "expected a folder, found a file", "OUT-0001"]),
    (&["-o", "letter/out", "--model", "model"], 3, &["letter/out", "expected a folder, found a file", "OUT-0001"]),
    (&["-o", ""], 4, &["--out <DIR>"]),
    (&[], 4, &["--out <DIR>"]),
];

#[test]
fn what_is_wrong_with_a_run_is_one_line_and_nothing_is_begun() {
    let here = Workplace::new();
    write_bad_models(&here);
    here.write("letter", b"no folder");
    let before = here.files(".");
    for (args, code, words) in ROWS {
        let said = here.run(&[&["score", "slides/good.svs"], *args].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(*code), ""), "{args:?}: {:#?}", said.lines);
        let is_message = |line: &&String| line.starts_with("eosin: ") || line.starts_with("error: ");
        let messages: Vec<&String> = said.lines.iter().filter(is_message).collect();
        assert_eq!(messages.len(), 1, "{args:?}: {:#?}", said.lines);
        // clap names the missing arguments below its message.
        let text = if words.len() == 1 { said.lines.join("\n") } else { messages[0].clone() };
        assert!(words.iter().all(|word| text.contains(word)), "{args:?}: {words:?} in {text}");
        assert_eq!(here.files("."), before, "{args:?}");
        assert!(!here.path("out").exists(), "{args:?}");
    }
}

/// Models that are damaged in one way each.
fn write_bad_models(here: &Workplace) {
    write_model(&here.path("other"), Architecture::MobileNetV2);
    let made = |name: &str, card: &str, weights: Option<&[u8]>| {
        std::fs::create_dir(here.path(name)).unwrap();
        here.write(&format!("{name}/model.toml"), card.as_bytes());
        if let Some(weights) = weights {
            here.write(&format!("{name}/weights.safetensors"), weights);
        }
    };
    let text = |name: &str| String::from_utf8(here.read(name)).unwrap();
    let (card, weights) = (text("model/model.toml"), here.read("model/weights.safetensors"));
    let other = here.read("other/weights.safetensors");
    made("model-cut", &card, Some(&weights[..weights.len() / 2]));
    made("model-swapped", &card, Some(&other));
    made("model-misfit", &text("other/model.toml").replace("mobilenetv2", "resnet18"), Some(&other));
    made("model-misspelt", &card.replacen("schema", "shema", 1), Some(&weights));
    made("model-empty", &card, None);
    let zoo = |architecture: &str| {
        format!(
            r#"{{"spec_version": "1.0", "architecture": "{architecture}", "num_classes": 2,
            "class_names": ["a", "b"], "patch_size_pixels": 128, "spacing_um_px": 0.5, "transform": [
            {{"name": "Resize", "arguments": {{"size": 32}}}}, {{"name": "ToTensor"}},
            {{"name": "Normalize", "arguments": {{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}}}]}}"#
        )
    };
    for (name, architecture) in [("zoo-cut", "resnet18"), ("zoo-unknown", "vit_b")] {
        std::fs::create_dir(here.path(name)).unwrap();
        here.write(&format!("{name}/config.json"), zoo(architecture).as_bytes());
        let end = if name == "zoo-cut" { weights.len() / 2 } else { weights.len() };
        here.write(&format!("{name}/model.safetensors"), &weights[..end]);
    }
}

#[test]
fn a_folder_without_slides_is_named() {
    let here = Workplace::new();
    std::fs::create_dir_all(here.path("letters/old")).unwrap();
    here.write("letters/old/letter.txt", b"no slide");
    let said = here.score(&["letters"], &[]);
    assert_eq!((said.code, said.lines.len()), (Some(4), 2), "{:#?}", said.lines);
    assert!(said.line("eosin: letters: ").contains("RUN-0001") && said.lines[1].contains(".svs"));
    assert!(!here.path("out").exists());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_of_another_build_is_refused() {
    let said = Workplace::new().run(&["score", "slides", "-o", "out", "--model", "model", "--device", "cuda"]);
    assert_eq!(said.code, Some(3));
    assert!(said.line("eosin: ").contains("a build with CUDA"));
}

#[test]
fn help_says_what_the_program_is_not_for() {
    let here = Workplace::new();
    let said = here.run(&["--help"]);
    assert_eq!((said.code, said.lines.len()), (Some(0), 0));
    assert!(said.out.contains("not for diagnosis"));
    for args in [&[][..], &["scor"], &["score"]] {
        let said = here.run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(4), ""), "{args:?}");
        assert!(said.lines.iter().any(|line| line.starts_with("Usage: eosin")), "{:#?}", said.lines);
    }
}
