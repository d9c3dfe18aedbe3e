//! Labelled tiles from tables, slides and drawn areas: what is read, what is refused, how it is divided.

use crate::shared::shared;
use eosin::Error;
use eosin::dataset::{
    AnnotationSource, DataSource, FolderSource, Grouping, InputConfig, ManifestSource, ReadEvent, Request, SizeRule,
    SlideSource, SplitConfig, TileSet, Truth, check_leak, read, split,
};
use eosin::geometry::Size;
use eosin::synthetic::{ChunkPlace, PyramidConfig, SyntheticConfig, SyntheticSlide};
use eosin::units::Mpp;
use image::RgbImage;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const SIDE_PX: u32 = 64;

fn input() -> InputConfig {
    InputConfig { um_per_px: 0.5, tile_px: SIDE_PX, input_px: SIDE_PX, ..InputConfig::default() }
}

fn tiles(source: &DataSource, input: &InputConfig, memory_bytes: u64) -> Result<TileSet, Error> {
    let request = Request { source, exclude: &[], input, memory_bytes, scratch: None, trains: true };
    read(request, &AtomicBool::new(false), &mut |_| ())
}

/// 16 x 16 tiles at 0.5 um/px.
const SLIDE: Size = Size::new(1024, 1024);

fn slide(path: &Path, seed: u64) {
    let mpp = Mpp::new(0.5).unwrap();
    let synthetic = SyntheticSlide::new(SyntheticConfig { seed, size: SLIDE, mpp });
    synthetic.write(path, &PyramidConfig::default(), None, &|_, _| {}).unwrap();
}

/// A tumour of 8 x 8 tiles with a hole of 2 x 2, and stroma right of it that reaches 28 pixels over its last column.
const GEOJSON: &str = r#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "properties": {"objectType": "annotation", "classification": {"name": "tumour"}}, "geometry":
     {"type": "Polygon", "coordinates": [[[0, 0], [512, 0], [512, 512], [0, 512], [0, 0]],
      [[128, 128], [256, 128], [256, 256], [128, 256], [128, 128]]]}},
    {"type": "Feature", "properties": {"classification": {"name": "stroma"}}, "geometry":
     {"type": "MultiPolygon", "coordinates": [[[[484, 0], [1024, 0], [1024, 512], [484, 512], [484, 0]]],
      [[[484, 512], [1024, 512], [1024, 1024], [484, 1024], [484, 512]]]]}},
    {"type": "Feature", "properties": {}, "geometry":
     {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]}}
]}"#;

/// ASAP has no holes: the ring goes to the hole and back.
const ASAP: [(&str, &[(i32, i32)]); 3] = [
    (
        "tumour",
        &[(0, 0), (512, 0), (512, 512), (0, 512), (0, 0), (128, 128), (128, 256), (256, 256), (256, 128), (128, 128)],
    ),
    ("stroma", &[(484, 0), (1024, 0), (1024, 1024), (484, 1024)]),
    ("None", &[(0, 0), (9, 0), (9, 9)]),
];

/// A layer's name, and its regions: whether they are holes, and their vertices.
type Layer<'a> = (&'a str, &'a [(u8, &'a [(i32, i32)])]);

const IMAGESCOPE: [Layer<'_>; 3] = [
    (
        "tumour",
        &[(0, &[(0, 0), (512, 0), (512, 512), (0, 512)]), (1, &[(128, 128), (256, 128), (256, 256), (128, 256)])],
    ),
    (
        "stroma",
        &[
            (0, &[(484, 0), (1024, 0), (1024, 600), (484, 600)]),
            (0, &[(484, 400), (1024, 400), (1024, 1024), (484, 1024)]),
        ],
    ),
    ("", &[(0, &[(0, 0), (9, 0), (9, 9)])]),
];

fn asap() -> String {
    let annotation = |(group, points): &(&str, &[(i32, i32)])| {
        let points = points.iter().enumerate();
        let points = points.map(|(at, (x, y))| format!("<Coordinate Order=\"{at}\" X=\"{x}\" Y=\"{y}\"/>"));
        let points: String = points.collect();
        format!("<Annotation Type=\"Polygon\" PartOfGroup=\"{group}\"><Coordinates>{points}</Coordinates></Annotation>")
    };
    let annotations: String = ASAP.iter().map(annotation).collect();
    format!("<?xml version=\"1.0\"?><ASAP_Annotations><Annotations>{annotations}</Annotations></ASAP_Annotations>")
}

