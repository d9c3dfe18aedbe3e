//! Pages on slides and cohorts as a reader gets them: whole in themselves, well-formed, and drawn by a browser.

use crate::report::{ODD, browse, faults, noise};
use eosin::evaluate::Figure;
use eosin::geometry::{Rect, Size};
use eosin::map::{BiomarkerMap, Cell as MapCell, palette};
use eosin::raster::{RgbImage8, thumbnail};
use eosin::report::{
    BandChart, BandSeries, Bar, BarChart, Captioned, Cell, CohortColumn, CohortPage, CohortSlide, Fact, Histogram,
    Layer, LayerValues, Note, Overview, Page, PairMatrix, Part, Quality, Readout, ReadoutDefinition, ReadoutGroup,
    Scale, Section, SlidePage, Svg, Table, band_chart, bar_chart, cohort_page, histogram, pair_matrix, slide_page,
};
use eosin::synthetic::{CLASS_NAMES, SyntheticConfig, SyntheticSlide};
use eosin::tile::{GridRule, Meaning, Predictions, SlideStatus, TilePlan};
use eosin::units::Mpp;
use std::sync::LazyLock;

/// 11.2 x 8 mm at 4 um/px, with tiles of 112 um.
const SLIDE: Size = Size::new(2800, 2000);
const SIDE_L0: u32 = 28;

#[expect(clippy::cast_possible_truncation, reason = "a probability")]
fn single(value: f64) -> f32 {
    value as f32
}

/// A slide and the map of a model that is right but for some noise; every 61st tile is lost.
static EXAMPLE: LazyLock<(RgbImage8, BiomarkerMap)> = LazyLock::new(|| {
    let mpp = Mpp::new(4.0).unwrap();
    let slide = SyntheticSlide::new(SyntheticConfig { seed: 5, size: SLIDE, mpp });
    let image = slide.region(Rect::new(0, 0, SLIDE.w, SLIDE.h));
    let places: Vec<(i64, i64)> = (0..SLIDE.w.div_ceil(SIDE_L0))
        .flat_map(|x| (0..SLIDE.h.div_ceil(SIDE_L0)).map(move |y| (i64::from(x * SIDE_L0), i64::from(y * SIDE_L0))))
        .collect();
    let (mut origins_l0, mut rows) = (Vec::new(), Vec::new());
    for &(x, y) in &places {
        let fractions = slide.truth_fractions(Rect::new(x, y, SIDE_L0, SIDE_L0));
        if fractions[0] > 0.5 {
            continue;
        }
        let at = origins_l0.len();
        let raw: Vec<f64> = (0..CLASS_NAMES.len())
            .map(|class| (3.0 * fractions[class] + 1.4 * f64::from(noise(at, class))).exp())
            .collect();
        let sum: f64 = raw.iter().sum();
        rows.push((!at.is_multiple_of(61)).then(|| raw.into_iter().map(|value| single(value / sum)).collect()));
        origins_l0.push((x, y));
    }
    let plan = TilePlan {
        rule: GridRule::Eosin,
        slide_l0: SLIDE,
        mpp,
        side_l0: SIDE_L0,
        step_l0: SIDE_L0,
        level: 0,
        downsample: (1.0, 1.0),
        read_px: SIDE_L0,
        tile_px: SIDE_L0,
        fill: [255; 3],
        places: places.len(),
        origins_l0,
    };
    let class_names = CLASS_NAMES.map(str::to_owned).to_vec();
    (
        image,
        BiomarkerMap::new(&plan, &Predictions { meaning: Meaning::Classes, class_names, rows, unfamiliarity: None })
            .unwrap(),
    )
});

fn interval(value: f64, half: f64) -> Figure {
    Figure { value: Some(value), low: Some(value - half), high: Some(value + half) }
}

fn plain(value: f64) -> Figure {
    Figure { value: Some(value), ..Figure::default() }
}

