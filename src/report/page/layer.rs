//! Cells of a map → a layer that lies over the slide, and its legend.
//!
//! A layer has a pixel for each cell, drawn without smoothing, so that what is seen is what was scored. The three states
//! stay apart: no tissue is transparent, failed cells are striped or grey. Gaps between cells take their cell's colour.

use super::address;
use super::key::{Key, Scale, area, swatches};
use crate::error::Result;
use crate::geometry::{Rect, Size};
use crate::map::{BiomarkerMap, Cell, ClassSummary, MapSummary, Shade};
use crate::report::words::counted;
use crate::tile::Meaning;

/// Larger maps lose cells in the picture, not in the figures.
const LONGEST_PX: u32 = 1024;
/// Pixels of a cell's side where some failed: enough for stripes.
const STRIPED_PX: u32 = 4;
/// Both colours of the stripes of failed cells.
const STRIPES: [[u8; 3]; 2] = [[85; 3], [205; 3]];
/// Opacity of failed cells, and of values.
const OPAQUE: f32 = 0.7;
/// Opacities differ by so many steps: more would not be seen, and make the picture larger.
const STEPS: f32 = 32.0;
/// A picture over the slide, which the reader can choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What it is called where it is chosen.
    pub name: String,
    /// What there is to say of it; empty for nothing.
    pub text: String,
    pub(super) address: String,
    /// Left, top, width and height in percent of the slide's.
    pub(super) place: [f64; 4],
    pub(super) keys: Vec<Key>,
}

/// A number for each cell of a map.
#[derive(Debug, Clone, Copy)]
pub struct LayerValues<'a> {
    /// Row by row, `[rows * cols]`; none where nothing is shown. What is beyond the range has the colour of its end.
    pub values: &'a [Option<f32>],
    /// Ends of the scale.
    pub range: [f32; 2],
    /// What the numbers are, with their unit.
    pub name: &'a str,
    /// The colours.
    pub scale: Scale,
}

impl Layer {
    /// What each cell was decided for, with the areas and the map's thresholds; one finding, or estimates, on a ramp.
    ///
    /// # Errors
    /// `Usage` when the map has no cells (`REP-0002`).
    pub fn decisions(name: &str, map: &BiomarkerMap, colours: &[[u8; 3]]) -> Result<Self> {
        let shade = Shade::new(map, colours);
        let summary = MapSummary::of(map);
        let (low, high) = shade.range();
        let least = |class: usize| map.present_from(class).map_or_else(String::new, |least| least.to_string());
        let mm2 = |class: &ClassSummary| class.area_mm2.unwrap_or(0.0);
        let keys = match (&summary.classes[..], map.meaning()) {
            ([first, ..], Meaning::Estimates(_)) => {
                let mut keys = vec![Scale::Score.key(&map.meaning().titled(&first.name, 0), [low, high])];
                let present = summary.classes.iter().enumerate().filter(|(at, _)| map.threshold(*at).is_some());
                keys.extend(present.map(|(at, class)| {
                    Key::Text(format!("{} (from {}): {}", class.name, least(at), area(mm2(class), summary.scored_mm2)))
                }));
                keys
            }
            ([only], Meaning::Findings) => {
                let text = format!("Positive (from {}): {}", least(0), area(mm2(only), summary.scored_mm2));
                vec![Scale::Score.key(&only.name, [low, high]), Key::Text(text)]
            }
            (classes, _) => {
                let colours = colours.iter().copied().chain(std::iter::repeat([0; 3]));
                let entries = classes.iter().zip(colours);
                let entries = entries.map(|(class, colour)| (class.name.as_str(), colour, mm2(class)));
                let mut keys = swatches(&entries.collect::<Vec<_>>(), summary.scored_mm2);
                let present = classes.iter().enumerate().filter(|(at, _)| map.threshold(*at).is_some());
                let present: Vec<String> =
                    present.map(|(at, class)| format!("{} from {}", class.name, least(at))).collect();
                if !present.is_empty() {
                    keys.push(Key::Text(format!("Present: {}", present.join(", "))));
                }
                keys.push(Key::Text("Shares are of all scored cells; the paler one, the less sure".to_owned()));
                keys
            }
        };
        Self::of(name, map, keys, |_, scores| Some(shade.over_tissue(scores)))
    }

