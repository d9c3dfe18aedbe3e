//! `eosin info`: what a slide is.

use super::args::InfoArgs;
use super::exit;
use super::text::{answer_json, say};
use eosin::Result;
use eosin::slide::{NotThisFormat, Slide, explain};
use serde_json::{Value, json};
use std::process::ExitCode;

/// A format's name, and why it does not fit.
type Verdict = (&'static str, Result<(), NotThisFormat>);

pub(crate) fn run(args: &InfoArgs) -> Result<ExitCode> {
    let verdicts = if args.explain { explain(&args.slide)? } else { Vec::new() };
    if args.json {
        answer_json(&to_json(&Slide::open(&args.slide)?, &verdicts));
    } else {
        // Before the slide is opened: what no format fits is an error then, and this says why.
        for (name, fits) in &verdicts {
            say!("{name}: {}", fits.as_ref().err().map_or("fits".to_string(), ToString::to_string));
        }
        print(&Slide::open(&args.slide)?);
    }
    Ok(ExitCode::from(exit::DONE))
}

fn print(slide: &Slide) {
    say!("format      {} ({})", slide.format_name(), slide.vendor());
    say!("size        {} px", slide.size());
    match (slide.calibration(), slide.calibration_note()) {
        (Some(calibration), _) => say!("resolution  {} ({})", calibration.mpp(), calibration.source),
        (None, note) => {
            say!("resolution  unknown: {}; `eosin score` needs --mpp", note.unwrap_or("the file states none"));
        }
    }
    if let Some(mpp) = slide.mpp() {
        let side_mm = |px: u32| f64::from(px) * mpp.get() / 1000.0;
        say!("area        {:.2} x {:.2} mm", side_mm(slide.size().w), side_mm(slide.size().h));
    }
    if let Some(objective) = slide.objective() {
        say!("objective   {objective}x");
    }
    for (index, level) in slide.levels().iter().enumerate() {
        let chunks = u64::from(level.cols) * u64::from(level.rows);
        say!("level {index}     {} px, 1:{:.2}, {chunks} chunks of {} px", level.size, level.downsample(), level.chunk);
    }
}

fn to_json(slide: &Slide, verdicts: &[Verdict]) -> Value {
    let calibration = slide.calibration();
    let mut facts = json!({
        "format": slide.format_name(),
        "vendor": slide.vendor(),
        "width": slide.size().w,
        "height": slide.size().h,
        "mpp_x": calibration.map(|calibration| calibration.mpp_x),
        "mpp_y": calibration.map(|calibration| calibration.mpp_y),
        "mpp_source": calibration.map(|calibration| &calibration.source),
        "mpp_note": slide.calibration_note(),
        "objective": slide.objective(),
        "levels": slide.levels(),
    });
    if !verdicts.is_empty() {
        let why_not = |fits: &Result<(), NotThisFormat>| fits.as_ref().err().map(ToString::to_string);
        facts["formats"] = verdicts
            .iter()
            .map(|(name, fits)| json!({ "name": name, "fits": fits.is_ok(), "why_not": why_not(fits) }))
            .collect();
    }
    facts
}
