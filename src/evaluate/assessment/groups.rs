//! Which tiles depend on each other and where they come from: what all assessments share.

use super::judged::{Judged, RowName};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{Bootstrap, Figure, LEVEL, Partition};
use serde::{Deserialize, Serialize};

/// What is drawn anew as a whole. The best is the largest that is known: patients before slides before blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// All tiles of a hospital or laboratory.
    Site,
    /// All tiles of a patient.
    Patient,
    /// All tiles of a slide.
    Slide,
    /// Neighbouring tiles of a slide; blocks of one slide still resemble each other, so intervals are somewhat narrow.
    Block,
    /// Single tiles: intervals are too narrow wherever tiles have anything in common.
    Tile,
}

/// Where the tiles come from.
#[derive(Debug, Clone)]
pub struct Groups<'a> {
    /// What the clusters are.
    pub unit: Unit,
    /// Tiles that depend on each other.
    pub clusters: Partition,
    /// The site of each tile, where it is known.
    pub sites: Option<&'a [String]>,
}

/// What the figures rest on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Tiles with truth and prediction.
    pub tiles: usize,
    /// What was drawn anew.
    pub unit: Unit,
    /// How many of these there are; fewer than 5 give no intervals.
    pub clusters: usize,
    /// Samples drawn.
    pub replicates: usize,
    /// What the samples follow from.
    pub seed: u64,
    /// The share of intervals that should hold the true value.
    pub level: f64,
}

/// The figures of one site's tiles, with intervals where it has enough clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRow {
    /// Its name.
    pub site: String,
    /// Its tiles.
    pub tiles: usize,
    /// Its clusters.
    pub clusters: usize,
    /// Its figures, named as those of all tiles.
    pub figures: Vec<NamedFigure>,
}

/// A figure in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedFigure {
    /// Its name, such as `balanced_accuracy`.
    pub name: String,
    /// The class, finding or output that it is of; `None` when it is of all.
    pub column: Option<String>,
    /// The figure.
    #[serde(flatten)]
    pub figure: Figure,
}

impl Groups<'_> {
    /// # Errors
    /// `Usage` when clusters or sites are not one for each of `tiles`.
    pub(super) fn check(&self, tiles: usize) -> Result<()> {
        expect_count("clusters", tiles, self.clusters.tiles())?;
        expect_count("sites", tiles, self.sites.map_or(tiles, <[String]>::len))
    }

    pub(super) fn basis(&self, bootstrap: Bootstrap) -> Basis {
        let Bootstrap { replicates, seed } = bootstrap;
        let (tiles, clusters) = (self.clusters.tiles(), self.clusters.count());
        Basis { tiles, unit: self.unit, clusters, replicates, seed, level: LEVEL }
    }

    /// The figures that tell most, of each site by itself; sites in the order in which they first appear.
    ///
    /// # Errors
    /// Those of `judge`, which prepares some of the tiles.
    pub(super) fn by_site<J: Judged>(
        &self,
        bootstrap: Bootstrap,
        judge: impl Fn(&[usize]) -> Result<J>,
    ) -> Result<Vec<SiteRow>> {
        let Some(names) = self.sites else { return Ok(Vec::new()) };
        let row = |tiles: Vec<usize>| {
            let (judged, clusters) = (judge(&tiles)?, self.clusters.at(&tiles));
            let rows = judged.site_rows();
            let figures = bootstrap.figures(&clusters, |draws| judged.site_values(draws));
            let named =
                |((name, column), figure): (RowName, Figure)| NamedFigure { name: name.to_owned(), column, figure };
            Ok(SiteRow {
                site: names[tiles[0]].clone(),
                tiles: tiles.len(),
                clusters: clusters.count(),
                figures: rows.into_iter().zip(figures).map(named).collect(),
            })
        };
        Partition::by(names).members().into_iter().map(row).collect()
    }
}

/// # Errors
/// `Usage` when `found` is not as many as tiles.
pub(super) fn expect_count(what: &str, tiles: usize, found: usize) -> Result<()> {
    if tiles == found {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "EVA-0001", format!("expected {what} for {tiles} tiles, found {found}")))
}

/// # Errors
/// `Usage` when a row has not `columns` values, or one that is not `sound`.
pub(super) fn expect_rows(rows: &[Vec<f32>], columns: usize, sound: fn(f32) -> bool, kind: &str) -> Result<()> {
    for (tile, row) in rows.iter().enumerate() {
        if row.len() != columns {
            let message = format!("expected {columns} values for tile {tile}, found {}", row.len());
            return Err(Error::new(ErrorKind::Usage, "EVA-0002", message));
        }
        if let Some(value) = row.iter().find(|value| !sound(**value)) {
            let message = format!("expected {kind} for tile {tile}, found {value}");
            return Err(Error::new(ErrorKind::Usage, "EVA-0003", message));
        }
    }
    Ok(())
}

/// Half precision can carry a softmax a little beyond 1.
pub(super) fn is_probability(value: f32) -> bool {
    (-1e-3..=1.0 + 1e-3).contains(&value)
}
