//! Whole programs on the slide, from their start to their last file, in turn: `eosin score`, and WSInfer, which takes slides
//! and not tiles.

use super::conversation::{Conversation, end_group, go_on};
use super::peer::{PEER_BATCH, Peer, write_scripts};
use super::protocol::{Answer, Job, Request};
use super::record::{Absent, BenchRecord, WholeRun};
use super::run::{BenchConfig, BenchEvent, Listen};
use super::samples::Samples;
use super::subject::Subject;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{SlideRecord, assign_ids};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Rounds at most: a slide takes minutes.
const MOST_ROUNDS: usize = 3;
/// How often it is looked whether a run has ended: a thousandth of what the shortest takes.
const POLL: Duration = Duration::from_millis(2);

/// What one whole run gave.
struct Took {
    tiles: usize,
    seconds: f64,
}

/// Runs both, `eosin score` first, on the CPU.
///
/// # Errors
/// An interruption; what either could not do is said to be absent.
pub(super) fn whole_runs(
    config: &BenchConfig,
    subject: &Subject,
    folder: &Path,
    record: &mut BenchRecord,
    cancel: &AtomicBool,
    listen: Listen<'_>,
) -> Result<()> {
    let name = subject.bundle.name();
    let job = Job { device: "cpu".into(), dtype: "f32".into(), threads: config.threads, ..subject.job.clone() };
    let leave_out = |record: &mut BenchRecord, error: Error, last_words: &[String]| {
        if error.kind() == ErrorKind::Interrupted {
            return Err(error);
        }
        let absent = Absent { what: format!("{name} in wsinfer"), why: error.message().to_owned() };
        listen(BenchEvent::Absent { absent: &absent, last_words });
        record.absent.push(absent);
        Ok(())
    };
    let scripts = folder.join("peers");
    write_scripts(&scripts)?;
    let mut talk = match Conversation::start(&mut Peer::WsInfer.command(&config.python, &scripts), &job) {
        Ok(talk) => talk,
        Err(error) => return leave_out(record, error, &[]),
    };
    let opened = match talk.ask(&Request::Open, cancel) {
        Ok(Answer::Open(opened)) => opened,
        Ok(_) => return leave_out(record, Answer::unexpected(), &[]),
        Err(error) => return leave_out(record, error, &talk.last_words()),
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let rounds = config.settings.all_rounds().min(MOST_ROUNDS);
    for round in 1..=rounds {
        listen(BenchEvent::Step { what: &format!("whole runs, round {round} of {rounds}") });
        match score(config, &job, folder, cancel) {
            Ok(took) => ours.push(took),
            Err(error) => return leave_out(record, error, &[]),
        }
        match talk.ask(&Request::Line { batch: PEER_BATCH, tiles: usize::MAX }, cancel) {
            Ok(Answer::Line(line)) => theirs.push(Took { tiles: line.tiles, seconds: line.seconds }),
            Ok(_) => return leave_out(record, Answer::unexpected(), &[]),
            Err(error) => return leave_out(record, error, &talk.last_words()),
        }
    }
    let run = |program: String, setting: String, took: &[Took]| {
        let (seconds, rate): (Vec<f64>, Vec<f64>) =
            took.iter().map(|took| (took.seconds, took.tiles as f64 / took.seconds)).unzip();
        Some(WholeRun {
            program,
            model: name.to_owned(),
            device: job.device.clone(),
            dtype: job.dtype.clone(),
            setting,
            tiles: took.first()?.tiles,
            seconds: Samples::of(seconds)?,
            rate: Samples::of(rate)?,
            ratio: None,
        })
    };
    let setting = format!("--grid wsinfer, {} cores, with maps and reports", config.threads);
    let first = run(format!("eosin {}", env!("CARGO_PKG_VERSION")), setting, &ours);
    let mut second = run(opened.program, opened.setting, &theirs);
    if let (Some(first), Some(second)) = (&first, &mut second) {
        second.ratio = second.rate.over(&first.rate);
    }
    record.runs.extend(first.into_iter().chain(second));
    Ok(())
}

/// `eosin score` as a user runs it, on the tiles that WSInfer takes.
fn score(config: &BenchConfig, job: &Job, folder: &Path, cancel: &AtomicBool) -> Result<Took> {
    let out = folder.join("whole-run");
    let mut command = Command::new(&config.program);
    command.arg("score").arg(&job.slide).arg("--out").arg(&out).arg("--model").arg(&job.model);
    command.args(["--device", &job.device, "--grid", "wsinfer", "--overwrite", "--quiet"]);
    if let Some(mpp) = job.mpp {
        command.args(["--mpp", &mpp.to_string()]);
    }
    let refuse = |found: String| {
        Error::new(ErrorKind::Format, "BCH-0016", format!("expected scores of the slide, found {found}"))
    };
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let started = Instant::now();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = spawned.map_err(|error| refuse(error.to_string()))?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {
                go_on(cancel).inspect_err(|_| end_group(&mut child))?;
                std::thread::sleep(POLL);
            }
            Err(error) => return Err(refuse(error.to_string())),
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let record = assign_ids(std::slice::from_ref(&job.slide)).first().and_then(|id| SlideRecord::read(&out, id));
    match record {
        Some(record) if status.success() => Ok(Took { tiles: record.tiles.scored, seconds }),
        Some(SlideRecord { error: Some(error), .. }) => Err(refuse(format!("{} [{}]", error.message, error.code))),
        _ => Err(refuse(format!("none ({status})"))),
    }
}
