//! stub
use crate::error::Result;
use crate::export::SlideRecord;
use crate::map::BiomarkerMap;
use crate::measure::Measurements;
use crate::raster::RgbImage8;
pub(super) struct PageFacts<'a> { pub record: &'a SlideRecord, pub settings: &'a serde_json::Value, pub map: &'a BiomarkerMap, pub colours: &'a [[u8; 3]], pub thumbnail: &'a RgbImage8 }
pub(super) fn slide_page(_: &PageFacts<'_>, _: &Measurements) -> Result<String> { Ok(String::new()) }
