//! `explain`: a figure for each tile, one table, and errors that name what is wrong.

use crate::workplace::{Said, Workplace};
use eosin::geometry::Rect;
use eosin::slide::Slide;
use image::{ExtendedColorType, ImageEncoder};
use std::collections::HashMap;

/// A piece of the sound slide.
fn tile(here: &Workplace, rect: Rect) -> Vec<u8> {
    Slide::open(&here.path("slides/good.svs")).unwrap().read_region(0, rect, [255; 3]).unwrap().into_vec()
}

fn png(pixels: &[u8], w: u32, h: u32) -> Vec<u8> {
    let mut png = Vec::new();
    image::codecs::png::PngEncoder::new(&mut png).write_image(pixels, w, h, ExtendedColorType::Rgb8).unwrap();
    png
}

/// Rows of a table, each by the heads of its columns.
fn rows(here: &Workplace, name: &str) -> Vec<HashMap<String, String>> {
    let bytes = here.read(name);
    let mut table = csv::Reader::from_reader(&bytes[..]);
    table.deserialize().map(Result::unwrap).collect()
}

fn explain(here: &Workplace, more: &[&str]) -> Said {
    here.run(&[&["explain", "--out", "out"], more].concat())
}

#[test]
fn tiles_that_are_files_get_a_figure_each_and_a_damaged_one_its_row() {
    let here = Workplace::new();
    let pixels = tile(&here, Rect::new(300, 300, 256, 256));
    let png = png(&pixels, 256, 256);
    for folder in ["tiles", "tiles/deep", "more"] {
        std::fs::create_dir(here.path(folder)).unwrap();
    }
    here.write("tiles/a.png", &png);
    here.write("tiles/deep/a.png", &png);
    here.write("tiles/cut.png", &png[..png.len() / 2]);
    here.write("tiles/wide.png", &self::png(&pixels[..256 * 128 * 3], 256, 128));
    here.write("tiles/notes.txt", b"no tile");
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)
        .encode(&pixels[..128 * 128 * 3], 128, 128, ExtendedColorType::Rgb8)
        .unwrap();
    here.write("more/=a.jpg", &jpeg);

    let said = explain(&here, &["tiles", "more/=a.jpg"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{:#?}", said.lines);
    said.line("model    tissue-mobilenetv2.crc01");
    assert!(
        said.line("failed   cut").contains("WSI-0401")
            && said.line("failed   wide (tiles/wide.png): ").contains("RUN-0012")
    );
    assert!(said.lines.iter().any(|line| line.contains("1 tiles are not of the model's 256 px")), "{:#?}", said.lines);
    assert!(said.lines.iter().any(|line| line.contains("research use only")));
    assert!(said.line("3 tiles explained, 2 failed").ends_with("is the table of all"));
    let figures = ["_a.explain.png", "a_png.explain.png", "a_png_2.explain.png"];
    assert_eq!(here.files("out"), [&figures[..], &["explain.csv"]].concat());

    let rows = rows(&here, "out/explain.csv");
    assert_eq!(rows.iter().map(|row| &*row["tile"]).collect::<Vec<_>>(), ["a_png", "cut", "a_png_2", "wide", "_a"]);
    assert_eq!((&*rows[1]["error_code"], &*rows[1]["score"]), ("WSI-0401", ""));
    let of = |row: usize, column: &str| rows[row][column].parse::<f64>().unwrap();
    for row in [0, 2, 4] {
        assert!((0.2..=1.0).contains(&of(row, "score")) && of(row, "maximum") > 0.0);
        assert!((0.0..=1.0).contains(&of(row, "centre_x")) && (0.0..=1.0).contains(&of(row, "centre_y")));
    }
    assert_eq!((&*rows[0]["side_px"], &*rows[4]["side_px"]), ("256", "128"));
    // The same bytes have the same explanation.
    for column in ["class", "score", "maximum", "centre_x", "centre_y"] {
        assert_eq!(rows[0][column], rows[2][column]);
    }
    for file in here.files("out") {
        let bytes = here.read(&format!("out/{file}"));
        for secret in ["department-of", "tiles/", crate::workplace::USER] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} in {file}");
        }
    }
    let figure = image::load_from_memory(&here.read("out/a_png.explain.png")).unwrap().into_rgb8();
    let (left, right) = (figure.get_pixel(200, 200), figure.get_pixel(512 + 16 + 200, 200));
    assert_ne!(left, right, "the tile, and the same place under its heat map");

    let said = explain(&here, &["tiles/a.png", "--quiet"]);
    assert_eq!((said.code, said.lines.len()), (Some(0), 0), "{:#?}", said.lines);
}

