//! Aperio SVS: TIFF or BigTIFF, tiled pyramid of JPEG chunks.
//!
//! Extensions: `svs`, sometimes `tif`. Vendor: Aperio, now Leica. Detected by a tiled first directory whose description
//! begins with `Aperio`; without that word the file is read as generic TIFF and has no resolution. Every tiled directory
//! is a level, the first of them level 0; thumbnail, label and macro are stored as strips, and are never given out.
//! Resolution: the field `MPP` of the first description; objective: `AppMag`.
//!
//! Oddities: fields are `key = value` between `|`, and a key may come twice (`OriginalWidth`); decimal commas exist;
//! chunks without bytes are empty glass at level 0, above it a fault of some encoders over any tissue (OpenSlide's driver
//! names it and paints the level below), so they are refused; `JPEG/RGB` streams hold RGB without any marker that says
//! so; JPEG 2000 is common (33003 YCbCr, 33005 RGB) and not read yet.

use crate::error::Result;
use crate::slide::driver::Driver;
use crate::slide::format::{Format, NotThisFormat};
use crate::slide::probe::Probe;
use crate::slide::properties::{Calibration, Properties};
use crate::slide::tiled_tiff::{Empty, TiledTiff};

pub(crate) const FORMAT: Format = Format { name: "aperio", vendor: "Aperio", extensions: &["svs"], detect, open };

/// Powers of real objectives, with room for scanners that combine lenses.
const OBJECTIVES: std::ops::RangeInclusive<f64> = 0.1..=200.0;

fn detect(probe: &Probe) -> Result<(), NotThisFormat> {
    let first = probe.first_tiled()?;
    match first.description.as_deref() {
        Some(text) if text.starts_with("Aperio") => Ok(()),
        Some(_) => Err(NotThisFormat("the image description does not begin with `Aperio`".to_string())),
        None => Err(NotThisFormat("there is no readable image description".to_string())),
    }
}

fn open(probe: Probe) -> Result<Box<dyn Driver>> {
    let directories = probe.tiff.unwrap_or_default();
    let description = directories.first().and_then(|first| first.description.as_deref()).unwrap_or_default();
    let objective = field(description, "AppMag").and_then(number).filter(|power| OBJECTIVES.contains(power));
    let properties = Properties { calibration: calibration(description), objective };
    let images = directories.into_iter().filter_map(|directory| directory.tiled).collect();
    Ok(Box::new(TiledTiff::new(probe.source, images, Empty::GlassAtLevel0, properties)?))
}

fn calibration(description: &str) -> Result<Calibration, String> {
    const SOURCE: &str = "Aperio MPP field";
    let text = field(description, "MPP").ok_or("the Aperio description has no MPP field")?;
    let mpp = number(text).ok_or_else(|| format!("{SOURCE} says `{}`, which is no number", text.escape_debug()))?;
    Calibration::new(mpp, mpp, SOURCE)
}

/// The first value of a field: a later copy is not asked, even when the first is not believable.
fn field<'a>(description: &'a str, key: &str) -> Option<&'a str> {
    let pairs = description.split('|').skip(1).filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim())).find(|pair| pair.0 == key).map(|pair| pair.1)
}

/// A number with a decimal point or comma.
fn number(text: &str) -> Option<f64> {
    text.replacen(',', ".", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibrated(field: &str) -> Result<f64, String> {
        calibration(&format!("Aperio Image Library\r\n46000x32914 JPEG/RGB Q=30|AppMag = 20|{field}|Left = 25.6"))
            .map(|calibration| calibration.mpp().get())
    }

    #[test]
    fn believable_resolutions_are_read() {
        for (field, truth) in [("MPP = 0.4990", 0.499), ("MPP=0,2520", 0.252), ("MPP = 0.5|MPP = 9.99", 0.5)] {
            assert_eq!(calibrated(field), Ok(truth), "{field}");
        }
    }

    #[test]
    fn other_resolutions_are_refused_with_a_reason() {
        let outside = "Aperio MPP field says -0.499 um/px, outside 0.05 to 20";
        assert_eq!(calibrated("MPP = -0.499"), Err(outside.to_string()));
        for field in ["MPP = 0.0000", "MPP = nan", "MPP = inf", "MPP = 1e+300", "MPP = 0.01", "MPP = 100"] {
            assert!(calibrated(field).unwrap_err().contains("outside"), "{field}");
        }
        assert!(calibrated("MPP = 0|MPP = 0.5").unwrap_err().contains("says 0 um/px"));
        assert!(calibrated("MPP = ").unwrap_err().contains("no number"));
        assert!(calibrated("MPP = 1,234.5").unwrap_err().contains("no number"));
        assert!(calibrated("XMPP = 0.5").unwrap_err().contains("no MPP field"));
    }
}
