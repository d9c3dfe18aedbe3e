//! How maps and numbers are made of predictions: the same flags for `eosin score` and `eosin map`.

use clap::Args as ClapArgs;
use eosin::export::map_formats;
use eosin::map::MapConfig;
use eosin::measure::MeasureConfig;
use eosin::pipeline::{MapSettings, OutcomeSource, USUAL_FORMATS};
use eosin::tile::Role;
use eosin::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Every flag has the default that its help names; numbers are checked before anything is read.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Maps and numbers")]
pub(crate) struct MapSettingArgs {
    /// Side of the map's cells [default: the distance between tiles].
    #[arg(long, value_name = "UM")]
    cell_um: Option<f64>,

    /// Smooth the map by a Gaussian of this standard deviation [default: not at all].
    #[arg(long, value_name = "UM")]
    smooth_um: Option<f64>,

    /// Files to make of each map in place of those made before, separated by commas: map, overlay, report, regions, png16,
    /// stony-brook, ome-tiff, ome-zarr, anndata, spatialdata, parquet, csv, local, dicom-seg, dicom-pm, or all of them
    /// [default: map,overlay,report,regions].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    formats: Vec<String>,

    /// Classes that stand for tumour, in place of those of the model's card.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    tumour: Vec<String>,

    /// Classes that stand for the tumour's stroma.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    stroma: Vec<String>,

    /// Classes that stand for immune cells.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    immune: Vec<String>,

    /// Classes that are no tissue.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    background: Vec<String>,

    /// A class is present from this score on; may be given for several classes.
    #[arg(long, value_name = "CLASS=SCORE", value_parser = threshold)]
    threshold: Vec<(String, f32)>,

    /// Depth of the invasive margin on either side of the tumour's border [default: 500].
    #[arg(long, value_name = "UM")]
    margin_um: Option<f64>,

    /// How far from that border numbers are told by distance [default: 1000].
    #[arg(long, value_name = "UM")]
    profile_um: Option<f64>,

    /// Width of the steps of distance; at least a cell [default: 100].
    #[arg(long, value_name = "UM")]
    profile_step_um: Option<f64>,

    /// Smaller islands of tumour do not count for its region [default: 0.1].
    #[arg(long, value_name = "MM2")]
    least_tumour_mm2: Option<f64>,

    /// Smaller gaps within tumour count for its region [default: 0.1].
    #[arg(long, value_name = "MM2")]
    largest_gap_mm2: Option<f64>,

    /// Side of the cells of the TIL map [default: 50].
    #[arg(long, value_name = "UM")]
    til_cell_um: Option<f64>,

    /// Share of immune cells from which tumour or margin count as infiltrated [default: 0.1].
    #[arg(long, value_name = "FRACTION")]
    inflamed_from: Option<f64>,

    /// Area of a hot spot [default: 1].
    #[arg(long, value_name = "MM2")]
    hot_spot_mm2: Option<f64>,

    /// How many hot spots are looked for [default: 3].
    #[arg(long, value_name = "N")]
    hot_spots: Option<usize>,

    /// Side of the squares of tissue that are drawn anew for intervals [default: 1000].
    #[arg(long, value_name = "UM")]
    block_um: Option<f64>,

    /// Samples for intervals; 0 for none [default: 1000].
    #[arg(long, value_name = "N")]
    replicates: Option<usize>,

    /// Random arrangements for p-values; 0 for none [default: 199].
    #[arg(long, value_name = "N")]
    permutations: Option<usize>,

    /// Where random numbers begin [default: 0].
    #[arg(long = "map-seed", value_name = "N")]
    seed: Option<u64>,

    /// The same numbers by another method, to compare the map with: a table with columns x, y (level-0 pixels, top left of
    /// a tile) and the names of classes, or a folder with such a table `ID.csv` for each slide.
    #[arg(long, value_name = "CSV|DIR")]
    measured: Option<PathBuf>,

    /// Outcomes of patients, to hold the numbers against: a table with columns id (of a slide, as in the results), time and
    /// event (0 or 1), and patient where one has several slides.
    #[arg(long, value_name = "CSV")]
    outcomes: Option<PathBuf>,