fn definitions() -> Vec<ReadoutDefinition> {
    let of = |name: &str, unit: &str, definition: &str, source: &str, decimals: Option<usize>| ReadoutDefinition {
        name: name.to_owned(),
        unit: unit.to_owned(),
        definition: definition.to_owned(),
        source: source.to_owned(),
        decimals,
    };
    vec![
        of("Tumour share", "%", "Share of the scored tissue that is tumour epithelium", "", Some(1)),
        of(
            "Tumour-stroma ratio",
            "",
            "Tumour area over tumour and stroma area together",
            "Mesker et al. 2007, doi:10.1155/2007/175276",
            None,
        ),
        of(
            "Lymphocytes at the margin",
            "%",
            "Share of lymphocytes within 500 um outside the invasive margin",
            "Galon et al. 2006, doi:10.1126/science.1129139",
            Some(1),
        ),
        of("Tumour regions", "", "Connected regions of tumour of at least 0.05 mm\u{b2}", "", Some(0)),
        of(
            "Morisita-Horn index",
            "",
            "How far tumour and lymphocytes share their places, from 0 (apart) to 1",
            "Maley et al. 2015, doi:10.1186/s13058-015-0638-4",
            None,
        ),
        of("Margin length", "mm", &format!("Length of the line between tumour and the rest {ODD}"), ODD, None),
    ]
}

fn values(seed: usize) -> Vec<Figure> {
    let share = 8.0 + 40.0 * f64::from(noise(seed, 1));
    let undefined = seed % 7 == 3;
    vec![
        interval(share, 3.2),
        interval(0.3 + 0.5 * f64::from(noise(seed, 2)), 0.061),
        if undefined { Figure::default() } else { interval(12.0 * f64::from(noise(seed, 3)).powi(2), 0.9) },
        plain((3.0 + 20.0 * f64::from(noise(seed, 4))).round()),
        interval(f64::from(noise(seed, 5)), 0.08),
        plain(14.0 + 90.0 * f64::from(noise(seed, 6))),
    ]
}

fn entropy(scores: &[f32]) -> f32 {
    -scores.iter().map(|&p| if p > 0.0 { p * p.ln() } else { 0.0 }).sum::<f32>() / (scores.len() as f32).ln()
}

fn layers(map: &BiomarkerMap) -> Vec<Layer> {
    let of = |value: &dyn Fn(&[f32]) -> Option<f32>| -> Vec<Option<f32>> {
        let each =
            map.cells().map(|(_, _, cell)| if let MapCell::Scored(scores) = cell { value(scores) } else { None });
        each.collect()
    };
    let entropies = of(&|scores| Some(entropy(scores)));
    let third = of(&|scores| Some(scores[2]));
    let z = of(&|scores| Some((scores[1] - 0.3) * 8.0));
    let spots: Vec<Option<usize>> =
        third.iter().map(|score| score.and_then(|score| (score > 0.4).then_some(usize::from(score < 0.6)))).collect();
    let values = |name: &str, values: &[Option<f32>], range: [f32; 2], key: &str, scale: Scale| {
        Layer::values(name, map, LayerValues { values, range, name: key, scale }).unwrap()
    };
    vec![
        Layer::decisions("Classes", map, &palette::class_colours(CLASS_NAMES.len())).unwrap(),
        values("Entropy", &entropies, [0.0, 1.0], "Entropy, share of the largest", Scale::Amount)
            .with_text("Where it is high, the model is not sure."),
        values("Lymphocytes", &third, [0.0, 1.0], "Probability", Scale::Score),
        values("Hot and cold", &z, [-4.0, 4.0], "Local z-score", Scale::TwoSides),
        Layer::groups("Spots", map, &spots, &[(ODD.to_owned(), [213, 94, 0]), ("warm".to_owned(), [230, 159, 0])])
            .unwrap(),
    ]
}

