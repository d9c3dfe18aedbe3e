//! Graphs computed as their definitions say, in f64 and with plain loops: what the engine, and the networks that are
//! written down as graphs, are held against. Slow.

use super::graph::{Act, Conv, Graph, Node, Op, Padding, Window};
use super::kernels::to_bf16;

/// Maps `[N, C, H, W]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Maps {
    pub shape: [usize; 4],
    pub data: Vec<f64>,
}

impl Maps {
    /// The value of each place, by a rule.
    fn by(shape: [usize; 4], rule: impl Fn([usize; 4]) -> f64) -> Self {
        let [tiles, channels, height, width] = shape;
        let mut data = Vec::with_capacity(tiles * channels * height * width);
        for n in 0..tiles {
            for c in 0..channels {
                for y in 0..height {
                    data.extend((0..width).map(|x| rule([n, c, y, x])));
                }
            }
        }
        Self { shape, data }
    }

    fn at(&self, [n, c, y, x]: [usize; 4]) -> f64 {
        let [_, channels, height, width] = self.shape;
        self.data[((n * channels + c) * height + y) * width + x]
    }

    /// Row and column counted from a padded corner, in the maps; none outside.
    fn place(&self, padded: [usize; 2], padding: [usize; 2]) -> Option<[usize; 2]> {
        let [_, _, height, width] = self.shape;
        let (y, x) = (padded[0].checked_sub(padding[0])?, padded[1].checked_sub(padding[1])?);
        (y < height && x < width).then_some([y, x])
    }
}

/// What a graph gives for tiles `[N, 3, S, S]`, in the order in which it was asked for.
pub(crate) fn compute(graph: &Graph, tiles: &Maps) -> Vec<Maps> {
    compute_with(graph, tiles, &convolution)
}

/// The same where convolutions without groups, of more than one number for each channel, see rounded inputs and weights.
pub(crate) fn compute_rounded(graph: &Graph, tiles: &Maps) -> Vec<Maps> {
    compute_with(graph, tiles, &|conv, input| {
        let (_, height) = reach(conv, 0, input.shape[2]);
        let (_, width) = reach(conv, 1, input.shape[3]);
        if conv.groups > 1 || height * width == 1 {
            return convolution(conv, input);
        }
        let weight = conv.weight.iter().map(|&weight| rounded(weight)).collect();
        #[expect(clippy::cast_possible_truncation, reason = "the engine has an f32 there, and rounds that")]
        let input = Maps { data: input.data.iter().map(|&value| f64::from(rounded(value as f32))).collect(), ..*input };
        convolution(&Conv { weight, bias: conv.bias.clone(), ..*conv }, &input)
    })
}

fn rounded(value: f32) -> f32 {
    f32::from_bits(u32::from(to_bf16(value)) << 16)
}

type Convolve<'a> = &'a dyn Fn(&Conv, &Maps) -> Maps;

fn compute_with(graph: &Graph, tiles: &Maps, convolve: Convolve<'_>) -> Vec<Maps> {
    let mut values: Vec<Maps> = Vec::new();
    for node in graph.nodes() {
        let inputs: Vec<&Maps> = node.inputs.iter().map(|input| &values[input.index()]).collect();
        let value = operation(node, &inputs, tiles, convolve);
        assert_eq!(value.shape[1], node.channels, "{:?}", std::mem::discriminant(&node.op));
        values.push(value);
    }
    graph.outputs().iter().map(|output| values[output.index()].clone()).collect()
}

