//! Predictions and the map made of them become files: tables, GeoJSON, pictures, the records of a slide, the summary of a run.
//!
//! Invariant: all files of a slide are views of one plan and one set of predictions; a file has its final name only
//! when it is whole; the record is written last, and only a slide with a whole record is done. No path, host or user
//! name is ever written. One exporter is one file here and one row of [`EXPORTERS`].

mod anndata;
mod canvas;
mod dicom;
mod explain_csv;
mod explain_png;
mod features_h5;
mod folder;
mod font;
mod geojson;
mod ids;
mod legend;
mod levels;
mod local_csv;
mod map_files;
mod map_png;
mod map_png16;
mod mask_jpg;
mod measurements_csv;
mod ome_tiff;
mod ome_xml;
mod ome_zarr;
mod outcomes_csv;
mod outputs;
mod overlay_png;
mod patches_h5;
mod predictions_h5;
mod record;
mod regions_geojson;
mod run_metadata;
mod spatialdata;
mod stony_brook;
mod stored;
mod summary_csv;
mod thumbnail_jpg;
mod tiles;
mod tiles_csv;
mod tiles_parquet;
mod wsinfer_csv;
mod zarr;

pub use crate::tile::SlideStatus;
pub use explain_csv::{ExplainRow, Explained, write_explain_table};
pub use explain_png::{ExplainedTile, blend, write_explained};
pub use ids::assign_ids;
pub use map_files::{MapRecord, check_maps_writable, map_formats, write_maps};
pub use measurements_csv::write_measurements;
pub use outcomes_csv::{OutcomeRow, remove_outcomes, write_outcomes};
pub use outputs::{WrittenFile, check_folder, check_writable, clear, write_all, write_text};
pub use record::{
    CardFacts, ChunkCounts, ColumnFacts, DeviceFacts, FamiliarityFacts, GridFacts, ModelFacts, RecordedError, SCHEMA,
    SlideFacts, SlideRecord, StageSeconds,
};
pub use run_metadata::{RunFacts, utc_now, write_run_metadata};
pub use stored::{StoredPredictions, read_predictions};
pub use summary_csv::write_summary;
pub(crate) use summary_csv::{number as cell_of_number, text as cell_of_text};
pub use thumbnail_jpg::read_thumbnail;

use crate::map::BiomarkerMap;
use crate::measure::MeasureConfig;
use crate::raster::{Mask, RgbImage8};
use crate::tile::{Meaning, Predictions, Reading, TilePlan};
use crate::units::Mpp;
use std::io::{self, Write};
use std::path::Path;

/// What every picture and record says.
pub const RESEARCH_USE: &str = "research use only";

/// Everything that the files of one slide are made of.
#[derive(Debug, Clone, Copy)]
pub struct SlideOutputs<'a> {
    /// The slide's name in all outputs, from [`assign_ids`].
    pub id: &'a str,
    /// Name of the model, for the legend of pictures.
    pub model: &'a str,
    /// Where the tiles lie.
    pub plan: &'a TilePlan,
    /// Scores of those tiles.
    pub predictions: &'a Predictions,
    /// The map made of both.
    pub map: &'a BiomarkerMap,
    /// One colour per class, from the model card or [`crate::map::palette::class_colours`].
    pub colours: &'a [[u8; 3]],
    /// The whole slide in small.
    pub thumbnail: &'a RgbImage8,
    /// The whole slide, less small: what its tissue is shown on.
    pub overview: &'a RgbImage8,
    /// Where tiles were looked for; it covers the whole slide.
    pub mask: &'a Mask,
    /// Micrometres per pixel at which tiles were asked for.
    pub spacing: Mpp,
    /// Where an exporter may make a file that it cannot write from beginning to end.
    pub drafts: &'a Path,
}

/// Everything that the files made of a slide's map are made of; no pixels of the slide but a small picture of it, so that
/// they can be made anew from stored predictions.
#[derive(Debug, Clone, Copy)]
pub struct MapOutputs<'a> {
    /// The slide's name in all outputs, from [`assign_ids`].
    pub id: &'a str,
    /// Name of the model.
    pub model: &'a str,
    /// Where the tiles lie.
    pub plan: &'a TilePlan,
    /// Scores of those tiles.
    pub predictions: &'a Predictions,
    /// The map made of both.
    pub map: &'a BiomarkerMap,
    /// One colour per class, from the model card or [`crate::map::palette::class_colours`].
    pub colours: &'a [[u8; 3]],
    /// How each class is read, one a class.
    pub readings: &'a [Reading],
    /// How numbers are made.
    pub measure: &'a MeasureConfig,
    /// The whole slide in small.
    pub thumbnail: &'a RgbImage8,
    /// The report as HTML.
    pub page: &'a str,
    /// Where an exporter may make a file that it cannot write from beginning to end.
    pub drafts: &'a Path,
}

