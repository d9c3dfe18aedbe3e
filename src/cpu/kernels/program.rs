//! The steps of a plan with their weights, each held against the memory that it will work on before it can be run.

use super::Memory;
use super::dense::Dense;
use super::depthwise::Depthwise;
use super::lanes::LANES;
use super::maps::{Each, LayerNorm, Maps, Pick, Size};
use super::pages;
use super::pool::Pool;
use super::processor::{DEPTHWISE_PIXELS, DenseRows, DepthwiseRows, Kernels, OfRounded};
use super::reach::ends;
use super::rounded::Rounded;
use super::step::{Products, Step, Winograd};
use super::tile::{Normal, Tile};
use super::winograd::PLACES;

/// Numbers that lie together in one line of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(in crate::cpu) struct Line(pub [f32; LANES]);

/// Rows of blocks, from which row on, and how many groups of rows.
type Rows = Vec<(DenseRows, usize, usize)>;

/// A step with the functions that it needs.
#[derive(Debug)]
enum Ready {
    Tile(Tile),
    Dense(Dense, Rows),
    Depthwise(Depthwise, DepthwiseRows),
    Winograd(Winograd, Vec<Rows>),
    Rounded(Rounded, OfRounded),
    Each(Each),
    GlobalMean(Maps, Maps, Size),
    LayerNorm(LayerNorm),
    Pick(Pick),
    Pool(Pool),
}

/// Why a program cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cpu) enum Refused {
    /// There is no kernel for such a step.
    NoKernel(&'static str),
    /// A step reaches further than its memory; a fault of the plan.
    Outside { step: usize, end: usize, expected: usize },
}

/// How much memory steps work on, numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Room {
    pub image: usize,
    /// Images of a chunk, at most.
    pub chunk: usize,
    /// Beyond the images: what they use one after another.
    pub passing: usize,
    /// Beyond that.
    pub transformed: usize,
}