fn profile() -> BandChart {
    let points = |seed: usize, height: f64| {
        (0..=20_u32)
            .map(|step| {
                let x = f64::from(step) * 100.0 - 1000.0;
                let y = height * (-(x - 150.0).powi(2) / 90_000.0).exp() + 2.0 * f64::from(noise(seed, step as usize));
                (x, if step == 17 { Figure::default() } else { interval(y, 0.6 + y * 0.12) })
            })
            .collect()
    };
    let series = |name: &str, points| BandSeries { name: name.to_owned(), points };
    BandChart {
        about: "Share of lymphocytes and stroma by distance to the margin".to_owned(),
        x_name: "Distance to the invasive margin [um]".to_owned(),
        y_name: "Share of tissue [%]".to_owned(),
        series: vec![
            series("lymphocytes", points(1, 18.0)),
            series("stroma", points(2, 31.0)),
            series(ODD, points(3, 5.0)),
        ],
        expected: None,
        sides: Some(["inside the tumour".to_owned(), "outside".to_owned()]),
    }
}

fn l_curve() -> BandChart {
    let curve = |of: &dyn Fn(f64) -> Figure| (0..=50).map(|step| f64::from(step) * 20.0).map(|r| (r, of(r))).collect();
    let observed = curve(&|r| plain(r * 0.24 * (-(r / 900.0).powi(2)).exp()));
    let expected = curve(&|r| interval(0.0, 4.0 + r * 0.03));
    BandChart {
        about: "L-curve of lymphocyte tiles against complete randomness".to_owned(),
        x_name: "Radius r [um]".to_owned(),
        y_name: "L(r) - r [um]".to_owned(),
        series: vec![BandSeries { name: "observed".to_owned(), points: observed }],
        expected: Some(BandSeries { name: "by chance, 99 random labellings".to_owned(), points: expected }),
        sides: None,
    }
}

fn pairs(count: usize, limit: f64) -> PairMatrix {
    let name = |at: usize| CLASS_NAMES.get(at).map_or_else(|| format!("class {at}"), |name| (*name).to_owned());
    let names: Vec<String> = (0..count).map(|at| if at == 3 { ODD.to_owned() } else { name(at) }).collect();
    let value = |row: usize, column: usize| {
        let (low, high) = (row.min(column), row.max(column));
        (row != column).then(|| (f64::from(noise(low, high)) * 2.0 - 1.0) * limit * 1.2)
    };
    let values: Vec<Vec<Option<f64>>> =
        (0..count).map(|row| (0..count).map(|column| value(row, column)).collect()).collect();
    let bold = |value: &Option<f64>| value.is_some_and(|value| value.abs() > limit * 0.7);
    PairMatrix {
        about: "How much more often classes touch than by chance".to_owned(),
        row_title: "Class".to_owned(),
        column_title: "Neighbour".to_owned(),
        rows: names.clone(),
        columns: names,
        bold: values.iter().map(|row| row.iter().map(bold).collect()).collect(),
        values,
        name: "z-score".to_owned(),
        ends: ["less often".to_owned(), "more often".to_owned()],
        limit,
    }
}

fn fractions() -> BarChart {
    let colours = palette::class_colours(CLASS_NAMES.len());
    let shares = [31.2, 44.0, 12.5, 6.1, 4.0, 1.2, 0.7, 0.3, 0.02];
    let bars = CLASS_NAMES.iter().zip(colours).zip(shares);
    let bar = |((name, colour), share): ((&&str, [u8; 3]), f64)| Bar {
        name: (*name).to_owned(),
        colour,
        figure: interval(share, share * 0.2),
    };
    BarChart { about: "Share of each class".to_owned(), x_name: "Share [%]".to_owned(), bars: bars.map(bar).collect() }
}

fn captioned(svg: Svg, caption: &str) -> Captioned {
    Captioned { svg, caption: caption.to_owned() }
}

fn facts() -> [Fact; 4] {
    [
        Fact::new("Name", "tissue-mobilenetv2.crc01"),
        Fact::new("Task", format!("Tissue classes {ODD}")),
        Fact::new("Weights (BLAKE3)", "8f14e45fceea167a5a36dedd4bea2543ab12cd34ef56aa78bb90cc12dd34ee56"),
        Fact::new("Licence", "CC-BY-4.0"),
    ]
}

const INTERVALS: &str =
    "In brackets: intervals that hold the true value in about 95 of 100 cases, from a bootstrap over blocks of 1 mm.";

