//! A convolution → steps, in the way that was chosen for it (`way.rs`); those of rounded numbers are in `rounded.rs`.

use super::fuse::{Pass, What};
use super::graph::{Act, Conv, Value};
use super::kernels::{
    Dense, Depthwise, Finish, Kernels, LANES, OUTPUT, PLACES, Products, Run, Step, Transform, Winograd, bounds,
};
use super::layout::{Layout, Margin, Place};
use super::pack::Group;
use super::place::Shape;
use super::plan::Writer;
use super::shapes::{Frame, Reason, frame};
use super::way::{Facts, Way};

/// Weights of a convolution whose groups are written out as zeros; more would be slower than the reference.
const MOST_SPREAD_WEIGHTS: usize = 1 << 24;
/// The place of as many zeros as a group has lanes.
const ZEROS: usize = 0;

/// The shortcut that a convolution may write over: one that is read where it is written, each number once. Pieces of rows
/// that overlap would add it twice.
pub(super) fn replaces(pass: &Pass<'_>, shapes: &[Option<Shape>], kernels: &Kernels) -> Option<Value> {
    let What::Conv(conv, Some(residual)) = &pass.what else { return None };
    // Those of rounded numbers have pieces of their own.
    if kernels.rounds() {
        return None;
    }
    let [input, output] = [pass.input, pass.output].map(|value| shapes[value.index()]);
    let (input, output) = (input?.layout, output?.layout);
    let bare = |layout: Layout| layout.margin == Margin::default();
    let flat = conv.kernel == [1, 1] && conv.stride == 1 && bare(input) && bare(output);
    let width = if flat { output.width * output.height } else { output.width };
    let pieces = width.div_ceil(kernels.pixels);
    (width.div_ceil(pieces) * pieces == width && *residual != pass.input).then_some(*residual)
}