fn imagescope() -> String {
    let region = |(negative, points): &(u8, &[(i32, i32)])| {
        let vertices = points.iter().map(|(x, y)| format!("<Vertex X=\"{x}.0\" Y=\"{y}\" Z=\"0\"/>"));
        let points = vertices.collect::<Vec<_>>().concat();
        format!("<Region Type=\"0\" NegativeROA=\"{negative}\"><Vertices>{points}</Vertices></Region>")
    };
    let layer = |(name, regions): &Layer<'_>| {
        let regions: String = regions.iter().map(region).collect();
        format!("<Annotation Name=\"{name}\"><Regions>{regions}</Regions></Annotation>")
    };
    format!("<Annotations>{}</Annotations>", IMAGESCOPE.iter().map(layer).collect::<String>())
}

fn drawn(slides: &[PathBuf]) -> AnnotationSource {
    AnnotationSource { slides: slides.to_vec(), ..AnnotationSource::default() }
}

#[test]
fn the_same_drawing_gives_the_same_tiles_whichever_program_made_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.svs");
    slide(&path, 1);
    let mut digests = Vec::new();
    for (name, text) in [("a.geojson", GEOJSON.to_owned()), ("a.xml", asap()), ("a.xml", imagescope())] {
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        let set = tiles(&DataSource::Annotations(drawn(std::slice::from_ref(&path))), &input(), 1 << 30).unwrap();
        assert_eq!(set.targets.names(), ["stroma", "tumour"]);
        let at = |class: usize| set.tiles.iter().filter(move |tile| tile.truth == Truth::Class(class));
        let corners = |class: usize| at(class).filter_map(|tile| tile.rect_l0).map(|rect| (rect.x / 64, rect.y / 64));
        // The last column of the tumour is of two classes; below it stroma covers too little.
        assert!(corners(0).all(|(x, _)| x >= 8) && corners(0).count() == 128);
        assert!(corners(1).all(|(x, y)| x < 7 && y < 8 && !((2..4).contains(&x) && (2..4).contains(&y))));
        assert_eq!(corners(1).count(), 7 * 8 - 4);
        let notes = set.notes.join("; ");
        assert!(
            notes.contains("1 drawn areas have no class") && notes.contains("8 tiles are left out, as a second class"),
            "{notes}"
        );
        digests.push(set.digest());
        fs::remove_file(file).unwrap();
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[test]
fn tiles_of_drawn_areas_can_overlap_be_fewer_and_need_less_cover() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.svs");
    slide(&path, 1);
    fs::write(dir.path().join("a.geojson"), GEOJSON).unwrap();
    let counts = |source: AnnotationSource| {
        let set = tiles(&DataSource::Annotations(source), &input(), 1 << 30).unwrap();
        let all: Vec<usize> = (0..set.tiles.len()).collect();
        (set.counts(&all), set.notes.join("; "))
    };
    let base = drawn(&[path]);
    // Below the tumour, a column of stroma.
    assert_eq!(counts(AnnotationSource { min_cover: 0.4, ..base.clone() }).0, [136, 52]);
    // In the tumour's last column the tumour covers more.
    assert_eq!(counts(AnnotationSource { max_other: 0.5, ..base.clone() }).0, [128, 60]);
    let (found, notes) = counts(AnnotationSource { max_tiles: Some(20), ..base.clone() });
    assert_eq!(found, [20, 20]);
    assert!(notes.contains(&format!("{} tiles beyond `max_tiles`", 128 + 52 - 40)), "{notes}");
    let half = counts(AnnotationSource { overlap: 0.5, ..base }).0;
    assert!(half[0] > 3 * 128 && half[1] > 3 * 52, "{half:?}");
}

#[test]
fn drawings_that_do_not_fit_their_slides_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.svs");
    slide(&path, 1);
    let file = dir.path().join("a.geojson");
    let read = |slides: &[PathBuf]| tiles(&DataSource::Annotations(drawn(slides)), &input(), 1 << 30);
    fs::write(&file, GEOJSON.replace("128", "90000").replace("484", "90000").replace("1024", "99000")).unwrap();
    let error = read(std::slice::from_ref(&path)).unwrap_err();
    assert_eq!((error.code(), error.path()), ("TRN-0223", Some(file.as_path())));
    assert!(error.message().starts_with("area 2: expected a place on a slide of 1024 x 1024"), "{error}");
    fs::write(&file, GEOJSON).unwrap();
    slide(&dir.path().join("b.svs"), 2);
    assert!(read(&[dir.path().to_path_buf()]).unwrap().notes.join("; ").contains("1 slides have no annotations"));
    let error = read(&[path, dir.path().join("b.svs")]).unwrap_err();
    assert_eq!((error.code(), error.path()), ("TRN-0226", Some(dir.path().join("b.svs").as_path())));
    assert!(error.advice().unwrap().contains(".geojson"));
}