fn slide(id: &str) -> String {
    let (image, map) = &*EXAMPLE;
    let (definitions, values) = (definitions(), values(1));
    let readouts = |range: std::ops::Range<usize>| -> Vec<Readout<'_>> {
        range.map(|at| Readout { definition: &definitions[at], value: values[at] }).collect()
    };
    let bars = captioned(bar_chart(&fractions()), "Share of the scored tissue, with 95 % intervals.");
    let profile = captioned(band_chart(&profile()), "By distance to the margin; bands are 95 % intervals.");
    let l_curve = captioned(band_chart(&l_curve()), "Above the grey band, tiles of the class cluster.");
    let matrix = captioned(pair_matrix(&pairs(CLASS_NAMES.len(), 4.0)), "Bold: beyond chance (p < 0.05, Holm).");
    let spread: Vec<f64> = (0..900).map(|at| f64::from(noise(at, 3)).powi(2)).collect();
    let spread = Histogram {
        mark: Some((0.85, "not sure from 0.85".to_owned())),
        ..Histogram::of("Entropy of tiles", "Entropy", "Tiles", &spread)
    };
    let group = |heading: &str, range, figures| ReadoutGroup {
        heading: heading.to_owned(),
        text: String::new(),
        readouts: readouts(range),
        parts: vec![Part::Figures(figures)],
    };
    slide_page(&SlidePage {
        id,
        status: SlideStatus::Scored,
        failure: None,
        notes: &[
            Note::of("WARNING: 34 % of the tiles are unlike those that the model was trained on."),
            Note::of("Tiles at the edge of the tissue were left out."),
        ],
        overview: Some(Overview::new(format!("The slide {id} in small"), image, Some(11.2), layers(map)).unwrap()),
        intervals: INTERVALS,
        groups: vec![
            group("How much of what", 0..2, vec![bars]),
            group("Along the margin", 2..4, vec![profile]),
            group("Who is beside whom", 4..6, vec![l_curve, matrix]),
            group("How sure the model is", 0..0, vec![captioned(histogram(&spread), "Entropy of each tile.")]),
        ],
        quality: Some(Quality {
            planned: 3412,
            scored: 3356,
            lost: 56,
            tissue_mm2: Some(41.2),
            um_per_px: Some(0.2528),
            um_per_px_source: "the tag MPP".to_owned(),
            unfamiliar: Some(0.341),
        }),
        quality_facts: &[Fact::new("Focus", "sharp in 97.1 % of the tiles")],
        model: &facts(),
        device: &[Fact::new("Device", "CPU")],
        provenance: &facts()[2..3],
    })
    .unwrap()
}

fn failed() -> String {
    slide_page(&SlidePage {
        id: ODD,
        status: SlideStatus::Failed,
        failure: Some("expected 2 bytes, found 1 \0 [WSI-0103]"),
        notes: &[],
        overview: None,
        intervals: "",
        groups: Vec::new(),
        quality: None,
        quality_facts: &[],
        model: &facts(),
        device: &[],
        provenance: &[],
    })
    .unwrap()
}

