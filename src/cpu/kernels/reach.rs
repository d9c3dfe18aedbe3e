//! How far a step reaches in the memory that it works on.

use super::PASSING;
use super::dense::Dense;
use super::lanes::LANES;
use super::maps::{Maps, Size, What};
use super::step::{Products, Step};
use super::winograd::{INPUT, OUTPUT, PLACES, Transform};

/// One past the last number that a step touches: of an image, of what passes, of what is transformed, of the weights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    pub image: usize,
    pub passing: usize,
    pub transformed: usize,
    pub weights: usize,
}

impl Ends {
    /// An end keeps the mark of its place.
    fn image(&mut self, end: usize) {
        let of = if end & PASSING == 0 { &mut self.image } else { &mut self.passing };
        *of = (*of).max(end & !PASSING);
    }
    fn maps(&mut self, maps: &Maps, size: &Size) {
        let last = |count: usize| count.saturating_sub(1);
        self.image(maps.place + last(size.blocks) * maps.block + last(size.height) * maps.row + size.width * LANES);
    }
    fn weights(&mut self, end: usize) {
        self.weights = self.weights.max(end);
    }
}

pub(super) fn ends(step: &Step) -> Ends {
    let mut ends = Ends::default();
    let last = |count: usize| count.saturating_sub(1);
    match step {
        Step::Tile(call) => ends.image(call.output + last(call.side) * call.output_row + call.side * 3),
        Step::Dense(call, vectors, distance) => {
            let [input, output, residual, weights] = dense_ends(call, *vectors, *distance);
            for end in [input, output, residual] {
                ends.image(end);
            }
            ends.weights(weights);
        }
        Step::Depthwise(call, [side, stride]) => {
            let (rows, columns) = (last(call.height) * stride + side, last(call.width) * stride + side);
            ends.image(call.input + last(rows) * call.input_row + columns * LANES);
            ends.image(call.output + last(call.height) * call.output_row + call.width * LANES);
            ends.weights(call.weights + (side * side + 1) * LANES);
        }
        Step::Winograd(call) => {
            let every = |distance: usize| last(PLACES) * distance;
            for gather in &call.gather {
                ends.image(gather.end(INPUT));
                ends.transformed = ends.transformed.max(gather.planes + every(gather.place) + call.at_once * LANES);
            }
            for Products { call: products, weights: of_weights, finishes } in &call.groups {
                let [input, output, _, weights] = dense_ends(products, finishes.len(), LANES);
                let [inputs, outputs] = call.places.map(every);
                ends.transformed = ends.transformed.max(input + inputs).max(output + outputs);
                ends.weights(weights + every(*of_weights));
                for (scatter, finish) in finishes {
                    let planes = scatter.planes + every(scatter.place) + call.at_once * LANES;
                    ends.transformed = ends.transformed.max(planes);
                    ends.image(scatter.maps + last(finish.height) * scatter.maps_row + finish.width * LANES);
                    if let Some([place, row, _]) = finish.residual {
                        ends.image(place + last(finish.height) * row + finish.width * LANES);
                    }
                    ends.weights(finish.bias + LANES);
                }
            }
        }
        Step::Rounded(call) => {
            ends.image(call.input.read_end());
            ends.transformed = call.rounded_end().div_ceil(2);
            ends.maps(&call.output, &call.size);
            if let Some(residual) = &call.residual {
                ends.maps(residual, &call.size);
            }
            ends.weights(call.weights_end());
        }
        Step::Each(call) => {
            ends.maps(&call.input, &call.size);
            ends.maps(&call.output, &call.size);
            match call.what {
                What::Copy => {}
                What::Affine(weights) => ends.weights(weights + call.size.blocks * 2 * LANES),
                What::Add(other) => ends.maps(&other, &call.size),
                What::Weigh(other) => ends.maps(&other, &Size { height: 1, width: 1, ..call.size }),
            }
        }
        Step::GlobalMean(input, output, size) => {
            ends.maps(input, size);
            ends.maps(output, &Size { height: 1, width: 1, ..*size });
        }
        Step::LayerNorm(call) => {
            ends.maps(&call.input, &call.size);
            ends.maps(&call.output, &call.size);
            ends.weights(call.weights + call.size.blocks * 2 * LANES);
        }
        Step::Pick(call) => {
            for [place, row] in &call.from {
                ends.image(place + last(call.size.height) * row + last(call.size.width) * LANES + 1);
            }
            ends.maps(&call.output, &call.size);
        }
        Step::Pool(call) => {
            ends.maps(&call.input, &Size { height: call.height, width: call.width, ..call.size });
            ends.maps(&call.output, &call.size);
        }
    }
    ends
}

/// Of what is read, made and added, and of the weights.
fn dense_ends(call: &Dense, vectors: usize, distance: usize) -> [usize; 4] {
    let last = |count: usize| count.saturating_sub(1);
    let run = call.runs.iter().map(|run| run.offset + run.length).max().unwrap_or(0);
    let used: usize = call.runs.iter().map(|run| run.length).sum();
    let end = |place, block, row| place + last(vectors) * block + last(call.height) * row + call.width * LANES;
    [
        call.input + last(call.height) * call.input_row + last(call.width) * distance + run,
        end(call.output, call.output_block, call.output_row),
        call.residual.map_or(0, |[place, row, block]| end(place, block, row)),
        (call.weights + used * vectors * LANES).max(call.bias + vectors * LANES),
    ]
}

impl Transform {
    /// One past the last number of the maps that squares of a side reach, in one image.
    fn end(&self, side: usize) -> usize {
        let rows = self.squares.div_ceil(self.columns.max(1));
        let reach = |count: usize| count.saturating_sub(1) * OUTPUT + side;
        self.maps + reach(rows).saturating_sub(1) * self.maps_row + reach(self.columns) * LANES
    }
}
