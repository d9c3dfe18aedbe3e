//! The figure for people: `maps/ID.overlay.png`, the slide's thumbnail under its map, with legend and scale bar.
//!
//! Geometry follows the thumbnail: each of its pixels takes the cell that its centre falls in. Colours are those of the
//! plain map, at an opacity that keeps nuclei visible. Areas and shares are those of
//! the map, by its thresholds.

use super::canvas::{Canvas, FAINT, INK, WHITE, hatch, rect};
use super::font;
use super::legend::{CAUTION, digits, draw_ramp, shorten};
use super::{MapOutputs, RESEARCH_USE};
use crate::geometry::{Rect, Size};
use crate::map::{Cell, ClassSummary, MapSummary, Shade, palette, scale_bar_mm};
use crate::tile::Meaning;
use std::io::{self, Write};

/// Classes in a legend; with more of them those with the smallest area are only counted.
const MAX_ENTRIES: usize = 12;
/// Characters of a line of the legend.
const LINE_CHARS: usize = 28;
/// Colour of rules.
const RULE: [u8; 3] = [206, 212, 218];

/// Writes the figure.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let picture = outputs.thumbnail.size();
    let legend = Legend::new(outputs);
    // Letters grow with the picture, so that they can be read when it is shown as a whole.
    let scale = ((picture.w.max(picture.h) + 300) / 600).clamp(1, 6);
    let margin = 8 * scale;
    let panel = Size::new(legend.width_px(scale) + 2 * margin, legend.height_px(scale) + 2 * margin);
    let size = Size::new(picture.w.saturating_add(panel.w), picture.h.max(panel.h));
    let mut canvas = Canvas::white(size);
    canvas.paste(outputs.thumbnail, 0, 0);
    tint(&mut canvas, outputs, picture);
    scale_bar(&mut canvas, outputs, picture, scale);
    canvas.fill(rect(picture.w, 0, scale.div_ceil(2), size.h), RULE);
    legend.draw(&mut canvas, (picture.w + margin, margin), size.h - margin, scale);
    canvas.write_png(out)
}

/// Lays the map over the thumbnail.
fn tint(canvas: &mut Canvas, outputs: &MapOutputs<'_>, picture: Size) {
    let map = outputs.map;
    let (slide, shade) = (map.slide_l0(), Shade::new(map, outputs.colours));
    let to_l0 = |px: u32, of: u32, length: u32| {
        ((u64::from(px) * 2 + 1) * u64::from(length) / (u64::from(of) * 2)).cast_signed()
    };
    canvas.paint(rect(0, 0, picture.w, picture.h), |x, y, before| {
        match map.cell_at_l0(to_l0(x, picture.w, slide.w), to_l0(y, picture.h, slide.h)) {
            Cell::NoTissue => before,
            Cell::Failed => hatch(x, y, before, 0.7),
            Cell::Scored(scores) => {
                let (colour, opacity) = shade.over_tissue(scores);
                palette::mix(before, colour, opacity)
            }
        }
    });
}

/// Draws a bar of a round length (1, 2 or 5 times a power of ten) below a quarter of the picture.
fn scale_bar(canvas: &mut Canvas, outputs: &MapOutputs<'_>, picture: Size, scale: u32) {
    let px_per_mm = f64::from(picture.w) / (f64::from(outputs.map.slide_l0().w) * outputs.map.mpp().get() / 1000.0);
    let Some((mm, length)) = bar(px_per_mm, picture.w) else { return };
    let label = format!("{mm} mm");
    let (thick, pad) = (3 * scale, 4 * scale);
    let inner_w = length.max(font::width(&label) * scale);
    let (w, h) = (inner_w + 2 * pad, font::CELL_H * scale + thick + scale + 2 * pad);
    if w + 2 * pad > picture.w || h + 2 * pad > picture.h {
        return;
    }
    let (x, y) = (2 * pad, picture.h - h - 2 * pad);
    canvas.paint(rect(x, y, w, h), |_, _, before| palette::mix(before, WHITE, 0.85));
    canvas.text(x + (w - (font::width(&label) - 1) * scale) / 2, y + pad, scale, INK, &label);
    canvas.fill(rect(x + (w - length) / 2, y + h - pad - thick, length, thick), INK);
}

/// Length of a scale bar in mm and in pixels, for a picture `width_px` wide.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shorter than the picture is wide")]
fn bar(px_per_mm: f64, width_px: u32) -> Option<(f64, u32)> {
    let mm = scale_bar_mm(f64::from(width_px) / 4.0 / px_per_mm)?;
    Some((mm, (mm * px_per_mm).round() as u32))
}

/// What stands beside the picture.
struct Legend {
    lines: Vec<Line>,
}

/// One line of the legend.
enum Line {
    Title(String),
    Faint(String),
    Plain(String),
    /// A colour field and a name.
    Class([u8; 3], String),
    /// A striped field and a name.
    Failed(String),
    /// Words below a name, set in.
    Detail(String),
    /// The colours of one number, with its smallest, middle and largest value below.
    Ramp([String; 3]),
    Gap,
    Rule,
}

