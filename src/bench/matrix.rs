//! One model on all devices, in all dtypes, and in other programs: warmed up one after another, then asked in turn; and all
//! of that several times, as a process differs from the next one, and a shared machine from itself some minutes later.

use super::pace::PaceWatch;
use super::participant::{How, Kind, Participant, scores_of};
use super::peer::write_scripts;
use super::protocol::Job;
use super::record::{Absent, BenchRecord, Cell, ModelUsed, Settings};
use super::rounds::Rounds;
use super::run::{BenchConfig, BenchEvent, Listen};
use super::subject::Subject;
use super::target::Target;
use super::words;
use crate::device::cache;
use crate::error::{Error, ErrorKind, Result};
use crate::infer::{PARITY_F16, parity};
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

/// What the targets of a model gave until now.
#[derive(Default)]
pub(super) struct Given {
    rounds: Vec<(Target, Rounds)>,
    /// Those that failed once are not tried again.
    gone: Vec<Target>,
    reference: Option<Vec<f32>>,
}

impl Measured<'_> {
    /// Starts all processes, warms them up one after another, asks them in turn, and ends them.
    ///
    /// # Errors
    /// An interruption, and what no process could make right.
    pub(super) fn start_and_ask(
        &self,
        given: &mut Given,
        record: &mut BenchRecord,
        pace: &mut PaceWatch,
    ) -> Result<()> {
        let settings = &self.config.settings;
        let is_first = given.rounds.is_empty();
        let mut participants = Vec::new();
        for target in
            self.config.targets.iter().filter(|target| !given.gone.contains(target)).cloned().collect::<Vec<_>>()
        {
            (self.listen)(BenchEvent::Step { what: &format!("{target}: start and warm-up") });
            match self.open(&target) {
                Ok(participant) => {
                    for (batch, error) in participant.failed().iter().filter(|_| is_first) {
                        self.leave_out(record, &format!("{target} with a batch of {batch}"), error, &[])?;
                    }
                    participants.push((target, participant));
                }
                Err((error, last_words)) => {
                    self.leave_out(record, &target.to_string(), &error, &last_words)?;
                    given.gone.push(target);
                }
            }
        }
        if is_first {
            // Before the rounds: what fails now costs none of them.
            given.reference = self.reference(record, &participants)?;
        }
        for round in 1..=settings.rounds {
            (self.listen)(BenchEvent::Step { what: &format!("round {round} of {}", settings.rounds) });
            pace.probe()?;
            let mut left = Vec::new();
            for (target, mut participant) in participants {
                let done = participant.round(settings.seconds, self.cancel);
                let is_last = round == settings.rounds;
                match done.and_then(|()| if is_last { participant.finish(self.cancel) } else { Ok(()) }) {
                    Ok(()) => left.push((target, participant)),
                    Err(error) => {
                        self.leave_out(record, &target.to_string(), &error, &participant.last_words())?;
                        given.gone.push(target);
                    }
                }
            }
            participants = left;
        }
        for (target, participant) in participants {
            let rounds = participant.into_rounds();
            match given.rounds.iter_mut().find(|(known, _)| *known == target) {
                Some((_, known)) => known.extend(rounds),
                None => given.rounds.push((target, rounds)),
            }
        }
        Ok(())
    }

    /// Adds a model and all that its targets gave to a record.
    pub(super) fn record(&self, given: Given, record: &mut BenchRecord) {
        record.models.push(self.model_used());
        let meaning = self.subject.bundle.meaning();
        let mut cells: Vec<Cell> = Vec::new();
        for (target, rounds) in given.rounds {
            let compared = given.reference.as_deref().filter(|_| target != Target::reference());
            cells.extend(rounds.into_cells(compared.map(|scores| (scores, self.subject.job.outputs, &meaning))));
        }
        let first = cells.first().map(|cell| cell.network.clone());
        for cell in cells.iter_mut().skip(1) {
            cell.ratio = first.as_ref().and_then(|first| cell.network.over(first));
        }
        record.notes.extend(notes(&cells));
        record.cells.extend(cells);
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

    fn open(&self, target: &Target) -> std::result::Result<Participant, (Error, Vec<String>)> {
        let Target { peer, device, dtype, .. } = target;
        let bundle = &self.subject.bundle;
        let (kind, mut command) = match peer {
            None => (Kind::Ours, self.worker(target)),
            Some(_) if bundle.preprocess().stain.is_some() => {
                let message = "this model makes colours of tiles alike, which other programs are not told";
                return Err((Error::new(ErrorKind::Unsupported, "BCH-0017", message), Vec::new()));
            }
            Some(peer) => {
                let scripts = self.folder.join("peers");
                write_scripts(&scripts).map_err(|error| (error, Vec::new()))?;
                (Kind::Peer, peer.command(&self.config.python, &scripts))
            }
        };
        let cell = Cell {
            model: bundle.name().to_owned(),
            architecture: bundle.spec().architecture.name().to_owned(),
            input_px: bundle.preprocess().input_px,
            device: device.clone(),
            dtype: dtype.clone(),
            ..Cell::default()
        };
        Participant::open(kind, &mut command, &self.job(target), &cell, self.how(target, &self.config.batches))
    }

    fn how<'b>(&'b self, target: &Target, batches: &'b [usize]) -> How<'b> {
        let Settings { rounds, seconds, .. } = self.config.settings;
        How { batches, rounds, seconds, on_gpu: target.on_gpu, folder: self.folder, cancel: self.cancel }
    }

    /// What a process is told.
    fn job(&self, target: &Target) -> Job {
        let Target { device, dtype, .. } = target.clone();
        Job { device, dtype, threads: self.config.threads, ..self.subject.job.clone() }
    }

    /// This program, measured.
    fn worker(&self, target: &Target) -> Command {
        let mut command = Command::new(&self.config.program);
        command.args(["bench", "--worker"]);
        if self.config.settings.empty_caches {
            // One for each: what another one learnt is not found.
            let name = format!("caches {} {target}", self.subject.bundle.digest()).replace([' ', ':', '/'], "-");
            command.env(cache::VARIABLE, self.folder.join(name));
        }
        command
    }

    /// Says what could not be measured; only an interruption ends the bench.
    fn leave_out(&self, record: &mut BenchRecord, what: &str, error: &Error, last_words: &[String]) -> Result<()> {
        if error.kind() == ErrorKind::Interrupted {
            return Err(Error::new(ErrorKind::Interrupted, error.code(), error.message()));
        }
        let absent =
            Absent { what: format!("{} {what}", self.subject.bundle.name()), why: without_paths(error.message()) };
        (self.listen)(BenchEvent::Absent { absent: &absent, last_words });
        record.absent.push(absent);
        Ok(())
    }

    /// Scores of the reference, which is started for them alone where it does not take part; none, with a remark, where it
    /// cannot be had.
    fn reference(&self, record: &mut BenchRecord, participants: &[(Target, Participant)]) -> Result<Option<Vec<f32>>> {
        if let Some((_, participant)) = participants.iter().find(|(target, _)| *target == Target::reference()) {
            return Ok(Some(participant.scores().to_vec()));
        }
        if participants.is_empty() {
            return Ok(None);
        }
        (self.listen)(BenchEvent::Step { what: "the reference on cpu: scores to compare with" });
        let target = Target::reference();
        match scores_of(&mut self.worker(&target), &self.job(&target), self.how(&target, &[])) {
            Ok(scores) => Ok(Some(scores)),
            Err(error) => {
                self.leave_out(record, "the reference on cpu, which others are compared with", &error, &[])?;
                Ok(None)
            }
        }
    }
}

