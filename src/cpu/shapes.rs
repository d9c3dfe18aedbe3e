//! Sizes of all maps of a graph for a side of tile, and what must lie around them.

use super::fuse::{Pass, What};
use super::graph::{Conv, Graph, Padding, Value, Window};
use super::kernels::{INPUT, LANES, OUTPUT};
use super::layout::{Layout, Margin};
use super::place::{Shape, joins_blocks};

/// Why a graph cannot be planned.
pub(super) type Reason = String;

/// Where a convolution begins, and the size of what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Padding at the top and at the left.
    pub before: [usize; 2],
    /// Height and width of the output.
    pub size: [usize; 2],
}

/// The frame of a convolution of maps of a size.
///
/// # Errors
/// When the kernel is larger than the padded maps.
pub(super) fn frame(conv: &Conv, size: [usize; 2]) -> Result<Frame, Reason> {
    let mut frame = Frame { before: [0; 2], size: [0; 2] };
    for axis in 0..2 {
        let (length, kernel, stride) = (size[axis], conv.kernel[axis], conv.stride.max(1));
        let (before, out) = match conv.padding {
            Padding::Explicit(padding) => {
                let padded = length + 2 * padding[axis];
                if padded < kernel || kernel == 0 {
                    return Err(format!("expected maps of at least {kernel} px with their padding, found {padded}"));
                }
                (padding[axis], (padded - kernel) / stride + 1)
            }
            Padding::Same => {
                let out = length.div_ceil(stride);
                (((out.saturating_sub(1)) * stride + kernel).saturating_sub(length) / 2, out)
            }
        };
        frame.before[axis] = before;
        frame.size[axis] = out;
    }
    Ok(frame)
}

impl Conv {
    /// Whether it filters each channel alone.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.channels == [self.groups; 2]
    }

    /// Whether transformed products can make it.
    pub(super) fn can_be_winograd(&self) -> bool {
        let padded = matches!(self.padding, Padding::Same | Padding::Explicit([1, 1]));
        self.kernel == [3, 3] && self.stride == 1 && self.groups == 1 && padded && self.channels[0] >= LANES
    }

    fn check(&self, channels: usize) -> Result<(), Reason> {
        let [inputs, outputs] = self.channels;
        let weights = inputs / self.groups.max(1) * outputs * self.kernel[0] * self.kernel[1];
        let fits = self.groups > 0 && inputs.is_multiple_of(self.groups) && outputs.is_multiple_of(self.groups);
        if !fits
            || inputs != channels
            || self.weight.len() != weights
            || self.bias.len() != outputs
            || self.stride == 0
            || self.kernel.contains(&0)
        {
            return Err(format!(
                "expected a convolution of {channels} channels, found {inputs} to {outputs} in {} groups with {} weights \
                 and {} biases",
                self.groups,
                self.weight.len(),
                self.bias.len()
            ));
        }
        Ok(())
    }
}

/// The number of windows along an axis.
fn windows(length: usize, window: Window) -> Result<usize, Reason> {
    let Window { side, stride, padding, ceil } = window;
    let padded = length + 2 * padding;
    if side == 0 || stride == 0 || padding >= side || padded < side {
        return Err(format!("expected a window within {padded} px, found a side of {side} and padding of {padding}"));
    }
    let rest = padded - side;
    let count = if ceil { rest.div_ceil(stride) } else { rest / stride } + 1;
    // The last window must begin within the maps or the padding before them.
    Ok(if ceil && (count - 1) * stride >= length + padding { count - 1 } else { count })
}

