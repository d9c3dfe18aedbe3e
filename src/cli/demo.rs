//! `eosin demo`: the whole line on a slide whose truth is known, with nothing but this program.

use super::args::DemoArgs;
use super::interrupt;
use super::score::{code, prepare, run_with_progress};
use super::text::say;
use eosin::export::{MapRecord, SlideRecord, SlideStatus};
use eosin::geometry::{Rect, Size};
use eosin::pipeline::{MapSettings, ScoreConfig};
use eosin::synthetic::{CLASS_NAMES, SyntheticConfig, SyntheticSlide};
use eosin::tile::Meaning;
use eosin::units::Mpp;
use eosin::{Error, ErrorKind, Result};
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::process::ExitCode;

/// Side of the slide; about 5 mm at the resolution below.
const SIDE_PX: u32 = 4096;
/// Resolution of the slide, which is that of the slide that the bundled model learned from.
const MPP: f64 = 1.3;
/// A tile counts for the comparison when at least this part of it is of one class.
const PURE: f64 = 0.9;

pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    // From the start: a signal while the slide is written must not leave a part of it.
    let _ = interrupt::flag();
    let (bundle, device) = prepare(&args.run)?;
    std::fs::create_dir_all(&args.out).map_err(|error| Error::io(&args.out, "make the folder", error))?;
    let slide_path = args.out.join("demo.svs");
    let slide = SyntheticSlide::new(SyntheticConfig {
        seed: args.seed,
        size: Size::new(SIDE_PX, SIDE_PX),
        mpp: Mpp::new(MPP)?,
    });
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    slide.write_svs(&slide_path, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let config = ScoreConfig {
        memory_bytes: u64::from(args.run.memory_mb) << 20,
        workers: args.run.workers,
        overwrite: true,
        maps: MapSettings::usual(),
        ..ScoreConfig::usual(vec![slide_path.clone()], args.out.clone())
    };
    let outcome = run_with_progress(&config, &bundle, &device, &args.run)?;
    let scored = outcome.records.first().filter(|record| record.status == SlideStatus::Scored);
    if let Some(record) = scored.filter(|_| !args.run.quiet) {
        say!("slide    {} (synthetic, {SIDE_PX} x {SIDE_PX} px, seed {})", slide_path.display(), args.seed);
        let id = &record.slide.id;
        let maps = MapRecord::read(&args.out, id).map(|maps| maps.outputs).unwrap_or_default();
        for file in record.outputs.iter().chain(&maps) {
            say!("output   {}", args.out.join(&file.name).display());
        }
        say!("numbers  {}", args.out.join(format!("measurements/{id}.json")).display());
        say!("record   {}", args.out.join(format!("{id}.json")).display());
        for of_all in ["summary.csv", "cohort.csv", "measurements.csv", "report.html"] {
            say!("cohort   {}", args.out.join(of_all).display());
        }
        if bundle.meaning() == Meaning::Classes {
            compare(args, &slide, record)?;
        } else {
            say!("the model gives {}, for which the slide has no truth to compare", bundle.meaning().name());
        }
    }
    Ok(ExitCode::from(code(&outcome)))
}

/// Says how far the written table is from the truth.
fn compare(args: &DemoArgs, slide: &SyntheticSlide, record: &SlideRecord) -> Result<()> {
    let path = args.out.join(format!("model-outputs-csv/{}.csv", record.slide.id));
    let refuse = |found: String| {
        Error::new(ErrorKind::Format, "RUN-0006", format!("expected a table, found {found}")).at_path(&path)
    };
    let mut table = csv::Reader::from_path(&path).map_err(|error| refuse(error.to_string()))?;
    let classes = &record.model.classes;
    let mut rows = Vec::new();
    for line in table.records() {
        let line = line.map_err(|error| refuse(error.to_string()))?;
        let numbers: Vec<f64> = line.iter().map(|field| field.parse().unwrap_or(f64::NAN)).collect();
        let [x, y, w, h, ref scores @ ..] = numbers[..] else { return Err(refuse(format!("{} columns", line.len()))) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "written as whole pixels of a small slide"
        )]
        let rect = Rect::new(x as i64, y as i64, w as u32, h as u32);
        #[expect(clippy::cast_possible_truncation, reason = "written from f32")]
        let scores: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
        rows.push((slide.truth_fractions(rect), scores));
    }
    // Share of each class over all tiles, and agreement on the tiles that are nearly all of one class.
    say!("");
    say!("class              truth    map    right on pure tiles");
    let (mut right, mut pure) = (0, 0);
    for (index, name) in CLASS_NAMES.iter().enumerate() {
        let Some(column) = classes.iter().position(|class| class == name) else { continue };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let truth = mean(rows.iter().map(|(truth, _)| truth[index]).collect());
        let found = mean(
            rows.iter()
                .map(|(_, scores)| f64::from(u8::from(Meaning::Classes.decide(scores) == Some(column))))
                .collect(),
        );
        let of_class: Vec<_> = rows.iter().filter(|(truth, _)| truth[index] >= PURE).collect();
        let hits = of_class.iter().filter(|(_, scores)| Meaning::Classes.decide(scores) == Some(column)).count();
        right += hits;
        pure += of_class.len();
        say!("{name:<16} {:>6.1} % {:>5.1} %    {hits} of {}", truth * 100.0, found * 100.0, of_class.len());
    }
    say!("all                                {right} of {pure}");
    say!("");
    say!("The slide is synthetic: this shows that the program works, not how good a model is.");
    say!("Research use only, not for diagnosis.");
    Ok(())
}
