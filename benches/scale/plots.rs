//! Outcomes as plots.

use crate::cases::Outcome;
use crate::child::Run;
use eosin::bench::Samples;
use eosin::report::{BandChart, BandSeries, Bar, BarChart, LineChart, Series, Svg, band_chart, bar_chart, line_chart};
use std::path::Path;

/// Two colours that bars alternate with: of processes, and of one process.
const COLOURS: [[u8; 3]; 2] = [[0, 114, 178], [230, 159, 0]];

/// Writes a plot of each question for which there are outcomes.
pub(crate) fn write(folder: &Path, outcomes: &[Outcome]) {
    let put = |name: &str, svg: Svg| std::fs::write(folder.join(name), svg.as_str()).unwrap();
    let of = |experiment: &str| -> Vec<&Outcome> {
        outcomes.iter().filter(|outcome| outcome.case.experiment == experiment).collect()
    };
    let (tiles, slides, cores, processes) = (of("tiles"), of("slides"), of("cores"), of("processes"));
    put("tiles-seconds.svg", seconds_of_stages(&tiles));
    put("tiles-rate.svg", rate_by_tiles(&tiles));
    put("tiles-memory.svg", bars("Peak memory by tiles", "peak memory, MiB", &tiles, Outcome::memory_mib));
    let each = |outcome: &Outcome| outcome.samples(|run| Some(run.wall_s / place(outcome)));
    put("slides-seconds.svg", bars("Seconds for each slide by slides", "seconds for each slide", &slides, each));
    put("slides-memory.svg", bars("Peak memory by slides", "peak memory, MiB", &slides, Outcome::memory_mib));
    if !cores.is_empty() {
        put("cores-rate.svg", rate_by_cores(&cores));
    }
    let name = "tiles/s, all processes together";
    put("processes-rate.svg", bars("Tiles per second by processes", name, &processes, Outcome::rate));
    let name = "peak memory, MiB, summed over processes";
    put("processes-memory.svg", bars("Peak memory by processes", name, &processes, Outcome::memory_mib));
}

/// What a case was varied to, as a place on x.
fn place(outcome: &Outcome) -> f64 {
    outcome.case.varied as f64
}

/// Medians along what is varied.
fn medians(name: &str, outcomes: &[&Outcome], figure: impl Fn(&Outcome) -> Option<Samples>) -> Series {
    let points = outcomes.iter().filter_map(|outcome| Some([place(outcome), figure(outcome)?.median])).collect();
    Series { name: name.to_owned(), points }
}

fn seconds_of_stages(outcomes: &[&Outcome]) -> Svg {
    let line = |name: &str, seconds: &dyn Fn(&Run) -> f64| {
        medians(name, outcomes, |outcome| outcome.samples(|run| Some(seconds(run))))
    };
    let series = vec![
        line("whole program", &|run| run.wall_s),
        line("reading and network", &|run| run.stage("network")),
        line("files of the scoring", &|run| run.stage("write")),
        line("map, numbers, report", &|run| run.stage("map") + run.stage("maps")),
        line("tissue and plan", &|run| run.stage("open") + run.stage("tissue") + run.stage("plan")),
        line("start and end", &Run::rest_s),
    ];
    let about = "Seconds of a run by the number of tiles of its slide, in all and by stage".to_owned();
    let (x_name, y_name) = ("tiles of the slide".to_owned(), "seconds".to_owned());
    line_chart(&LineChart { about, x_name, y_name, series, mark: None, log: [true; 2] })
}

fn rate_by_tiles(outcomes: &[&Outcome]) -> Svg {
    let scoring = |outcome: &Outcome| outcome.samples(|run| Some(outcome.case.tiles as f64 / run.stage("network")));
    let series =
        vec![medians("whole program", outcomes, Outcome::rate), medians("reading and network", outcomes, scoring)];
    let about = "Tiles per second by the number of tiles of the slide".to_owned();
    let (x_name, y_name) = ("tiles of the slide".to_owned(), "tiles/s".to_owned());
    line_chart(&LineChart { about, x_name, y_name, series, mark: None, log: [true, false] })
}

/// A line with the range of its rounds.
fn band_series(name: &str, outcomes: &[&Outcome], figure: impl Fn(&Outcome) -> Option<Samples>) -> BandSeries {
    let points = outcomes.iter().filter_map(|outcome| Some((place(outcome), figure(outcome)?.figure()))).collect();
    BandSeries { name: name.to_owned(), points }
}

fn rate_by_cores(outcomes: &[&Outcome]) -> Svg {
    let scoring = |outcome: &Outcome| outcome.samples(|run| Some(outcome.case.tiles as f64 / run.stage("network")));
    let series = vec![
        band_series("whole program", outcomes, Outcome::rate),
        band_series("reading and network", outcomes, scoring),
    ];
    let single = outcomes.first().and_then(|outcome| outcome.rate()).map_or(f64::NAN, |found| found.median);
    let ideal = |outcome: &&Outcome| {
        let value = Some(single * place(outcome));
        (place(outcome), eosin::evaluate::Figure { value, low: None, high: None })
    };
    let name = "whole program, if cores were all that counts".to_owned();
    let expected = Some(BandSeries { name, points: outcomes.iter().map(ideal).collect() });
    let about = "Tiles per second by cores".to_owned();
    let (x_name, y_name) = ("cores".to_owned(), "tiles/s".to_owned());
    band_chart(&BandChart { about, x_name, y_name, series, expected, sides: None })
}

fn bars(about: &str, x_name: &str, outcomes: &[&Outcome], figure: impl Fn(&Outcome) -> Option<Samples>) -> Svg {
    let bar = |outcome: &&Outcome| {
        let colour = COLOURS[usize::from(outcome.case.processes.len() == 1)];
        Some(Bar { name: outcome.case.name.clone(), colour, figure: figure(outcome)?.figure() })
    };
    let bars = outcomes.iter().filter_map(bar).collect();
    bar_chart(&BarChart { about: about.to_owned(), x_name: x_name.to_owned(), bars })
}
