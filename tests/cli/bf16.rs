//! `eosin models bf16`: a card that says how far scores move, what `--precision auto` makes of it, and one line when nothing
//! can be measured.

use crate::workplace::{Said, Workplace, score_args};
use eosin::bench::write_random_model;
use eosin::cpu::Engine;
use eosin::nn::{Architecture, Card, CardArchitecture, Input, NetworkSpec, VitShape, fresh, write_bundle};
use eosin::slide::Slide;
use image::RgbImage;
use serde_json::Value;

const MEASURE: &[&str] = &["models", "bf16", "model", "--out", "new", "--quiet"];
/// More than any probability can move.
const WIDE: &str = "2";
/// Less than rounding to 8 bits moves the one of twelve tiles that moves most.
const NARROW: &str = "1e-9";

/// Twelve tiles of two classes, as the workplace's model sees them.
fn workplace() -> Workplace {
    let here = Workplace::new();
    let slide = Slide::open(&here.path("slides/good.svs")).unwrap();
    for number in 0..12_i64 {
        let class = ["a", "b"][usize::from(number >= 6)];
        std::fs::create_dir_all(here.path("tiles").join(class)).unwrap();
        let place = eosin::geometry::Rect::new(number % 4 * 200 + 60, number / 4 * 250 + 60, 128, 128);
        let pixels = slide.read_region(0, place, [255; 3]).unwrap().into_vec();
        let tile = RgbImage::from_raw(128, 128, pixels).unwrap();
        tile.save(here.path(&format!("tiles/{class}/{number}.png"))).unwrap();
    }
    here
}

fn card(here: &Workplace, model: &str) -> Card {
    Card::parse(&String::from_utf8(here.read(&format!("{model}/model.toml"))).unwrap()).unwrap()
}

fn text(here: &Workplace, model: &str) -> String {
    String::from_utf8(here.read(&format!("{model}/CARD.md"))).unwrap()
}

/// The numbers in which `auto` scores with a model.
fn scored_in(here: &Workplace, model: &str) -> Value {
    let said = here.run(&score_args(model, "out", &["slides"], &["--overwrite"]));
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    here.record("good")["device"]["dtype"].clone()
}

