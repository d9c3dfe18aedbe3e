//! Passes, shapes and places → the steps of a program and its weights.

use super::convolution::replaces;
use super::fuse::{Pass, What, fuse};
use super::graph::{Act, Graph, Value};
use super::kernels::{
    self, Each, Kernels, LANES, LayerNorm, Maps, Pick, Pool, Program, Refused, Room, Size, Step, Tile, bounds,
};
use super::layout::Place;
use super::pack::{Group, Packed};
use super::place::{Placed, joins_blocks, place};
use super::shapes::{Reason, shapes};
use super::way::looks_at_several;

/// What is asked of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub side: usize,
    pub chunk: usize,
    /// Whether transformed products may be used.
    pub winograd: bool,
}

/// A program, and where it leaves what was asked for.
#[derive(Debug)]
pub(super) struct Plan {
    pub program: Program,
    /// For each output where its channels lie, one after another, and how many.
    pub outputs: Vec<[usize; 2]>,
}

/// Plans a graph.
///
/// # Errors
/// Why it cannot be planned.
pub(super) fn plan(graph: &Graph, kernels: &'static Kernels, wish: Wish) -> Result<Plan, Reason> {
    let passes = fuse(graph);
    let shapes = shapes(graph, &passes, wish.side, wish.winograd)?;
    let replaces = |pass: &Pass<'_>| replaces(pass, &shapes, kernels);
    let several = |pass: &Pass<'_>| looks_at_several(pass, &shapes, kernels, wish);
    let placed = place(&passes, graph.outputs(), &shapes, replaces, several);
    let write = |packed| {
        let mut writer = Writer { graph, kernels, wish, placed: &placed, steps: Vec::new(), packed, transformed: 0 };
        writer.packed.push(Group { first: 0, vectors: kernels.vectors, end: 0 }, |_| 0.0);
        passes.iter().try_for_each(|pass| writer.pass(pass))?;
        Ok::<_, Reason>(writer)
    };
    let writer = write(Packed::with_room_of(&write(Packed::counting())?.packed))?;
    let outputs = graph.outputs().iter().map(|&output| {
        let place = writer.of(output)?;
        let one = place.layout.height * place.layout.width == 1 && place.layout.block() == LANES;
        if one {
            Ok([place.maps().place, place.channels])
        } else {
            Err("expected numbers for a tile, found maps".to_owned())
        }
    });
    let outputs = outputs.collect::<Result<_, Reason>>()?;
    let &Placed { kept, passing, .. } = writer.placed;
    let room = Room { image: kept, chunk: wish.chunk, passing, transformed: writer.transformed };
    let program =
        Program::new(kernels, writer.steps, room, writer.packed.into_lines()).map_err(|refused| match refused {
            Refused::NoKernel(what) => format!("expected an operation that there is a kernel for, found {what}"),
            Refused::Outside { step, end, expected } => {
                format!("step {step} of the plan ends at {end}, expected {expected} at most: a fault of the engine")
            }
        })?;
    Ok(Plan { program, outputs })
}

/// Writes the steps, and packs the weights or counts them.
pub(super) struct Writer<'a> {
    graph: &'a Graph,
    pub kernels: &'static Kernels,
    pub wish: Wish,
    pub placed: &'a Placed,
    pub steps: Vec<Step>,
    pub packed: Packed,
    /// Numbers beyond the images.
    pub transformed: usize,
}

impl Writer<'_> {
    pub fn of(&self, value: Value) -> Result<Place, Reason> {
        self.placed.of(value).ok_or_else(|| "expected a place for every value: a fault of the engine".to_owned())
    }

    fn pass(&mut self, pass: &Pass<'_>) -> Result<(), Reason> {
        let output = self.of(pass.output)?;
        let size = Size { blocks: output.blocks(), height: output.layout.height, width: output.layout.width };
        let step = match &pass.what {
            What::Tile => {
                let maps = output.maps();
                Step::Tile(Tile { output: maps.place, output_row: maps.row, side: self.wish.side })
            }
            What::Conv(conv, residual) => return self.conv(pass, conv, *residual),
            What::Join(parts) => return self.join(parts, output, size),
            What::Pick(channels) => {
                let from = channels.iter().map(|&(value, channel)| {
                    let maps = self.of(value)?.maps();
                    Ok([maps.place + channel / LANES * maps.block + channel % LANES, maps.row])
                });
                Step::Pick(Pick { from: from.collect::<Result<_, Reason>>()?, output: output.maps(), size })
            }
            What::Pool(window, largest) => {
                let input = self.of(pass.input)?;
                let (height, width) = (input.layout.height, input.layout.width);
                let (side, stride, padding) = (window.side, window.stride, window.padding);
                let (input, output, largest) = (input.maps(), output.maps(), *largest);
                Step::Pool(Pool { input, output, height, width, size, side, stride, padding, largest })
            }
            What::GlobalMean => {
                let input = self.of(pass.input)?;
                let size = Size { height: input.layout.height, width: input.layout.width, ..size };
                Step::GlobalMean(input.maps(), output.maps(), size)
            }
            What::LayerNorm(scale, shift, epsilon) => {
                let weights = self.packed.push_pairs(scale, shift);
                let (input, output, channels) = (self.of(pass.input)?.maps(), output.maps(), output.channels);
                Step::LayerNorm(LayerNorm { input, output, size, channels, weights, epsilon: *epsilon })
            }
            What::Act => self.each(pass, kernels::What::Copy, output, size)?,
            What::Affine(scale, shift) => {
                let weights = self.packed.push_pairs(scale, shift);
                self.each(pass, kernels::What::Affine(weights), output, size)?
            }
            What::Add(other) => self.each(pass, kernels::What::Add(self.of(*other)?.maps()), output, size)?,
            What::Weigh(other) => self.each(pass, kernels::What::Weigh(self.of(*other)?.maps()), output, size)?,
        };
        self.steps.push(step);
        Ok(())
    }

    fn each(&self, pass: &Pass<'_>, what: kernels::What, output: Place, size: Size) -> Result<Step, Reason> {
        let (bounds, act) = bounds(pass.act);
        let (input, output) = (self.of(pass.input)?.maps(), output.maps());
        Ok(Step::Each(Each { what, input, output, size, bounds, act }))
    }

    /// Copies those parts that were not made in their place.
    fn join(&mut self, parts: &[Value], output: Place, size: Size) -> Result<(), Reason> {
        let to = output.maps();
        if !joins_blocks(parts, |part| self.graph.channels(part)) {
            let mut from = Vec::new();
            for &part in parts {
                let maps = self.of(part)?.maps();
                let channel = |channel| [maps.place + channel / LANES * maps.block + channel % LANES, maps.row];
                from.extend((0..self.graph.channels(part)).map(channel));
            }
            self.steps.push(Step::Pick(Pick { from, output: to, size }));
            return Ok(());
        }
        let mut block = 0;
        for &part in parts {
            let place = self.of(part)?;
            let output = Maps { place: to.place + block * to.block, ..to };
            if place.maps() != output {
                let size = Size { blocks: place.blocks(), ..size };
                let (bounds, act) = bounds(Act::None);
                let what = kernels::What::Copy;
                self.steps.push(Step::Each(Each { what, input: place.maps(), output, size, bounds, act }));
            }
            block += place.blocks();
        }
        Ok(())
    }
}
