//! Plain data that several stages share: the plan of tiles, a batch of their pixels, the predictions for them.

use crate::geometry::{Rect, Size};
use crate::units::Mpp;
use serde::{Deserialize, Serialize};

/// Which rule placed the tiles and which level they are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GridRule {
    /// Our own: tiles that touch enough tissue, read from the best pyramid level, white beyond the slide's edge.
    Eosin,
    /// WSInfer 0.6.1's: tile centres inside the tissue polygon, read from level 0, black beyond the slide's edge.
    WsInfer,
}

/// Where the tiles of one slide lie and how their pixels are read.
///
/// # Coordinates
/// `origins_l0` are top-left corners in level-0 pixels and may be followed by tiles that reach over the slide's edges.
#[derive(Debug, Clone, PartialEq)]
pub struct TilePlan {
    /// The rule that made it.
    pub rule: GridRule,
    /// Size of level 0.
    pub slide_l0: Size,
    /// The slide's resolution at level 0.
    pub mpp: Mpp,
    /// Side of a tile, level-0 pixels.
    pub side_l0: u32,
    /// Distance between neighbouring tiles, level-0 pixels; smaller than `side_l0` when tiles overlap.
    pub step_l0: u32,
    /// The level that is read.
    pub level: usize,
    /// Level-0 pixels per pixel of that level, along x and y.
    pub downsample: (f64, f64),
    /// Side of the region read, pixels of that level.
    pub read_px: u32,
    /// Side of a tile as the model sees it, pixels.
    pub tile_px: u32,
    /// Colour beyond the slide's edge.
    pub fill: [u8; 3],
    /// Places of the grid over the whole slide. Those that are no tile hold too little tissue.
    pub places: usize,
    /// Top-left corners in output order: x ascending, then y (y changes fastest).
    pub origins_l0: Vec<(i64, i64)>,
}

impl TilePlan {
    /// The number of tiles.
    pub fn len(&self) -> usize {
        self.origins_l0.len()
    }

    /// True when there is no tile.
    pub fn is_empty(&self) -> bool {
        self.origins_l0.is_empty()
    }

    /// The rectangle of a tile in level-0 pixels.
    ///
    /// # Panics
    /// When there is no tile `index`.
    pub fn rect_l0(&self, index: usize) -> Rect {
        let (x, y) = self.origins_l0[index];
        Rect::new(x, y, self.side_l0, self.side_l0)
    }

    /// The rectangle of a tile in pixels of the level that is read.
    ///
    /// # Panics
    /// When there is no tile `index`.
    pub fn rect_lvl(&self, index: usize) -> Rect {
        let (x, y) = self.origins_l0[index];
        Rect::new(level_px(x, self.downsample.0), level_px(y, self.downsample.1), self.read_px, self.read_px)
    }
}

/// The nearest pixel of a level.
#[expect(clippy::cast_possible_truncation, reason = "slide coordinates are far below 2^53")]
fn level_px(l0: i64, downsample: f64) -> i64 {
    (l0 as f64 / downsample).round() as i64
}

/// Pixels of up to `N` tiles, ready for the device.
///
/// # Shapes
/// `pixels`: `[tiles.len(), side_px, side_px, 3]` u8, RGB.
#[derive(Debug, Default)]
pub struct Batch {
    /// Index of each tile in its plan.
    pub tiles: Vec<u32>,
    /// Side of a tile in pixels.
    pub side_px: u32,
    /// The pixels of all tiles.
    pub pixels: Vec<u8>,
}

/// A class or finding counts as present from this probability on, where classes do not exclude each other.
pub const POSITIVE_FROM: f32 = 0.5;

/// What the numbers of a tile mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Meaning {
    /// Probabilities of classes that exclude each other.
    #[default]
    Classes,
    /// Probabilities of findings, each for itself: a tile may have several, or none.
    Findings,
    /// Estimates of something that is measured in these units, as far as they are known.
    Estimates(Vec<Option<String>>),
    /// A description without names, for other programs to learn from.
    Features,
}

