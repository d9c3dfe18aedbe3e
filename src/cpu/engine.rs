//! A planned network: tiles in, numbers out, on the calling thread.

use super::graph::Graph;
use super::kernels::{Kernels, Line, Source};
use super::plan::{Plan, Wish, plan};
use crate::error::{Error, ErrorKind, Result};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Tiles that a worker computes at once where that helps: weights that leave the cache are read once for all of them.
pub const CHUNK: usize = 8;

/// How a network is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Side of the tiles, pixels.
    pub side_px: usize,
    /// How sums are taken.
    pub sums: Sums,
}

/// How convolutions add up their terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// Those of the formula, term by term.
    Exact,
    /// Where it is faster, by way of transformed numbers, which rounds a little more.
    Fast,
    /// Of inputs and weights that are rounded to 8 significant bits, on the processor's matrix unit; sums, and all else,
    /// are f32. Convolutions in groups, and those that give one number for each channel, are as exact as ever.
    Bf16,
}

/// A network, planned for one side of tile, on the best kernels that the processor has.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    options: Options,
    /// Memory of workers that are done, for those that come: lanes, and the threads of [`Engine::run_all`].
    spare: Mutex<Vec<Vec<Line>>>,
}

/// The memory of one worker, which goes back to its engine in the end.
#[derive(Debug)]
pub struct Workspace<'a> {
    engine: &'a Engine,
    lines: Vec<Line>,
}

/// Tiles as they come.
#[derive(Debug, Clone, Copy)]
pub enum Tiles<'a> {
    /// RGB as bytes, `[N, I, I, 3]`, of which the middle is taken.
    Bytes {
        /// The bytes.
        bytes: &'a [u8],
        /// `I`, at least the side that was planned.
        side_px: usize,
        /// What a byte is multiplied with, for each of R, G, B.
        scale: [f32; 3],
        /// What is added then.
        shift: [f32; 3],
    },
    /// Normalised RGB, `[N, 3, S, S]`.
    Numbers(&'a [f32]),
}

impl<'a> Tiles<'a> {
    fn source(self) -> Source<'a> {
        match self {
            Self::Bytes { bytes, side_px, scale, shift } => Source::Bytes(bytes, side_px, [scale, shift]),
            Self::Numbers(numbers) => Source::Numbers(numbers),
        }
    }
}

impl Engine {
    /// Plans a graph for the best kernels of this processor.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] (`CPU-0001`) when the graph has something that the engine has no kernel for; it must then
    /// be computed otherwise. [`ErrorKind::Device`] (`CPU-0003`) when [`Sums::Bf16`] are asked for of a processor that has
    /// no matrix unit for them, or a system that does not let us use it.
    pub fn new(graph: &Graph, options: Options) -> Result<Self> {
        Self::on(graph, options, None)
    }

    /// Plans a graph for the kernels of a name among [`Engine::kernels`].
    ///
    /// Those that round have names of their own: `amx` for the processor's matrix unit, which is also what comes without a
    /// name, and `bf16-twin` for loops that round in the same way on every processor, to learn what rounding changes.
    ///
    /// # Errors
    /// As [`Engine::new`]; [`ErrorKind::Usage`] (`CPU-0002`) when the processor has no kernels of this name.
    pub fn on(graph: &Graph, options: Options, name: Option<&str>) -> Result<Self> {
        let kernels = kernels_for(options.sums, name)?;
        let wish = Wish { side: options.side_px, chunk: CHUNK, winograd: options.sums == Sums::Fast };
        let refuse = |reason| Error::new(ErrorKind::Unsupported, "CPU-0001", reason);
        let mut plan = plan(graph, kernels, wish).map_err(refuse)?;
        if !plan.program.looks_at_several() {
            plan.program.take_one_at_a_time();
        }
        Ok(Self { plan, options, spare: Mutex::default() })
    }

