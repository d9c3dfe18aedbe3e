//! The runs of WSInfer 0.6.1 that `tests/reference/wsinfer_cases.py` made: their settings and their tables.

use eosin::tissue::SaturationConfig;
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A run: where the tiles were asked for, by which model, and with which tissue settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) slide: String,
    pub(crate) tile_px: u32,
    pub(crate) spacing_um_px: f64,
    /// Without one the places of the tiles are all there is.
    pub(crate) model: Option<String>,
    /// One (the second of the model) or two.
    pub(crate) classes: usize,
    pub(crate) resize: u32,
    pub(crate) overlap: f64,
    seg: Seg,
}

/// What differs from WSInfer's defaults, by the names of its parameters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seg {
    thumbsize: Option<[u32; 2]>,
    median_filter_size: Option<u32>,
    binary_threshold: Option<u8>,
    closing_kernel_size: Option<u32>,
    min_object_size_um2: Option<f64>,
    min_hole_size_um2: Option<f64>,
}

/// A row: minx, miny, width, height, and the probabilities, which thinned rows lack.
pub(crate) type Row = ([i64; 4], Vec<f64>);

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        serde_json::from_str(&std::fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap()
    }

    pub(crate) fn table(&self) -> Vec<Row> {
        read_table(GzDecoder::new(File::open(folder().join(format!("{}.csv.gz", self.name))).unwrap()))
    }

    pub(crate) fn tissue(&self) -> SaturationConfig {
        let (usual, seg) = (SaturationConfig::default(), &self.seg);
        SaturationConfig {
            thumbnail_px: seg.thumbsize.unwrap_or(usual.thumbnail_px),
            median_filter_px: seg.median_filter_size.unwrap_or(usual.median_filter_px),
            threshold: seg.binary_threshold.unwrap_or(usual.threshold),
            closing_px: seg.closing_kernel_size.unwrap_or(usual.closing_px),
            min_object_um2: seg.min_object_size_um2.unwrap_or(usual.min_object_um2),
            min_hole_um2: seg.min_hole_size_um2.unwrap_or(usual.min_hole_um2),
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wsinfer")
}

/// Rows of a table as WSInfer writes it, or as we do; empty probabilities are left out.
pub(crate) fn read_table(table: impl Read) -> Vec<Row> {
    let row = |row: csv::StringRecord| {
        let place = [0, 1, 2, 3].map(|column| row[column].parse().unwrap());
        let scores = row.iter().skip(4).filter(|field| !field.is_empty());
        (place, scores.map(|field| field.parse().unwrap()).collect())
    };
    csv::Reader::from_reader(table).records().map(|record| row(record.unwrap())).collect()
}