impl Legend {
    fn new(outputs: &MapOutputs<'_>) -> Self {
        let summary = MapSummary::of(outputs.map);
        let from = |class: usize| outputs.map.present_from(class).map(|least| format!("from {least}"));
        let tiles = outputs.map.tiles();
        let mut lines = vec![
            Line::Title(shorten(outputs.id, LINE_CHARS)),
            Line::Faint(shorten(outputs.model, LINE_CHARS)),
            Line::Rule,
        ];
        let ramp = || {
            let (low, high) = Shade::new(outputs.map, outputs.colours).range();
            Line::Ramp([low, f32::midpoint(low, high), high].map(digits))
        };
        if let ([first, others @ ..], Meaning::Estimates(_)) = (&summary.classes[..], outputs.map.meaning()) {
            lines.extend([Line::Plain(shorten(&with_unit(first), LINE_CHARS)), ramp(), Line::Gap]);
            for (class, estimate) in [first].into_iter().chain(others).enumerate().take(MAX_ENTRIES) {
                lines.push(Line::Plain(shorten(&with_unit(estimate), LINE_CHARS)));
                let mean = estimate.mean.map_or("nothing was scored".into(), |mean| format!("mean {mean:.4}"));
                lines.push(Line::Detail(mean));
                lines.extend(from(class).into_iter().flat_map(|from| [from, share(estimate)]).map(Line::Detail));
                lines.push(Line::Gap);
            }
        } else if let ([only], Meaning::Findings) = (&summary.classes[..], outputs.map.meaning()) {
            let name = shorten(&only.name, LINE_CHARS);
            let positive = Line::Plain(format!("positive ({})", from(0).unwrap_or_default()));
            lines.extend([Line::Plain(name), ramp(), Line::Gap, positive, Line::Faint(share(only)), Line::Gap]);
        } else {
            let shown = largest(&summary.classes);
            for &class in &shown {
                let colour = outputs.colours.get(class).copied().unwrap_or(INK);
                let entry = &summary.classes[class];
                lines.extend([Line::Class(colour, shorten(&entry.name, LINE_CHARS - 3)), Line::Detail(share(entry))]);
                lines.extend(outputs.map.threshold(class).and_then(|_| from(class)).map(Line::Detail));
                lines.push(Line::Gap);
            }
            if summary.classes.len() > shown.len() {
                lines.push(Line::Faint(format!("and {} smaller classes", summary.classes.len() - shown.len())));
            }
        }
        if tiles.lost > 0 {
            let detail = format!("{} of {} tiles", tiles.lost, tiles.planned);
            lines.extend([Line::Failed("failed".into()), Line::Detail(detail), Line::Gap]);
        }
        let scored = match tiles.planned {
            0 => "no tissue found".into(),
            _ => format!("scored {}", mm2(summary.scored_mm2)),
        };
        lines.extend([Line::Rule, Line::Plain(scored), Line::Faint(format!("{} tiles", tiles.scored))]);
        Self { lines }
    }

    fn width_px(&self, scale: u32) -> u32 {
        let longest = self.lines.iter().map(|line| match line {
            Line::Title(text) | Line::Faint(text) | Line::Plain(text) => font::width(text),
            Line::Class(_, text) | Line::Failed(text) | Line::Detail(text) => INDENT + font::width(text),
            Line::Ramp(_) | Line::Gap | Line::Rule => 0,
        });
        longest.max().unwrap_or(0).max(20 * font::CELL_W) * scale
    }

    /// Height of all lines and of the caution below them.
    fn height_px(&self, scale: u32) -> u32 {
        (self.lines.iter().map(Line::height).sum::<u32>() + LINE_H + font::CELL_H) * scale
    }

    fn draw(&self, canvas: &mut Canvas, (x, mut y): (u32, u32), bottom: u32, scale: u32) {
        let width = self.width_px(scale);
        let field = rect(x, y, 9 * scale, 9 * scale);
        for line in &self.lines {
            let field = Rect { y: i64::from(y) - i64::from(scale), ..field };
            match line {
                Line::Title(text) => canvas.bold_text(x, y, scale, INK, text),
                Line::Faint(text) => canvas.text(x, y, scale, FAINT, text),
                Line::Plain(text) => canvas.text(x, y, scale, INK, text),
                Line::Class(colour, text) => {
                    canvas.fill(field, *colour);
                    canvas.text(x + INDENT * scale, y, scale, INK, text);
                }
                Line::Failed(text) => {
                    canvas.paint(field, |x, y, before| hatch(x, y, before, 1.0));
                    canvas.text(x + INDENT * scale, y, scale, INK, text);
                }
                Line::Detail(text) => canvas.text(x + INDENT * scale, y, scale, FAINT, text),
                Line::Ramp(ends) => draw_ramp(canvas, rect(x, y, width, 9 * scale), scale, palette::ramp, ends),
                Line::Gap => {}
                Line::Rule => canvas.fill(rect(x, y + 3 * scale, width, scale.div_ceil(2)), RULE),
            }
            y += line.height() * scale;
        }
        let caution_y = bottom.saturating_sub(font::CELL_H * scale).max(y);
        canvas.bold_text(x, caution_y, scale, CAUTION, RESEARCH_USE);
    }
}

