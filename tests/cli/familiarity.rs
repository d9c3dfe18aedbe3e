//! A model that learns to tell tiles unlike its training data, and a run that counts them.

use crate::workplace::Workplace;
use image::RgbImage;

/// Tiles of two classes as the model of a [`Workplace`] sees them, in greys.
fn write_tiles(here: &Workplace) {
    for (class, base) in [("a", 40_u32), ("b", 150)] {
        std::fs::create_dir_all(here.path("tiles").join(class)).unwrap();
        for number in 0..30 {
            let level =
                |x: u32, y: u32| u8::try_from(base + (x * (3 + number % 5) + y * 7 + number * 11) % 80).unwrap();
            let tile = RgbImage::from_fn(128, 128, |x, y| image::Rgb([level(x, y); 3]));
            tile.save(here.path("tiles").join(class).join(format!("{number}.png"))).unwrap();
        }
    }
}

#[test]
fn a_model_is_familiarised_and_its_runs_count_tiles_that_are_unlike() {
    let here = Workplace::new();
    write_tiles(&here);
    let unaware = here.score(&["slides"], &[]);
    assert_eq!(unaware.code, Some(0));
    assert!(here.record("good").get("familiarity").is_none());

    let args = ["models", "familiarise", "model", "--tiles", "tiles", "--out", "aware", "--quiet"];
    let said = here.run(&args);
    assert_eq!(said.code, Some(0), "{:?}", said.lines);
    assert!(
        said.out.contains("its weights are as they were") && said.out.contains("48 training tiles"),
        "{}",
        said.out
    );
    assert_eq!(here.read("aware/weights.safetensors"), here.read("model/weights.safetensors"));
    let text = String::from_utf8(here.read("aware/CARD.md")).unwrap();
    assert!(text.starts_with("random weights") && text.contains("## Tiles unlike the training data"), "{text}");
    here.run(&args).line("eosin: aware: expected a new folder");

    // The same weights, but a model that says more: nothing of the earlier run is kept.
    let score = || here.run(&crate::workplace::score_args("aware", "out", &["slides"], &[]));
    score().line("scored   good");
    let record = here.record("good");
    assert_eq!(record["familiarity"]["judged"], record["tiles"]["scored"]);
    assert_eq!(record["familiarity"]["unlike"], record["tiles"]["scored"], "tissue in colours is unlike grey tiles");
    let mut table = csv::Reader::from_path(here.path("out/summary.csv")).unwrap();
    let column = table.headers().unwrap().iter().position(|head| head == "unfamiliar").unwrap();
    assert_eq!(&table.records().next().unwrap().unwrap()[column], "1");
    score().line("kept     good");
    let card = String::from_utf8(here.read("aware/model.toml")).unwrap();
    let line = card.lines().find(|line| line.starts_with("threshold")).unwrap();
    here.write("aware/model.toml", card.replace(line, "threshold = 1e30").as_bytes());
    score().line("scored   good");
    assert_eq!(here.record("good")["familiarity"]["unlike"], 0);
}

#[test]
fn tiles_of_other_classes_and_another_size_are_refused() {
    let here = Workplace::new();
    write_tiles(&here);
    std::fs::rename(here.path("tiles/b"), here.path("tiles/c")).unwrap();
    let refused = |more: &[&str], code: &str| {
        let args = [&["models", "familiarise", "model", "--out", "aware", "--quiet"], more].concat();
        let said = here.run(&args);
        assert_ne!(said.code, Some(0));
        assert!(said.lines.join("\n").contains(code), "{:?}", said.lines);
        assert!(!here.path("aware").exists());
    };
    refused(&["--tiles", "tiles"], "TRN-0602");
    here.write("other.toml", b"[data]\nkind = \"folder\"\npath = \"tiles\"\n[input]\num_per_px = 1.0\n");
    refused(&["other.toml"], "TRN-0602");
}
