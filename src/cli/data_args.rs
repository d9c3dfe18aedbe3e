//! Which labelled tiles: the same flags wherever tiles are read with their labels, each a key of a configuration file.

use super::keys::{Keys, path};
use clap::Args as ClapArgs;
use eosin::{Error, ErrorKind, Result};
use std::path::PathBuf;
use toml::Value;

/// What a table can say of a tile, each in a column that can be named.
const COLUMNS: [&str; 7] = ["file", "label", "patient", "slide", "site", "split", "weight"];

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Tiles and their labels")]
pub(crate) struct DataArgs {
    /// A folder with one folder of tiles for each class.
    #[arg(long, value_name = "DIR", group = "source")]
    tiles: Option<PathBuf>,

    /// A CSV with a row for each tile: file and label, and patient, slide, site and split where they are known.
    #[arg(long, value_name = "CSV", group = "source")]
    manifest: Option<PathBuf>,

    /// The folder that files of a manifest are named from [default: the manifest's own].
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// A slide; with --targets.
    #[arg(long, value_name = "FILE", requires = "targets", group = "source")]
    slide: Option<PathBuf>,

    /// A CSV with x and y (level-0 pixels) and a label or numbers; without --slide its column `slide` names slides.
    #[arg(long, value_name = "CSV", conflicts_with_all = ["tiles", "manifest", "annotated"])]
    targets: Option<PathBuf>,

    /// A slide on which areas were drawn (in QuPath, ASAP or Aperio's viewer), or a folder of slides; may be given many times.
    #[arg(long, value_name = "SLIDE|DIR", group = "source")]
    annotated: Vec<PathBuf>,

    /// The folder of the drawn areas, files called like their slides [default: beside the slides].
    #[arg(long, value_name = "DIR")]
    annotations: Option<PathBuf>,

    /// Least share of a tile that the areas of its class cover [default: 0.5].
    #[arg(long, value_name = "FRACTION")]
    min_cover: Option<f64>,

    /// A tile is left out when areas of another class cover more than this share of it [default: 0.1].
    #[arg(long, value_name = "FRACTION")]
    max_other: Option<f64>,

    /// Most tiles of a class from one annotated slide [default: all].
    #[arg(long, value_name = "N")]
    max_tiles: Option<u32>,

    /// The column of labels.
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,

    /// Columns of numbers to estimate, in place of labels.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    values: Option<Vec<String>>,

    /// What the column of files, patients, slides, sites, splits or weights is called, as in `patient=case`; nothing after
    /// the sign when it is not to be used. May be given many times.
    #[arg(long, value_name = "WHAT=COLUMN", value_parser = column)]
    column: Vec<(&'static str, String)>,

    /// Labels whose tiles are left out.
    #[arg(long, value_name = "LABEL,...", value_delimiter = ',')]
    exclude: Option<Vec<String>>,

    /// What is done about image files smaller than a tile: exact, pad or drop [default: exact].
    #[arg(long, value_name = "RULE", value_parser = ["exact", "pad", "drop"])]
    size: Option<String>,
}

impl DataArgs {
    /// The keys that were given: `data`, `exclude` and `input.size`.
    pub(crate) fn keys(&self, keys: &mut Keys) {
        let kind = if self.tiles.is_some() {
            Some("folder")
        } else if self.manifest.is_some() {
            Some("manifest")
        } else if self.targets.is_some() {
            Some("slide")
        } else {
            (!self.annotated.is_empty()).then_some("annotations")
        };
        keys.set("data.kind", kind);
        keys.set("data.path", path(self.tiles.as_deref().or(self.manifest.as_deref())));
        keys.set("data.root", path(self.root.as_deref()));
        keys.set("data.slide", path(self.slide.as_deref()));
        keys.set("data.targets", path(self.targets.as_deref()));
        let slides = || self.annotated.iter().filter_map(|slide| path(Some(slide))).collect::<Vec<_>>();
        keys.set("data.slides", (!self.annotated.is_empty()).then(slides));
        keys.set("data.annotations", path(self.annotations.as_deref()));
        keys.set("data.min_cover", self.min_cover);
        keys.set("data.max_other", self.max_other);
        keys.set("data.max_tiles", self.max_tiles.map(i64::from));
        keys.set("data.values", self.values.clone());
        for (what, column) in &self.column {
            keys.set(&format!("data.{what}_column"), Some(Value::from(column.as_str())));
        }
        keys.set("data.label_column", self.label_column.clone());
        keys.set("exclude", self.exclude.clone());
        keys.set("input.size", self.size.clone());
    }
}

fn column(text: &str) -> Result<(&'static str, String)> {
    let named = text.split_once('=').and_then(|(what, column)| {
        let what = COLUMNS.into_iter().find(|known| *known == what.trim())?;
        Some((what, column.trim().to_owned()))
    });
    named.ok_or_else(|| {
        let message = format!("expected one of {}, then = and a column, such as patient=case", COLUMNS.join(", "));
        Error::new(ErrorKind::Usage, "RUN-0005", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use eosin::dataset::DataSource;
    use eosin::train::TrainConfig;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        data: DataArgs,
    }

    fn keys(typed: &str) -> std::result::Result<toml::Table, clap::Error> {
        let typed = Typed::try_parse_from(std::iter::once("eosin").chain(typed.split_whitespace()))?;
        let mut keys = Keys::default();
        typed.data.keys(&mut keys);
        Ok(keys.0)
    }

    fn source(typed: &str) -> DataSource {
        TrainConfig::layered("card.name = \"a.b\"", keys(typed).unwrap()).unwrap().data
    }

    #[test]
    fn each_source_has_its_flags() {
        let DataSource::Folder(folder) = source("--tiles t") else { panic!("expected a folder") };
        assert!(folder.path.ends_with("t"));
        let manifest = source("--manifest m.csv --root r --column patient=case --column split= --label-column idc");
        let DataSource::Manifest(manifest) = manifest else { panic!("expected a manifest") };
        assert_eq!((manifest.patient_column.as_deref(), manifest.split_column.as_deref()), (Some("case"), Some("")));
        assert_eq!((manifest.label_column.as_str(), manifest.file_column.as_str()), ("idc", "file"));
        for typed in ["--targets t.csv --values a,b", "--slide s.svs --targets t.csv --values a,b"] {
            let DataSource::Slide(slide) = source(typed) else { panic!("expected a slide") };
            assert_eq!((slide.values.len(), slide.slide.as_os_str().is_empty()), (2, !typed.contains("--slide")));
        }
        let annotated = source("--annotated a.svs --annotated b --annotations d --max-tiles 9 --min-cover 0.7");
        let DataSource::Annotations(annotated) = annotated else { panic!("expected annotations") };
        assert_eq!((annotated.slides.len(), annotated.max_tiles, annotated.max_other), (2, Some(9), 0.1));
    }

    #[test]
    fn two_sources_and_columns_that_nobody_knows_are_refused() {
        for typed in [
            "--tiles t --manifest m",
            "--tiles t --targets c",
            "--annotated a --targets c",
            "--slide s",
            "--slide s --targets c --tiles t",
            "--manifest m --column case=patient",
            "--manifest m --column patient",
            "--size crop",
        ] {
            assert!(keys(typed).is_err(), "{typed}");
        }
        // A key of another source is refused where the whole is read.
        let table = keys("--tiles t --column patient=case").unwrap();
        assert_eq!(TrainConfig::layered("card.name = \"a.b\"", table).unwrap_err().code(), "TRN-0101");
    }
}
