//! One process that is measured: opened, rehearsed and asked round by round.

use super::conversation::{Conversation, FAILED};
use super::energy::EnergyMeter;
use super::peer::PEER_BATCH;
use super::protocol::{Answer, Job, OpenAnswer, Request, WarmAnswer};
use super::record::{Cell, MemoryUse, Start};
use super::rounds::{Rounds, Series};
use super::samples::Samples;
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Share of a round in which stages are timed one by one: they need no more than a few batches.
const STAGES_SHARE: f64 = 0.25;
/// A start that takes longer, seconds, is measured once for each process that is asked, and no others are started for it.
const SLOW_START_S: f64 = 10.0;

/// Whether it is this program, whose whole line and stages are measured as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Peer,
}

/// One process.
pub(super) struct Participant {
    kind: Kind,
    /// What all its rows have in common.
    cell: Cell,
    talk: Conversation,
    series: Vec<Series>,
    /// Batches that it could not do.
    failed: Vec<(usize, Error)>,
    /// What counts the energy of its device, where the platform tells.
    meter: Option<EnergyMeter>,
}

/// How a process is asked.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// Sizes of batches; without any, what it takes usually.
    pub(super) batches: &'a [usize],
    /// Rounds of each figure.
    pub(super) rounds: usize,
    /// What a round of a figure aims at, seconds.
    pub(super) seconds: f64,
    /// Whether a GPU computes, whose energy is counted by itself.
    pub(super) on_gpu: bool,
    /// For files of scores.
    pub(super) folder: &'a Path,
    pub(super) cancel: &'a AtomicBool,
}

impl Participant {
    /// Starts a process, opens its device and model, and runs until it is warm. One that learnt kernels is ended and started
    /// once more, so that rounds are those of a process that finds all, as most of a user's are; the first one's start is kept.
    /// Others are started for their start alone, until there are as many as rounds.
    ///
    /// # Errors
    /// Those of [`Conversation::ask`], with what the process said last.
    pub(super) fn open(
        kind: Kind,
        command: &mut Command,
        job: &Job,
        cell: &Cell,
        how: How<'_>,
    ) -> std::result::Result<Self, (Error, Vec<String>)> {
        let mut opened = Self::start(kind, command, job, cell.clone(), how)?;
        if opened.series.iter().any(|series| series.start.learnt) {
            let learnt: Vec<(usize, Start)> =
                opened.series.iter().map(|series| (series.batch, series.start.clone())).collect();
            drop(opened);
            opened = Self::start(kind, command, job, cell.clone(), how)?;
            for series in &mut opened.series {
                if let Some((_, start)) = learnt.iter().find(|(batch, _)| *batch == series.batch) {
                    let again_s = std::mem::take(&mut series.start.again_s);
                    series.start = Start { again_s, learnt: true, ..start.clone() };
                }
            }
        }
        opened.start_others(command, job, how).map_err(|error| (error, Vec::new()))?;
        Ok(opened)
    }

    /// Starts further processes for their start alone, unless one takes too long for that.
    fn start_others(&mut self, command: &mut Command, job: &Job, how: How<'_>) -> Result<()> {
        let Some(Series { batch, start, .. }) = self.series.first() else { return Ok(()) };
        if start.again_s.median > SLOW_START_S {
            return Ok(());
        }
        let mut others = Vec::new();
        for _ in 1..how.rounds {
            match start_alone(command, job, *batch, how.cancel) {
                Ok(again_s) => others.push(again_s),
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                // The one that is measured runs; a device may not have room for one more.
                Err(_) => break,
            }
        }
        let others = Samples::of(others).unwrap_or_default();
        self.series.iter_mut().for_each(|series| series.start.again_s.extend(others.clone()));
        Ok(())
    }

    fn start(
        kind: Kind,
        command: &mut Command,
        job: &Job,
        cell: Cell,
        how: How<'_>,
    ) -> std::result::Result<Self, (Error, Vec<String>)> {
        let started = Instant::now();
        let talk = Conversation::start(command, job).map_err(|error| (error, Vec::new()))?;
        let mut new = Self { kind, cell, talk, series: Vec::new(), failed: Vec::new(), meter: None };
        match new.rehearse(started, how) {
            Ok(()) => {
                // Only now: a device that sleeps tells nothing.
                new.meter = EnergyMeter::for_device(!how.on_gpu, &new.cell.device_name);
                Ok(new)
            }
            Err(error) => Err((error, new.talk.last_words())),
        }
    }

