//! A case in, what it took out: `eosin score` as processes of their own, watched until they end.

use crate::cases::Case;
use eosin::export::{MapRecord, SlideRecord};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a case took in one round.
pub(crate) struct Run {
    /// From the start of the first process to the end of the last one, seconds.
    pub(crate) wall_s: f64,
    /// The most memory that was resident, summed over processes, bytes; none where the system does not tell.
    pub(crate) peak_bytes: Option<u64>,
    /// Seconds of each stage of [`STAGES`], summed over slides.
    pub(crate) stage_s: [f64; STAGES.len()],
}

/// Stages of a slide, one after the other: as records name them, but for the last two. `decode` is the time of all threads that
/// read and decode, beside `network`, and no part of the sum; `maps` is what the map's own record tells.
pub(crate) const STAGES: [&str; 8] = ["open", "tissue", "plan", "network", "map", "write", "maps", "decode"];
/// The stages that follow each other.
const IN_TURN: usize = 7;
/// How often memory is looked up. The kernel keeps the peak itself: only what is reached in the last moment is missed.
const LOOK: Duration = Duration::from_millis(2);

impl Run {
    /// Seconds of one stage.
    pub(crate) fn stage(&self, name: &str) -> f64 {
        STAGES.iter().zip(self.stage_s).filter(|(stage, _)| **stage == name).map(|(_, seconds)| seconds).sum()
    }

    /// What one process takes beside its slides: start, model, summary and the report of all slides; seconds.
    pub(crate) fn rest_s(&self) -> f64 {
        self.wall_s - self.stage_s[..IN_TURN].iter().sum::<f64>()
    }
}

/// Runs all processes of a case at once, into folders below `results`, which is removed.
pub(crate) fn run(case: &Case, results: &Path) -> Run {
    let started = Instant::now();
    let mut children: Vec<Watched> =
        (0..case.processes.len()).map(|at| Watched::new(command(case, at, results).spawn().unwrap())).collect();
    while children.iter_mut().map(Watched::look).filter(|&runs| runs).count() > 0 {
        std::thread::sleep(LOOK);
    }
    let wall_s = started.elapsed().as_secs_f64();
    let peak_bytes = children.iter().map(|child| child.peak_bytes).sum();
    let mut stage_s = [0.0; STAGES.len()];
    let mut tiles = 0;
    for (at, slides) in case.processes.iter().enumerate() {
        for slide in slides {
            let folder = results.join(at.to_string());
            let id = slide.file_stem().unwrap().to_str().unwrap();
            let record = SlideRecord::read(&folder, id).unwrap();
            let maps = MapRecord::read(&folder, id).unwrap().seconds;
            assert_eq!(record.tiles.scored, record.tiles.planned, "{id}: {:?}", record.tiles);
            tiles += record.tiles.scored;
            let told = record.seconds;
            let seconds = [told.open, told.tissue, told.plan, told.network, told.map, told.write, maps, told.load];
            stage_s.iter_mut().zip(seconds).for_each(|(sum, seconds)| *sum += seconds);
        }
    }
    assert_eq!(tiles, case.tiles, "{}: every place of a grid is a tile", case.name);
    std::fs::remove_dir_all(results).unwrap();
    Run { wall_s, peak_bytes, stage_s }
}

/// The command line of one process.
fn command(case: &Case, process: usize, results: &Path) -> Command {
    let program = env!("CARGO_BIN_EXE_eosin");
    let mut command = match &case.cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &list(cores), program]);
            command
        }
        None => Command::new(program),
    };
    command.arg("score").args(&case.processes[process]);
    command.arg("--out").arg(results.join(process.to_string())).arg("--model").arg(&case.model);
    // Errors are shown; every place of the grid is a tile.
    command.args(["--device", "cpu", "--min-tissue", "0", "--quiet"]).stdout(Stdio::null());
    command
}

/// A process and the most memory that it had so far.
struct Watched {
    child: Child,
    peak_bytes: Option<u64>,
    ended: bool,
}

impl Watched {
    fn new(child: Child) -> Self {
        Self { child, peak_bytes: None, ended: false }
    }

    /// Looks at memory and whether it still runs.
    fn look(&mut self) -> bool {
        if !self.ended {
            self.peak_bytes = peak_bytes(self.child.id()).or(self.peak_bytes);
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none_or(|status| status.success()), "the program failed: {status:?}");
            self.ended = status.is_some();
        }
        !self.ended
    }
}

/// The kernel's own high-water mark of a process, where there is one.
fn peak_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kib: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// The cores that this process, and so its children, may use.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let told = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ranges = told.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let cores = ranges.and_then(|ranges| ranges.trim().split(',').map(range).collect::<Option<Vec<_>>>());
    let all = || (0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).collect();
    cores.map_or_else(all, |ranges| ranges.into_iter().flatten().collect())
}

/// `3` or `0-3`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// Whether there is a program that runs another one on chosen cores.
pub(crate) fn can_choose_cores() -> bool {
    let tried = Command::new("taskset").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    cfg!(target_os = "linux") && tried.is_ok_and(|status| status.success())
}

fn list(cores: &[usize]) -> String {
    cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
