//! One model on all devices, in all dtypes, and in other programs: warmed up one after another, then asked in turn.

use super::pace::PaceWatch;
use super::participant::{Kind, Participant};
use super::peer::write_scripts;
use super::protocol::Job;
use super::record::{Absent, BenchRecord, Cell, ModelUsed};
use super::run::{BenchConfig, BenchEvent, Listen};
use super::subject::Subject;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

/// A model that is being measured.
pub(super) struct Measured<'a> {
    pub(super) config: &'a BenchConfig,
    pub(super) subject: &'a Subject,
    pub(super) folder: &'a Path,
    pub(super) cancel: &'a AtomicBool,
    pub(super) listen: Listen<'a>,
}

impl Measured<'_> {
    /// Measures everything and adds it to a record.
    ///
    /// # Errors
    /// An interruption, and what no process could make right.
    pub(super) fn all(&self, record: &mut BenchRecord, pace: &mut PaceWatch) -> Result<()> {
        let who = &self.config.targets;
        let name = self.subject.bundle.name();
        (self.listen)(BenchEvent::Model { name, steps: who.len() + self.config.settings.rounds });
        record.models.push(self.model_used());
        let mut participants = Vec::new();
        for who in who {
            (self.listen)(BenchEvent::Step { what: &format!("{who}: start and warm-up") });
            match self.open(who) {
                Ok(participant) => participants.push((who, participant)),
                Err((error, last_words)) => self.leave_out(record, who, &error, &last_words)?,
            }
        }
        let rounds = self.config.settings.rounds;
        for round in 1..=rounds {
            (self.listen)(BenchEvent::Step { what: &format!("round {round} of {rounds}") });
            pace.probe()?;
            let mut left = Vec::new();
            for (who, mut participant) in participants {
                match participant.round(self.config.settings.seconds, self.cancel) {
                    Ok(()) => left.push((who, participant)),
                    Err(error) => self.leave_out(record, who, &error, &participant.last_words())?,
                }
            }
            participants = left;
        }
        let reference = self.reference(&participants)?;
        let meaning = self.subject.bundle.meaning();
        let mut cells: Vec<Cell> = Vec::new();
        for (who, participant) in participants {
            let is_reference = *who == Target::reference();
            let compared = (!is_reference).then_some((&reference[..], self.subject.job.outputs, &meaning));
            cells.extend(participant.into_cells(compared));
        }
        let first = cells.first().map(|cell| cell.network.clone());
        for cell in cells.iter_mut().skip(1) {
            cell.ratio = first.as_ref().and_then(|first| cell.network.over(first));
        }
        record.cells.extend(cells);
        Ok(())
    }

    fn model_used(&self) -> ModelUsed {
        let Subject { bundle, input, .. } = self.subject;
        let preprocess = bundle.preprocess();
        ModelUsed {
            name: bundle.name().to_owned(),
            architecture: bundle.spec().architecture.name().to_owned(),
            digest: bundle.digest().to_owned(),
            tile_px: preprocess.tile_px,
            um_per_px: bundle.mpp(),
            input_px: preprocess.input_px,
            input: input.clone(),
        }
    }

    fn open(&self, who: &Target) -> std::result::Result<Participant, (Error, Vec<String>)> {
        let Target { peer, device, dtype } = who;
        let job = Job {
            device: device.clone(),
            dtype: dtype.clone(),
            threads: self.config.threads,
            ..self.subject.job.clone()
        };
        let (kind, mut command) = match peer {
            None => {
                let mut command = Command::new(&self.config.program);
                command.args(["bench", "--worker"]);
                if self.config.settings.empty_caches {
                    command.env("EOSIN_CACHE", self.folder.join("caches"));
                }
                (Kind::Ours, command)
            }
            Some(peer) => {
                let scripts = self.folder.join("peers");
                write_scripts(&scripts).map_err(|error| (error, Vec::new()))?;
                (Kind::Peer, peer.command(&self.config.python, &scripts))
            }
        };
        let Subject { bundle, .. } = self.subject;
        let cell = Cell {
            model: bundle.name().to_owned(),
            architecture: bundle.spec().architecture.name().to_owned(),
            input_px: bundle.preprocess().input_px,
            device: device.clone(),
            dtype: dtype.clone(),
            ..Cell::default()
        };
        let how = (&self.config.batches[..], self.config.settings.seconds);
        Participant::open(kind, &mut command, &job, cell, how, self.folder, self.cancel)
    }

    /// Says what could not be measured; only an interruption ends the bench.
    fn leave_out(&self, record: &mut BenchRecord, who: &Target, error: &Error, last_words: &[String]) -> Result<()> {
        if error.kind() == ErrorKind::Interrupted {
            return Err(Error::new(ErrorKind::Interrupted, error.code(), error.message()));
        }
        let what = format!("{} {who}", self.subject.bundle.name());
        let absent = Absent { what, why: error.message().to_owned() };
        (self.listen)(BenchEvent::Absent { absent: &absent, last_words });
        record.absent.push(absent);
        Ok(())
    }

    /// Scores of the reference, which is started for them alone where it does not take part.
    fn reference(&self, participants: &[(&Target, Participant)]) -> Result<Vec<f32>> {
        if let Some((_, participant)) = participants.iter().find(|(who, _)| **who == Target::reference()) {
            return Ok(participant.scores().to_vec());
        }
        (self.listen)(BenchEvent::Step { what: "cpu in f32: scores to compare with" });
        let opened = self.open(&Target::reference()).map_err(|(error, _)| error)?;
        Ok(opened.scores().to_vec())
    }
}
