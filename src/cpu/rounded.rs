//! A convolution → one step of rounded numbers, where there are kernels for it.

use super::convolution::Site;
use super::kernels::{DEPTH, LANES, Rounded, Rounding, Size, Step, bounds};
use super::plan::Writer;

impl Writer<'_> {
    pub fn rounded(&mut self, site: &Site<'_>, at_once: usize) {
        let Site { conv, output, residual, .. } = *site;
        let (bounds, act) = bounds(site.act);
        let [height, width] = site.frame.size;
        let reads = if site.input.layout.depth == LANES { site.reads_blocks() } else { site.reads_tile() };
        let weights = self.packed.push_rounded(conv, &reads.inputs);
        let bias = self.packed.push_blocks(&conv.bias);
        let step = Rounded {
            input: reads.input,
            pixel: reads.pixel,
            row: reads.row,
            weights,
            bias,
            output: output.maps(),
            size: Size { blocks: output.blocks(), height, width },
            flat: reads.flat,
            residual: residual.map(|place| place.maps()),
            bounds,
            act,
            at_once,
            image: reads.input.written_end().next_multiple_of(DEPTH),
            places: reads.places,
        };
        // Two numbers of 16 bits in the place of one.
        self.transformed = self.transformed.max(step.at_once * step.image / 2);
        self.steps.push(Step::Rounded(step));
    }
}

/// How a convolution reads its rounded input.
struct Reads {
    input: Rounding,
    places: Vec<usize>,
    /// For each place [`DEPTH`] inputs: channel, row and column in the kernel; none where the weight is zero.
    inputs: Vec<Option<[usize; 3]>>,
    pixel: usize,
    row: usize,
    flat: bool,
}

impl Site<'_> {
    /// Blocks of [`DEPTH`] channels, each a picture of 64-byte pixels.
    fn reads_blocks(&self) -> Reads {
        let (layout, [rows, columns]) = (self.input.layout, self.conv.kernel);
        let flat = self.conv.kernel == [1, 1];
        // A kernel of one pixel needs only those pixels that it meets, and these without gaps.
        let (skip, stride) = if flat { (self.conv.stride, 1) } else { (1, self.conv.stride) };
        let height = (self.frame.size[0] - 1) * stride + rows;
        let width = (self.frame.size[1] - 1) * stride + columns;
        let channels = self.conv.channels[0];
        // An odd number of lines, so that the same pixel of many blocks does not fall into the same part of the cache.
        let (to_row, to_block) = (width * DEPTH, ((height * width) | 1) * DEPTH);
        let (mut places, mut inputs) = (Vec::new(), Vec::new());
        for first in (0..channels).step_by(DEPTH) {
            for y in 0..rows {
                for x in 0..columns {
                    places.push(first / DEPTH * to_block + y * to_row + x * DEPTH);
                    let channel = |channel| (channel < channels).then_some([channel, y, x]);
                    inputs.extend((first..first + DEPTH).map(channel));
                }
            }
        }
        let input = Rounding {
            place: self.corner(),
            row: layout.row() * skip,
            block: layout.block(),
            pixel: LANES * skip,
            channels,
            is_tile: false,
            height,
            width,
            to_row,
            to_block,
        };
        Reads { input, places, inputs, pixel: stride * DEPTH, row: stride * to_row, flat }
    }

    /// RGB, pixel after pixel: a row of the kernel is one stretch of numbers, and what follows it has zeros as weights.
    fn reads_tile(&self) -> Reads {
        let (layout, [rows, columns], stride) = (self.input.layout, self.conv.kernel, self.conv.stride);
        let depth = layout.depth;
        let height = (self.frame.size[0] - 1) * stride + rows;
        let last = (self.frame.size[1] - 1) * stride;
        let to_row = (last * depth + DEPTH).next_multiple_of(DEPTH);
        let input = |y: usize, at: usize| (at < columns * depth).then_some([at % depth, y, at / depth]);
        let input_of = Rounding {
            place: self.corner(),
            row: layout.row(),
            block: 0,
            pixel: depth,
            channels: depth,
            is_tile: true,
            height,
            width: last + columns,
            to_row,
            to_block: 0,
        };
        Reads {
            input: input_of,
            places: (0..rows).map(|y| y * to_row).collect(),
            inputs: (0..rows).flat_map(|y| (0..DEPTH).map(move |at| input(y, at))).collect(),
            pixel: stride * depth,
            row: stride * to_row,
            flat: false,
        }
    }
}
