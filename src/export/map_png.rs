//! A map becomes a picture: `maps/ID.png`, one square per cell, rows top to bottom as on the slide.
//!
//! White is no tissue and grey stripes are failed cells; for scored ones see [`Shade`]. No smoothing.

use super::MapOutputs;
use super::canvas::{Canvas, WHITE, hatch, rect};
use crate::geometry::Size;
use crate::map::{Cell, Shade, palette};
use std::io::{self, Write};

/// The longest side of a picture with few cells, pixels.
const LONGEST_PX: u32 = 1024;
/// Cells of a tiny map are not blown up any further.
const MAX_CELL_PX: u32 = 32;
/// How much of its colour a cell at chance keeps, so that its hue is still seen.
const PALEST: f32 = 0.35;

/// Writes the picture.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let map = outputs.map;
    let cell_px = (LONGEST_PX / map.cols().max(map.rows()).max(1)).clamp(1, MAX_CELL_PX);
    // An encoder refuses a picture without pixels, which a slide without pixels would give.
    let mut canvas = Canvas::white(Size::new(map.cols().max(1) * cell_px, map.rows().max(1) * cell_px));
    let shade = Shade::new(map, outputs.colours);
    for (col, row, cell) in map.cells() {
        let square = rect(col * cell_px, row * cell_px, cell_px, cell_px);
        match cell {
            Cell::NoTissue => {}
            Cell::Failed => canvas.paint(square, |x, y, before| {
                hatch(square_px(col, cell_px, x), square_px(row, cell_px, y), before, 1.0)
            }),
            Cell::Scored(scores) => {
                let (colour, strength) = shade.of(scores);
                canvas.fill(square, palette::mix(WHITE, colour, PALEST + (1.0 - PALEST) * strength));
            }
        }
    }
    canvas.write_png(out)
}

/// The place of a cell's pixel in the whole picture, so that stripes run on from cell to cell.
fn square_px(cell: u32, cell_px: u32, inside: u32) -> u32 {
    cell * cell_px + inside
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::decode;
    use super::super::tests::{Example, example};
    use super::*;

    fn picture(example: &Example) -> crate::raster::RgbImage8 {
        let mut png = Vec::new();
        write(&example.map_outputs(), &mut png).unwrap();
        decode(&png)
    }

    #[test]
    fn each_state_has_its_own_look() {
        let image = picture(&example(&["a", "b"], &[Some(&[1.0, 0.0]), None, Some(&[0.4, 0.6])]));
        assert_eq!(image.size(), Size::new(4 * 32, 3 * 32));
        let colours = palette::class_colours(2);
        assert_eq!(image.pixel(16, 16), colours[0], "a certain class has its full colour");
        assert_eq!(image.pixel(16 + 32, 16 + 32), palette::mix(WHITE, colours[1], 0.35 + 0.65 * 0.2));
        assert_eq!(image.pixel(100, 16), WHITE);
        let failed: std::collections::HashSet<_> = (0..32).map(|x| image.pixel(x, 40)).collect();
        assert_eq!(failed, [[105; 3], [205; 3]].into());
    }

    #[test]
    fn one_class_uses_the_ramp() {
        let image = picture(&example(&["p"], &[Some(&[0.0]), Some(&[1.0]), Some(&[0.5])]));
        assert_eq!([image.pixel(1, 1), image.pixel(1, 40)], [palette::ramp(0.0), palette::ramp(1.0)]);
    }
}
