//! Annotations of ASAP and of `ImageScope`, which are both XML → areas. Coordinates are level-0 pixels.

use crate::dataset::annotations::area::{Area, Ring};
use crate::dataset::annotations::{Drawing, fault, numbered};
use crate::error::{Error, ErrorKind, Result};
use roxmltree::{Document, Node, ParsingOptions};

/// Elements and attributes of one file; there are fewer than bytes / 8 in a file that is within the limit of bytes.
const MAX_NODES: u32 = 1 << 23;

/// Reads a file; which program made it is told by its root.
///
/// # Errors
/// [`ErrorKind::Format`]: `TRN-0220` for what is no such file, `TRN-0221` with the number of an area whose shape makes no
/// sense; [`ErrorKind::Unsupported`] (`TRN-0224`) for areas that are not given by their vertices.
pub(super) fn parse(bytes: &[u8]) -> Result<Drawing> {
    let text = std::str::from_utf8(bytes).map_err(|_| fault("TRN-0220", "expected XML in UTF-8, found other bytes"))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.trim_start_matches('\u{feff}'), options)
        .map_err(|error| fault("TRN-0220", format!("expected XML: {error}")))?;
    let root = document.root_element();
    match root.tag_name().name() {
        "ASAP_Annotations" => asap(root),
        "Annotations" => imagescope(root),
        other => {
            let message = format!("expected ASAP_Annotations or ImageScope's Annotations, found {other:?}");
            Err(fault("TRN-0220", message))
        }
    }
}

fn children<'a>(node: Node<'a, 'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

fn text<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default().trim()
}

/// ASAP: the class of an annotation is the group that it is part of.
fn asap(root: Node<'_, '_>) -> Result<Drawing> {
    let mut drawing = Drawing::default();
    let annotations = children(root, "Annotations").flat_map(|list| children(list, "Annotation"));
    for (at, annotation) in annotations.enumerate() {
        let class = text(annotation, "PartOfGroup");
        match text(annotation, "Type") {
            "Polygon" | "Rectangle" => {}
            "Dot" | "PointSet" | "Measurement" => {
                drawing.no_areas += 1;
                continue;
            }
            other => return Err(numbered("annotation", at + 1, &unsupported(&format!("type {other:?}")))),
        }
        if class.is_empty() || class == "None" {
            drawing.unnamed += 1;
            continue;
        }
        let coordinates = children(annotation, "Coordinates").flat_map(|list| children(list, "Coordinate"));
        let outer = asap_ring(coordinates).map_err(|error| numbered("annotation", at + 1, &error))?;
        drawing.areas.push(Area { class: class.to_owned(), number: at + 1, outer, holes: Vec::new() });
    }
    Ok(drawing)
}

/// Vertices have their place in the ring as a number.
fn asap_ring<'a>(coordinates: impl Iterator<Item = Node<'a, 'a>>) -> Result<Ring> {
    let numbered = |node: Node<'_, '_>| {
        let order: u32 = text(node, "Order")
            .parse()
            .map_err(|_| fault("TRN-0221", format!("expected a whole Order, found {:?}", text(node, "Order"))))?;
        Ok((order, point(node)?))
    };
    let mut points = coordinates.map(numbered).collect::<Result<Vec<_>>>()?;
    points.sort_by_key(|(order, _)| *order);
    Ring::new(points.into_iter().map(|(_, point)| point).collect())
}

/// `ImageScope`: layers with a name, of regions that are inside or, when negative, outside.
fn imagescope(root: Node<'_, '_>) -> Result<Drawing> {
    let mut drawing = Drawing::default();
    let mut number = 0;
    for layer in children(root, "Annotation") {
        let class = layer_name(layer);
        let (mut outer, mut holes) = (Vec::new(), Vec::new());
        for region in children(layer, "Regions").flat_map(|list| children(list, "Region")) {
            number += 1;
            match text(region, "Type") {
                "" | "0" | "1" => {}
                "3" | "4" => {
                    drawing.no_areas += 1;
                    continue;
                }
                "2" => return Err(numbered("region", number, &unsupported("an ellipse"))),
                other => return Err(numbered("region", number, &unsupported(&format!("type {other:?}")))),
            }
            if class.is_empty() {
                drawing.unnamed += 1;
                continue;
            }
            let vertices = children(region, "Vertices").flat_map(|list| children(list, "Vertex"));
            let ring = vertices.map(point).collect::<Result<Vec<_>>>().and_then(Ring::new);
            let ring = ring.map_err(|error| numbered("region", number, &error))?;
            if text(region, "NegativeROA") == "1" { holes.push(ring) } else { outer.push((number, ring)) }
        }
        drawing.areas.extend(outer.into_iter().map(|(number, outer)| {
            let near = holes.iter().filter(|hole| meet(&outer, hole)).cloned().collect();
            Area { class: class.to_owned(), number, outer, holes: near }
        }));
    }
    Ok(drawing)
}

/// The layer's own name or, as people often leave that empty, the name of its first attribute.
fn layer_name<'a>(layer: Node<'a, 'a>) -> &'a str {
    let attribute = || children(layer, "Attributes").flat_map(|list| children(list, "Attribute")).next();
    match text(layer, "Name") {
        "" => attribute().map_or("", |attribute| text(attribute, "Name")),
        name => name,
    }
}

/// Whether the rectangles round two rings have a place in common.
fn meet(a: &Ring, b: &Ring) -> bool {
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.bounds(), b.bounds());
    a0 <= b2 && b0 <= a2 && a1 <= b3 && b1 <= a3
}

fn point(node: Node<'_, '_>) -> Result<(f64, f64)> {
    let number = |name: &str| {
        let text = text(node, name);
        text.parse().map_err(|_| fault("TRN-0221", format!("expected a number for {name}, found {text:?}")))
    };
    Ok((number("X")?, number("Y")?))
}

fn unsupported(what: &str) -> Error {
    let message = format!("expected a polygon or a rectangle, found {what}");
    Error::new(ErrorKind::Unsupported, "TRN-0224", message).with_advice("draw it as a polygon, or take it out")
}