    /// Opens, and runs each batch until it is warm; small ones first, so that the peak of memory is that of each.
    fn rehearse(&mut self, started: Instant, how: How<'_>) -> Result<()> {
        let (opened, opened_s) = opened(&mut self.talk, started, how.cancel)?;
        let usual = if opened.usual_batch == 0 { PEER_BATCH } else { opened.usual_batch };
        let mut batches = if how.batches.is_empty() { vec![usual] } else { how.batches.to_vec() };
        batches.sort_unstable();
        batches.dedup();
        let mut cold_s = None;
        for batch in batches {
            match self.rehearse_batch(batch, how) {
                Ok((mut series, first_s)) => {
                    let cold_s = *cold_s.get_or_insert(opened_s + first_s);
                    let (open_s, load_s) = (opened.open_s, opened.load_s);
                    let again_s = Samples::of(vec![cold_s]).unwrap_or_default();
                    series.start = Start { cold_s, again_s, open_s, load_s, ..series.start };
                    self.series.push(series);
                }
                // Too large for this device, say: others may fit.
                Err(error) if error.code() == FAILED => self.failed.push((batch, error)),
                Err(error) => return Err(error),
            }
        }
        if self.series.is_empty()
            && let Some((_, error)) = self.failed.pop()
        {
            return Err(error);
        }
        let OpenAnswer { program, device_name, backend, setting, .. } = opened;
        let cell = std::mem::take(&mut self.cell);
        self.cell = Cell { program, device_name, backend, setting, ..cell };
        Ok(())
    }

    fn rehearse_batch(&mut self, batch: usize, how: How<'_>) -> Result<(Series, f64)> {
        let How { seconds, folder, cancel, .. } = how;
        let talk = &mut self.talk;
        let first_s = first(talk, batch, cancel)?;
        let Answer::Warm(warm) = talk.ask(&Request::Warm { batch }, cancel)? else { return Err(Answer::unexpected()) };
        let WarmAnswer { warm_up_s, steady, lanes, learnt } = warm;
        let start = Start { first_s, warm_up_s, steady, learnt: learnt > 0, ..Start::default() };
        let scores = outputs(talk, batch, folder, cancel)?;
        let mut series = Series { batch, start, scores, ..Series::default() };
        if self.kind == Kind::Ours {
            series.line_tiles = rehearse_line(talk, (batch, lanes), seconds, cancel)?;
        }
        series.memory = memory(talk, cancel)?;
        Ok((series, first_s))
    }

    /// Asks for memory once more, as rounds may take more than the warm-up did; it is that of the largest batch, as of
    /// others nobody can tell.
    pub(super) fn finish(&mut self, cancel: &AtomicBool) -> Result<()> {
        let last = memory(&mut self.talk, cancel)?;
        if let Some(series) = self.series.last_mut() {
            series.memory = series.memory.max(last);
        }
        Ok(())
    }

    /// Sizes of batches that it could not do, and why.
    pub(super) fn failed(&self) -> &[(usize, Error)] {
        &self.failed
    }

    /// Measures every figure once.
    ///
    /// # Errors
    /// Those of [`Conversation::ask`].
    pub(super) fn round(&mut self, seconds: f64, cancel: &AtomicBool) -> Result<()> {
        for series in &mut self.series {
            let batch = series.batch;
            let mut joules = || self.meter.as_mut().and_then(EnergyMeter::joules);
            let before = joules();
            let Answer::Round(round) = self.talk.ask(&Request::Round { batch, seconds }, cancel)? else {
                return Err(Answer::unexpected());
            };
            series.network.push(round.tiles as f64 / round.seconds);
            series.joules.extend(before.zip(joules()).map(|(before, after)| (after - before) / round.tiles as f64));
            if self.kind == Kind::Peer {
                continue;
            }
            let request = Request::Line { batch, tiles: series.line_tiles };
            let Answer::Line(line) = self.talk.ask(&request, cancel)? else { return Err(Answer::unexpected()) };
            let request = Request::Stages { batch, seconds: seconds * STAGES_SHARE };
            let Answer::Stages(stages) = self.talk.ask(&request, cancel)? else { return Err(Answer::unexpected()) };
            series.keep(&line, &stages);
        }
        Ok(())
    }