fn operation(node: &Node, inputs: &[&Maps], tiles: &Maps, convolve: Convolve<'_>) -> Maps {
    let each = |rule: &dyn Fn([usize; 4]) -> f64| Maps::by(inputs[0].shape, rule);
    match &node.op {
        Op::Tile => tiles.clone(),
        Op::Conv(conv) => convolve(conv, inputs[0]),
        Op::Affine { scale, shift } => each(&|at| inputs[0].at(at) * f64::from(scale[at[1]]) + f64::from(shift[at[1]])),
        Op::Act(act) => each(&|at| bent(*act, inputs[0].at(at))),
        Op::Add => {
            assert_eq!(inputs[0].shape, inputs[1].shape);
            each(&|at| inputs[0].at(at) + inputs[1].at(at))
        }
        Op::Weigh => {
            let [n, c, ..] = inputs[0].shape;
            assert_eq!(inputs[1].shape, [n, c, 1, 1]);
            each(&|at| inputs[0].at(at) * inputs[1].at([at[0], at[1], 0, 0]))
        }
        Op::Join => joined(inputs),
        Op::Pick(channels) => {
            let [n, _, h, w] = inputs[0].shape;
            Maps::by([n, channels.len(), h, w], |[n, c, y, x]| inputs[0].at([n, channels[c], y, x]))
        }
        Op::MaxPool(window) => pooled(window, inputs[0], |seen| seen.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Op::MeanPool(window) => pooled(window, inputs[0], |seen| seen.iter().sum::<f64>() / seen.len() as f64),
        Op::GlobalMean => {
            let [n, c, h, w] = inputs[0].shape;
            let mean = |n, c| (0..h * w).map(|at| inputs[0].at([n, c, at / w, at % w])).sum::<f64>() / (h * w) as f64;
            Maps::by([n, c, 1, 1], |[n, c, ..]| mean(n, c))
        }
        Op::LayerNorm { scale, shift, epsilon } => {
            let channels = inputs[0].shape[1];
            let mean_of = |rule: &dyn Fn(usize) -> f64| (0..channels).map(rule).sum::<f64>() / channels as f64;
            each(&|[n, c, y, x]| {
                let value = |c| inputs[0].at([n, c, y, x]);
                let mean = mean_of(&value);
                let variance = mean_of(&|c| (value(c) - mean).powi(2));
                let normal = (value(c) - mean) / (variance + f64::from(*epsilon)).sqrt();
                normal * f64::from(scale[c]) + f64::from(shift[c])
            })
        }
    }
}

fn convolution(conv: &Conv, input: &Maps) -> Maps {
    let Conv { channels: [channels_in, channels_out], kernel: [height, width], stride, groups, .. } = *conv;
    let [n, c, h, w] = input.shape;
    let (inner, outer) = (channels_in / groups, channels_out / groups);
    assert_eq!((c, conv.bias.len()), (channels_in, channels_out));
    assert_eq!(conv.weight.len(), channels_out * inner * height * width);
    let ((above, out_h), (left, out_w)) = (reach(conv, 0, h), reach(conv, 1, w));
    Maps::by([n, channels_out, out_h, out_w], |[n, to, y, x]| {
        let mut sum = f64::from(conv.bias[to]);
        for dy in 0..height {
            for dx in 0..width {
                let Some([y, x]) = input.place([y * stride + dy, x * stride + dx], [above, left]) else { continue };
                for from in 0..inner {
                    let weight = conv.weight[((to * inner + from) * height + dy) * width + dx];
                    sum += f64::from(weight) * input.at([n, to / outer * inner + from, y, x]);
                }
            }
        }
        sum
    })
}

/// Pixels padded before the first one of a direction (0 is down, 1 to the right), and the size of the output.
fn reach(conv: &Conv, direction: usize, size: usize) -> (usize, usize) {
    let (side, stride) = (conv.kernel[direction], conv.stride);
    match conv.padding {
        Padding::Explicit(padding) => {
            let before = padding[direction];
            (before, (size + 2 * before - side) / stride + 1)
        }
        Padding::Same => {
            let count = size.div_ceil(stride);
            (((count - 1) * stride + side).saturating_sub(size) / 2, count)
        }
    }
}

/// What `rule` makes of the values that lie in each window.
fn pooled(window: &Window, input: &Maps, rule: impl Fn(&[f64]) -> f64) -> Maps {
    let Window { side, stride, padding, ceil } = *window;
    let count = |size: usize| {
        let room = size + 2 * padding - side;
        let count = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
        // As torch does: a window must begin before the padding at the end.
        if ceil && (count - 1) * stride >= size + padding { count - 1 } else { count }
    };
    let [n, c, h, w] = input.shape;
    Maps::by([n, c, count(h), count(w)], |[n, c, y, x]| {
        let places = (0..side * side)
            .filter_map(|at| input.place([y * stride + at / side, x * stride + at % side], [padding; 2]));
        rule(&places.map(|[y, x]| input.at([n, c, y, x])).collect::<Vec<_>>())
    })
}

fn joined(parts: &[&Maps]) -> Maps {
    let [n, _, h, w] = parts[0].shape;
    assert!(parts.iter().all(|part| [part.shape[0], part.shape[2], part.shape[3]] == [n, h, w]));
    let channels: Vec<(&Maps, usize)> =
        parts.iter().flat_map(|&part| (0..part.shape[1]).map(move |channel| (part, channel))).collect();
    Maps::by([n, channels.len(), h, w], |[n, c, y, x]| channels[c].0.at([n, channels[c].1, y, x]))
}

fn bent(act: Act, x: f64) -> f64 {
    let sigmoid = 1.0 / (1.0 + (-x).exp());
    let hard_sigmoid = (x + 3.0).clamp(0.0, 6.0) / 6.0;
    match act {
        Act::None => x,
        Act::Relu => x.max(0.0),
        Act::Relu6 => x.clamp(0.0, 6.0),
        Act::Silu => x * sigmoid,
        Act::HardSwish => x * hard_sigmoid,
        Act::Sigmoid => sigmoid,
        Act::HardSigmoid => hard_sigmoid,
        Act::Gelu => x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)) / 2.0,
    }
}