#[test]
fn tiles_of_a_slide_have_the_scores_that_scoring_gives_them() {
    let here = Workplace::new();
    assert_eq!(here.score_into("scored", &["slides"], &[]).code, Some(0));
    let scored = rows(&here, "scored/model-outputs-csv/good.csv");
    for class in ["a", "b"] {
        let places: Vec<String> = scored.iter().take(3).map(|row| format!("{},{}", row["minx"], row["miny"])).collect();
        let mut args = vec!["--model", "model", "--slide", "slides/good.svs", "--class", class, "--at", "-64,10"];
        args.extend(places.iter().flat_map(|place| ["--at", place]));
        let said = explain(&here, &args);
        assert_eq!(said.code, Some(0), "{:#?}", said.lines);
        let explained = rows(&here, "out/explain.csv");
        assert_eq!((&*explained[0]["tile"], &*explained[0]["x"]), ("good_x-64_y10", "-64"));
        assert_eq!(explained.len(), 1 + places.len());
        for (explained, scored) in explained[1..].iter().zip(&scored) {
            assert_eq!(explained["tile"], format!("good_x{}_y{}", scored["minx"], scored["miny"]));
            let [found, expected] =
                [&explained["score"], &scored[&format!("prob_{class}")]].map(|n| n.parse::<f64>().unwrap());
            assert!((found - expected).abs() < 1e-5, "expected {expected}, found {found}");
            assert_eq!(explained["class"], class);
        }
    }
    assert!(here.files("out").contains(&"good_x-64_y10.explain.png".to_owned()));
}

/// Arguments after `explain`, exit code, words of the message.
type Row = (&'static [&'static str], i32, &'static [&'static str]);

const ROWS: &[Row] = &[
    (&["-o", "out", "tile.png", "-m", "model", "--class", "tumor"], 4, &["one of a, b", "\"tumor\"", "INF-0003"]),
    (&["-o", "out", "tile.png", "-m", "nowhere"], 4, &["MOD-0002"]),
    (&["-o", "out", "empty"], 4, &["empty", "at least one tile", "RUN-0001"]),
    (&["-o", "tile.png", "tile.png"], 3, &["expected a folder, found a file", "OUT-0001"]),
    (&["-o", "out", "--slide", "slides/good.svs", "--at", "5000,0"], 4, &["1024 x 1024", "5000,0", "RUN-0013"]),
    (&["-o", "out", "--slide", "slides/none.svs", "--at", "0,0"], 3, &["slides/none.svs", "IO-0001"]),
    (&["-o", "out", "--slide", "tile.png", "--at", "0,0"], 2, &["tile.png", "WSI-0100"]),
    (&["-o", "out", "--slide", "slides/good.svs", "--at", "1.5,0"], 4, &["1.5,0", "two whole numbers", "RUN-0005"]),
    (&["-o", "out", "--slide", "slides/good.svs"], 4, &["--at"]),
    (&["-o", "out", "tile.png", "--slide", "slides/good.svs", "--at", "0,0"], 4, &["--slide"]),
    (&["-o", "out", "tile.png", "--device", "vulkan:99"], 3, &["number 99", "DEV-0002"]),
    (&["-o", "out"], 4, &["TILES"]),
    (&["tile.png"], 4, &["--out"]),
];

#[test]
fn what_cannot_be_explained_is_one_error_and_nothing_is_begun() {
    let here = Workplace::new();
    here.write("tile.png", &png(&tile(&here, Rect::new(0, 0, 64, 64)), 64, 64));
    std::fs::create_dir(here.path("empty")).unwrap();
    for (args, code, words) in ROWS {
        let said = here.run(&[&["explain"], *args].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(*code), ""), "{args:?}: {:#?}", said.lines);
        let text = said.lines.join("\n");
        assert!(words.iter().all(|word| text.contains(word)), "{args:?}: {words:?} in {text}");
        assert!(!here.path("out").exists(), "{args:?}");
    }
    // A tile of a slide without a resolution, until it is given.
    here.write_slide_without_mpp("slides/no-mpp.svs");
    let at = ["--model", "model", "--slide", "slides/no-mpp.svs", "--at", "0,0"];
    assert!(explain(&here, &at).line("eosin: ").contains("RUN-0003"));
    assert_eq!(explain(&here, &[&at[..], &["--mpp", "0.5"]].concat()).code, Some(0));
}