fn cohort(count: usize) -> String {
    let (image, _) = &*EXAMPLE;
    let small = thumbnail(image, Size::new(300, 300));
    let definitions = definitions();
    let mark = |at: usize| (at == 1).then(|| (0.5, "stroma-rich below 0.5".to_owned()));
    let columns: Vec<CohortColumn<'_>> =
        definitions.iter().enumerate().map(|(at, definition)| CohortColumn { definition, mark: mark(at) }).collect();
    let ids: Vec<String> =
        (0..count).map(|at| if at == 4 { ODD.to_owned() } else { format!("TCGA-A6-{}", 2670 + at * 37) }).collect();
    let pages: Vec<String> = ids.iter().map(|id| format!("slides/{id}.html")).collect();
    let slide = |at: usize| {
        let status = match at {
            5 => SlideStatus::Failed,
            8 => SlideStatus::NoTissue,
            _ => SlideStatus::Scored,
        };
        let scored = status == SlideStatus::Scored;
        let flags =
            ["WARNING: 34 % of the tiles are unfamiliar", "WARNING: 12 % of the tiles were lost", "large slide"];
        CohortSlide {
            id: &ids[at],
            page: (status != SlideStatus::Failed).then_some(pages[at].as_str()),
            thumbnail: (status != SlideStatus::Failed).then_some(&small),
            status,
            failure: (at == 5).then_some("expected a chunk of 12 bytes, found 0"),
            values: if scored { values(at) } else { Vec::new() },
            notes: flags
                .iter()
                .enumerate()
                .filter(|(flag, _)| at % (5 + flag) == 2)
                .map(|flag| Note::of(flag.1))
                .collect(),
        }
    };
    let slides: Vec<CohortSlide<'_>> = (0..count).map(slide).collect();
    cohort_page(&CohortPage {
        title: "Cohort of colorectal resections",
        notes: &[Note::of("WARNING: 1 of 24 slides failed.")],
        columns: &columns,
        slides: &slides,
        intervals: INTERVALS,
        figures: &[],
        sections: &[],
        model: &facts(),
        settings: &[Fact::new("Grid", "eosin"), Fact::new("Step", "112 um")],
        device: &[Fact::new("Device", "CPU")],
        provenance: &facts()[2..3],
    })
    .unwrap()
}

/// Figures with many or long names.
fn crowded() -> String {
    let long = "A very long name of a value, such as nobody should give, but somebody will [cells/mm2]";
    let histogram_of = |values: &[f64]| {
        let mark = Some((values[0], long.to_owned()));
        histogram(&Histogram { mark, ..Histogram::of(long, long, long, values) })
    };
    let long_pairs = PairMatrix { name: long.to_owned(), ..pairs(2, 1.0) };
    let mut bars = fractions();
    long.clone_into(&mut bars.bars[0].name);
    let figures = vec![
        histogram_of(&[0.5]),
        histogram_of(&[1e6, 2e9, 3e9]),
        pair_matrix(&pairs(30, 2.0)),
        pair_matrix(&pairs(12, 100.0)),
        pair_matrix(&long_pairs),
        bar_chart(&bars),
    ];
    let figures = figures.into_iter().map(|svg| captioned(svg, long)).collect();
    let section = Section { heading: long.to_owned(), parts: vec![Part::Figures(figures)] };
    Page { title: ODD.to_owned(), sections: vec![section] }.html().unwrap()
}

fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("slide", slide("TCGA-A6-2670")),
        ("failed", failed()),
        ("cohort", cohort(24)),
        ("none", cohort(0)),
        ("crowded", crowded()),
    ]
}

/// What a page says, without the namespaces of its elements and the pictures that it holds.
fn bare(page: &str) -> String {
    let spaces = ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"];
    let page = spaces.iter().fold(page.to_owned(), |page, name| page.replace(name, ""));
    let after = |part: &str| part.find('"').map_or(String::new(), |end| part[end..].to_owned());
    let mut parts = page.split(";base64,");
    parts.next().map(str::to_owned).into_iter().chain(parts.map(after)).collect()
}

#[test]
fn pages_on_slides_are_well_formed_whole_in_themselves_and_the_same_each_time() {
    let (first, second) = (pages(), pages());
    assert_eq!(first, second);
    for (name, page) in first {
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
        assert_eq!(faults(&page), Vec::<String>::new(), "{name}");
        let bare = bare(&page);
        assert!(!bare.contains("http") && !bare.contains("url(") && !bare.contains("@import"), "{name}");
        let scripts =
            document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/1999/xhtml", "script")));
        assert_eq!(scripts.count(), usize::from(name == "cohort" || name == "none"), "{name}");
        for node in document.descendants() {
            for attribute in node.attributes().filter(|attribute| matches!(attribute.name(), "src" | "href")) {
                let value = attribute.value();
                let inside =
                    value.starts_with("data:image/png;base64,") || value.starts_with("data:image/jpeg;base64,");
                assert!(inside || value.starts_with("slides/"), "{name}: {value:.60}");
            }
        }
        let pictures = document.descendants().filter(|node| node.tag_name().name() == "img");
        assert!(pictures.into_iter().all(|node| node.attribute("alt").is_some_and(|alt| !alt.is_empty())), "{name}");
        assert!(page.contains("Research use only, not for diagnosis."), "{name}");
        assert!(!bare.contains("NaN") && !bare.contains(">inf"), "{name}");
        assert!(page.len() < 1_000_000, "{name} has {} bytes", page.len());
    }
}

