//! The tiles of WSInfer 0.6.1, from the slide's file to the list: the same ones in the same order.
//!
//! The reference lists were made by running WSInfer with OpenSlide 4.0.1. A single mask pixel that differs can add or
//! lose a tile, so equal lists also mean equal thumbnails and masks as far as tiles can tell.

use crate::shared::shared;
use crate::wsinfer_cases::{Case, read_table};
use eosin::geometry::{Rect, Size};
use eosin::raster::reduce;
use eosin::slide::Slide;
use eosin::tile::TilePlan;
use eosin::tiling::plan::SlideGeometry;
use eosin::tiling::wsinfer_grid::{
    plan_wsinfer, thumbnail, thumbnail_downsample, thumbnail_reduction, thumbnail_um_per_px,
};
use eosin::tissue::{SaturationConfig, TissueConfig, TissueMethod, detect};
use eosin::units::Mpp;
use flate2::read::GzDecoder;
use std::fs::File;
use std::path::Path;

#[test]
fn cmu_at_224_px_of_half_a_micrometre() {
    as_in_shared("a_cmu_resnet18_224px_0.5um", "CMU-1-Small-Region.svs", 224, 0.5, 49);
}

#[test]
fn crc_at_224_px_of_two_point_six_micrometres() {
    as_in_shared("b_crc01dev_resnet18_224px_2.6um", "CRC01_HE_dev.tif", 224, 2.6, 412);
}

#[test]
fn cmu_at_224_px_of_zero_point_four_micrometres() {
    as_in_shared("f_cmu_mobilenetv2_224px_0.4um", "CMU-1-Small-Region.svs", 224, 0.4, 76);
}

#[test]
fn other_overlaps_tile_sides_spacings_and_tissue_settings() {
    let cases = Case::all();
    assert!(cases.len() > 20);
    for case in cases {
        let Some(path) = shared(&format!("data/wsi/{}", case.slide)) else { return };
        let plan = plan(&Slide::open(&path).unwrap(), case.tile_px, case.spacing_um_px, case.overlap, case.tissue());
        let expected: Vec<_> = case.table().into_iter().map(|row| row.0).collect();
        same_tiles(&case.name, &plan, &expected);
    }
}

fn as_in_shared(case: &str, slide: &str, tile_px: u32, spacing_um: f64, tiles: usize) {
    let stem = Path::new(slide).with_extension("csv.gz");
    let Some(csv) = shared(&format!("parity/wsinfer/{case}/{}", stem.display())) else { return };
    let Some(path) = shared(&format!("data/wsi/{slide}")) else { return };
    let plan = plan(&Slide::open(&path).unwrap(), tile_px, spacing_um, 0.0, SaturationConfig::default());
    let expected: Vec<_> = read_table(GzDecoder::new(File::open(csv).unwrap())).into_iter().map(|row| row.0).collect();
    assert_eq!(expected.len(), tiles);
    same_tiles(case, &plan, &expected);
}

fn same_tiles(case: &str, plan: &TilePlan, expected: &[[i64; 4]]) {
    let side = i64::from(plan.side_l0);
    let found: Vec<_> = plan.origins_l0.iter().map(|&(x, y)| [x, y, side, side]).collect();
    assert!(found.is_sorted() && expected.is_sorted(), "{case}");
    let only_in = |a: &[[i64; 4]], b: &[[i64; 4]]| {
        a.iter().filter(|tile| b.binary_search(tile).is_err()).copied().collect::<Vec<_>>()
    };
    let (extra, missing) = (only_in(&found, expected), only_in(expected, &found));
    assert!(
        extra.is_empty() && missing.is_empty() && found.len() == expected.len(),
        "{case}: {} tiles, {} expected; only ours: {extra:?}, only WSInfer's: {missing:?}",
        found.len(),
        expected.len()
    );
    assert_eq!((plan.level, plan.read_px, plan.fill), (0, plan.side_l0, [0; 3]), "{case}");
}

/// What a run with WSInfer's rule does before the first tile is read.
fn plan(slide: &Slide, tile_px: u32, spacing_um: f64, overlap: f64, tissue: SaturationConfig) -> TilePlan {
    let (size, mpp) = (slide.size(), slide.mpp().unwrap());
    let max = Size::new(tissue.thumbnail_px[0], tissue.thumbnail_px[1]);
    let level = slide.level_for_downsample(thumbnail_downsample(size, max));
    let Size { w, h } = slide.levels()[level].size;
    let whole = slide.read_region(level, Rect::new(0, 0, w, h), [255; 3]).unwrap();
    let thumbnail = thumbnail(&reduce(&whole, thumbnail_reduction(whole.size(), max)), whole.size(), max);
    let config = TissueConfig { method: TissueMethod::WsInfer, wsinfer: tissue, ..TissueConfig::default() };
    let mask = detect(&thumbnail, thumbnail_um_per_px(mpp, size, thumbnail.size()), &config).unwrap();
    let geometry = SlideGeometry::new(slide.levels(), mpp);
    plan_wsinfer(&geometry, &mask, tile_px, Mpp::new(spacing_um).unwrap(), overlap).unwrap()
}