#[test]
fn a_card_says_how_far_scores_move_and_nothing_else_of_the_model_changes() {
    let here = workplace();
    let said = here.run(&["models", "familiarise", "model", "--tiles", "tiles", "--out", "aware", "--quiet"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    let measure = |from: &str, to: &str, bound: &str| -> Value {
        let args = ["models", "bf16", from, "--tiles", "tiles", "--out", to, "--bound", bound, "--json"];
        let said = here.run(&args);
        assert_eq!(said.code, Some(0), "{:#?}", said.lines);
        serde_json::from_str(&said.out).unwrap()
    };
    let found = measure("aware", "within", WIDE);
    assert_eq!((&found["within_bound"], &found["bf16"]["tiles"]), (&true.into(), &12.into()));
    assert_eq!(found["beyond"], 0);
    assert_eq!(found["twin"], Engine::matrix_kernels().is_none());
    let (before, after) = (card(&here, "aware"), card(&here, "within"));
    let table = after.bf16.clone().unwrap();
    assert_eq!(serde_json::to_value(&table).unwrap(), found["bf16"]);
    assert!(table.max > 0.0 && table.median <= table.max && table.max < 0.05, "{table:?}");
    let kernels = Engine::matrix_kernels().unwrap_or("bf16-twin");
    assert_eq!(table.measured_on, format!("tiles of a folder, computed by eosin {kernels}"));
    assert_eq!(Card { bf16: None, ..after }, before);
    for file in ["weights.safetensors", "familiarity.safetensors"] {
        assert_eq!(here.read(&format!("within/{file}")), here.read(&format!("aware/{file}")), "{file}");
    }
    assert!(text(&here, "within").starts_with(&text(&here, "aware")));
    assert!(text(&here, "within").contains("## Scores in bf16\n\n"));

    // Measured again, in place of what stood there; the bound is reached.
    let found = measure("within", "beyond", NARROW);
    assert_eq!((&found["within_bound"], &found["bf16"]["max"]), (&false.into(), &table.max.into()));
    assert!(found["beyond"].as_u64() > Some(0), "{found}");
    assert_eq!(text(&here, "beyond").matches("## Scores in bf16").count(), 1);
    assert!(text(&here, "beyond").contains("unless it is asked for") && !text(&here, "beyond").contains("unasked"));
    let listed = Said::new(&here.program(&["models"]).env("EOSIN_MODELS", here.path("")).output().unwrap());
    for words in ["in bf16   taken by `--precision auto`", "in bf16   only if asked for"] {
        assert!(listed.out.contains(words), "{}", listed.out);
    }
    let usual = if Engine::matrix_kernels().is_some() { "bf16" } else { "f32" };
    assert_eq!((scored_in(&here, "within"), scored_in(&here, "beyond")), (usual.into(), "f32".into()));
}

#[test]
fn people_read_a_table_and_why_auto_takes_bf16_or_not() {
    let here = workplace();
    here.write("train.toml", b"[data]\nkind = \"folder\"\npath = \"tiles\"\n[split]\nvalidation = 0.34\n");
    let run = |out: &str, more: &[&str]| {
        let said = here.run(&[&["models", "bf16", "model", "train.toml", "--out", out], more].concat());
        assert_eq!(said.code, Some(0), "{:#?}", said.lines);
        said.out
    };
    let said = run("within", &["--bound", WIDE, "--measured-on", "tiles of a test"]);
    for words in ["random is ready", "in f32    eosin ", "in bf16   eosin ", "tiles of a test, computed by", "largest"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("auto` takes bf16 where the processor has it"), "{said}");
    let said = run("beyond", &["--bound", NARROW, "--kept-apart"]);
    assert!(said.contains("auto` stays with f32: a score moved by"), "{said}");
    let table = card(&here, "beyond").bf16.unwrap();
    assert_eq!(table.tiles, 4, "those that validate");
    assert!(table.measured_on.starts_with("tiles that were kept apart from the training"), "{table:?}");
    // A hundredth of a probability.
    run("usual", &[]);
    assert!((card(&here, "usual").bf16.unwrap().bound - 0.01).abs() < 1e-12);
}

/// Arguments in place of or beside tiles, exit code, words of the message.
const REFUSED: &[(&[&str], i32, &[&str])] = &[
    (&[], 4, &["expected tiles", "RUN-0014"]),
    (&["--tiles", "nothing"], 3, &["nothing", "IO-0001"]),
    (&["--tiles", "slides"], 4, &["TRN-"]),
    (&["--tiles", "tiles", "--bound", "0"], 4, &["--bound", "above 0"]),
    (&["--tiles", "tiles", "--bound", "-0.1"], 4, &["--bound", "above 0"]),
    (&["--tiles", "tiles", "--bound", "nan"], 4, &["--bound", "above 0"]),
    (&["--tiles", "tiles", "--bound", "inf"], 4, &["--bound", "above 0"]),
    (&["--tiles", "tiles", "--measured-on", ""], 4, &["--measured-on"]),
    (&["--tiles", "tiles", "--kept-apart"], 4, &["CONFIG"]),
    (&["--tiles", "tiles", "--column", "patient=case"], 4, &["TRN-0101"]),
    (&["other.toml"], 4, &["128 px at 0.5 um/px", "TRN-0602"]),
    (&["absent.toml"], 3, &["absent.toml"]),
];

#[test]
fn what_cannot_be_measured_is_one_line_and_leaves_nothing() {
    let here = workplace();
    here.write("other.toml", b"[data]\nkind = \"folder\"\npath = \"tiles\"\n[input]\num_per_px = 1.0\n");
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        let said = here.run(args);
        assert_eq!(said.code, Some(code), "{args:?}: {:#?}", said.lines);
        let all = said.lines.join("\n");
        assert!(words.iter().all(|word| all.contains(word)), "{args:?}: {words:?} in {all}");
        assert!(!here.path("new").exists() && said.out.is_empty(), "{args:?}");
    };
    for (more, code, words) in REFUSED {
        refused(&[MEASURE, more].concat(), *code, words);
    }
    let measure = |model: &str, more: &[&str], code: i32, words: &[&str]| {
        refused(
            &[&["models", "bf16", model, "--tiles", "tiles", "--out", "new", "--quiet"], more].concat(),
            code,
            words,
        );
    };
    measure("absent", &[], 4, &["MOD-0002"]);
    // Numbers have units of their own.
    std::fs::create_dir(here.path("numbers")).unwrap();
    let numbers = Card { activation: eosin::nn::Activation::Identity, ..card(&here, "model") };
    here.write("numbers/model.toml", numbers.to_toml().unwrap().as_bytes());
    here.copy("model/weights.safetensors", "numbers/weights.safetensors");
    measure("numbers", &[], 4, &["expected a bound for a model of estimates", "--bound", "TRN-0604"]);
    // Its logits are beyond what f32 holds.
    let bundle = eosin::nn::Bundle::open(&here.path("model")).unwrap();
    let mut weights = bundle.weights().clone();
    let mut last = weights.remove("fc.weight").unwrap();
    last.data.iter_mut().for_each(|weight| *weight = 3e38);
    weights.insert("fc.weight".to_owned(), last);
    write_bundle(&here.path("huge"), &card(&here, "model"), &weights, "").unwrap();
    measure("huge", &[], 4, &["finite", "INF-0001"]);
    // A network that our own engine does not compute.
    let mut spec = NetworkSpec::torch(Architecture::Vit, 2);
    spec.variant.vit = Some(VitShape { input_px: 32, dim: 12, depth: 1, heads: 3, hidden: 12, ..VitShape::SMALL_16 });
    let vit = Card { architecture: CardArchitecture::from(&spec), ..card(&here, "model") };
    write_bundle(&here.path("vit"), &vit, &fresh(&spec, 1).unwrap(), "").unwrap();
    measure("vit", &[], 3, &["bf16", "DEV-0008"]);
    // A model that sees tiles of another size than there are.
    let input = Input { tile_px: 64, input_px: None, ..card(&here, "model").input };
    write_random_model(&here.path("small"), "small", Architecture::ResNet18, input, 1).unwrap();
    measure("small", &[], 4, &["TRN-0202"]);

    std::fs::create_dir(here.path("new")).unwrap();
    let said = here.run(&[MEASURE, &["--tiles", "tiles"]].concat());
    assert!(said.line("eosin: new: ").contains("MOD-0401"), "{:#?}", said.lines);
}