#[test]
fn a_page_on_a_slide_says_what_is_known_of_it() {
    let page = slide("a <b> & 'c'");
    assert!(page.contains("Slide a &#60;b&#62; &#38;") && !page.contains("<b>"));
    let share = values(1)[0];
    let (value, low, high) = (share.value.unwrap(), share.low.unwrap(), share.high.unwrap());
    assert!(page.contains(&format!("<td class=\"number\">{value:.1} <small>({low:.1} to {high:.1})</small></td>")));
    for part in [
        "<strong>Warning:</strong>&#160;34 % of the tiles",
        "<dd>3,356 (98.4 %)</dd>",
        "<dd>0.2528 um/px, from the tag MPP</dd>",
        "<dd>34.1 % of those scored</dd>",
        "<span>2 mm</span>",
        "checked=\"checked\"/><label for=\"layer-1-3-1\">Classes</label>",
        "not scored",
        "doi:10.1126/science.1129139",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let failed = failed();
    for page in [&page, &failed, &cohort(1)] {
        assert!(page.contains(concat!("eosin ", env!("CARGO_PKG_VERSION"))));
    }
    assert!(failed.contains("There is no result: expected 2 bytes, found 1 \u{fffd} [WSI-0103]"));
}

#[test]
fn a_page_on_a_cohort_counts_links_and_sorts() {
    let page = cohort(24);
    for part in [
        "<dt>Scored</dt><dd>22</dd>",
        "<dt>No tissue found</dt><dd>1</dd>",
        "<dt>Failed</dt><dd>1</dd>",
        "<a href=\"slides/TCGA-A6-2670.html\">TCGA-A6-2670</a>",
        "href=\"slides/%3Cb%3E%26%22%27%3C/svg%3E%20%5D%5D%3E%20--.html\"",
        "<td class=\"number none\" data-sort=\"\">not defined</td>",
        "expected a chunk of 12 bytes, found 0",
        "Tumour-stroma ratio, 22 slides.",
        "stroma-rich below 0.5",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!cohort(4).contains("How values are spread"), "four values are read from the table");
}

#[test]
fn figures_of_slides_with_next_to_nothing_are_figures_still() {
    let band = |points: Vec<(f64, Figure)>, sides: bool| {
        let series = BandSeries { name: ODD.to_owned(), points };
        BandChart {
            about: ODD.to_owned(),
            x_name: ODD.to_owned(),
            y_name: ODD.to_owned(),
            series: vec![series.clone()],
            expected: Some(series),
            sides: sides.then(|| [ODD.to_owned(), String::new()]),
        }
    };
    let odd = Figure { value: Some(f64::NAN), low: Some(f64::INFINITY), high: None };
    let bars = |figures: &[Figure]| BarChart {
        about: ODD.to_owned(),
        x_name: ODD.to_owned(),
        bars: figures.iter().map(|&figure| Bar { name: ODD.to_owned(), colour: [240, 228, 66], figure }).collect(),
    };
    let histogram_of = |values: &[f64]| histogram(&Histogram::of(ODD, ODD, ODD, values));
    let matrix = |values: Vec<Vec<Option<f64>>>, limit: f64| PairMatrix { values, limit, ..pairs(2, 1.0) };
    let figures = vec![
        band_chart(&band(vec![], true)),
        band_chart(&band(vec![(0.0, plain(1.0))], false)),
        band_chart(&band(vec![(1.0, odd), (f64::NAN, interval(0.0, 1.0)), (2.0, interval(0.5, 1e300))], true)),
        bar_chart(&bars(&[])),
        bar_chart(&bars(&[odd, Figure::default(), plain(-3.0), plain(0.0)])),
        histogram_of(&[]),
        histogram_of(&[f64::NAN, 3.0]),
        histogram_of(&[1e-300, 1e300, -1e150]),
        histogram(&Histogram { edges: vec![], counts: vec![3], ..Histogram::of("", "", "", &[]) }),
        pair_matrix(&pairs(0, 1.0)),
        pair_matrix(&matrix(vec![vec![Some(f64::NAN), None], vec![]], f64::NAN)),
        pair_matrix(&pairs(30, 2.0)),
    ];
    for svg in figures {
        assert!(roxmltree::Document::parse(svg.as_str()).is_ok(), "{svg}");
        assert!(!svg.as_str().contains("NaN") && !svg.as_str().contains("inf"), "{svg}");
    }
}

/// Every layer can be chosen, and then it alone is shown with its legend; columns are sorted with what is missing last.
const CHOOSE_AND_SORT: &str = r#"<script>
addEventListener("load", () => {
  const found = [];
  const shown = (query) => [...document.querySelectorAll(query)].filter((one) => one.checkVisibility());
  const choices = [...document.querySelectorAll(".overview > input")];
  choices.forEach((choice, at) => {
    choice.click();
    const expected = at + 1 === choices.length ? 0 : 1;
    for (const query of [".layers > div", ".keys > div"]) {
      const count = shown(query).length;
      if (count !== expected) found.push(query + " of choice " + at + ": " + count);
    }
    const name = document.querySelector("label[for=" + choice.id + "]").textContent;
    if (expected) if (shown(".keys h3")[0].textContent !== name) found.push(name + " has another legend");
    if (expected) {
      const layer = shown(".layers img")[0].getBoundingClientRect();
      const slide = document.querySelector(".shown > img").getBoundingClientRect();
      if (Math.abs(layer.left - slide.left) > 1) found.push(name + " lies elsewhere");
      if (Math.abs(layer.width - slide.width) > 1) found.push(name + " has another width");
    }
  });
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      for (const order of ["ascending", "descending"]) {
        head.querySelector("button").click();
        if (head.getAttribute("aria-sort") !== order) found.push(column + " is not " + order);
        if (table.querySelectorAll("[aria-sort]").length !== 1) found.push("two columns are sorted");
        const keys = [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.sort);
        if (keys.some((key) => key === undefined)) continue;
        const numbers = keys.filter((key) => key !== "").map(Number);
        if (keys.slice(0, numbers.length).includes("")) found.push(column + ": what is missing is not last");
        const right = [...numbers].sort((a, b) => order === "ascending" ? a - b : b - a);
        if (numbers.join() !== right.join()) found.push(column + " " + order + ": " + numbers.join());
      }
    });
  }
  if (choices.length) choices[0].click();
  document.body.dataset.tried = JSON.stringify(found);
});
</script>"#;