#[test]
fn a_table_says_whose_drawn_slides_are() {
    let dir = tempfile::tempdir().unwrap();
    for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        slide(&dir.path().join(format!("{name}.svs")), at as u64);
        fs::write(dir.path().join(format!("{name}.geojson")), GEOJSON).unwrap();
    }
    let table = dir.path().join("slides.csv");
    let source =
        AnnotationSource { table: Some(table.clone()), max_tiles: Some(4), ..drawn(&[dir.path().to_path_buf()]) };
    let source = DataSource::Annotations(source);
    fs::write(&table, "slide,patient\na.svs,1\nb.svs,1\nc.svs,2\n").unwrap();
    let error = tiles(&source, &input(), 1 << 30).unwrap_err();
    assert_eq!((error.code(), error.path()), ("TRN-0227", Some(table.as_path())));
    fs::write(&table, "slide,patient,weight\na.svs,1,2\nb.svs,1,1\nc.svs,2,1\nd.svs,3,1\n").unwrap();
    let set = tiles(&source, &input(), 1 << 30).unwrap();
    assert_eq!((set.tiles.len(), set.tiles[0].weight, set.tiles[0].name.starts_with("a.svs x ")), (32, 2.0, true));
    let (by, clusters) = set.clusters();
    assert_eq!((by, clusters.iter().max()), (Grouping::Patient, Some(&2)));
    assert!(clusters[..16].iter().all(|&cluster| cluster == 0));
}

#[test]
fn a_table_of_several_slides_keeps_their_places_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = "slide,x,y,label,patient,weight\n".to_owned();
    for number in 0..6 {
        slide(&dir.path().join(format!("{number}.svs")), number);
        for at in 0..6 {
            let label = ["a", "b"][at % 2];
            writeln!(table, "{number}.svs,{},{},{label},case {},0.5", at * 32, at * 100, number / 2).unwrap();
        }
    }
    fs::write(dir.path().join("places.csv"), table).unwrap();
    let source = SlideSource { targets: dir.path().join("places.csv"), ..SlideSource::default() };
    let set = tiles(&DataSource::Slide(source), &input(), 1 << 30).unwrap();
    assert_eq!((set.tiles.len(), set.tiles[0].weight, set.tiles[6].name.as_str()), (36, 0.5, "1.svs x 0, y 0"));
    assert_ne!(set.pixels(0).unwrap(), set.pixels(6).unwrap());
    let config = SplitConfig { validation: 0.34, ..SplitConfig::default() };
    let divided = split(&set, &config, 1).unwrap();
    // The same corner of another slide is no neighbour.
    assert_eq!((divided.by, divided.groups, divided.dropped), (Grouping::Patient, [2, 1, 0], 0));
    assert!(!divided.describe(&config).contains("case"));
}

#[test]
fn a_damaged_chunk_loses_its_tiles_alone_and_many_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.svs");
    let synthetic = SyntheticSlide::new(SyntheticConfig { seed: 1, size: SLIDE, mpp: Mpp::new(0.5).unwrap() });
    let edit = |place: ChunkPlace, bytes: Vec<u8>| {
        let hit = place == ChunkPlace { level: 0, col: 1, row: 0 };
        Some(if hit { bytes[..bytes.len() / 2].to_vec() } else { bytes })
    };
    synthetic.write(&path, &PyramidConfig::default(), Some(&edit), &|_, _| {}).unwrap();
    // Of the first row all chunks, of it the second is cut; 112 tiles below it.
    let whole = (0..7 * 16).map(|at| (at % 16 * 64, 256 + at / 16 * 64));
    let mut places: Vec<(i32, i32)> = [(0, 0), (256, 0)].into_iter().chain(whole).collect();
    let read = |places: &[(i32, i32)]| {
        let rows = places.iter().enumerate().map(|(at, (x, y))| format!("{x},{y},{}\n", ["a", "b"][at % 2]));
        let targets = dir.path().join("places.csv");
        fs::write(&targets, "x,y,label\n".to_owned() + &rows.collect::<Vec<_>>().concat()).unwrap();
        tiles(
            &DataSource::Slide(SlideSource { slide: path.clone(), targets, ..SlideSource::default() }),
            &input(),
            1 << 30,
        )
    };
    let set = read(&places).unwrap();
    assert_eq!(set.tiles.len(), 113);
    assert!(set.tiles.iter().all(|tile| tile.name != "x 256, y 0"));
    assert!(set.notes.contains(&"1 of 114 tiles could not be read and are left out".to_owned()), "{:?}", set.notes);
    places.push((320, 0));
    let error = read(&places).unwrap_err();
    assert!(error.code() == "TRN-0202" && error.message().contains("the first x 256, y 0: "), "{error}");
}