    /// Scores of the tiles in memory, with its smallest batch.
    pub(super) fn scores(&self) -> &[f32] {
        self.series.first().map_or(&[], |series| &series.scores)
    }

    /// What it said besides answers.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        self.talk.last_words()
    }

    /// Everything measured, without the process.
    pub(super) fn into_rounds(self) -> Rounds {
        let source = self.meter.as_ref().map(|meter| meter.source().to_owned());
        Rounds { cell: self.cell, series: self.series, source }
    }
}

/// Opens device and model; gives also how long that took since the process was `started`, seconds.
fn opened(talk: &mut Conversation, started: Instant, cancel: &AtomicBool) -> Result<(OpenAnswer, f64)> {
    let Answer::Open(opened) = talk.ask(&Request::Open, cancel)? else { return Err(Answer::unexpected()) };
    let opened_s = started.elapsed().as_secs_f64() - opened.aside_s;
    Ok((opened, opened_s))
}

/// What the first batch takes, seconds.
fn first(talk: &mut Conversation, batch: usize, cancel: &AtomicBool) -> Result<f64> {
    let Answer::Round(round) = talk.ask(&Request::First { batch }, cancel)? else { return Err(Answer::unexpected()) };
    Ok(round.seconds)
}

/// From the start of a process to its first scores, seconds; it is ended then.
fn start_alone(command: &mut Command, job: &Job, batch: usize, cancel: &AtomicBool) -> Result<f64> {
    let started = Instant::now();
    let mut talk = Conversation::start(command, job)?;
    let (_, opened_s) = opened(&mut talk, started, cancel)?;
    Ok(opened_s + first(&mut talk, batch, cancel)?)
}

/// Scores of all tiles in memory, read back from a file.
fn outputs(talk: &mut Conversation, batch: usize, folder: &Path, cancel: &AtomicBool) -> Result<Vec<f32>> {
    let into = folder.join("scores.f32");
    talk.ask(&Request::Outputs { batch, into: into.clone() }, cancel)?;
    let bytes = std::fs::read(&into).map_err(|error| Error::io(&into, "read scores", error))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Runs the whole line, which fills the system's cache of the file, and gives the number of tiles that take about so long.
fn rehearse_line(
    talk: &mut Conversation,
    (batch, lanes): (usize, usize),
    seconds: f64,
    cancel: &AtomicBool,
) -> Result<usize> {
    // Whole turns of all lanes, so that none waits at the end for the others.
    let turn = batch * lanes.max(1);
    let mut tiles = turn;
    loop {
        let Answer::Line(line) = talk.ask(&Request::Line { batch, tiles }, cancel)? else {
            return Err(Answer::unexpected());
        };
        let wanted = seconds * line.tiles as f64 / line.seconds;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive count")]
        let wanted = (wanted as usize).next_multiple_of(turn).max(turn);
        // Short lines have much of beginning and end, so that their rate says little of longer ones.
        if line.seconds >= seconds / 2.0 || wanted <= tiles {
            return Ok(wanted);
        }
        tiles = wanted;
    }
}

fn memory(talk: &mut Conversation, cancel: &AtomicBool) -> Result<MemoryUse> {
    let Answer::Memory(memory) = talk.ask(&Request::Memory, cancel)? else { return Err(Answer::unexpected()) };
    Ok(MemoryUse { host_bytes: memory.host_bytes, device_bytes: memory.device_bytes })
}

/// Scores `[N, K]` of the tiles in memory, of a process that is started for them alone.
///
/// # Errors
/// Those of [`Conversation::ask`].
pub(super) fn scores_of(command: &mut Command, job: &Job, how: How<'_>) -> Result<Vec<f32>> {
    let started = Instant::now();
    let mut talk = Conversation::start(command, job)?;
    let (opened, _) = opened(&mut talk, started, how.cancel)?;
    outputs(&mut talk, opened.usual_batch.max(1), how.folder, how.cancel)
}
