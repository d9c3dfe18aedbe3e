//! `eosin info`: what a slide is.

use super::args::InfoArgs;
use super::exit;
use eosin::Result;
use eosin::slide::{Slide, explain};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(args: &InfoArgs) -> Result<ExitCode> {
    if args.explain {
        for (name, fits) in explain(&args.slide)? {
            match fits {
                Ok(()) => println!("{name}: fits"),
                Err(why) => println!("{name}: {why}"),
            }
        }
    }
    let slide = Slide::open(&args.slide)?;
    let calibration = slide.calibration();
    if args.json {
        let facts = json!({
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
        println!("{facts:#}");
        return Ok(ExitCode::from(exit::DONE));
    }
    println!("format      {} ({})", slide.format_name(), slide.vendor());
    println!("size        {} px", slide.size());
    match (calibration, slide.calibration_note()) {
        (Some(calibration), _) => println!("resolution  {} ({})", calibration.mpp(), calibration.source),
        (None, note) => println!("resolution  unknown: {}", note.unwrap_or("the file states none")),
    }
    if let Some(mpp) = slide.mpp() {
        let side_mm = |px: u32| f64::from(px) * mpp.get() / 1000.0;
        println!("area        {:.2} x {:.2} mm", side_mm(slide.size().w), side_mm(slide.size().h));
    }
    if let Some(objective) = slide.objective() {
        println!("objective   {objective}x");
    }
    for (index, level) in slide.levels().iter().enumerate() {
        let chunks = u64::from(level.cols) * u64::from(level.rows);
        println!(
            "level {index}     {} px, 1:{:.2}, {chunks} chunks of {} px",
            level.size,
            level.downsample(),
            level.chunk
        );
    }
    Ok(ExitCode::from(exit::DONE))
}
