//! What is measured: cases of four experiments, each a few processes of the program at once.

use crate::child::{Run, allowed_cores, can_choose_cores};
use crate::material;
use eosin::bench::Samples;
use std::path::{Path, PathBuf};

/// Rounds of each case; medians are told, with the lowest and the highest.
const ROUNDS: usize = 3;
/// Sizes of slides, tiles.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Slides above this number of tiles are measured once: they take minutes.
const LARGEST_REPEATED: usize = 100_000;
/// Slides of a run, and how many tiles each has.
const SLIDES: [usize; 3] = [1, 4, 16];
const TILES_OF_MANY: usize = 1_000;
/// Tiles of each slide where cores and processes are compared.
const TILES_OF_FEW: usize = 10_000;
const PROCESSES: [usize; 3] = [1, 2, 4];

/// One thing to measure.
pub(crate) struct Case {
    /// What is varied: `tiles`, `slides`, `cores` or `processes`.
    pub(crate) experiment: &'static str,
    /// How often.
    pub(crate) varied: usize,
    /// As it stands in the table.
    pub(crate) name: String,
    pub(crate) model: PathBuf,
    /// The slides of each process; all processes run at once.
    pub(crate) processes: Vec<Vec<PathBuf>>,
    /// Tiles of all slides together.
    pub(crate) tiles: usize,
    /// The cores that may be used; all without it.
    pub(crate) cores: Option<Vec<usize>>,
    pub(crate) rounds: usize,
}

/// A case and its rounds.
pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) runs: Vec<Run>,
}

impl Outcome {
    /// A figure of all rounds; none where it is not told.
    pub(crate) fn samples(&self, figure: impl Fn(&Run) -> Option<f64>) -> Option<Samples> {
        Samples::of(self.runs.iter().map(figure).collect::<Option<_>>()?)
    }

    /// Tiles of the whole case in each second of the program.
    pub(crate) fn rate(&self) -> Option<Samples> {
        self.samples(|run| Some(self.case.tiles as f64 / run.wall_s))
    }

    /// Peak of memory of all its processes together, MiB.
    pub(crate) fn memory_mib(&self) -> Option<Samples> {
        self.samples(|run| run.peak_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20)))
    }
}

/// All cases, those of an experiment together; their slides and the model are written to the folder.
pub(crate) fn all(folder: &Path, max_tiles: usize) -> Vec<Case> {
    let model = material::model(folder);
    let case = |experiment, varied, name: String, processes: Vec<Vec<PathBuf>>, tiles| {
        let (model, cores, rounds) = (model.clone(), None, ROUNDS);
        Case { experiment, varied, name, model, processes, tiles, cores, rounds }
    };
    let mut cases = Vec::new();
    for tiles in SIZES.into_iter().filter(|&tiles| tiles <= max_tiles) {
        let rounds = if tiles > LARGEST_REPEATED { 1 } else { ROUNDS };
        let slide = material::slide(folder, tiles, 0);
        cases.push(Case { rounds, ..case("tiles", tiles, format!("{tiles} tiles"), vec![vec![slide]], tiles) });
    }
    let many = slides(folder, TILES_OF_MANY, SLIDES[SLIDES.len() - 1]);
    for count in SLIDES {
        let name = format!("{} of {TILES_OF_MANY} tiles", counted(count, "slide"));
        cases.push(case("slides", count, name, vec![many[..count].to_vec()], count * TILES_OF_MANY));
    }
    let few = slides(folder, TILES_OF_FEW, PROCESSES[PROCESSES.len() - 1]);
    let allowed = allowed_cores();
    if can_choose_cores() {
        let counts =
            std::iter::successors(Some(1), |count| Some(count * 2)).take_while(|&count| count <= allowed.len());
        for count in counts {
            let name = counted(count, "core");
            let cores = Some(allowed[..count].to_vec());
            cases.push(Case { cores, ..case("cores", count, name, vec![vec![few[0].clone()]], TILES_OF_FEW) });
        }
    } else {
        println!("SKIPPED: cores, as there is no `taskset` that chooses them");
    }
    for count in PROCESSES {
        let (slides, tiles) = (few[..count].to_vec(), count * TILES_OF_FEW);
        let apart = slides.iter().map(|slide| vec![slide.clone()]).collect();
        cases.push(case("processes", count, format!("{}, a slide each", counted(count, "process")), apart, tiles));
        if count > 1 {
            cases.push(case("processes", 1, format!("1 process, {count} slides"), vec![slides], tiles));
        }
    }
    cases
}

/// `1 slide`, `2 processes`.
fn counted(count: usize, name: &str) -> String {
    let ending = if count == 1 {
        ""
    } else if name.ends_with('s') {
        "es"
    } else {
        "s"
    };
    format!("{count} {name}{ending}")
}

fn slides(folder: &Path, tiles: usize, count: usize) -> Vec<PathBuf> {
    (1..).take(count).map(|seed| material::slide(folder, tiles, seed)).collect()
}