/// Distance from one line of words to the next, font pixels.
const LINE_H: u32 = 12;
/// Where words beside a colour field begin, font pixels.
const INDENT: u32 = 14;

impl Line {
    /// Distance to the next line, font pixels.
    fn height(&self) -> u32 {
        match self {
            Self::Ramp(_) => 2 * LINE_H,
            Self::Gap => LINE_H / 3,
            _ => LINE_H,
        }
    }
}

/// The classes with the largest areas, in the order of the model.
fn largest(classes: &[ClassSummary]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by(|&a, &b| area(&classes[b]).total_cmp(&area(&classes[a])));
    order.truncate(MAX_ENTRIES);
    order.sort_unstable();
    order
}

/// Share and area of a class, in columns.
fn share(class: &ClassSummary) -> String {
    format!("{:>5.1} %  {:>10}", class.fraction.unwrap_or(0.0) * 100.0, mm2(area(class)))
}

fn area(class: &ClassSummary) -> f64 {
    class.area_mm2.unwrap_or(0.0)
}

/// `Ki67 (cells/mm2)`.
fn with_unit(estimate: &ClassSummary) -> String {
    match &estimate.unit {
        Some(unit) => format!("{} ({unit})", estimate.name),
        None => estimate.name.clone(),
    }
}

/// An area with two decimals; a trace of a class is not called nothing.
fn mm2(area: f64) -> String {
    if area > 0.0 && area < 0.005 { "< 0.01 mm²".into() } else { format!("{area:.2} mm²") }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::decode;
    use super::super::tests::{example, example_of};
    use super::*;

    #[test]
    fn tissue_is_tinted_where_its_tile_lies_and_the_rest_is_left_alone() {
        let example = example(&["a", "b"], &[Some(&[1.0, 0.0]), None, Some(&[0.0, 1.0])]);
        let mut png = Vec::new();
        write(&example.map_outputs(), &mut png).unwrap();
        let image = decode(&png);
        // The thumbnail is 250 x 175 for 1000 x 700 level-0 pixels: tile (0, 0) covers its first 64 x 64 pixels.
        let tinted = palette::mix(example.thumbnail.pixel(0, 0), palette::class_colours(2)[0], 0.65);
        assert_eq!([image.pixel(0, 0), image.pixel(63, 63)], [tinted; 2]);
        assert_eq!(image.pixel(64, 0), example.thumbnail.pixel(64, 0));
        assert_ne!(image.pixel(0, 64), example.thumbnail.pixel(0, 64), "stripes of a failed tile");
        assert!(image.size().w > 250 && image.size().h >= 175);
    }

    #[test]
    fn the_legend_tells_thresholds_and_the_areas_by_them() {
        let details = |meaning: Meaning, thresholds: [Option<f32>; 2]| {
            let mut example = example_of(meaning, &["a", "b"], &[Some(&[0.7, 0.3]), None, Some(&[0.45, 0.55])]);
            example.map = example.map.with_thresholds(thresholds.to_vec());
            let lines = Legend::new(&example.map_outputs()).lines.into_iter();
            let details = lines.filter_map(|line| if let Line::Detail(text) = line { Some(text) } else { None });
            details
                .take(4)
                .map(|text| text.trim().split("  ").next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(details(Meaning::Classes, [None; 2])[..2], ["50.0 %", "50.0 %"]);
        assert_eq!(details(Meaning::Classes, [Some(0.4), None])[..3], ["100.0 %", "from 0.4", "50.0 %"]);
        assert_eq!(details(Meaning::Findings, [Some(0.8), None])[..3], ["0.0 %", "from 0.8", "50.0 %"]);
        let estimates = details(Meaning::Estimates(vec![]), [Some(0.5), None]);
        assert_eq!(estimates, ["mean 0.5750", "from 0.5", "50.0 %", "mean 0.4250"]);
    }

    #[test]
    fn bars_have_round_lengths_and_stay_below_a_quarter() {
        assert_eq!(bar(100.0, 1000), Some((2.0, 200)));
        assert_eq!(bar(1000.0, 1000), Some((0.2, 200)));
        assert_eq!(bar(40.0, 1024), Some((5.0, 200)));
        assert_eq!(bar(f64::INFINITY, 1000), None);
    }

    #[test]
    fn long_names_and_many_classes_fit() {
        let names: Vec<String> = (0..40).map(|class| format!("class {class}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let example = example(&names, &[None, None, None]);
        let outputs = example.map_outputs();
        let legend = Legend::new(&outputs);
        assert_eq!(legend.lines.iter().filter(|line| matches!(line, Line::Class(..))).count(), MAX_ENTRIES);
        assert!(legend.lines.iter().any(|line| matches!(line, Line::Faint(text) if text == "and 28 smaller classes")));
    }
}