    /// Unit of the times of the outcomes [default: months].
    #[arg(long, value_name = "UNIT", requires = "outcomes")]
    outcome_unit: Option<String>,
}

impl MapSettingArgs {
    /// The settings, with defaults for what is not given.
    pub(crate) fn settings(&self) -> MapSettings {
        let usual = MeasureConfig::default();
        let measure = MeasureConfig {
            margin_um: self.margin_um.unwrap_or(usual.margin_um),
            profile_step_um: self.profile_step_um.unwrap_or(usual.profile_step_um),
            profile_reach_um: self.profile_um.unwrap_or(usual.profile_reach_um),
            least_tumour_mm2: self.least_tumour_mm2.unwrap_or(usual.least_tumour_mm2),
            largest_gap_mm2: self.largest_gap_mm2.unwrap_or(usual.largest_gap_mm2),
            til_cell_um: self.til_cell_um.unwrap_or(usual.til_cell_um),
            inflamed_from: self.inflamed_from.unwrap_or(usual.inflamed_from),
            hot_spot_mm2: self.hot_spot_mm2.unwrap_or(usual.hot_spot_mm2),
            hot_spots: self.hot_spots.unwrap_or(usual.hot_spots),
            block_um: self.block_um.unwrap_or(usual.block_um),
            replicates: self.replicates.unwrap_or(usual.replicates),
            permutations: self.permutations.unwrap_or(usual.permutations),
            seed: self.seed.unwrap_or(usual.seed),
        };
        let roles = [
            (Role::Tumour, &self.tumour),
            (Role::Stroma, &self.stroma),
            (Role::Immune, &self.immune),
            (Role::Background, &self.background),
        ];
        let given = roles.into_iter().filter(|(_, names)| !names.is_empty());
        MapSettings {
            cells: MapConfig { cell_um: self.cell_um, smooth_um: self.smooth_um },
            measure,
            roles: given.map(|(role, names)| (role, names.clone())).collect::<BTreeMap<_, _>>(),
            thresholds: self.threshold.iter().cloned().collect(),
            formats: self.formats(),
            measured: self.measured.clone(),
            outcomes: self.outcomes.clone().map(|table| OutcomeSource {
                table,
                unit: self.outcome_unit.clone().unwrap_or_else(|| "months".to_owned()),
            }),
        }
    }

    fn formats(&self) -> Vec<String> {
        let all = self.formats.iter().any(|format| format == "all");
        match () {
            () if all => map_formats().map(ToOwned::to_owned).collect(),
            () if self.formats.is_empty() => USUAL_FORMATS.map(ToOwned::to_owned).to_vec(),
            () => self.formats.clone(),
        }
    }
}

fn threshold(text: &str) -> Result<(String, f32)> {
    let found = text.rsplit_once('=').and_then(|(name, score)| Some((name.to_owned(), score.parse::<f32>().ok()?)));
    found.filter(|(name, score)| !name.is_empty() && score.is_finite()).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "RUN-0005", "expected a class and its score, such as tumour=0.7".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_format() {
        let command = MapSettingArgs::augment_args(clap::Command::new("map"));
        let help = command.get_arguments().find(|argument| argument.get_id() == "formats").unwrap().get_help().unwrap();
        let help = help.to_string();
        assert!(
            map_formats().all(|format| help.contains(&format!("{format},")) || help.contains(&format!(" {format}"))),
            "{help}"
        );
    }

    #[test]
    fn thresholds_name_class_and_score() {
        assert_eq!(threshold("a=b=0.5").unwrap(), ("a=b".to_owned(), 0.5));
        for bad in ["", "a", "=0.5", "a=", "a=x", "a=nan"] {
            assert_eq!(threshold(bad).unwrap_err().code(), "RUN-0005", "{bad}");
        }
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let usual = MapSettings { formats: USUAL_FORMATS.map(str::to_owned).to_vec(), ..MapSettings::default() };
        assert_eq!(MapSettingArgs::default().settings(), usual);
    }
}
