//! A map becomes the OME-XML of its OME-TIFF, which says what its planes are.
//!
//! Image 0 has the scores, a channel a class; the last image has the states. All of it is ASCII, as the tag demands.
//!
//! # Source
//! OME schema 2016-06.

use super::levels::{STATES, cell_l0};
use super::{MapOutputs, RESEARCH_USE};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 \
    http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\"";
const UM: &str = "&#181;m";

/// What the images of one file have in common.
struct Frame {
    size_px: [u32; 2],
    cell_um: f64,
    x_um: f64,
    y_um: f64,
}

/// The description of a file whose first planes are the classes, followed by the states.
pub(super) fn description(outputs: &MapOutputs<'_>, size_px: [u32; 2]) -> String {
    let MapOutputs { id, model, map, colours, .. } = outputs;
    let (mpp, origin, cell) = (map.mpp().get(), map.origin_l0(), cell_l0(outputs));
    let (x_um, y_um) = (origin.0 as f64 * mpp, origin.1 as f64 * mpp);
    let frame = Frame { size_px, cell_um: f64::from(cell) * mpp, x_um, y_um };
    let classes = map.class_names().len();
    let channels: Vec<String> = (0..)
        .zip(map.class_names().iter().zip(*colours))
        .map(|(at, (name, [r, g, b]))| {
            let (name, colour) = (escaped(&map.meaning().titled(name, at)), i32::from_be_bytes([*r, *g, *b, 255]));
            format!("Name=\"{name}\" Color=\"{colour}\"")
        })
        .collect();
    let text = format!("scores of {model}, {}; {RESEARCH_USE}; NaN: see the states", map.meaning().name());
    let scores = if classes > 0 { frame.image(0, id, &text, "float", &channels, 0) } else { String::new() };
    let text = STATES.map(|(number, name, _)| format!("{number} {name}")).join(", ");
    let channel = ["Name=\"state\"".to_owned()];
    let states = frame.image(usize::from(classes > 0), &format!("{id} states"), &text, "uint8", &channel, classes);
    let facts = [
        ("model", escaped(model)),
        ("note", RESEARCH_USE.into()),
        ("origin_x_l0", origin.0.to_string()),
        ("origin_y_l0", origin.1.to_string()),
        ("cell_side_l0", cell.to_string()),
        ("um_per_px_l0", mpp.to_string()),
    ];
    let facts = facts.map(|(key, value)| format!("<M K=\"{key}\">{value}</M>")).concat();
    format!(
        "{HEAD} Creator=\"eosin {}\">{scores}{states}<StructuredAnnotations>\
         <MapAnnotation ID=\"Annotation:0\" Namespace=\"eosin/map\"><Value>{facts}</Value></MapAnnotation>\
         </StructuredAnnotations></OME>",
        env!("CARGO_PKG_VERSION")
    )
}