impl Meaning {
    /// The column that a tile's scores speak for: the largest one; of findings only from [`POSITIVE_FROM`] on.
    pub fn decide(&self, scores: &[f32]) -> Option<usize> {
        match self {
            Self::Classes => arg_max(scores),
            Self::Findings => arg_max(scores).filter(|&largest| scores[largest] >= POSITIVE_FROM),
            Self::Estimates(_) | Self::Features => None,
        }
    }

    /// What stands before a column's name in tables: a name may begin with what a spreadsheet takes for a formula.
    fn prefix(&self) -> &'static str {
        match self {
            Self::Classes | Self::Findings => "prob_",
            Self::Estimates(_) | Self::Features => "value_",
        }
    }

    /// One word for it, in records and lists.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Findings => "findings",
            Self::Estimates(_) => "estimates",
            Self::Features => "features",
        }
    }

    /// The name of a column with its unit: `Ki67 [cells/mm2]`.
    pub fn titled(&self, name: &str, column: usize) -> String {
        self.unit(column).map_or_else(|| name.to_owned(), |unit| format!("{name} [{unit}]"))
    }

    /// The head of a column in tables.
    pub fn head(&self, name: &str, column: usize) -> String {
        format!("{}{}", self.prefix(), self.titled(name, column))
    }

    /// The unit of a column.
    pub fn unit(&self, column: usize) -> Option<&str> {
        match self {
            Self::Estimates(units) => units.get(column)?.as_deref(),
            _ => None,
        }
    }
}

/// What a class stands for in read-outs that speak of a tumour and what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Cells of the tumour.
    Tumour,
    /// The tumour's connective tissue.
    Stroma,
    /// Lymphocytes and other immune cells.
    Immune,
    /// No tissue: glass, ink, background.
    Background,
}

/// Names that say for themselves what a class stands for, in lower case with `_` between words: those of common data sets
/// and of WSInfer's zoo.
const ROLE_NAMES: [(Role, &[&str]); 4] = [
    (
        Role::Tumour,
        &[
            "tumour",
            "tumor",
            "tum",
            "cancer",
            "carcinoma",
            "malignant",
            "mets",
            "metastasis",
            "tumor_positive",
            "tumour_positive",
            "colorectal_adenocarcinoma_epithelium",
        ],
    ),
    (Role::Stroma, &["stroma", "str", "tumour_stroma", "tumor_stroma", "cancer_associated_stroma"]),
    (
        Role::Immune,
        &["immune", "lymphocyte", "lymphocytes", "lym", "til", "tils", "til_positive", "inflammation", "inflammatory"],
    ),
    (Role::Background, &["background", "back", "glass"]),
];

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Tumour, Self::Stroma, Self::Immune, Self::Background];

    /// What a class of this name stands for, where the name alone says it.
    pub fn of_name(name: &str) -> Option<Self> {
        let plain: String =
            name.trim().to_lowercase().chars().map(|sign| if sign.is_alphanumeric() { sign } else { '_' }).collect();
        ROLE_NAMES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(role, _)| *role)
    }

    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tumour => "tumour",
            Self::Stroma => "stroma",
            Self::Immune => "immune",
            Self::Background => "background",
        }
    }
}

/// How one column of scores is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What the class stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// It is present from this score on; without it the largest score decides, of findings [`POSITIVE_FROM`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

/// One row per tile of a plan: scores of all classes, or why there are none.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// What the columns are.
    pub meaning: Meaning,
    /// Names of the classes, one per column; features have none.
    pub class_names: Vec<String>,
    /// For each tile of the plan its scores `[K]`, or `None` when the tile was lost.
    pub rows: Vec<Option<Vec<f32>>>,
    /// How unlike the training data each tile looks to the model; none when the model cannot tell.
    pub unfamiliarity: Option<Unfamiliarity>,
}