/// What there is to say of rows beside each other: outputs that are wrong, and how this program does against others on the
/// same device with the same batch.
fn notes(cells: &[Cell]) -> Vec<String> {
    let mut notes = Vec::new();
    let has_reference = cells.iter().any(|cell| cell.parity.is_some());
    for cell in cells
        .iter()
        .filter(|cell| has_reference && !(cell.is_ours() && cell.device == "cpu" && cell.dtype == "reference"))
    {
        let most = f64::from(cell.dtype.parse().map_or(PARITY_F16, parity));
        let name = format!("{} with {}", cell.model, cell.name());
        match cell.parity {
            None => notes.push(format!("WARNING: {name} gave no numbers that can be compared: its speed means nothing")),
            Some(found) if found.max > most => notes.push(format!(
                "WARNING: outputs of {name} differ from the CPU's by up to {:.1e}, more than {most}: its speed means little",
                found.max
            )),
            Some(_) => {}
        }
    }
    for cell in cells.iter().filter(|cell| !cell.start.steady) {
        notes.push(format!("WARNING: {} with {} was never steady while it warmed up", cell.model, cell.name()));
    }
    for other in cells.iter().filter(|cell| !cell.is_ours()) {
        let like =
            |cell: &&Cell| cell.is_ours() && cell.batch == other.batch && cell.device_kind() == other.device_kind();
        let ours = cells.iter().filter(like).find(|cell| cell.dtype == other.dtype);
        let ours = ours.or_else(|| cells.iter().find(like));
        if let Some((ours, ratio)) = ours.and_then(|ours| Some((ours, ours.network.over(&other.network)?))) {
            let [median, low, high] = [ratio.median, ratio.low, ratio.high].map(words::digits);
            let (model, ours, other) = (&other.model, ours.name(), other.name());
            notes.push(format!("{model}: eosin on {ours} is {median} times as fast as {other} ({low} to {high})"));
        }
    }
    notes
}

