//! `eosin bench` as its users meet it: what it leaves, what it says of what it cannot measure, and that its figures are those
//! that the measured processes gave. No test asks how fast anything is.

use crate::workplace::{Said, Workplace};
use serde_json::Value;

/// As short as can be.
const SHORT: [&str; 10] =
    ["--starts", "2", "--rounds", "2", "--seconds", "0.05", "--tiles", "3", "--slide", "slides/good.svs"];

fn bench(here: &Workplace, more: &[&str]) -> Said {
    let mut args = vec!["bench", "--models", "model", "--out", "bench"];
    args.extend(SHORT);
    args.extend(more);
    here.run(&args)
}

fn record(here: &Workplace) -> Value {
    serde_json::from_slice(&here.read("bench/bench.json")).unwrap()
}

#[test]
fn a_bench_measures_the_cpu_and_says_why_other_devices_are_left_out() {
    let here = Workplace::new();
    let said = bench(&here, &["--devices", "cpu,metal", "--batches", "2,1"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let record = record(&here);
    let cells = record["cells"].as_array().unwrap();
    assert_eq!(cells.iter().map(|cell| cell["batch"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    for cell in cells {
        assert_eq!((&cell["device"], &cell["dtype"]), (&"cpu".into(), &"f32".into()));
        assert!(cell["backend"].as_str().unwrap().starts_with("eosin "), "{}", cell["backend"]);
        assert_eq!(cell["network"]["rounds"].as_array().unwrap().len(), 4);
        assert_eq!(cell["start"]["again_s"]["rounds"].as_array().unwrap().len(), 4, "as many starts as rounds");
        assert!(
            cell["network"]["median"].as_f64().unwrap() > 0.0 && cell["line"]["rate"]["low"].as_f64().unwrap() > 0.0
        );
        let stages: Vec<&str> =
            cell["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
        let all = ["read", "decode", "assemble", "upload", "preprocess", "network", "readback", "aggregate"];
        assert_eq!(stages, all);
        assert!(cell["parity"]["max"].as_f64().unwrap() < 1e-5, "the reference says nearly the same");
    }
    assert_eq!(cells[1]["ratio"]["rounds"].as_array().unwrap().len(), 4);
    let absent = record["absent"].as_array().unwrap();
    if !cfg!(target_os = "macos") {
        let what: Vec<&str> = absent.iter().map(|absent| absent["what"].as_str().unwrap()).collect();
        assert_eq!(what, ["random on metal in f32", "random on metal in f16"]);
        assert!(absent[0]["why"].as_str().unwrap().contains("expected a metal device"), "{absent:?}");
    }
    let page = String::from_utf8(here.read("bench/bench.html")).unwrap();
    let table = String::from_utf8(here.read("bench/bench.csv")).unwrap();
    assert!(page.contains("research use only") && table.lines().count() > 2);
    assert!(said.out.contains("cpu") && said.out.contains("f32"), "{}", said.out);
    // Results are handed on.
    let folder = here.path("").to_str().unwrap().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    for text in [&page, &table, &record.to_string()] {
        assert!(!text.contains(&folder) && !text.contains("good.svs"));
    }
}

#[test]
fn a_result_agrees_with_itself_and_what_is_no_result_is_refused() {
    let here = Workplace::new();
    assert_eq!(bench(&here, &["--devices", "cpu", "--json"]).code, Some(0));
    let said = here.run(&["bench", "compare", "bench/bench.json", "bench/bench.json", "--json"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let compared: Value = serde_json::from_str(&said.out).unwrap();
    assert!(compared.to_string().contains("agrees") || compared.to_string().contains("same"), "{compared}");
    here.write("no.json", b"{}");
    let refused = here.run(&["bench", "compare", "bench/bench.json", "no.json"]);
    assert_eq!(refused.code, Some(4), "{:#?}", refused.lines);
    assert!(refused.lines[0].contains("BCH-01"), "{:#?}", refused.lines);
}

#[test]
fn results_are_replaced_when_that_is_asked_for_alone() {
    let here = Workplace::new();
    std::fs::create_dir(here.path("bench")).unwrap();
    here.write("bench/bench.json", b"of before");
    let said = bench(&here, &["--devices", "cpu"]);
    assert_eq!(said.code, Some(4), "{:#?}", said.lines);
    assert!(said.lines[0].contains("BCH-0022") && here.read("bench/bench.json") == b"of before", "{:#?}", said.lines);
    assert_eq!(bench(&here, &["--devices", "cpu", "--overwrite"]).code, Some(0));
    assert_eq!(record(&here)["cells"].as_array().unwrap().len(), 1);
}

#[test]
fn two_models_of_one_name_are_refused() {
    let here = Workplace::new();
    std::fs::create_dir(here.path("other")).unwrap();
    for file in std::fs::read_dir(here.path("model")).unwrap().flatten() {
        let name = format!("other/{}", file.file_name().to_str().unwrap());
        here.write(&name, &std::fs::read(file.path()).unwrap());
    }
    let said = here.run(&["bench", "--models", "model,other", "--devices", "cpu", "--slide", "slides/good.svs"]);
    assert_eq!(said.code, Some(4), "{:#?}", said.lines);
    assert!(said.lines.iter().any(|line| line.contains("\"random\" [BCH-0019]")), "{:#?}", said.lines);
}

#[test]
fn a_model_and_a_network_that_are_not_there_are_refused_before_anything_runs() {
    let here = Workplace::new();
    let said = here.run(&["bench", "--models", "resnet19", "--out", "bench"]);
    assert_eq!(said.code, Some(4), "{:#?}", said.lines);
    assert!(!here.path("bench").exists());
    for wrong in [["--against", "tensorflow"], ["--rounds", "0"], ["--seconds", "0"], ["--batches", "0"]] {
        assert_eq!(here.run(&[&["bench"], &wrong[..]].concat()).code, Some(4), "{wrong:?}");
    }
}

#[test]
fn a_measured_process_refuses_what_is_no_job() {
    let here = Workplace::new();
    let said = here.run(&["bench", "--worker"]);
    assert_eq!(said.code, Some(4), "{:#?}", said.lines);
    assert!(said.lines[0].contains("BCH-0001"), "{:#?}", said.lines);
}

/// Speaks the protocol and measures nothing: its figures are known.
#[cfg(unix)]
const KNOWN_PEER: &str = r#"#!/bin/sh
read job
while read request; do
  case "$request" in
    *'"open"'*) echo '{"said":"open","program":"known 1.0","device_name":"a card","backend":"sh","setting":"none","open_s":0.5,"load_s":0.25}';;
    *'"first"'*) echo '{"said":"round","tiles":4,"seconds":2.0}';;
    *'"warm"'*) echo 'a word on the side'; echo '{"said":"warm","warm_up_s":3.0}';;
    *'"outputs"'*) into=$(echo "$request" | sed 's/.*"into":"\([^"]*\)".*/\1/'); head -c 24 /dev/zero > "$into"; echo '{"said":"done"}';;
    *'"memory"'*) echo '{"said":"memory","host_bytes":1000,"device_bytes":2000}';;
    *'"round"'*) echo '{"said":"round","tiles":30,"seconds":1.5}';;
    *) echo '{"said":"failed","why":"not known"}';;
  esac
done
"#;

#[cfg(unix)]
#[test]
fn figures_of_another_program_are_those_that_it_gave() {
    use std::os::unix::fs::PermissionsExt;
    let here = Workplace::new();
    here.write("known.sh", KNOWN_PEER.as_bytes());
    std::fs::set_permissions(here.path("known.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let python = here.path("known.sh").to_str().unwrap().to_owned();
    let said = bench(&here, &["--devices", "cpu", "--batches", "4", "--against", "onnxruntime", "--python", &python]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let record = record(&here);
    let peer = &record["cells"][1];
    assert_eq!(peer["program"], "known 1.0");
    assert_eq!(peer["network"]["rounds"], serde_json::json!([20.0, 20.0, 20.0, 20.0]));
    assert_eq!((&peer["start"]["first_s"], &peer["start"]["open_s"]), (&2.0.into(), &0.5.into()));
    assert_eq!((&peer["memory"]["host_bytes"], &peer["memory"]["device_bytes"]), (&1000.into(), &2000.into()));
    let ours = record["cells"][0]["network"]["rounds"][0].as_f64().unwrap();
    assert!((peer["ratio"]["rounds"][0].as_f64().unwrap() - 20.0 / ours).abs() < 1e-9);
    // Two classes whose probabilities add up to 1, against two zeros.
    let (max, tiles) = (peer["parity"]["max"].as_f64().unwrap(), peer["parity"]["tiles"].as_u64().unwrap());
    assert!((0.5..=1.0).contains(&max) && tiles == 3, "{peer}");
    assert!(peer["line"].is_null() && peer["stages"].as_array().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn another_program_that_is_not_there_is_left_out_with_the_reason() {
    let here = Workplace::new();
    let said = bench(&here, &["--devices", "cpu", "--against", "torch", "--python", "/no/such/python"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let record = record(&here);
    assert_eq!(record["cells"].as_array().unwrap().len(), 1);
    let absent = record["absent"].to_string();
    assert!(
        absent.contains("torch on cpu in f32") && absent.contains("python") && !absent.contains("/no/such"),
        "{absent}"
    );
}
