//! What was measured round by round, of several processes of one target → rows of the record.

use super::parity::parity;
use super::protocol::{LineAnswer, StagesAnswer};
use super::record::{Cell, Energy, Line, MemoryUse, Stage, Start};
use super::samples::Samples;
use crate::tile::Meaning;

/// Stages of the line, in its order; those before `upload` are the loader's.
const STAGES: [&str; 8] = ["read", "decode", "assemble", "upload", "preprocess", "network", "readback", "aggregate"];

/// Everything measured with one size of batch.
#[derive(Default)]
pub(super) struct Series {
    pub(super) batch: usize,
    pub(super) start: Start,
    pub(super) memory: MemoryUse,
    /// Scores `[N, K]` of the tiles in memory: other batches may be computed by other kernels.
    pub(super) scores: Vec<f32>,
    /// Tiles of the whole line in a round.
    pub(super) line_tiles: usize,
    pub(super) workers: usize,
    pub(super) network: Vec<f64>,
    pub(super) joules: Vec<f64>,
    pub(super) line: Vec<f64>,
    /// For each of [`STAGES`] ms of a tile and utilisation, round by round.
    pub(super) stages: [(Vec<f64>, Vec<f64>); STAGES.len()],
}

impl Series {
    /// Adds what one round gave of the whole line and its stages.
    pub(super) fn keep(&mut self, line: &LineAnswer, stages: &StagesAnswer) {
        self.workers = line.workers;
        self.line.push(line.tiles as f64 / line.seconds);
        let (tiles, timed) = (line.tiles as f64, stages.tiles as f64);
        // What a tile takes of one worker, of one lane, or of the one thread that makes the map.
        let workers = [line.read_s, line.decode_s, line.assemble_s].map(|busy_s| (busy_s / tiles, line.workers));
        let device = [stages.upload_s, stages.preprocess_s, stages.network_s, stages.readback_s];
        let device = device.map(|busy_s| (busy_s / timed, stages.lanes));
        let all = workers.into_iter().chain(device).chain([(line.aggregate_s / tiles, 1)]);
        for ((ms, utilisation), (tile_s, at_once)) in self.stages.iter_mut().zip(all) {
            ms.push(tile_s * 1000.0);
            utilisation.push(tile_s * tiles / (line.seconds * at_once.max(1) as f64));
        }
    }
}

/// What processes of one target gave, one after another.
pub(super) struct Rounds {
    pub(super) cell: Cell,
    pub(super) series: Vec<Series>,
    /// Who told the energy.
    pub(super) source: Option<String>,
}

impl Rounds {
    /// Adds what a later process of the same target gave. The first start and the scores stay those of the first one; memory
    /// is the most of all.
    pub(super) fn extend(&mut self, later: Self) {
        for later in later.series {
            let Some(series) = self.series.iter_mut().find(|series| series.batch == later.batch) else { continue };
            series.network.extend(later.network);
            series.joules.extend(later.joules);
            series.line.extend(later.line);
            for (stage, later) in series.stages.iter_mut().zip(later.stages) {
                stage.0.extend(later.0);
                stage.1.extend(later.1);
            }
            series.memory = series.memory.max(later.memory);
            series.start.steady &= later.start.steady;
            series.start.again_s.extend(later.start.again_s);
        }
    }

    /// A row for each size of batch; `reference` are the scores that its own are compared with.
    pub(super) fn into_cells(self, reference: Option<(&[f32], usize, &Meaning)>) -> Vec<Cell> {
        let cell = self.cell;
        let source = self.source;
        let row = |series: Series| {
            // A meter that broke off tells nothing of the rounds before, which others are compared with.
            let joules = Some(series.joules).filter(|joules| joules.len() == series.network.len());
            let energy = source.clone().zip(joules.and_then(Samples::of));
            let line =
                Samples::of(series.line).map(|rate| Line { tiles: series.line_tiles, workers: series.workers, rate });
            let stages = STAGES.iter().zip(series.stages).filter_map(|(name, (ms, utilisation))| {
                let (ms_per_tile, utilisation) = (Samples::of(ms)?, Samples::of(utilisation)?.median);
                Some(Stage { name: (*name).to_owned(), ms_per_tile, utilisation })
            });
            let parity = reference.and_then(|(scores, k, meaning)| parity(&series.scores, scores, k, meaning));
            Some(Cell {
                batch: series.batch,
                start: series.start,
                network: Samples::of(series.network)?,
                line,
                stages: stages.collect(),
                memory: series.memory,
                energy: energy.map(|(source, joules_per_tile)| Energy { source, joules_per_tile }),
                parity,
                ..cell.clone()
            })
        };
        self.series.into_iter().filter_map(row).collect()
    }
}