/// A text without words that look like paths: it may be another program's, and results are handed on.
fn without_paths(text: &str) -> String {
    let is_path = |word: &str| {
        let bare =
            word.trim_start_matches(|sign: char| !sign.is_alphanumeric() && !matches!(sign, '/' | '.' | '~' | '\\'));
        bare.starts_with(['/', '~', '\\'])
            || bare.starts_with("./")
            || bare.starts_with("../")
            || bare.contains(":\\")
            || bare.matches(['/', '\\']).count() > 1
    };
    let words = text.split(' ').map(|word| if is_path(word) { "(a path)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Parity;
    use crate::bench::sample_record::{around, record};

    #[test]
    fn paths_are_left_out_and_units_stay() {
        let text =
            "cannot import name x (/home/alice/venv/__init__.py) at 0.5 um/px, 3 tiles/s, C:\\a\\b \"../x\" ~/y a/b/c";
        let expected = "cannot import name x (a path) at 0.5 um/px, 3 tiles/s, (a path) (a path) (a path) (a path)";
        assert_eq!(without_paths(text), expected);
    }

    #[test]
    fn wrong_outputs_are_warned_of_and_other_programs_compared_with_their_like() {
        let mut cells: Vec<Cell> = record().cells.into_iter().filter(|cell| cell.batch == 64).take(4).collect();
        for cell in &mut cells {
            cell.parity = Some(Parity { max: 1e-6, ..Parity::default() });
        }
        cells[0].network = around(100.0);
        cells[1].network = around(50.0);
        let found = notes(&cells);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].ends_with("eosin on cpu f32 b64 is 2.00 times as fast as torch cpu f32 b64 (2.00 to 2.00)"),
            "{found:?}"
        );
        cells[2].parity = None;
        cells[3].parity = Some(Parity { max: 0.5, ..Parity::default() });
        let found = notes(&cells);
        assert!(found[0].starts_with("WARNING: ") && found[0].contains("no numbers"), "{found:?}");
        assert!(found[1].starts_with("WARNING: ") && found[1].contains("5.0e-1"), "{found:?}");
    }
}