#[test]
fn a_browser_draws_pages_on_slides_whole_lets_choose_layers_and_sorts() {
    for (name, page) in pages() {
        // Ampersands and signs below would not be XML, which no browser minds.
        let Some(drawn) = browse(name, &page.replace("</body>", &format!("{CHOOSE_AND_SORT}</body>"))) else { return };
        let tried = drawn.split("data-tried=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(tried, Some("[]"), "{name}");
    }
}

#[test]
fn a_table_without_sorting_has_no_script_and_cells_say_all_in_words() {
    let remarks = vec![Note::of("WARNING: blurred"), Note::of("large")];
    let table = Table {
        caption: "Slides".to_owned(),
        head: vec!["Slide".to_owned(), "Flags".to_owned()],
        rows: vec![(Cell::text("a").linked("a b.html"), vec![Cell::remarks(remarks)])],
        ..Table::default()
    };
    let section = Section { heading: "Slides".to_owned(), parts: vec![Part::Table(table)] };
    let html = Page { title: "Slides".to_owned(), sections: vec![section] }.html().unwrap();
    assert!(!html.contains("<script"));
    assert!(html.contains("<a href=\"a%20b.html\">a</a>"));
    assert!(html.contains("<strong>Warning:</strong>&#160;blurred</span><span class=\"remark\">large</span>"));
}
