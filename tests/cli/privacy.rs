//! Results can be handed on: no output and no line on standard output names a path, a user or what the scanner wrote
//! about people.

use crate::workplace::{USER, Workplace, score_args};

/// Values that the slides' descriptions hold, and the user.
const SECRETS: [&str; 6] = ["DOE^JOHN", "b414003d", "12/29/09", "SS1302", "H09-12345", USER];

#[test]
fn no_output_names_a_path_a_user_or_a_patient() {
    let here = Workplace::new();
    here.write("slides/text.svs", b"text");
    let inside = here.read("slides/good.svs");
    assert!(SECRETS[..5].iter().all(|secret| holds(&inside, secret)), "the slides hold what is searched for");
    let home = here.path("");
    let home = home.to_str().unwrap();
    let folder = home.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap();
    let absolute = |name: &str| here.path(name).to_str().unwrap().to_string();
    let (slides, out, model) = (absolute("slides"), absolute("out"), absolute("model"));
    let args = score_args(&model, &out, &[&slides], &[]);
    let said = here.run(&args);
    assert_eq!(said.code, Some(2), "{:#?}", said.lines);
    let info = here.run(&["info", &absolute("slides/good.svs"), "--json"]).out;
    let plain = here.run(&["info", &absolute("slides/good.svs"), "--explain"]).out;
    let models = here.program(&["models"]).env("EOSIN_MODELS", here.path("")).output().unwrap().stdout;
    let mut outputs: Vec<(String, Vec<u8>)> = here
        .files("out")
        .into_iter()
        .chain(here.run_metadata())
        .map(|name| (name.clone(), here.read(&format!("out/{name}"))))
        .collect();
    assert!(outputs.len() > 5 && outputs.iter().any(|(name, _)| name.starts_with("run_metadata_")));
    for (name, text) in [("score", said.out.into_bytes()), ("info", info.into()), ("explain", plain.into())] {
        outputs.push((name.to_string(), text));
    }
    outputs.push(("models".to_string(), models));
    for (name, bytes) in &outputs {
        for secret in SECRETS.iter().copied().chain([folder]) {
            assert!(!holds(bytes, secret), "{name} holds {secret}");
        }
        if bytes.starts_with(b"\x89PNG") {
            // Pixels, and nothing said beside them.
            assert!(png_chunks(bytes).iter().all(|kind| ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"].contains(&&kind[..])));
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Names of the chunks of a PNG (W3C PNG, section 5.3: length, name, data, checksum).
fn png_chunks(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = &bytes[8..];
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        names.push(String::from_utf8(tail[..4].to_vec()).unwrap());
        rest = &tail[8 + u32::from_be_bytes(*length) as usize..];
    }
    names
}
