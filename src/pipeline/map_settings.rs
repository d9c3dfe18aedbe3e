//! How maps are made of predictions: what users choose, checked.

use super::outcome_table::{OutcomeSource, OutcomeTable};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{SlideRecord, map_formats};
use crate::map::MapConfig;
use crate::measure::MeasureConfig;
use crate::tile::{Reading, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How maps are made of predictions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MapSettings {
    /// Size of cells, and smoothing.
    pub cells: MapConfig,
    /// What is measured, and how.
    pub measure: MeasureConfig,
    /// The classes that stand for a role, in place of those that do by what the model says.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// From which score on classes are present, in place of what the model says.
    pub thresholds: BTreeMap<String, f32>,
    /// Which files are made, of [`map_formats`].
    pub formats: Vec<String>,
    /// Tables of the same numbers measured otherwise: a folder with `ID.csv` for each slide that has one, or the table of
    /// the only slide.
    #[serde(skip)]
    pub measured: Option<PathBuf>,
    /// The outcomes of patients, which numbers are held against once all slides are measured; no slide depends on them.
    #[serde(skip)]
    pub outcomes: Option<OutcomeSource>,
}

/// The formats that slides get when none are named.
pub const USUAL_FORMATS: [&str; 4] = ["map", "overlay", "report", "regions"];

impl MapSettings {
    /// The usual ones.
    pub fn usual() -> Self {
        Self { formats: USUAL_FORMATS.map(str::to_owned).to_vec(), ..Self::default() }
    }

    /// Checks what no slide can make right.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: `MAP-0010` a format that there is not, and as [`MeasureConfig::check`].
    pub fn check(&self) -> Result<()> {
        self.measure.check()?;
        match self.formats.iter().find(|format| !map_formats().any(|known| known == **format)) {
            Some(format) => {
                let known = map_formats().collect::<Vec<_>>().join(", ");
                Err(Error::new(ErrorKind::Usage, "MAP-0010", format!("expected formats of {known}, found {format:?}")))
            }
            None => Ok(()),
        }
    }

    /// The outcomes, when there are some and they are of these slides, whose numbers have names.
    pub(super) fn read_outcomes<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
        have_names: bool,
    ) -> Result<Option<OutcomeTable>> {
        let Some(source) = &self.outcomes else { return Ok(None) };
        if !have_names {
            let message = "expected slides with numbers to hold against outcomes, found none";
            return Err(Error::new(ErrorKind::Usage, "SUR-0023", message)
                .with_advice("a model that gives features only has none; leave out `--outcomes`"));
        }
        source.read(ids).map(Some)
    }

    /// Checks that what is said of classes is of classes that there are.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `MAP-0011`.
    pub(super) fn check_names(&self, names: &[String]) -> Result<()> {
        match self.roles.values().flatten().chain(self.thresholds.keys()).find(|name| !names.contains(name)) {
            Some(name) => {
                let message = format!("expected a class of {}, found {name:?}", names.join(", "));
                Err(Error::new(ErrorKind::Usage, "MAP-0011", message))
            }
            None => Ok(()),
        }
    }

    /// Checks that one table of measured numbers is not taken for that of several slides.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `MAP-0015`.
    pub(super) fn check_measured(&self, slides: usize) -> Result<()> {
        match self.measured.as_ref().filter(|place| !place.is_dir() && slides > 1) {
            Some(table) => {
                let message = format!("expected a folder of tables for {slides} slides, found one table");
                Err(Error::new(ErrorKind::Usage, "MAP-0015", message).at_path(table))
            }
            None => Ok(()),
        }
    }

    /// How each class of a slide is read.
    pub(super) fn readings(&self, record: &SlideRecord) -> Result<Vec<Reading>> {
        let names = &record.model.classes;
        self.check_names(names)?;
        let columns = record.model.columns.iter().map(|column| column.reading);
        let columns = columns.chain(std::iter::repeat(Reading::default()));
        let read = |(name, stored): (&String, Reading)| {
            let given = self.roles.iter().find(|(_, names)| names.contains(name)).map(|(role, _)| *role);
            let kept = stored.role.filter(|role| !self.roles.contains_key(role));
            Reading { role: given.or(kept), threshold: self.thresholds.get(name).copied().or(stored.threshold) }
        };
        Ok(names.iter().zip(columns).map(read).collect())
    }
}