/// How a [`MapExporter`] writes.
pub enum Form {
    /// One file; the writer is buffered.
    File(fn(&MapOutputs<'_>, &mut dyn Write) -> io::Result<()>),
    /// A folder of files, given as an empty one.
    Folder(fn(&MapOutputs<'_>, &Path) -> io::Result<()>),
}

/// A kind of file that is made of a slide's map.
pub struct MapExporter {
    /// What `--formats` calls it, such as `ome-tiff`.
    pub key: &'static str,
    /// What it is called in messages.
    pub name: &'static str,
    /// Folder inside the output folder.
    pub folder: &'static str,
    /// What follows the slide's id in its name.
    pub suffix: &'static str,
    /// Writes it.
    pub form: Form,
}

/// Every exporter of maps, in the order of writing. To add one: a file with `write`, a row here, a test that reads it back.
pub static MAP_EXPORTERS: &[MapExporter] = &[
    MapExporter { key: "map", name: "map", folder: "maps", suffix: ".png", form: Form::File(map_png::write) },
    MapExporter {
        key: "overlay",
        name: "overlay",
        folder: "maps",
        suffix: ".overlay.png",
        form: Form::File(overlay_png::write),
    },
    MapExporter {
        key: "report",
        name: "report",
        folder: "reports",
        suffix: ".html",
        form: Form::File(|outputs, out| out.write_all(outputs.page.as_bytes())),
    },
    MapExporter {
        key: "regions",
        name: "QuPath regions",
        folder: "regions",
        suffix: ".geojson.gz",
        form: Form::File(regions_geojson::write),
    },
    MapExporter {
        key: "png16",
        name: "maps of 16 bits",
        folder: "maps16",
        suffix: "",
        form: Form::Folder(map_png16::write),
    },
    MapExporter {
        key: "stony-brook",
        name: "Stony Brook heat map",
        folder: "stony-brook",
        suffix: "",
        form: Form::Folder(stony_brook::write),
    },
    MapExporter {
        key: "local",
        name: "local statistics",
        folder: "local",
        suffix: ".csv",
        form: Form::File(local_csv::write),
    },
    MapExporter {
        key: "dicom-seg",
        name: "DICOM segmentation",
        folder: "dicom",
        suffix: ".seg.dcm",
        form: Form::File(dicom::write_segmentation),
    },
    MapExporter {
        key: "dicom-pm",
        name: "DICOM parametric map",
        folder: "dicom",
        suffix: ".pm.dcm",
        form: Form::File(dicom::write_parametric_map),
    },
    MapExporter {
        key: "ome-tiff",
        name: "OME-TIFF",
        folder: "ome-tiff",
        suffix: ".ome.tif",
        form: Form::File(ome_tiff::write),
    },
    MapExporter {
        key: "ome-zarr",
        name: "OME-Zarr",
        folder: "ome-zarr",
        suffix: ".ome.zarr",
        form: Form::Folder(ome_zarr::write),
    },
    MapExporter {
        key: "anndata",
        name: "AnnData",
        folder: "anndata",
        suffix: ".zarr",
        form: Form::Folder(anndata::write),
    },
    MapExporter {
        key: "spatialdata",
        name: "SpatialData",
        folder: "spatialdata",
        suffix: ".zarr",
        form: Form::Folder(spatialdata::write),
    },
    MapExporter {
        key: "parquet",
        name: "Parquet table",
        folder: "tiles",
        suffix: ".parquet",
        form: Form::File(tiles_parquet::write),
    },
    MapExporter {
        key: "csv",
        name: "table of tiles",
        folder: "tiles",
        suffix: ".csv",
        form: Form::File(tiles_csv::write),
    },
];

/// A kind of file that scored slides get.
pub struct Exporter {
    /// What it is called in messages.
    pub name: &'static str,
    /// Folder inside the output folder.
    pub folder: &'static str,
    /// What follows the slide's id in the file's name.
    pub suffix: &'static str,
    /// Whether the slides of such a model get it at all.
    pub suits: fn(&Meaning) -> bool,
    /// Whether this slide does.
    pub when: fn(&SlideOutputs<'_>) -> bool,
    /// Writes the file; the writer is buffered.
    pub write: fn(&SlideOutputs<'_>, &mut dyn Write) -> io::Result<()>,
}

/// Every exporter, in the order of writing. To add one: a file with `write`, a row here, a test that reads it back.
pub static EXPORTERS: [Exporter; 7] = [
    Exporter {
        name: "WSInfer table",
        folder: "model-outputs-csv",
        suffix: ".csv",
        suits: has_names,
        when: always,
        write: wsinfer_csv::write,
    },
    Exporter {
        name: "QuPath objects",
        folder: "model-outputs-geojson",
        suffix: ".geojson",
        suits: has_names,
        when: always,
        write: geojson::write,
    },
    Exporter {
        name: "WSInfer places",
        folder: "patches",
        suffix: ".h5",
        suits: |_| true,
        when: patches_h5::has_tiles,
        write: patches_h5::write,
    },
    Exporter {
        name: "features",
        folder: "features",
        suffix: ".h5",
        suits: describes,
        when: features_h5::has_features,
        write: features_h5::write,
    },
    Exporter {
        name: "predictions",
        folder: "predictions",
        suffix: ".h5",
        suits: has_names,
        when: always,
        write: predictions_h5::write,
    },
    Exporter {
        name: "WSInfer mask",
        folder: "masks",
        suffix: ".jpg",
        suits: |_| true,
        when: always,
        write: mask_jpg::write,
    },
    Exporter {
        name: "thumbnail",
        folder: "thumbnails",
        suffix: ".jpg",
        suits: has_names,
        when: always,
        write: thumbnail_jpg::write,
    },
];

/// Features have no names, so no table of them would be of use to a person.
fn has_names(meaning: &Meaning) -> bool {
    !describes(meaning)
}

fn describes(meaning: &Meaning) -> bool {
    *meaning == Meaning::Features
}

fn always(_: &SlideOutputs<'_>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::map::palette::class_colours;
    use crate::tile::GridRule;
    use crate::units::Mpp;

    /// A small slide with everything that an exporter needs.
    pub(super) struct Example {
        pub(super) plan: TilePlan,
        pub(super) predictions: Predictions,
        pub(super) map: BiomarkerMap,
        pub(super) colours: Vec<[u8; 3]>,
        pub(super) thumbnail: RgbImage8,
        pub(super) overview: RgbImage8,
        pub(super) mask: Mask,
        pub(super) drafts: tempfile::TempDir,
        pub(super) readings: Vec<Reading>,
        pub(super) measure: MeasureConfig,
    }

    impl Example {
        pub(super) fn outputs(&self) -> SlideOutputs<'_> {
            let Self { plan, predictions, map, colours, thumbnail, overview, mask, drafts, .. } = self;
            let (id, model, spacing) = ("slide", "model", plan.mpp);
            let drafts = drafts.path();
            SlideOutputs { id, model, plan, predictions, map, colours, thumbnail, overview, mask, spacing, drafts }
        }

        pub(super) fn map_outputs(&self) -> MapOutputs<'_> {
            let Self { plan, predictions, map, colours, thumbnail, drafts, .. } = self;
            let (id, model) = ("slide", "model");
            let (page, drafts) = ("<html/>", drafts.path());
            let (readings, measure) = (&self.readings[..], &self.measure);
            MapOutputs { id, model, plan, predictions, map, colours, readings, measure, thumbnail, page, drafts }
        }
    }

    /// Scores of classes; of one finding when there is one name.
    pub(super) fn example(names: &[&str], rows: &[Option<&[f32]>]) -> Example {
        example_of(if names.len() == 1 { Meaning::Findings } else { Meaning::Classes }, names, rows)
    }

    /// A slide of 1000 x 700 px with tiles at (0, 0), (0, 256) and (256, 256), one per row given.
    pub(super) fn example_of(meaning: Meaning, names: &[&str], rows: &[Option<&[f32]>]) -> Example {
        let plan = TilePlan {
            rule: GridRule::Eosin,
            slide_l0: Size::new(1000, 700),
            mpp: Mpp::new(0.5).unwrap(),
            side_l0: 256,
            step_l0: 256,
            level: 0,
            downsample: (1.0, 1.0),
            read_px: 256,
            tile_px: 256,
            fill: [255; 3],
            places: rows.len(),
            origins_l0: [(0, 0), (0, 256), (256, 256)][..rows.len()].to_vec(),
        };
        let predictions = Predictions {
            meaning,
            class_names: names.iter().map(ToString::to_string).collect(),
            rows: rows.iter().map(|row| row.map(<[f32]>::to_vec)).collect(),
            unfamiliarity: None,
        };
        let map = BiomarkerMap::new(&plan, &predictions).unwrap();
        let thumbnail = RgbImage8::filled(Size::new(250, 175), [230, 190, 210]);
        let (overview, mask) = (thumbnail.clone(), Mask::filled(Size::new(10, 7), true));
        let drafts = tempfile::tempdir().unwrap();
        let (readings, measure) = (vec![Reading::default(); names.len()], MeasureConfig::default());
        let colours = class_colours(names.len());
        Example { plan, predictions, map, colours, thumbnail, overview, mask, drafts, readings, measure }
    }
}