/// Eighty small images and their manifest, four of each of twenty patients.
fn manifest(dir: &Path) -> ManifestSource {
    fs::create_dir_all(dir.join("images")).unwrap();
    let mut table = "file,label,patient,note\n".to_owned();
    for at in 0..80_u8 {
        let byte = |value: u32| u8::try_from(value).unwrap();
        let image = RgbImage::from_fn(SIDE_PX, SIDE_PX, |x, y| image::Rgb([at, byte(x * 3), byte(y * 2)]));
        image.save(dir.join(format!("images/{at}.png"))).unwrap();
        writeln!(table, "images/{at}.png,{},{},x", ["a", "b"][usize::from(at % 2)], at / 4).unwrap();
    }
    fs::write(dir.join("labels.csv"), table).unwrap();
    ManifestSource { path: dir.join("labels.csv"), ..ManifestSource::default() }
}

#[test]
fn a_manifest_is_the_same_in_memory_and_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let source = DataSource::Manifest(manifest(dir.path()));
    let (memory, disk) = (tiles(&source, &input(), 1 << 30).unwrap(), tiles(&source, &input(), 1000).unwrap());
    assert_eq!((memory.digest(), memory.tiles.len()), (disk.digest(), 80));
    assert!((0..80).all(|at| memory.pixels(at).unwrap() == disk.pixels(at).unwrap()));
    assert_eq!(memory.pixels(7).unwrap()[..6], [7, 0, 0, 7, 3, 0]);
    assert!(memory.notes.is_empty(), "{:?}", memory.notes);
    let divided = split(&memory, &SplitConfig { test: 0.2, ..SplitConfig::default() }, 1).unwrap();
    assert_eq!(divided.groups, [12, 4, 4]);
    check_leak(&memory, &divided).unwrap();
}

#[test]
fn files_of_a_manifest_that_are_missing_or_elsewhere_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let source = manifest(dir.path());
    fs::remove_file(dir.path().join("images/3.png")).unwrap();
    let error = tiles(&DataSource::Manifest(source.clone()), &input(), 1 << 30).unwrap_err();
    assert_eq!(error.code(), "TRN-0202");
    assert!(error.message().contains("found 1, the first images/3.png: cannot read the tile: no such file"), "{error}");
    let moved = ManifestSource { root: Some(dir.path().join("none")), ..source.clone() };
    assert_eq!(tiles(&DataSource::Manifest(moved), &input(), 1 << 30).unwrap_err().code(), "TRN-0202");
    for (row, part) in
        [("../a.png,a,1,x", "`..`"), ("/a.png,a,1,x", "absolute"), ("./images/0.png,a,1,x", "images/0.png again")]
    {
        let table = fs::read_to_string(&source.path).unwrap();
        let bad = ManifestSource { path: dir.path().join("bad.csv"), ..source.clone() };
        fs::write(&bad.path, table + row + "\n").unwrap();
        let error = tiles(&DataSource::Manifest(bad), &input(), 1 << 30).unwrap_err();
        assert!(
            error.code() == "TRN-0206" && error.message().contains("line 82") && error.message().contains(part),
            "{error}"
        );
    }
}

