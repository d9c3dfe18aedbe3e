//! Reports as a reader gets them: well-formed, the same each time, whole without a network, and drawn by a browser.

use eosin::evaluate::{
    Assessment, Bootstrap, ClassInput, EstimateInput, FindingInput, Groups, Partition, Unit, assess_classes,
    assess_estimates, assess_findings, once,
};
use eosin::evaluate::{Figure, Reliability};
use eosin::geometry::Size;
use eosin::raster::RgbImage8;
use eosin::report::{
    Calibration, Cell, EvaluationPage, Fact, ForestPanel, ForestPlot, GalleryTile, LineChart, Note, Page, Part,
    ScatterPlot, Section, Series, Table, confusion_matrix, curve_plots, evaluation_page, forest_plot, line_chart,
    reliability_plot, scatter_plot,
};
use eosin::tile::Meaning;
use std::fs;
use std::io::Write;
use std::process::Command;

const BOOTSTRAP: Bootstrap = Bootstrap { replicates: 100, seed: 7 };
/// Names that would break a page that does not escape.
pub(crate) const ODD: &str = "<b>&\"'</svg> ]]> --";

/// From 0 to below 1, a hash in place of chance.
pub(crate) fn noise(a: usize, b: usize) -> f32 {
    let mixed = (a as u64 * 0x9E37_79B9 + b as u64 * 0x85EB_CA6B + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    f32::from(u16::try_from((mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 48).unwrap()) / 65_536.0
}

/// Truth and probabilities of tiles; the last class has no tiles when `lacking`.
fn classes(tiles: usize, names: &[String], lacking: bool) -> (Vec<usize>, Vec<Vec<f32>>) {
    let there = names.len() - usize::from(lacking);
    let truth: Vec<usize> = (0..tiles).map(|tile| tile * 7 % there).collect();
    let row = |tile: usize| {
        let lift = |class: usize| match class {
            _ if class == truth[tile] => 3.5 * (0.3 + noise(tile / 20, 99)),
            // Neighbours are taken for each other.
            _ if class == (truth[tile] + 1) % names.len() => 1.2,
            _ => 0.0,
        };
        let raw: Vec<f32> = (0..names.len()).map(|class| (2.5 * noise(tile, class) + lift(class)).exp()).collect();
        let sum: f32 = raw.iter().sum();
        raw.into_iter().map(|value| value / sum).collect()
    };
    (truth.clone(), (0..tiles).map(row).collect())
}

fn sites(tiles: usize) -> Vec<String> {
    let names = ["University hospital north", "south", ODD, "too few patients"];
    (0..tiles).map(|tile| names[if tile < 40 { 3 } else { tile / 100 % 3 }].to_owned()).collect()
}

fn assess(names: &[String], lacking: bool) -> Assessment {
    let tiles = 1200;
    let (truth, scores) = classes(tiles, names, lacking);
    let sites = sites(tiles);
    let clusters = Partition::by((0..tiles).map(|tile| tile / 20));
    let groups = Groups { unit: Unit::Patient, clusters, sites: Some(&sites) };
    let input = ClassInput { names, truth: &truth, scores: &scores, ordered: false };
    Assessment::Classes(Box::new(assess_classes(&input, &groups, BOOTSTRAP).unwrap()))
}

fn findings() -> Assessment {
    let tiles = 800;
    let names = ["necrosis", ODD, "mitoses"].map(str::to_owned);
    let truth: Vec<Vec<bool>> =
        (0..tiles).map(|tile| (0..3).map(|at| at < 2 && noise(tile, at) > 0.8).collect()).collect();
    let score =
        |tile: usize, at: usize| (0.6 * noise(tile, at + 7) + if truth[tile][at] { 0.35 } else { 0.0 }).clamp(0.0, 1.0);
    let scores: Vec<Vec<f32>> = (0..tiles).map(|tile| (0..3).map(|at| score(tile, at)).collect()).collect();
    let clusters = Partition::by((0..tiles).map(|tile| tile / 300));
    let groups = Groups { unit: Unit::Slide, clusters, sites: None };
    let input = FindingInput { names: &names, truth: &truth, scores: &scores };
    Assessment::Findings(assess_findings(&input, &groups, BOOTSTRAP).unwrap())
}

fn estimates() -> Assessment {
    let tiles = 900;
    let names = ["Ki67", "TIL", "constant"].map(str::to_owned);
    let truth: Vec<Vec<f32>> =
        (0..tiles).map(|tile| vec![4000.0 * noise(tile, 1).powi(2), noise(tile, 2), 1.0]).collect();
    let guess = |(tile, row): (usize, &Vec<f32>)| {
        vec![row[0] * 0.8 + 600.0 * noise(tile, 3), row[1] + 0.3 * noise(tile, 4) - 0.15, 1.0]
    };
    let estimates: Vec<Vec<f32>> = truth.iter().enumerate().map(guess).collect();
    let sites = sites(tiles);
    let clusters = Partition::by((0..tiles).map(|tile| tile / 10));
    let groups = Groups { unit: Unit::Block, clusters, sites: Some(&sites) };
    let input = EstimateInput { names: &names, truth: &truth, estimates: &estimates };
    Assessment::Estimates(assess_estimates(&input, &groups, BOOTSTRAP).unwrap())
}

/// A tile of pinks and purples.
fn tile(seed: usize) -> RgbImage8 {
    let pixel = |at: usize| {
        let (x, y) = (at % 224, at / 224);
        if noise(x / 14 + seed, y / 14) > 0.8 { [96, 60, 140] } else { [228, 170, 200] }
    };
    RgbImage8::from_vec(Size::new(224, 224), (0..224 * 224).flat_map(pixel).collect()).unwrap()
}

fn charts() -> Vec<LineChart> {
    let epochs = |from: f64, to: f64, wave: usize| {
        (1..=24_u32)
            .map(|epoch| {
                let along = (-f64::from(epoch) / 6.0).exp();
                [f64::from(epoch), to + (from - to) * along + 0.03 * f64::from(noise(wave, epoch as usize))]
            })
            .collect()
    };
    let series = |name: &str, points: Vec<[f64; 2]>| Series { name: name.to_owned(), points };
    let chart = |about: &str, y_name: &str, series: Vec<Series>| LineChart {
        about: about.to_owned(),
        x_name: "Epoch".to_owned(),
        y_name: y_name.to_owned(),
        series,
        mark: Some((23.0, "best epoch 23".to_owned())),
        log: [false; 2],
    };
    vec![
        chart(
            "Loss of each epoch",
            "Loss",
            vec![series("training", epochs(2.2, 0.1, 1)), series("validation", epochs(2.0, 0.4, 2))],
        ),
        chart(
            "Figures of the validation tiles after each epoch",
            "Figure",
            vec![series("balanced accuracy", epochs(0.3, 0.9, 3)), series("macro AUROC", epochs(0.5, 0.95, 4))],
        ),
    ]
}

/// A page with everything on it.
fn page(assessment: &Assessment, meaning: &Meaning) -> String {
    let facts = [
        Fact::new("Name", "tissue-mobilenetv2.crc01"),
        Fact::new("Task", format!("Tissue classes {ODD}")),
        Fact::new("Weights (BLAKE3)", "8f14e45fceea167a5a36dedd4bea2543ab12cd34ef56aa78bb90cc12dd34ee56"),
        Fact::new("Resolution", "0.5 um/px"),
        Fact::new("Network", "mobilenetv2_100"),
        Fact::new("Licence", "CC-BY-4.0"),
    ];
    let notes = [
        Note { text: "3 of 63 slides could not be opened.".to_owned(), warning: true },
        Note { text: "Tiles were divided by patient.".to_owned(), warning: false },
    ];
    let (confidence, right): (Vec<f64>, Vec<bool>) =
        (0..1200).map(|tile| (f64::from(noise(tile, 1)), noise(tile, 2) > 0.4)).unzip();
    let before: Vec<Reliability> = vec![Reliability::of(15, &confidence, &right, &once(1200)); 3];
    let (image, second) = (tile(1), tile(9));
    let shown = |number: usize| GalleryTile {
        image: &image,
        second: number.is_multiple_of(2).then_some((&second, "Grad-CAM")),
        truth: "tumour epithelium".to_owned(),
        said: if number == 3 { ODD.to_owned() } else { "stroma".to_owned() },
        score: "0.981".to_owned(),
    };
    let gallery: Vec<GalleryTile<'_>> = (0..7).map(shown).collect();
    evaluation_page(&EvaluationPage {
        title: "Evaluation of tissue-mobilenetv2.crc01",
        model: &facts,
        data: &facts[..2],
        notes: &notes,
        assessment,
        meaning,
        calibration: Some(Calibration { temperatures: &[1.734, 0.9, 1.0], before: &before }),
        training: &charts(),
        gallery: &gallery,
        gallery_choice: "The tiles with the largest loss, at most three of a slide.",
        provenance: &[Fact::new("Date", "2026-11-21"), Fact::new("Device", "CPU")],
    })
    .unwrap()
}

fn named(count: usize) -> Vec<String> {
    let known = ["adipose", "background", "tumour epithelium", "lymphocytes", ODD, "smooth muscle of the bowel wall"];
    (0..count).map(|at| known.get(at).map_or_else(|| format!("class {at}"), |name| (*name).to_owned())).collect()
}

/// Pages of every kind: two classes, nine, thirty with one that has no tiles, findings, estimates.
fn pages() -> Vec<(&'static str, String)> {
    let units = Meaning::Estimates(vec![Some("cells/mm2".to_owned()), None, None]);
    vec![
        ("two", page(&assess(&["normal", "tumour"].map(str::to_owned), false), &Meaning::Classes)),
        ("nine", page(&assess(&named(9), true), &Meaning::Classes)),
        ("thirty", page(&assess(&named(30), true), &Meaning::Classes)),
        ("findings", page(&findings(), &Meaning::Findings)),
        ("estimates", page(&estimates(), &units)),
    ]
}

/// Faults of a text as XML: tags that do not match, attributes without quotes, signs that must be escaped.
pub(crate) fn faults(text: &str) -> Vec<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    let body = text.strip_prefix("<!DOCTYPE html>").unwrap_or(text);
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start], &mut found);
        let Some(end) = rest[start..].find('>') else {
            found.push(format!("a tag without an end: {:.60}", &rest[start..]));
            break;
        };
        let tag = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                found.push(format!("</{name}> closes no <{name}>"));
            }
            continue;
        }
        let whole = tag.strip_suffix('/');
        let tag = whole.unwrap_or(tag);
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let parts: Vec<&str> = attributes.split('"').collect();
        let mut keys = parts.iter().step_by(2).take(parts.len() / 2).map(|key| key.trim());
        let sound =
            |key: &str| key.strip_suffix('=').is_some_and(|key| key.chars().all(|c| c.is_alphanumeric() || c == '-'));
        if !keys.all(sound) || parts.len().is_multiple_of(2) || parts.last().map(|key| key.trim()) != Some("") {
            found.push(format!("odd attributes: <{tag}>"));
        }
        check_text(attributes, &mut found);
        if whole.is_none() {
            open.push(name);
        }
    }
    check_text(rest, &mut found);
    found.extend(open.iter().map(|name| format!("<{name}> is not closed")));
    found
}