impl Frame {
    /// One image, whose channels are the planes from `plane` on.
    fn image(&self, image: usize, name: &str, text: &str, kind: &str, channels: &[String], plane: usize) -> String {
        let Self { size_px: [w, h], cell_um, x_um, y_um } = self;
        let (name, text, count) = (escaped(name), escaped(text), channels.len());
        let each = |line: &dyn Fn(usize, &String) -> String| -> String {
            channels.iter().enumerate().map(|(channel, facts)| line(channel, facts)).collect()
        };
        let kinds = each(&|channel, facts| {
            format!("<Channel ID=\"Channel:{image}:{channel}\" {facts} SamplesPerPixel=\"1\"/>")
        });
        let data = each(&|channel, _| {
            let directory = plane + channel;
            format!("<TiffData FirstZ=\"0\" FirstC=\"{channel}\" FirstT=\"0\" IFD=\"{directory}\" PlaneCount=\"1\"/>")
        });
        let planes = each(&|channel, _| {
            format!(
                "<Plane TheZ=\"0\" TheC=\"{channel}\" TheT=\"0\" PositionX=\"{x_um}\" PositionXUnit=\"{UM}\" \
                 PositionY=\"{y_um}\" PositionYUnit=\"{UM}\"/>"
            )
        });
        format!(
            "<Image ID=\"Image:{image}\" Name=\"{name}\"><Description>{text}</Description>\
             <StageLabel Name=\"top left\" X=\"{x_um}\" XUnit=\"{UM}\" Y=\"{y_um}\" YUnit=\"{UM}\"/>\
             <Pixels ID=\"Pixels:{image}\" DimensionOrder=\"XYCZT\" Type=\"{kind}\" BigEndian=\"false\" \
             Interleaved=\"false\" SizeX=\"{w}\" SizeY=\"{h}\" SizeZ=\"1\" SizeC=\"{count}\" SizeT=\"1\" \
             PhysicalSizeX=\"{cell_um}\" PhysicalSizeXUnit=\"{UM}\" PhysicalSizeY=\"{cell_um}\" \
             PhysicalSizeYUnit=\"{UM}\">{kinds}{data}{planes}</Pixels>\
             <AnnotationRef ID=\"Annotation:0\"/></Image>"
        )
    }
}

/// Text as XML has it. Signs that XML cannot hold become spaces.
fn escaped(text: &str) -> String {
    let sign = |sign: char| match sign {
        '&' | '<' | '>' | '"' | '\'' | '\u{7f}'..='\u{fffd}' | '\u{10000}'.. => format!("&#{};", u32::from(sign)),
        ' '..='~' => sign.to_string(),
        _ => " ".into(),
    };
    text.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{example, example_of};
    use super::*;
    use crate::tile::Meaning;

    #[test]
    fn the_description_says_what_the_planes_are() {
        let units = vec![Some("cells/mm\u{b2}".to_owned()), None];
        let example = example_of(Meaning::Estimates(units), &["K\u{ed}67 <&\">", "b\u{7}"], &[Some(&[0.5, 2.0]), None]);
        let text = description(&example.map_outputs(), [4, 3]);
        assert!(text.is_ascii());
        let xml = roxmltree::Document::parse(&text).unwrap();
        let all = |tag: &str| {
            xml.descendants()
                .filter(|node| node.has_tag_name(("http://www.openmicroscopy.org/Schemas/OME/2016-06", tag)))
                .collect::<Vec<_>>()
        };
        let names: Vec<&str> = all("Channel").iter().map(|node| node.attribute("Name").unwrap()).collect();
        assert_eq!(names, ["K\u{ed}67 <&\"> [cells/mm\u{b2}]", "b ", "state"]);
        let pixels = all("Pixels");
        let of = |name: &str| pixels.iter().map(|node| node.attribute(name).unwrap()).collect::<Vec<_>>();
        assert_eq!((of("Type"), of("SizeC")), (vec!["float", "uint8"], vec!["2", "1"]));
        assert_eq!((of("PhysicalSizeX"), of("PhysicalSizeXUnit")), (vec!["128"; 2], vec!["\u{b5}m"; 2]));
        let directories: Vec<&str> = all("TiffData").iter().map(|node| node.attribute("IFD").unwrap()).collect();
        assert_eq!(directories, ["0", "1", "2"]);
    }

    #[test]
    fn places_are_in_micrometres_from_the_corner_of_the_slide() {
        let mut example = example(&["a"], &[Some(&[0.5])]);
        example.plan.origins_l0 = vec![(-56, 100)];
        example.map = crate::map::BiomarkerMap::new(&example.plan, &example.predictions).unwrap();
        let text = description(&example.map_outputs(), [5, 4]);
        assert!(text.contains("PositionX=\"-28\"") && text.contains("PositionY=\"-78\""), "{text}");
        assert!(text.contains("<M K=\"origin_x_l0\">-56</M>"), "{text}");
    }
}
