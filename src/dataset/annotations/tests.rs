//! Files of annotations, good and bad, without any slide.

use super::*;
use area::Ring;
use std::fmt::Write;

const SQUARE: [(f64, f64); 4] = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)];

fn square(by: f64) -> Ring {
    Ring::new(SQUARE.map(|(x, y)| (x + by, y + by)).to_vec()).unwrap()
}

fn feature(geometry: &str, properties: &str) -> String {
    format!(r#"{{"type": "Feature", "geometry": {geometry}, "properties": {{{properties}}}}}"#)
}

fn collection(features: &[String]) -> String {
    format!(r#"{{"type": "FeatureCollection", "features": [{}]}}"#, features.join(","))
}

/// A closed ring of JSON, or one that lacks its last vertex.
fn ring(by: f64, closed: bool) -> String {
    let points = SQUARE.iter().chain(closed.then_some(&SQUARE[0]));
    let points: Vec<String> = points.map(|(x, y)| format!("[{}, {}]", x + by, y + by)).collect();
    format!("[{}]", points.join(","))
}

#[test]
fn geojson_of_polygons_is_read_and_the_rest_is_counted() {
    let polygon = format!(r#"{{"type": "Polygon", "coordinates": [{}, {}]}}"#, ring(0.0, true), ring(2.0, true));
    let multi =
        format!(r#"{{"type": "MultiPolygon", "coordinates": [[{}], [{}]]}}"#, ring(20.0, true), ring(40.0, true));
    let point = r#"{"type": "Point", "coordinates": [1, 2]}"#;
    let named = |name: &str| format!(r#""classification": {{"name": "{name}", "color": [1, 2, 3]}}"#);
    let text = collection(&[
        feature(&polygon, &format!(r#""objectType": "annotation", {}"#, named(" Tumor "))),
        feature(&multi, r#""classification": {"names": ["Immune cells", "Positive"]}"#),
        feature(&polygon, ""),
        feature(point, &named("Tumor")),
        feature(&polygon, &format!(r#""objectType": "detection", {}"#, named("Tumor"))),
    ]);
    let area = |class: &str, number, outer, holes| Area { class: class.to_owned(), number, outer, holes };
    let areas = vec![
        area("Tumor", 1, square(0.0), vec![square(2.0)]),
        area("Immune cells: Positive", 2, square(20.0), vec![]),
        area("Immune cells: Positive", 2, square(40.0), vec![]),
    ];
    let expected = Drawing { areas, unnamed: 1, no_areas: 2 };
    assert_eq!(geojson::parse(text.as_bytes()).unwrap(), expected);
    // As older versions write it: a list alone.
    let list = text.trim_start_matches(r#"{"type": "FeatureCollection", "features": "#);
    let list = &list[..=list.rfind(']').unwrap()];
    assert_eq!(geojson::parse(list.as_bytes()).unwrap(), expected);
}

#[test]
fn geojson_that_makes_no_sense_is_refused_with_the_number_of_its_feature() {
    let class = r#""classification": {"name": "a"}"#;
    let polygon = |rings: &str| feature(&format!(r#"{{"type": "Polygon", "coordinates": {rings}}}"#), class);
    let good = polygon(&format!("[{}]", ring(0.0, true)));
    for (text, code, part) in [
        (String::new(), "TRN-0220", "expected GeoJSON"),
        ("{".to_owned(), "TRN-0220", "expected GeoJSON"),
        ("[".repeat(100_000), "TRN-0220", "recursion"),
        ("{}".to_owned(), "TRN-0220", "FeatureCollection"),
        (r#"{"type": "FeatureCollection"}"#.to_owned(), "TRN-0220", "expected features"),
        (collection(&[good.clone(), "7".to_owned()]), "TRN-0220", "feature 2: expected a Feature"),
        (
            collection(&[good.clone(), polygon(&format!("[{}]", ring(0.0, false)))]),
            "TRN-0221",
            "feature 2: expected a closed ring",
        ),
        (collection(&[polygon("[]")]), "TRN-0221", "feature 1: expected a ring"),
        (collection(&[polygon("[[]]")]), "TRN-0221", "feature 1: expected a closed ring"),
        (collection(&[polygon("[[[0, 0], [1, 1], [0, 0]]]")]), "TRN-0221", "three vertices or more, found 2"),
        (collection(&[polygon("[[[0, 0], [1, \"a\"], [0, 0]]]")]), "TRN-0221", "expected two numbers, found [1,\"a\"]"),
        (collection(&[polygon("[[[0, 0], [1, 0], [1e30, 1], [0, 0]]]")]), "TRN-0221", "expected level-0 pixels"),
        (collection(&[polygon("7")]), "TRN-0221", "expected a list, found 7"),
    ] {
        let error = geojson::parse(text.as_bytes()).unwrap_err();
        let start: String = text.chars().take(200).collect();
        assert!(error.code() == code && error.message().contains(part), "{start}: {error}");
    }
}

fn asap(annotations: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<ASAP_Annotations><Annotations>{annotations}</Annotations></ASAP_Annotations>")
}

fn asap_annotation(kind: &str, group: &str, points: &[(&str, f64, f64)]) -> String {
    let mut text = format!(r#"<Annotation Name="x" Type="{kind}" PartOfGroup="{group}"><Coordinates>"#);
    for (order, x, y) in points {
        let _ = write!(text, r#"<Coordinate Order="{order}" X="{x}" Y="{y}"/>"#);
    }
    text + "</Coordinates></Annotation>"
}

#[test]
fn asap_files_are_read_in_the_order_of_their_vertices() {
    let points = [("2", 10.0, 10.0), ("0", 0.0, 0.0), ("3", 0.0, 10.0), ("1", 10.0, 0.0)];
    let text = asap(
        &[
            asap_annotation("Polygon", "Tumor", &points),
            asap_annotation("Dot", "Tumor", &points[..1]),
            asap_annotation("Rectangle", "None", &points),
        ]
        .concat(),
    );
    let areas = vec![Area { class: "Tumor".to_owned(), number: 1, outer: square(0.0), holes: vec![] }];
    assert_eq!(xml::parse(text.as_bytes()).unwrap(), Drawing { areas, unnamed: 1, no_areas: 1 });
}

/// A layer of `ImageScope` with regions of type, sign and vertices.
fn layer(name: &str, attribute: &str, regions: &[(&str, &str, f64)]) -> String {
    let mut text = format!(
        r#"<Annotation Id="1" Name="{name}"><Attributes><Attribute Name="{attribute}" Id="0" Value=""/></Attributes><Regions><RegionAttributeHeaders/>"#
    );
    for (kind, negative, by) in regions {
        let _ = write!(text, r#"<Region Id="1" Type="{kind}" NegativeROA="{negative}" Text="x"><Vertices>"#);
        for (x, y) in SQUARE {
            let _ = write!(text, r#"<Vertex X="{}" Y="{}" Z="0"/>"#, x + by, y + by);
        }
        text += "</Vertices></Region>";
    }
    text + "</Regions></Annotation>"
}

#[test]
fn imagescope_layers_are_classes_and_negative_regions_holes() {
    let layers = [
        layer("Tumor", "ignored", &[("0", "0", 0.0), ("0", "0", 100.0), ("1", "1", 2.0), ("4", "0", 0.0)]),
        layer("", "Stroma", &[("1", "0", 50.0)]),
        layer("", "", &[("0", "0", 50.0)]),
    ];
    let text = format!("<Annotations MicronsPerPixel=\"0.5\">{}</Annotations>", layers.concat());
    let area = |class: &str, number, by, holes| Area { class: class.to_owned(), number, outer: square(by), holes };
    let areas = vec![
        area("Tumor", 1, 0.0, vec![square(2.0)]),
        area("Tumor", 2, 100.0, vec![]),
        area("Stroma", 5, 50.0, vec![]),
    ];
    assert_eq!(xml::parse(text.as_bytes()).unwrap(), Drawing { areas, unnamed: 1, no_areas: 1 });
}

#[test]
fn xml_that_makes_no_sense_is_refused_with_the_number_of_its_area() {
    let polygon = |points: &[(&str, f64, f64)]| asap(&asap_annotation("Polygon", "a", points));
    let ellipse = format!("<Annotations>{}</Annotations>", layer("a", "", &[("0", "0", 0.0), ("2", "0", 0.0)]));
    let billion = "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><ASAP_Annotations>&c;</ASAP_Annotations>";
    for (text, code, part) in [
        (String::new(), "TRN-0220", "expected XML"),
        ("<a>".to_owned(), "TRN-0220", "expected XML"),
        ("<a/>".to_owned(), "TRN-0220", "found \"a\""),
        (billion.to_owned(), "TRN-0220", "expected XML"),
        (
            asap(&asap_annotation("Spline", "a", &[])),
            "TRN-0224",
            "annotation 1: expected a polygon or a rectangle, found type \"Spline\"",
        ),
        (ellipse, "TRN-0224", "region 2: expected a polygon or a rectangle, found an ellipse"),
        (polygon(&[("0", 0.0, 0.0), ("1", 1.0, 0.0)]), "TRN-0221", "annotation 1: expected a ring of three"),
        (
            polygon(&[("0", 0.0, 0.0), ("1", 1.0, 0.0), ("2", f64::NAN, 0.0)]),
            "TRN-0221",
            "expected level-0 pixels, found NaN",
        ),
        (
            polygon(&[("0", 0.0, 0.0), ("1", 1.0, 0.0), ("2", f64::INFINITY, 0.0)]),
            "TRN-0221",
            "expected level-0 pixels",
        ),
        (polygon(&[("0", 0.0, 0.0), ("b", 1.0, 0.0)]), "TRN-0221", "expected a whole Order, found \"b\""),
        (
            asap(
                r#"<Annotation Type="Polygon" PartOfGroup="a"><Coordinates><Coordinate Order="0" X="q" Y="1"/></Coordinates></Annotation>"#,
            ),
            "TRN-0221",
            "expected a number for X, found \"q\"",
        ),
    ] {
        let error = xml::parse(text.as_bytes()).unwrap_err();
        assert!(error.code() == code && error.message().contains(part), "{text}: {error}");
    }
    assert_eq!(xml::parse(b"<a>\xff</a>").unwrap_err().code(), "TRN-0220");
}

#[test]
fn files_that_are_too_large_are_refused_before_they_are_read() {
    let file = tempfile::Builder::new().suffix(".geojson").tempfile().unwrap();
    file.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
    assert_eq!(drawing(file.path()).unwrap_err().code(), "TRN-0222");
}

#[test]
fn each_slide_has_one_file_of_annotations() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str| std::fs::write(path(name), b"").unwrap();
    let source = |names: &[&str]| AnnotationSource {
        slides: names.iter().map(|name| path(name)).collect(),
        ..AnnotationSource::default()
    };
    ["a.svs", "b.tif", "c.svs", "notes.txt", "b.tif.geojson", ".d.svs"].into_iter().for_each(write);
    let (pairs, without) = files::pairs(&source(&["."])).unwrap();
    assert_eq!((pairs.len(), pairs[0].name.as_str(), without), (1, "b.tif", 2));
    let code = |names: &[&str]| files::pairs(&source(names)).err().unwrap().code();
    assert_eq!(code(&["a.svs"]), "TRN-0226");
    assert_eq!(code(&["b.tif", "b.tif"]), "TRN-0225");
    let elsewhere = AnnotationSource { annotations: Some(path("none")), ..source(&["."]) };
    assert_eq!(files::pairs(&elsewhere).err().unwrap().code(), "TRN-0226");
    write("b.xml");
    assert_eq!(code(&["."]), "TRN-0225");
}