/// An ampersand begins one of the names that XML knows, or a number; there are no control characters.
fn check_text(text: &str, found: &mut Vec<String>) {
    let known = |rest: &str| ["amp;", "lt;", "gt;", "quot;", "#"].iter().any(|name| rest.starts_with(name));
    found.extend(text.split('&').skip(1).filter(|rest| !known(rest)).map(|rest| format!("a bare &: {rest:.20}")));
    if text.chars().any(|sign| sign.is_control() && sign != '\n') {
        found.push(format!("a control character: {text:.40}"));
    }
}

#[test]
fn the_check_of_markup_sees_what_is_wrong() {
    assert_eq!(faults("<!DOCTYPE html><a b=\"c\"><d/>x &amp; y</a>"), Vec::<String>::new());
    for wrong in
        ["<a>", "</a>", "<a><b></a></b>", "<a b=c/>", "<a b/>", "a & b", "<a b=\"&\"/>", "<a", "<a b=\"c/>", "\0"]
    {
        assert!(!faults(wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn pages_are_well_formed_whole_in_themselves_and_the_same_each_time() {
    let (first, second) = (pages(), pages());
    assert_eq!(first, second);
    for (name, page) in first {
        assert_eq!(faults(&page), Vec::<String>::new(), "{name}");
        let namespaces = ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"];
        let links = namespaces.iter().fold(page.clone(), |page, name| page.replace(name, ""));
        assert!(!links.contains("http") && !links.contains("<script") && !links.contains("url("), "{name}");
        assert!(page.contains("Research use only, not for diagnosis."), "{name}");
        assert!(page.contains(concat!("eosin ", env!("CARGO_PKG_VERSION"))), "{name}");
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{name}");
        assert!(page.len() < 2_000_000, "{name} has {} bytes", page.len());
    }
}

#[test]
fn a_page_says_what_its_figures_are_and_rest_on() {
    let Assessment::Classes(found) = assess(&named(9), true) else { unreachable!() };
    let page = page(&Assessment::Classes(found.clone()), &Meaning::Classes);
    let Figure { value: Some(value), low: Some(low), high: Some(high) } = found.overall.accuracy else {
        unreachable!()
    };
    assert!(page.contains(&format!("{value:.3} <small>({low:.3} to {high:.3})</small>")));
    assert!(page.contains("about 95 of 100 cases, from a bootstrap over 60 patients (100 samples drawn anew, seed 7)"));
    assert!(page.contains("No tiles of class 8"));
    assert!(page.contains("not defined"));
    assert!(page.contains("<strong>Warning:</strong>&#160;3 of 63 slides"));
    assert!(page.contains("&#60;b&#62;&#38;"), "escaped by the template");
    assert!(page.contains("&lt;b&gt;&amp;"), "escaped in figures");
    assert!(page.contains("alt=\"Tile of tumour epithelium, taken for stroma\""));
    assert!(page.contains("alt=\"The same tile with Grad-CAM\""));
    assert_eq!(page.matches("<th scope=\"row\">University hospital north</th>").count(), 1);

    let few = self::page(&findings(), &Meaning::Findings);
    assert!(few.contains("They have no intervals: it takes at least 5 to tell how much they differ."));
    let units = Meaning::Estimates(vec![Some("cells/mm2".to_owned()), None, None]);
    let estimates = self::page(&estimates(), &units);
    assert!(estimates.contains("True Ki67 [cells/mm2]") && estimates.contains("intervals are somewhat narrow"));
}

#[test]
fn figures_of_next_to_nothing_are_figures_still() {
    let one = |points: Vec<[f64; 2]>| LineChart {
        about: ODD.to_owned(),
        x_name: ODD.to_owned(),
        y_name: ODD.to_owned(),
        series: vec![Series { name: ODD.to_owned(), points }],
        mark: Some((f64::NAN, ODD.to_owned())),
        log: [false; 2],
    };
    let figure = Figure { value: Some(f64::NAN), low: None, high: Some(0.5) };
    let forest = |figures: Vec<Figure>| ForestPlot {
        about: String::new(),
        rows: vec![ODD.to_owned()],
        panels: vec![ForestPanel { name: ODD.to_owned(), figures, reference: Some(f64::INFINITY) }],
    };
    let empty = Reliability::of(15, &[], &[], &[]);
    let mut figures = vec![
        line_chart(&one(vec![])),
        line_chart(&one(vec![[1.0, 0.5]])),
        line_chart(&one(vec![[1.0, f64::NAN], [f64::INFINITY, 1.0], [2.0, 1e300]])),
        line_chart(&LineChart { log: [true; 2], ..one(vec![]) }),
        line_chart(&LineChart { log: [true; 2], ..one(vec![[0.0, 1.0], [1.0, -1.0], [2.0, 1e-300], [1e300, 3.0]]) }),
        forest_plot(&forest(vec![])),
        forest_plot(&forest(vec![figure])),
        forest_plot(&ForestPlot { about: String::new(), rows: vec![], panels: vec![] }),
        confusion_matrix("", &[], &[]),
        confusion_matrix("", &named(2), &[vec![0, 0], vec![0, 0]]),
        confusion_matrix("", &named(2), &[]),
        scatter_plot(&ScatterPlot { about: ODD, name: ODD, points: &[] }),
        scatter_plot(&ScatterPlot { about: "", name: "", points: &[[f64::NAN, 1.0], [1.0, 1.0]] }),
        reliability_plot("", &[]),
        reliability_plot("", &[(ODD.to_owned(), &empty)]),
    ];
    figures.extend(curve_plots("", &[(ODD.to_owned(), &eosin::evaluate::Curves::default())]));
    for svg in figures {
        assert_eq!(faults(svg.as_str()), Vec::<String>::new());
        assert!(!svg.as_str().contains("NaN") && !svg.as_str().contains("inf"), "{svg}");
    }
}

#[test]
fn a_page_of_other_parts_is_made_the_same_way() {
    let table = Table {
        caption: "Slides".to_owned(),
        head: vec!["Slide".to_owned(), "Tiles".to_owned()],
        rows: vec![(Cell::text(ODD), vec![Cell::count(12_345)])],
        ..Table::default()
    };
    let section = Section { heading: ODD.to_owned(), parts: vec![Part::Text(ODD.to_owned()), Part::Table(table)] };
    let html = Page { title: ODD.to_owned(), sections: vec![section] }.html().unwrap();
    assert_eq!(faults(&html), Vec::<String>::new());
    assert!(html.contains("<td class=\"number\">12,345</td>"));
}

/// Run by the browser in a copy of the page; its findings are read back from the document.
const MEASURE: &str = r#"<script>
addEventListener("load", () => {
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push("page is wider than " + width);
  for (const shown of document.querySelectorAll("svg, img")) {
    if (!shown.checkVisibility()) continue;
    const size = shown.getBoundingClientRect();
    if (size.width < 20 || size.height < 20) found.push("no size: " + shown.outerHTML.slice(0, 99));
  }
  for (const svg of document.querySelectorAll("svg")) {
    const edge = svg.getBoundingClientRect();
    const level = [];
    for (const text of svg.querySelectorAll("text")) {
      const at = text.getBoundingClientRect();
      if (at.left < edge.left - 1 || at.right > edge.right + 1 || at.top < edge.top - 1 || at.bottom > edge.bottom + 1)
        found.push("cut off: " + text.textContent);
      if (text.hasAttribute("transform")) continue;
      for (const [other, name] of level)
        if (at.left < other.right && other.left < at.right && at.top + 2 < other.bottom && other.top + 2 < at.bottom)
          found.push(text.textContent + " stands over " + name);
      level.push([at, text.textContent]);
    }
  }
  document.body.dataset.found = JSON.stringify(found);
});
</script>"#;

/// The document as a browser draws it, checked for what is cut off or overlaps; `None`, said aloud, without a browser.
pub(crate) fn browse(name: &str, page: &str) -> Option<String> {
    let Some(browser) = std::env::var_os("EOSIN_CHROMIUM") else {
        let _ = writeln!(std::io::stderr(), "skipped: set EOSIN_CHROMIUM to a Chromium to have reports drawn");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{name}.html"));
    fs::write(&path, page.replace("</body>", &format!("{MEASURE}</body>"))).unwrap();
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1280,900"];
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    let run = Command::new(&browser).args(flags).arg(profile).arg("--dump-dom").arg(&path).output().unwrap();
    let (drawn, said) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{name}: {complaints:?}");
    let found = drawn.split("data-found=\"").nth(1).and_then(|rest| rest.split('"').next());
    assert_eq!(found, Some("[]"), "{name}: {said}");
    Some(drawn.into_owned())
}

#[test]
fn a_browser_draws_every_figure_whole_and_has_no_complaints() {
    for (name, page) in pages() {
        if browse(name, &page).is_none() {
            return;
        }
    }
}
