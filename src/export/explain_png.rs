//! What a tile's score rests on: `ID.explain.png`, the tile beside the same tile under its heat map, with a legend.
//!
//! Colours go from 0 to the largest number of this tile's own map, which the legend names; so two figures have the same
//! colours for different numbers, but equal numbers can be told. Where nothing counts the tile is nearly left alone.

use super::RESEARCH_USE;
use super::canvas::{Canvas, FAINT, INK, rect};
use super::font;
use super::legend::{CAUTION, digits, draw_ramp, shorten};
use super::outputs::{WrittenFile, write_atomically};
use crate::error::Result;
use crate::geometry::Size;
use crate::map::{heat, palette};
use crate::raster::{Filter, HeatMap, RgbImage8, resize};
use std::io::{self, Write};
use std::path::Path;

/// Opacity of the heat where nothing counts and at its peak.
const OPACITY: (f32, f32) = (0.1, 0.6);
/// Tiles of at most half of this side are shown larger, so that the figure is not mostly legend.
const SHOWN_PX: u32 = 512;
/// Characters of a line of the legend.
const LINE_CHARS: usize = 28;
/// Distance from one line of words to the next, font pixels.
const LINE_H: u32 = 12;

/// A tile and what speaks for one of its scores.
#[derive(Debug, Clone, Copy)]
pub struct ExplainedTile<'a> {
    /// Name of its files, from [`super::assign_ids`].
    pub id: &'a str,
    /// Name of the model.
    pub model: &'a str,
    /// The class, finding or estimate that is explained, with its unit.
    pub class: &'a str,
    /// Its score.
    pub score: f32,
    /// The tile.
    pub tile: &'a RgbImage8,
    /// What speaks for it.
    pub map: &'a HeatMap,
}

/// Lays a heat map over its tile.
pub fn blend(tile: &RgbImage8, map: &HeatMap) -> RgbImage8 {
    let mut image = tile.clone();
    let peak = map.peak();
    if peak > 0.0 {
        for (pixel, value) in image.as_mut_bytes().as_chunks_mut::<3>().0.iter_mut().zip(map.at_size(tile.size())) {
            let part = value / peak;
            *pixel = palette::mix(*pixel, heat(part), OPACITY.0 + (OPACITY.1 - OPACITY.0) * part);
        }
    }
    image
}

/// Writes the figure into a folder.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_explained(dir: &Path, tile: &ExplainedTile<'_>) -> Result<WrittenFile> {
    write_atomically(dir, &format!("{}.explain.png", tile.id), |out| draw(tile, out))
}

fn draw(explained: &ExplainedTile<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Size { w, h } = explained.tile.size();
    let factor = (SHOWN_PX / w.max(h).max(1)).max(1);
    let tile = resize(explained.tile, Size::new(w * factor, h * factor), Filter::Bilinear).map_err(io::Error::other)?;
    let Size { w, h } = tile.size();
    let scale = (w.max(h) / 220).clamp(1, 6);
    let (margin, lines) = (8 * scale, legend(explained));
    let width = u32::try_from(LINE_CHARS).unwrap_or(0) * font::CELL_W * scale;
    let line_h = LINE_H * scale;
    // Words, the ramp with its numbers, and the caution at the foot.
    let height = (u32::try_from(lines.len()).unwrap_or(0) + 4) * line_h;
    let size = Size::new(2 * w + width + 3 * margin, h.max(height + 2 * margin));
    let mut canvas = Canvas::white(size);
    canvas.paste(&tile, 0, 0);
    canvas.paste(&blend(&tile, explained.map), w + margin, 0);
    let x = 2 * w + 2 * margin;
    let mut y = margin;
    for (colour, line) in lines {
        canvas.text(x, y, scale, colour, &shorten(&line, LINE_CHARS));
        y += line_h;
    }
    let peak = explained.map.peak();
    let values = [0.0, peak / 2.0, peak].map(digits);
    if peak > 0.0 {
        draw_ramp(&mut canvas, rect(x, y, width, 9 * scale), scale, heat, &values);
    }
    canvas.bold_text(x, size.h - margin - font::CELL_H * scale, scale, CAUTION, RESEARCH_USE);
    canvas.write_png(out)
}

/// The words above the ramp.
fn legend(explained: &ExplainedTile<'_>) -> Vec<([u8; 3], String)> {
    let ExplainedTile { id, model, class, score, map, .. } = explained;
    let line = |colour, text: &str| (colour, text.to_owned());
    let mut lines = vec![line(INK, id), line(FAINT, model), line(INK, ""), line(INK, class)];
    lines.extend([line(INK, &format!("score {}", digits(*score))), line(INK, "")]);
    let speaks = if map.peak() > 0.0 { "what speaks for it: Grad-CAM" } else { "nothing speaks for it" };
    lines.push(line(FAINT, speaks));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::decode;
    use super::*;

    const TILE: [u8; 3] = [230, 190, 210];

    fn tile(map: &HeatMap) -> RgbImage8 {
        let dir = tempfile::tempdir().unwrap();
        let tile = RgbImage8::filled(Size::new(64, 64), TILE);
        let explained = ExplainedTile { id: "t", model: "m", class: "tumour", score: 0.9, tile: &tile, map };
        let written = write_explained(dir.path(), &explained).unwrap();
        assert_eq!(written.name, "t.explain.png");
        decode(&std::fs::read(dir.path().join(written.name)).unwrap())
    }

    #[test]
    fn the_tile_stands_beside_itself_under_its_heat() {
        let image = tile(&HeatMap::from_vec(2, 1, vec![0.0, 8.0]).unwrap());
        // 64 px are shown eight times as large, the second picture begins 16 px behind the first.
        assert_eq!(image.pixel(511, 511), TILE);
        assert_eq!(image.pixel(528, 100), palette::mix(TILE, heat(0.0), 0.1));
        assert_eq!(image.pixel(528 + 511, 100), palette::mix(TILE, heat(1.0), 0.6));
        let legend = 528 + 512 + 16;
        let has = |colour: [u8; 3]| {
            (legend..image.size().w).any(|x| (0..image.size().h).any(|y| image.pixel(x, y) == colour))
        };
        assert!(has(heat(0.0)) && has(heat(1.0)) && has(CAUTION) && has(INK));
    }

    #[test]
    fn where_nothing_counts_the_tile_is_left_alone() {
        let image = tile(&HeatMap::from_vec(2, 1, vec![0.0; 2]).unwrap());
        assert_eq!([image.pixel(528, 100), image.pixel(528 + 511, 100)], [TILE; 2]);
    }
}