    /// A number in each cell, such as a class's probability or the entropy.
    ///
    /// # Errors
    /// `Usage` when the map has no cells (`REP-0002`).
    pub fn values(name: &str, map: &BiomarkerMap, of: LayerValues<'_>) -> Result<Self> {
        let LayerValues { values, range, name: key, scale } = of;
        let [low, high] = range;
        let paint = |at: usize, _: &[f32]| {
            let value = values.get(at).copied().flatten().filter(|value| value.is_finite())?;
            let place = if high > low { (value - low) / (high - low) } else { 0.5 };
            Some((scale.colour(place.clamp(0.0, 1.0)), OPAQUE))
        };
        Self::of(name, map, vec![scale.key(key, range)], paint)
    }

    /// A group for each cell, `[rows * cols]` row by row, such as regions or hot spots; none where nothing is shown. A
    /// group is a place in `groups`, which have names and colours.
    ///
    /// # Errors
    /// `Usage` when the map has no cells (`REP-0002`).
    pub fn groups(
        name: &str,
        map: &BiomarkerMap,
        cells: &[Option<usize>],
        groups: &[(String, [u8; 3])],
    ) -> Result<Self> {
        let mut areas = vec![0.0; groups.len()];
        let mut scored_mm2 = 0.0;
        let mm2_per_px = (map.mpp().get() / 1000.0).powi(2);
        for (at, (col, row, cell)) in map.cells().enumerate() {
            let (Cell::Scored(_), Some(rect)) = (cell, map.rect_l0(col, row)) else { continue };
            let cell_mm2 = f64::from(rect.w) * f64::from(rect.h) * mm2_per_px;
            scored_mm2 += cell_mm2;
            if let Some(sum) = cells.get(at).copied().flatten().and_then(|group| areas.get_mut(group)) {
                *sum += cell_mm2;
            }
        }
        let entries = groups.iter().zip(areas).map(|((name, colour), area)| (name.as_str(), *colour, area));
        let keys = swatches(&entries.collect::<Vec<_>>(), scored_mm2);
        Self::of(name, map, keys, |at, _| {
            let group = cells.get(at).copied().flatten().and_then(|group| groups.get(group))?;
            Some((group.1, OPAQUE))
        })
    }

    /// Draws scored cells with `paint`, which is given a cell's place row by row and its scores.
    fn of(
        name: &str,
        map: &BiomarkerMap,
        mut keys: Vec<Key>,
        paint: impl Fn(usize, &[f32]) -> Option<([u8; 3], f32)>,
    ) -> Result<Self> {
        let (cols, rows, lost) = (map.cols(), map.rows(), map.tiles().lost);
        let longest = cols.max(rows);
        let every = longest.div_ceil(LONGEST_PX).max(1);
        let cell_px = if lost > 0 && longest * STRIPED_PX <= LONGEST_PX { STRIPED_PX } else { 1 };
        let size = Size::new(cols.div_ceil(every) * cell_px, rows.div_ceil(every) * cell_px);
        let mut rgba = Vec::with_capacity(size.w as usize * size.h as usize * 4);
        for y in 0..size.h {
            for x in 0..size.w {
                // Where cells are left out, the one in the middle stands for its neighbours.
                let inside = |at: u32, count: u32| (at / cell_px * every + every / 2).min(count - 1);
                let (col, row) = (inside(x, cols), inside(y, rows));
                let painted = match map.cell(col, row) {
                    Cell::NoTissue => None,
                    Cell::Failed if cell_px == 1 => Some((STRIPES[0], OPAQUE)),
                    Cell::Failed => Some((STRIPES[usize::from((x + y) % 4 > 1)], 0.9)),
                    Cell::Scored(scores) => paint(row as usize * cols as usize + col as usize, scores),
                };
                let (colour, opacity) = painted.unwrap_or(([0; 3], 0.0));
                rgba.extend(colour.into_iter().chain([alpha(opacity)]));
            }
        }
        if lost > 0 {
            keys.push(Key::Failed { detail: format!("{} not scored", counted(lost, "tile")) });
        }
        keys.push(Key::Text("Without colour: no tissue, or nothing to show".to_owned()));
        let place = place(map.grid_l0(), map.slide_l0(), Size::new(cols, rows), every);
        let (name, address) = (name.to_owned(), address::transparent_png(&rgba, size)?);
        Ok(Self { name, text: String::new(), address, place, keys })
    }

    /// The same layer with something to say of it.
    #[must_use]
    pub fn with_text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }
}