/// How far tiles are from what a model was trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfamiliarity {
    /// For each tile of the plan the squared distance of its features from those of the training tiles, 0 or more, or `None`
    /// when the tile was lost.
    pub distances: Vec<Option<f32>>,
    /// Tiles beyond it look unlike the training data; all but about one in a hundred of the tiles that are like them stay
    /// below.
    pub threshold: f32,
}

impl Unfamiliarity {
    /// Whether a tile looks unlike the training data; none for a lost tile.
    pub fn is_unlike(&self, tile: usize) -> Option<bool> {
        self.ratio(tile).map(|ratio| ratio > 1.0)
    }

    /// A tile's distance in units of the threshold, for maps: above 1 it looks unlike the training data.
    pub fn ratio(&self, tile: usize) -> Option<f32> {
        self.distances.get(tile).copied().flatten().map(|distance| distance / self.threshold)
    }

    /// The number of tiles that were judged, and how many of them look unlike the training data.
    pub fn counts(&self) -> (usize, usize) {
        let judged = (0..self.distances.len()).filter_map(|tile| self.is_unlike(tile));
        judged.fold((0, 0), |(judged, unlike), is_unlike| (judged + 1, unlike + usize::from(is_unlike)))
    }
}

impl Predictions {
    /// The same tiles, scored or lost, without any column.
    #[must_use]
    pub fn without_scores(&self) -> Self {
        let rows = self.rows.iter().map(|row| row.as_ref().map(|_| Vec::new())).collect();
        Self { class_names: Vec::new(), rows, meaning: self.meaning.clone(), unfamiliarity: self.unfamiliarity.clone() }
    }

    /// The number of tiles that have scores.
    pub fn scored(&self) -> usize {
        self.rows.iter().flatten().count()
    }
}

/// How a slide ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlideStatus {
    /// Tiles were scored; a few may be lost.
    Scored,
    /// No tile was planned.
    NoTissue,
    /// There is no result; the error says why.
    Failed,
}

impl SlideStatus {
    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::NoTissue => "no_tissue",
            Self::Failed => "failed",
        }
    }
}

/// The index of the largest score; the first one wins a tie, none for an empty row.
pub fn arg_max(scores: &[f32]) -> Option<usize> {
    (0..scores.len()).reduce(|best, next| if scores[next] > scores[best] { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_speak_for_themselves_have_a_role() {
        let found = ["Tumor", "TIL-positive", " stroma ", "BACK", "notumor", "epithelium"].map(Role::of_name);
        let expected = [Some(Role::Tumour), Some(Role::Immune), Some(Role::Stroma), Some(Role::Background), None, None];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_scores_speak_for_depends_on_their_meaning() {
        let scores = [0.2, 0.4, 0.3];
        assert_eq!(Meaning::Classes.decide(&scores), Some(1));
        assert_eq!(Meaning::Findings.decide(&scores), None);
        assert_eq!(Meaning::Findings.decide(&[0.5, 0.9]), Some(1));
        assert_eq!(Meaning::Findings.decide(&[POSITIVE_FROM]), Some(0));
        assert_eq!(Meaning::Estimates(vec![]).decide(&scores), None);
        assert_eq!(Meaning::Classes.decide(&[]), None);
    }

    #[test]
    fn tiles_are_unlike_beyond_the_threshold_and_lost_ones_are_not_judged() {
        let found = Unfamiliarity { distances: vec![Some(1.0), None, Some(4.0), Some(5.0)], threshold: 4.0 };
        let unlike: Vec<Option<bool>> = (0..5).map(|tile| found.is_unlike(tile)).collect();
        assert_eq!(unlike, [Some(false), None, Some(false), Some(true), None]);
        assert_eq!((found.ratio(0), found.counts()), (Some(0.25), (3, 1)));
    }
}