    /// Names of the kernels that this processor can run, the fastest first; those that round are not among them.
    pub fn kernels() -> impl Iterator<Item = &'static str> {
        Kernels::available().map(|kernels| kernels.name)
    }

    /// Name of the kernels for [`Sums::Bf16`], where this processor has them and the system lets us use them.
    pub fn matrix_kernels() -> Option<&'static str> {
        Kernels::matrix().map(|kernels| kernels.name)
    }

    /// Name of the kernels that it runs.
    pub fn name(&self) -> &'static str {
        self.plan.program.kernels().name
    }

    /// What it was planned for.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Numbers that it gives for a tile: all outputs of the graph, one after another.
    pub fn outputs(&self) -> usize {
        self.plan.outputs.iter().map(|[_, channels]| channels).sum()
    }

    /// Bytes of a workspace, and of the weights that all of them share.
    pub fn bytes(&self) -> [usize; 2] {
        self.plan.program.bytes()
    }

    /// Memory for one worker: what another one gave back, or else new memory, so there is never more than for all who work
    /// at the same time.
    pub fn workspace(&self) -> Workspace<'_> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Workspace { engine: self, lines: spare.unwrap_or_else(|| self.plan.program.memory()) }
    }

    /// Computes some tiles on the calling thread, [`CHUNK`] at a time or one by one; nothing is allocated.
    ///
    /// # Shapes
    /// `out`: `[N, O]`, `O` as in [`Engine::outputs`].
    ///
    /// # Panics
    /// When `out` or the tiles are too short, or the workspace is of another engine.
    pub fn run(&self, workspace: &mut Workspace<'_>, tiles: Tiles<'_>, count: usize, out: &mut [f32]) {
        let (program, width) = (&self.plan.program, self.outputs());
        let chunk = program.chunk();
        for (at, rows) in (0..count).step_by(chunk).zip(out[..count * width].chunks_mut(chunk * width)) {
            let images = chunk.min(count - at);
            program.run(&mut workspace.lines, self.slice(tiles, at, images).source(), images);
            for (image, mut row) in rows.chunks_exact_mut(width).enumerate() {
                for &[place, channels] in &self.plan.outputs {
                    let (values, rest) = row.split_at_mut(channels);
                    program.read(&workspace.lines, image, place, values);
                    row = rest;
                }
            }
        }
    }

    /// Computes some tiles on all threads of the pool.
    ///
    /// # Shapes
    /// As [`Engine::run`].
    ///
    /// # Panics
    /// As [`Engine::run`].
    pub fn run_all(&self, tiles: Tiles<'_>, count: usize, out: &mut [f32]) {
        let width = self.outputs();
        // All threads have something to do before one has a whole chunk.
        let part = count.div_ceil(rayon::current_num_threads()).clamp(1, self.plan.program.chunk());
        out[..count * width].par_chunks_mut(part * width).enumerate().for_each(|(at, rows)| {
            let (first, images) = (at * part, rows.len() / width);
            self.run(&mut self.workspace(), self.slice(tiles, first, images), images, rows);
        });
    }

    /// Some of the tiles.
    fn slice<'a>(&self, tiles: Tiles<'a>, first: usize, count: usize) -> Tiles<'a> {
        let part = |each: usize| first * each..(first + count) * each;
        match tiles {
            Tiles::Bytes { bytes, side_px, scale, shift } => {
                Tiles::Bytes { bytes: &bytes[part(side_px * side_px * 3)], side_px, scale, shift }
            }
            Tiles::Numbers(numbers) => Tiles::Numbers(&numbers[part(self.options.side_px * self.options.side_px * 3)]),
        }
    }
}

impl Drop for Workspace<'_> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.engine.spare.lock().unwrap_or_else(PoisonError::into_inner).push(lines);
    }
}

/// The kernels of a name, or the fastest, that take sums in a way.
fn kernels_for(sums: Sums, name: Option<&str>) -> Result<&'static Kernels> {
    let known: Vec<_> = match sums {
        Sums::Exact | Sums::Fast => Kernels::available().collect(),
        Sums::Bf16 if name.is_none() => {
            return Kernels::matrix().ok_or_else(|| {
                let message = "expected a processor and a system with AMX for bf16, found none";
                Error::new(ErrorKind::Device, "CPU-0003", message)
            });
        }
        Sums::Bf16 => Kernels::matrix().into_iter().chain(Kernels::twin()).collect(),
    };
    known.iter().copied().find(|kernels| name.is_none_or(|name| kernels.name == name)).ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|kernels| kernels.name).collect();
        let message = format!("expected kernels among {}, found {:?}", known.join(", "), name.unwrap_or_default());
        Error::new(ErrorKind::Usage, "CPU-0002", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_given_back_is_lent_again_and_what_is_lent_is_not() {
        let (mut graph, tile) = Graph::new();
        let maps = graph.linear(tile, vec![0.5; 6], vec![0.0; 2]);
        let mean = graph.global_mean(maps);
        graph.give(mean);
        let engine = Engine::new(&graph, Options { side_px: 8, sums: Sums::Fast }).unwrap();
        let first = engine.workspace();
        let place = first.lines.as_ptr();
        drop(first);
        let (again, other) = (engine.workspace(), engine.workspace());
        assert_eq!(again.lines.as_ptr(), place);
        assert_ne!(other.lines.as_ptr(), place);
        drop((again, other));
        assert_eq!(engine.spare.lock().unwrap().len(), 2);
    }
}