impl Writer<'_> {
    pub fn conv(&mut self, pass: &Pass<'_>, conv: &Conv, residual: Option<Value>) -> Result<(), Reason> {
        let (input, output) = (self.of(pass.input)?, self.of(pass.output)?);
        let residual = residual.map(|residual| self.of(residual)).transpose()?;
        let frame = frame(conv, [input.layout.height, input.layout.width])?;
        let site = Site { conv, frame, input, output, residual, act: pass.act };
        match Way::of(&site.facts(), self.kernels, self.wish) {
            Way::Depthwise => self.depthwise(&site),
            Way::Rounded { at_once } => self.rounded(&site, at_once),
            Way::Winograd { of_several, at_once } => self.winograd(&site, of_several, at_once),
            Way::Dense => self.sums(&site)?,
        }
        Ok(())
    }

    /// Sums over all channels of each group.
    fn sums(&mut self, site: &Site<'_>) -> Result<(), Reason> {
        let conv = site.conv;
        let own = conv.channels.map(|channels| channels / conv.groups);
        if conv.groups == 1 {
            self.dense(site, 0, conv.channels[1], 0);
        } else if own.iter().all(|channels| channels.is_multiple_of(LANES)) && site.input.layout.depth == LANES {
            let [seen, made] = own;
            for group in 0..conv.groups {
                self.dense(site, group * made, (group + 1) * made, group * seen);
            }
        } else {
            let weights = conv.channels[0] * conv.channels[1] * conv.kernel[0] * conv.kernel[1];
            if weights > MOST_SPREAD_WEIGHTS {
                return Err(format!("expected a convolution that there is a kernel for, found {} groups", conv.groups));
            }
            let whole = conv.without_groups();
            self.dense(&Site { conv: &whole, ..*site }, 0, conv.channels[1], 0);
        }
        Ok(())
    }

    fn depthwise(&mut self, site: &Site<'_>) {
        let Site { conv, frame, input, output, .. } = *site;
        let (bounds, act) = bounds(site.act);
        let from = site.corner();
        let [side, _] = conv.kernel;
        for block in 0..output.blocks() {
            let group = Group { first: block * LANES, vectors: 1, end: conv.channels[1] };
            let taps: Vec<_> = (0..side * side).map(|tap| [0, tap / side, tap % side]).collect();
            let weights = self.packed.push_dense(conv, group, &taps);
            self.packed.push(group, |channel| conv.bias[channel]);
            let maps = output.maps();
            let call = Depthwise {
                input: from + block * input.layout.block(),
                input_row: input.layout.row(),
                weights,
                output: maps.place + block * maps.block,
                output_row: maps.row,
                width: frame.size[1],
                height: frame.size[0],
                bounds,
                act,
            };
            self.steps.push(Step::Depthwise(call, [side, conv.stride]));
        }
    }

    /// Output channels `first..end`, which see the input channels of one group from `seen` on.
    fn dense(&mut self, site: &Site<'_>, first: usize, end: usize, seen: usize) {
        let Site { conv, input, output, residual, .. } = *site;
        let (bounds, act) = bounds(site.act);
        let from = site.corner() + seen / LANES * input.layout.block();
        let (runs, inputs) = site.runs();
        let [mut height, mut width] = site.frame.size;
        let distance = conv.stride * input.layout.depth;
        // Maps without anything between their rows are one long row for a convolution that sees one pixel.
        let flat = [Some(input), Some(output), residual].into_iter().flatten().all(|place| place.is_flat());
        if flat && conv.kernel == [1, 1] && conv.stride == 1 {
            (height, width) = (1, height * width);
        }
        let maps = output.maps();
        let mut channel = first;
        while channel < end {
            let vectors = self.kernels.vectors.min((end - channel).div_ceil(LANES));
            let group = Group { first: channel, vectors, end };
            let block = channel / LANES;
            let call = Dense {
                input: from,
                input_row: input.layout.row() * conv.stride,
                runs: runs.clone(),
                weights: self.packed.push_dense(conv, group, &inputs),
                bias: self.packed.push(group, |channel| conv.bias[channel]),
                output: maps.place + block * maps.block,
                output_row: maps.row,
                output_block: maps.block,
                residual: residual.map(|place| {
                    let maps = place.maps();
                    [maps.place + block * maps.block, maps.row, maps.block]
                }),
                width,
                height,
                bounds,
                act,
            };
            self.steps.push(Step::Dense(call, vectors, distance));
            channel += vectors * LANES;
        }
    }

    fn winograd(&mut self, site: &Site<'_>, of_several: bool, at_once: usize) {
        let Site { conv, frame, input, output, residual, .. } = *site;
        let (bounds, _) = bounds(site.act);
        let [height, width] = frame.size;
        let (columns, squares) = (width.div_ceil(OUTPUT), width.div_ceil(OUTPUT) * height.div_ceil(OUTPUT));
        let plane = at_once * LANES;
        // An odd number of lines, so that places do not fall into the same part of the cache.
        let odd = |numbers: usize| ((numbers / LANES) | 1) * LANES;
        let inputs = odd(input.blocks() * plane);
        let outputs = odd(self.kernels.vectors * plane);
        let products = PLACES * inputs;
        self.transformed = self.transformed.max(products + PLACES * outputs);
        let transform = |maps: usize, row: usize, place: usize, planes: usize| Transform {
            maps,
            maps_row: row,
            place,
            planes,
            columns,
            squares,
            image: self.placed.kept,
        };
        let gather = (0..input.blocks()).map(|block| {
            transform(site.corner() + block * input.layout.block(), input.layout.row(), inputs, block * plane)
        });
        let gather = gather.collect();
        let runs: Vec<Run> = (0..input.blocks())
            .map(|block| Run { offset: block * plane, length: LANES.min(conv.channels[0] - block * LANES) })
            .collect();
        let mut groups = Vec::new();
        let maps = output.maps();
        for first in (0..conv.channels[1]).step_by(self.kernels.vectors * LANES) {
            let vectors = self.kernels.vectors.min((conv.channels[1] - first).div_ceil(LANES));
            let group = Group { first, vectors, end: conv.channels[1] };
            let [weights, of_weights] = self.packed.push_winograd(conv, group);
            let bias = self.packed.push(group, |channel| conv.bias[channel]);
            let call = Dense {
                input: 0,
                input_row: 0,
                runs: runs.clone(),
                weights,
                bias: ZEROS,
                output: products,
                output_row: 0,
                output_block: plane,
                residual: None,
                width: at_once,
                height: 1,
                bounds: [f32::NEG_INFINITY, f32::INFINITY],
                act: Act::None,
            };
            let finishes = (0..vectors).map(|vector| {
                let block = first / LANES + vector;
                let scatter = transform(maps.place + block * maps.block, maps.row, outputs, products + vector * plane);
                let residual = residual.map(|place| {
                    let maps = place.maps();
                    [maps.place + block * maps.block, maps.row, self.placed.kept]
                });
                (scatter, Finish { height, width, bias: bias + vector * LANES, residual, bounds })
            });
            groups.push(Products { call, weights: of_weights, finishes: finishes.collect() });
        }
        self.steps.push(Step::Winograd(Winograd { gather, groups, places: [inputs, outputs], at_once, of_several }));
    }
}

/// A convolution with where it reads and writes.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub conv: &'a Conv,
    pub frame: Frame,
    pub input: Place,
    pub output: Place,
    pub residual: Option<Place>,
    pub act: Act,
}

impl Site<'_> {
    fn facts(&self) -> Facts<'_> {
        let (depth, adds) = (self.input.layout.depth, self.residual.is_some());
        Facts { conv: self.conv, depth, size: self.frame.size, adds, act: self.act }
    }

    /// Where the first pixel begins to read: in the margin where there is padding.
    pub fn corner(&self) -> usize {
        let [top, left] = self.frame.before;
        let layout = self.input.layout;
        self.input.maps().place - top * layout.row() - left * layout.depth
    }

    /// What a pixel reads, and which channel, row and column of the kernel each number is.
    fn runs(&self) -> (Vec<Run>, Vec<[usize; 3]>) {
        let layout = self.input.layout;
        let [height, width] = self.conv.kernel;
        let channels = self.conv.channels[0] / self.conv.groups;
        let (mut runs, mut inputs) = (Vec::new(), Vec::new());
        for first in (0..channels).step_by(layout.depth) {
            let count = layout.depth.min(channels - first);
            let block = first / layout.depth * layout.block();
            for y in 0..height {
                let row = block + y * layout.row();
                if count == layout.depth {
                    runs.push(Run { offset: row, length: width * layout.depth });
                } else {
                    // Lanes without a channel are not read: they may hold anything.
                    runs.extend((0..width).map(|x| Run { offset: row + x * layout.depth, length: count }));
                }
                for x in 0..width {
                    inputs.extend((first..first + count).map(|channel| [channel, y, x]));
                }
            }
        }
        (runs, inputs)
    }
}