/// Shapes of all values that the passes make; `winograd` says of which convolutions transformed products may be wanted.
///
/// # Errors
/// What does not fit together.
pub(super) fn shapes(
    graph: &Graph,
    passes: &[Pass<'_>],
    side: usize,
    winograd: bool,
) -> Result<Vec<Option<Shape>>, Reason> {
    let mut shapes: Vec<Option<Shape>> = vec![None; graph.nodes().len()];
    for pass in passes {
        let of =
            |value: Value| shapes[value.index()].ok_or_else(|| "expected an operation after its inputs".to_owned());
        let [height, width] = match &pass.what {
            What::Tile => [side; 2],
            What::Conv(conv, residual) => {
                let input = of(pass.input)?;
                conv.check(input.channels)?;
                let size = frame(conv, input.size())?.size;
                if let Some(residual) = residual {
                    same(size, of(*residual)?.size())?;
                }
                size
            }
            What::Pool(window, _) => {
                let [height, width] = of(pass.input)?.size();
                [windows(height, *window)?, windows(width, *window)?]
            }
            What::GlobalMean => [1, 1],
            What::Add(other) => {
                same(of(pass.input)?.size(), of(*other)?.size())?;
                of(pass.input)?.size()
            }
            What::Weigh(other) => {
                same([1, 1], of(*other)?.size())?;
                of(pass.input)?.size()
            }
            What::Join(_) | What::Pick(_) => {
                let inputs = pass.inputs();
                let size = inputs.first().map_or(Ok([0; 2]), |&first| of(first).map(|shape| shape.size()))?;
                inputs.iter().try_for_each(|&input| same(size, of(input)?.size()))?;
                size
            }
            What::Affine(scale, shift) | What::LayerNorm(scale, shift, _) => {
                let channels = of(pass.input)?.channels;
                if scale.len() != channels || shift.len() != channels {
                    return Err(format!("expected {channels} factors, found {}", scale.len()));
                }
                of(pass.input)?.size()
            }
            What::Act => of(pass.input)?.size(),
        };
        if height == 0 || width == 0 {
            return Err(format!("expected tiles larger than {side} px: nothing is left of their maps"));
        }
        let channels = graph.channels(pass.output);
        check_channels(graph, pass)?;
        let depth = if matches!(pass.what, What::Tile) { 3 } else { LANES };
        let layout = Layout { height, width, margin: Margin::default(), depth };
        shapes[pass.output.index()] = Some(Shape { layout, channels });
    }
    widen(passes, &mut shapes, winograd)?;
    Ok(shapes)
}

fn same(expected: [usize; 2], found: [usize; 2]) -> Result<(), Reason> {
    if expected == found { Ok(()) } else { Err(format!("expected maps of {expected:?} px, found {found:?}")) }
}

/// Whether channels agree where two maps meet, and a tile is read by convolutions alone.
fn check_channels(graph: &Graph, pass: &Pass<'_>) -> Result<(), Reason> {
    let channels = |value: &Value| graph.channels(*value);
    let (expected, found) = match &pass.what {
        What::Conv(conv, Some(residual)) => (conv.channels[1], channels(residual)),
        What::Add(other) | What::Weigh(other) => (channels(&pass.input), channels(other)),
        What::Pick(from) => match from.iter().find(|(value, channel)| *channel >= channels(value)) {
            Some((value, channel)) => {
                return Err(format!("expected one of {} channels, found {channel}", channels(value)));
            }
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    if expected == found { Ok(()) } else { Err(format!("expected {expected} channels, found {found}")) }
}

/// Gives each value the margin that those who read it need; parts of a join have that of the join.
fn widen(passes: &[Pass<'_>], shapes: &mut [Option<Shape>], winograd: bool) -> Result<(), Reason> {
    for pass in passes {
        let What::Conv(conv, _) = &pass.what else {
            let tile = |value: &Value| shapes[value.index()].is_some_and(|shape| shape.layout.depth != LANES);
            if pass.inputs().iter().any(tile) {
                return Err("expected tiles to go through a convolution first".to_owned());
            }
            continue;
        };
        let Some(shape) = &mut shapes[pass.input.index()] else { continue };
        let Frame { before: [top, left], size } = frame(conv, shape.size())?;
        let after = |axis: usize, before: usize| {
            let plain = (size[axis] - 1) * conv.stride + conv.kernel[axis];
            let squares = size[axis].div_ceil(OUTPUT) * OUTPUT + INPUT - OUTPUT;
            let reach = if winograd && conv.can_be_winograd() { plain.max(squares) } else { plain };
            reach.saturating_sub(before + shape.size()[axis])
        };
        let margin = Margin { top, left, bottom: after(0, top), right: after(1, left) };
        shape.layout.margin = shape.layout.margin.or(margin);
    }
    // What one part needs all have, and joins may be parts of joins.
    loop {
        let mut changed = false;
        for pass in passes {
            let What::Join(parts) = &pass.what else { continue };
            if !joins_blocks(parts, |part| shapes[part.index()].map_or(0, |shape| shape.channels)) {
                continue;
            }
            let all = parts.iter().chain([&pass.output]);
            let widest = |margin: Margin, value: &Value| {
                shapes[value.index()].map_or(margin, |shape| margin.or(shape.layout.margin))
            };
            let margin = all.clone().fold(Margin::default(), widest);
            for value in all {
                if let Some(shape) = &mut shapes[value.index()] {
                    changed |= shape.layout.margin != margin;
                    shape.layout.margin = margin;
                }
            }
        }
        if !changed {
            return Ok(());
        }
    }
}

impl Shape {
    /// Height and width, pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.layout.height, self.layout.width]
    }
}