#[test]
fn files_of_other_kinds_in_class_folders_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    manifest(dir.path());
    for class in ["a", "b"] {
        fs::create_dir_all(dir.path().join("classes").join(class)).unwrap();
        for at in 0..2 {
            let number = if class == "a" { at } else { at + 10 };
            fs::copy(
                dir.path().join(format!("images/{number}.png")),
                dir.path().join(format!("classes/{class}/{at}.png")),
            )
            .unwrap();
        }
    }
    for name in ["a/Smith.gif", "b/x.TXT", "readme"] {
        fs::write(dir.path().join("classes").join(name), b"").unwrap();
    }
    let source = DataSource::Folder(FolderSource { path: dir.path().join("classes") });
    let notes = tiles(&source, &input(), 1 << 30).unwrap().notes.join("; ");
    assert!(
        notes.contains("3 files or folders are no tiles") && notes.contains("(.gif, .txt, without ending)"),
        "{notes}"
    );
    assert!(!notes.contains("Smith"));
}

#[test]
fn real_tiles_of_patients_are_divided_by_patient() {
    let Some(idc) = shared("data/tiles/idc") else { return };
    let source = DataSource::Manifest(ManifestSource {
        path: idc.join("labels.csv"),
        label_column: "idc".to_owned(),
        ..ManifestSource::default()
    });
    let input = |size| InputConfig { tile_px: 50, input_px: 50, size, ..InputConfig::default() };
    let mut small = 0;
    let request = Request {
        source: &source,
        exclude: &[],
        input: &input(SizeRule::Exact),
        memory_bytes: 1 << 30,
        scratch: None,
        trains: true,
    };
    let exact = read(request, &AtomicBool::new(false), &mut |event| {
        if let ReadEvent::Skipped { reason, .. } = event {
            assert!(reason.contains("TRN-0205"), "{reason}");
            small += 1;
        }
    });
    assert!(small > 0);
    if small * 100 > 1371 {
        assert_eq!(exact.unwrap_err().code(), "TRN-0202");
    }
    let (pad, drop) = (
        tiles(&source, &input(SizeRule::Pad), 1 << 30).unwrap(),
        tiles(&source, &input(SizeRule::Drop), 1 << 30).unwrap(),
    );
    assert_eq!((pad.tiles.len(), drop.tiles.len()), (1371, 1371 - small));
    assert!(
        pad.notes.iter().any(|note| note.starts_with(&format!("{small} of 1371 tiles are smaller"))),
        "{:?}",
        pad.notes
    );
    let config = SplitConfig { test: 0.2, ..SplitConfig::default() };
    let divided = split(&pad, &config, 1).unwrap();
    assert_eq!((divided.by, divided.groups.iter().sum::<usize>()), (Grouping::Patient, 36));
    let all = pad.counts(&(0..1371).collect::<Vec<_>>());
    for tiles in [&divided.validation, &divided.test] {
        for (count, total) in pad.counts(tiles).into_iter().zip(&all) {
            let share = count as f64 / *total as f64;
            assert!((share - 0.2).abs() < 0.05, "{share}");
        }
    }
}

#[test]
fn tiles_in_tiff_have_the_pixels_that_pillow_reads() {
    let Some(folder) = shared("data/tiles/nct_sample9") else { return };
    // Of the RGB bytes b at i as Pillow 13 decodes them: sum of b (i mod 251 + 1).
    let sums: [(&str, u64); 9] = [
        ("ADI-AAQEFMRI", 4_240_285_212),
        ("BACK-AAQSHYMA", 4_628_361_695),
        ("DEB-ACHGAMCT", 3_075_964_042),
        ("LYM-AATTSRNN", 1_019_134_709),
        ("MUC-AAQTMGMA", 4_367_868_760),
        ("MUS-AACVWIEK", 2_354_609_374),
        ("NORM-AAAWMSFI", 2_199_883_420),
        ("STR-AACRYYNQ", 1_925_335_162),
        ("TUM-AACHEHDV", 3_578_155_654),
    ];
    let dir = tempfile::tempdir().unwrap();
    let rows = sums.iter().enumerate().map(|(at, (name, _))| format!("{name}.tif,{}\n", ["a", "b"][at % 2]));
    let path = dir.path().join("labels.csv");
    fs::write(&path, "file,label\n".to_owned() + &rows.collect::<Vec<_>>().concat()).unwrap();
    let source = DataSource::Manifest(ManifestSource { path, root: Some(folder), ..ManifestSource::default() });
    let set = tiles(&source, &InputConfig::default(), 1 << 30).unwrap();
    for (at, (name, sum)) in sums.into_iter().enumerate() {
        let pixels = set.pixels(at).unwrap();
        let found: u64 = (0_u64..).zip(pixels).map(|(i, byte)| u64::from(byte) * (i % 251 + 1)).sum();
        assert_eq!(found, sum, "{name}");
    }
}