/// Where tiles come from.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) enum Source<'a> {
    /// `[N, I, I, 3]`, the side, and what a byte is multiplied with and what is added, for each of R, G, B.
    Bytes(&'a [u8], usize, Normal),
    /// `[N, 3, S, S]`.
    Numbers(&'a [f32]),
}

/// Steps that were checked.
#[derive(Debug)]
pub(in crate::cpu) struct Program {
    kernels: &'static Kernels,
    steps: Vec<Ready>,
    room: Room,
    weights: Vec<Line>,
}

impl Room {
    fn numbers(&self) -> usize {
        self.image * self.chunk + self.passing + self.transformed
    }
}

impl Program {
    /// Checks all steps.
    pub fn new(kernels: &'static Kernels, steps: Vec<Step>, room: Room, weights: Vec<Line>) -> Result<Self, Refused> {
        let mut ready = Vec::with_capacity(steps.len());
        for (at, step) in steps.into_iter().enumerate() {
            let ends = ends(&step);
            let step = ready_for(kernels, step)?;
            // What looks at several images finds none of them where they pass.
            let passing = if step.is_of_one_image() { room.passing } else { 0 };
            let limits = [room.image, passing, room.transformed, weights.len() * LANES];
            for (end, expected) in [ends.image, ends.passing, ends.transformed, ends.weights].into_iter().zip(limits) {
                if end > expected {
                    return Err(Refused::Outside { step: at, end, expected });
                }
            }
            ready.push(step);
        }
        Ok(Self { kernels, steps: ready, room, weights })
    }

    /// The kernels that it runs.
    pub fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    /// Images of a chunk, at most.
    pub fn chunk(&self) -> usize {
        self.room.chunk
    }

    /// Whether any step looks at several images at once.
    pub fn looks_at_several(&self) -> bool {
        !self.steps.iter().all(Ready::is_of_one_image)
    }

    /// Makes chunks of one image: for programs of which no step looks at several.
    pub fn take_one_at_a_time(&mut self) {
        self.room.chunk = 1;
    }

    /// Memory for one worker, of zeros: what lies around maps is never written.
    pub fn memory(&self) -> Vec<Line> {
        let count = self.room.numbers().div_ceil(LANES);
        let mut lines = pages::room(count);
        lines.resize(count, Line([0.0; LANES]));
        lines
    }

    /// Bytes of [`Program::memory`] and of the weights, which all workers share.
    pub fn bytes(&self) -> [usize; 2] {
        [self.room.numbers().next_multiple_of(LANES) * 4, self.weights.len() * LANES * 4]
    }

    /// Runs all steps for some images and shows where an image begins.
    ///
    /// # Panics
    /// When the memory is not that of [`Program::memory`], the source too short, or the images more than a chunk.
    pub fn run(&self, memory: &mut [Line], source: Source<'_>, images: usize) {
        assert!(memory.len() * LANES >= self.room.numbers(), "expected the memory of this program");
        assert!(images <= self.room.chunk, "expected at most {} images, found {images}", self.room.chunk);
        let numbers: *mut f32 = memory.as_mut_ptr().cast();
        // SAFETY: the memory was found long enough just now.
        let passing = unsafe { numbers.add(self.room.image * self.room.chunk) };
        // SAFETY: as above.
        let transformed = unsafe { passing.add(self.room.passing) };
        let all = Memory { numbers, passing, transformed, weights: self.weights.as_ptr().cast() };
        // Steps that look at one image at a time run one after another for each image, while its maps are in the cache.
        for stretch in self.steps.chunk_by(|a, b| a.is_of_one_image() && b.is_of_one_image()) {
            if let [Ready::Winograd(call, rows)] = stretch
                && call.of_several
            {
                // SAFETY: checked by `new`, and the memory just now.
                unsafe { self.winograd(call, rows, all, images) };
                continue;
            }
            if let [Ready::Rounded(call, run)] = stretch
                && call.at_once > 1
            {
                for first in (0..images).step_by(call.at_once) {
                    // SAFETY: as above; `first` is below the chunk.
                    unsafe {
                        let memory = Memory { numbers: all.numbers.add(first * self.room.image), ..all };
                        run(call, memory, [call.at_once.min(images - first), self.room.image]);
                    }
                }
                continue;
            }
            for image in 0..images {
                // SAFETY: as above; `image` is below the chunk.
                unsafe {
                    let memory = Memory { numbers: all.numbers.add(image * self.room.image), ..all };
                    for step in stretch {
                        self.step(step, memory, source, image);
                    }
                }
            }
        }
    }

    /// Copies values of one channel after another out of an image.
    ///
    /// # Panics
    /// When the place is outside.
    pub fn read(&self, memory: &[Line], image: usize, place: usize, out: &mut [f32]) {
        assert!(image < self.room.chunk && place + out.len() <= self.room.image, "expected a place in the image");
        for (at, value) in out.iter_mut().enumerate() {
            let number = image * self.room.image + place + at;
            *value = memory[number / LANES].0[number % LANES];
        }
    }

    unsafe fn step(&self, step: &Ready, memory: Memory, source: Source<'_>, image: usize) {
        let kernels = self.kernels;
        // SAFETY: the caller's.
        unsafe {
            match step {
                Ready::Tile(call) => match source {
                    Source::Bytes(bytes, side, by) => {
                        assert!(side >= call.side, "expected tiles of {} px, found {side}", call.side);
                        let tile = &bytes[image * side * side * 3..][..side * side * 3];
                        (kernels.from_bytes)(*call, tile, side, &by, memory);
                    }
                    Source::Numbers(values) => {
                        let count = call.side * call.side * 3;
                        (kernels.from_numbers)(*call, &values[image * count..][..count], memory);
                    }
                },
                Ready::Dense(call, rows) => {
                    for &(run, first, groups) in rows {
                        run(call, memory, [0; 3], [first, groups]);
                    }
                }
                Ready::Depthwise(call, rows) => rows(call, memory),
                Ready::Each(call) => (kernels.each)(call, memory),
                Ready::GlobalMean(input, output, size) => (kernels.global_mean)(*input, *output, *size, memory),
                Ready::LayerNorm(call) => (kernels.layer_norm)(call, memory),
                Ready::Pick(call) => (kernels.pick)(call, memory),
                Ready::Pool(call) => (kernels.pool)(call, memory),
                Ready::Winograd(call, rows) => self.winograd(call, rows, memory, 1),
                Ready::Rounded(call, run) => run(call, memory, [1, self.room.image]),
            }
        }
    }

    /// Squares of so many images, of which the first begins with the memory.
    unsafe fn winograd(&self, call: &Winograd, rows: &[Rows], memory: Memory, images: usize) {
        // SAFETY: the caller's.
        unsafe {
            let transformed = Memory { numbers: memory.transformed, ..memory };
            let squares = images * call.gather.first().map_or(0, |transform| transform.squares);
            let mut first = 0;
            while first < squares {
                let count = call.at_once.min(squares - first);
                for transform in &call.gather {
                    (self.kernels.gather)(transform, memory, first, count);
                }
                for (products, rows) in call.groups.iter().zip(rows) {
                    for place in 0..PLACES {
                        let [input, output] = call.places.map(|distance| place * distance);
                        for &(run, first, groups) in rows {
                            let shift = [input, output, place * products.weights];
                            run(&products.call, transformed, shift, [first, groups]);
                        }
                    }
                    for (transform, finish) in &products.finishes {
                        (self.kernels.scatter)(transform, finish, memory, first, count);
                    }
                }
                first += count;
            }
        }
    }
}

impl Ready {
    fn is_of_one_image(&self) -> bool {
        match self {
            Self::Winograd(call, _) => !call.of_several,
            Self::Rounded(call, _) => call.at_once == 1,
            _ => true,
        }
    }
}

/// Finds the functions of a step.
fn ready_for(kernels: &'static Kernels, step: Step) -> Result<Ready, Refused> {
    Ok(match step {
        Step::Tile(call) => Ready::Tile(call),
        Step::Dense(call, vectors, distance) => {
            let rows = rows_for(kernels, &call, vectors, distance)?;
            Ready::Dense(call, rows)
        }
        Step::Depthwise(call, [side, stride]) => {
            let [eight, seven, ..] = DEPTHWISE_PIXELS;
            let even = [eight, seven].into_iter().find(|&pixels| call.width.is_multiple_of(pixels));
            let pixels = even.or(DEPTHWISE_PIXELS.into_iter().find(|&pixels| pixels <= call.width));
            let rows = pixels.and_then(|pixels| (kernels.depthwise)([side, stride, pixels]));
            let rows = rows.ok_or(Refused::NoKernel("a depthwise convolution of this side and stride"))?;
            Ready::Depthwise(call, rows)
        }
        Step::Winograd(call) => {
            let of = |group: &Products| rows_for(kernels, &group.call, group.finishes.len(), LANES);
            let rows = call.groups.iter().map(of);
            let rows = rows.collect::<Result<_, _>>()?;
            Ready::Winograd(call, rows)
        }
        Step::Rounded(call) => {
            let run = kernels.rounded.ok_or(Refused::NoKernel("a convolution of rounded numbers"))?;
            Ready::Rounded(call, run)
        }
        Step::Each(call) => Ready::Each(call),
        Step::GlobalMean(input, output, size) => Ready::GlobalMean(input, output, size),
        Step::LayerNorm(call) => Ready::LayerNorm(call),
        Step::Pick(call) => Ready::Pick(call),
        Step::Pool(call) => Ready::Pool(call),
    })
}

/// Blocks that cover rows of pixels: as wide as fits, all of one width, and two rows at once where a row is short.
fn rows_for(kernels: &Kernels, call: &Dense, vectors: usize, distance: usize) -> Result<Rows, Refused> {
    let most = kernels.pixels;
    let pixels = call.width.div_ceil(call.width.div_ceil(most).max(1));
    let both = if 2 * pixels <= most && distance.is_multiple_of(LANES) { call.height / 2 } else { 0 };
    let mut rows = Rows::new();
    for (high, first, groups) in [(2, 0, both), (1, 2 * both, call.height - 2 * both)] {
        if groups > 0 {
            let found = (kernels.dense)([high, pixels, vectors, distance]);
            rows.push((found.ok_or(Refused::NoKernel("a convolution of this stride"))?, first, groups));
        }
    }
    Ok(rows)
}