/// Where the picture lies, in percent of the slide: the grid may begin beyond its edge and end beyond it.
fn place(grid_l0: Rect, slide_l0: Size, cells: Size, every: u32) -> [f64; 4] {
    let percent = |length: f64, of: u32| length * 100.0 / f64::from(of.max(1));
    let drawn = |length: u32, count: u32| {
        f64::from(length) * f64::from(count.div_ceil(every) * every) / f64::from(count.max(1))
    };
    [
        percent(grid_l0.x as f64, slide_l0.w),
        percent(grid_l0.y as f64, slide_l0.h),
        percent(drawn(grid_l0.w, cells.w), slide_l0.w),
        percent(drawn(grid_l0.h, cells.h), slide_l0.h),
    ]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1 becomes a byte")]
fn alpha(opacity: f32) -> u8 {
    ((opacity.clamp(0.0, 1.0) * STEPS).round() / STEPS * 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::palette;
    use crate::tile::{GridRule, Predictions, TilePlan};
    use crate::units::Mpp;

    /// Two columns and two rows of 1 mm; scored, failed, and no tissue.
    fn map() -> BiomarkerMap {
        map_of(Meaning::Classes)
    }

    fn map_of(meaning: Meaning) -> BiomarkerMap {
        let plan = TilePlan {
            rule: GridRule::Eosin,
            slide_l0: Size::new(2000, 1500),
            mpp: Mpp::new(1.0).unwrap(),
            side_l0: 1000,
            step_l0: 1000,
            level: 0,
            downsample: (1.0, 1.0),
            read_px: 1000,
            tile_px: 1000,
            fill: [255; 3],
            places: 4,
            origins_l0: vec![(0, 0), (0, 1000), (1000, 0)],
        };
        let rows = vec![Some(vec![1.0, 0.0]), Some(vec![0.5, 0.5]), None];
        let class_names = ["a", "b"].map(str::to_owned).to_vec();
        BiomarkerMap::new(&plan, &Predictions { meaning, class_names, rows, unfamiliarity: None }).unwrap()
    }

    #[test]
    fn a_layer_lies_where_its_cells_do_and_its_legend_has_areas() {
        let layer = Layer::decisions("Classes", &map(), &palette::class_colours(2)).unwrap();
        assert_eq!(format!("{:.1?}", layer.place), "[0.0, 0.0, 100.0, 133.3]");
        let Key::Swatch { detail, .. } = &layer.keys[0] else { panic!("{:?}", layer.keys) };
        assert_eq!(detail, "1.50 mm\u{b2}, 100.0 %");
        assert!(layer.keys.contains(&Key::Text("Not found: b".to_owned())));
        assert!(layer.keys.contains(&Key::Failed { detail: "1 tile not scored".to_owned() }));
    }

    #[test]
    fn a_legend_has_the_areas_of_its_thresholds() {
        let of = |meaning: Meaning, thresholds: [Option<f32>; 2]| {
            let map = map_of(meaning).with_thresholds(thresholds.to_vec());
            Layer::decisions("Classes", &map, &palette::class_colours(2)).unwrap().keys
        };
        let keys = of(Meaning::Classes, [None, Some(0.5)]);
        let Key::Swatch { detail, .. } = &keys[1] else { panic!("{keys:?}") };
        assert_eq!(detail, "0.50 mm\u{b2}, 33.3 %");
        assert!(keys.contains(&Key::Text("Present: b from 0.5".to_owned())), "{keys:?}");
        let keys = of(Meaning::Findings, [None, Some(0.9)]);
        assert!(keys.contains(&Key::Text("Not found: b".to_owned())), "{keys:?}");
        let keys = of(Meaning::Estimates(vec![]), [None, Some(0.5)]);
        assert!(keys.contains(&Key::Text("b (from 0.5): 0.50 mm\u{b2}, 33.3 %".to_owned())), "{keys:?}");
    }

    #[test]
    fn groups_have_the_area_of_their_cells() {
        let groups = [("hot".to_owned(), [255, 0, 0]), ("cold".to_owned(), [0, 0, 255])];
        let cells = [Some(1), Some(0), Some(7), None];
        let layer = Layer::groups("Spots", &map(), &cells, &groups).unwrap();
        let expected = |name: &str, colour: &str, detail: &str| Key::Swatch {
            colour: colour.to_owned(),
            name: name.to_owned(),
            detail: detail.to_owned(),
        };
        assert!(layer.keys.contains(&expected("cold", "#0000ff", "1.00 mm\u{b2}, 66.7 %")), "{:?}", layer.keys);
    }

    #[test]
    fn a_map_that_loses_cells_in_its_picture_keeps_its_place() {
        let grid = Rect::new(-10, 0, 5 * 100, 100);
        let place = place(grid, Size::new(400, 100), Size::new(5, 1), 2);
        assert_eq!(format!("{place:?}"), "[-2.5, 0.0, 150.0, 200.0]");
    }
}
