//! `info`, `models`, `doctor`: answers for people, the same as JSON, and one line when there is none.

use crate::workplace::{Said, Workplace};
use serde_json::Value;

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn info_says_what_a_slide_is() {
    let here = Workplace::new();
    let said = here.run(&["info", "slides/good.svs"]);
    assert_eq!((said.code, said.lines.len()), (Some(0), 0));
    assert!(said.out.contains("aperio") && said.out.contains("0.5 um/px"), "{}", said.out);
    let said = here.run(&["info", "slides/good.svs", "--json", "--explain"]);
    assert_eq!((said.code, said.lines.len()), (Some(0), 0));
    assert_eq!((&json(&said)["width"], &json(&said)["formats"][0]["fits"]), (&1024.into(), &true.into()));

    here.write_slide_without_mpp("slides/no-mpp.svs");
    let said = here.run(&["info", "slides/no-mpp.svs"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("unknown") && said.out.contains("--mpp"), "{}", said.out);
    assert_eq!(json(&here.run(&["info", "slides/no-mpp.svs", "--json"]))["mpp_x"], Value::Null);
}

#[test]
fn info_refuses_in_one_line() {
    let here = Workplace::new();
    here.write("slides/text.svs", b"text");
    let rows = [("slides/missing.svs", 3, "IO-0001"), ("slides", 2, "WSI-0001"), ("slides/text.svs", 2, "WSI-0100")];
    for (slide, code, word) in rows {
        for args in [&["info", slide][..], &["info", slide, "--json"], &["info", slide, "--json", "--explain"]] {
            let said = here.run(args);
            assert_eq!((said.code, said.out.as_str(), said.lines.len()), (Some(code), "", 1), "{:#?}", said.lines);
            assert!(said.line("eosin: ").contains(word) && said.lines[0].contains(slide));
        }
    }
    let said = here.run(&["info", "slides/text.svs", "--explain"]);
    assert!(said.out.contains("generic-tiff: no TIFF") && said.code == Some(2), "{}", said.out);
}

#[test]
fn models_and_doctor_name_the_damaged_one_and_no_path() {
    let here = Workplace::new();
    std::fs::create_dir(here.path("known")).unwrap();
    std::fs::rename(here.path("model"), here.path("known/sound")).unwrap();
    std::fs::create_dir(here.path("known/torn")).unwrap();
    here.copy("known/sound/model.toml", "known/torn/model.toml");
    here.write("known/torn/weights.safetensors", b"cut");
    let ask = |folder: &str, args: &[&str]| {
        Said::new(&here.program(args).env("EOSIN_MODELS", here.path(folder)).output().unwrap())
    };

    let said = ask("known", &["models"]);
    assert_eq!((said.code, said.lines.len()), (Some(4), 0));
    assert!(said.out.contains("random\n") && said.out.contains("torn\n  damaged") && said.out.contains("MOD-0301"));
    let said = ask("known", &["models", "--json"]);
    let models = json(&said);
    let named = |name: &str| models.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap().clone();
    assert_eq!((said.code, &named("random")["tile_px"]), (Some(4), &128.into()));
    assert!(named("torn")["error"].as_str().unwrap().contains("MOD-0301"));

    let said = ask("known", &["doctor"]);
    assert_eq!((said.code, said.lines.len()), (Some(3), 0));
    assert!(said.out.contains("cpu") && said.out.contains("torn: damaged"), "{}", said.out);
    let said = ask("known", &["doctor", "--json"]);
    assert_eq!((said.code, &json(&said)["devices"][0]["works"]), (Some(3), &true.into()));

    std::fs::remove_dir_all(here.path("known/torn")).unwrap();
    assert_eq!(ask("known", &["models"]).code, Some(0));
    assert_eq!(ask("known", &["doctor"]).code, Some(0));
    for args in [&["models"][..], &["doctor"], &["score", "slides", "-o", "out", "-m", "random"]] {
        let said = ask("nowhere", args);
        assert_eq!((said.code, said.out.as_str(), said.lines.len()), (Some(4), "", 1), "{args:?}");
        assert!(said.line("eosin: ").contains("MOD-0003"));
    }
}

#[test]
fn bad_arguments_are_refused_by_all() {
    let here = Workplace::new();
    for args in [&["info"][..], &["info", "a", "b"], &["models", "--all"], &["models", "x"], &["doctor", "--fix"]] {
        let said = here.run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(4), ""), "{args:?}");
        said.line("error: ");
    }
}

#[test]
fn a_model_is_found_by_the_name_that_is_listed() {
    let here = Workplace::new();
    let args = ["score", "slides", "-o", "out", "--device", "cpu", "-m", "random"];
    // The folder is called `model`, the model `random`.
    let said = Said::new(&here.program(&args).env("EOSIN_MODELS", here.path("")).output().unwrap());
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    said.line("model    random");
}

#[test]
fn names_in_cards_give_no_orders_to_the_terminal() {
    let here = Workplace::new();
    let card = String::from_utf8(here.read("model/model.toml")).unwrap();
    here.write("model/model.toml", card.replace("name = \"a\"", r#"name = "a\u001b[2J""#).as_bytes());
    for args in [&["models"][..], &["doctor"]] {
        let said = Said::new(&here.program(args).env("EOSIN_MODELS", here.path("")).output().unwrap());
        assert!(said.out.contains("random"), "{}", said.out);
    }
}
