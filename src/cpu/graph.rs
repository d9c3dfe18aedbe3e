//! A network as a list of operations with their weights: what the engine is given.
//!
//! Sizes of maps are not part of it, so one graph serves tiles of any side. Invariant: an operation comes after those it
//! reads. Whether weights have the lengths that their operation needs is checked when a graph is planned, not here.

/// What an operation gives, by its place in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(usize);

impl Value {
    /// Its place in the graph.
    pub(super) fn index(self) -> usize {
        self.0
    }

    pub(super) fn at(index: usize) -> Self {
        Self(index)
    }
}

/// Operations in the order in which they can be computed, from a tile to what is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<Value>,
}

/// An operation and what it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub(super) op: Op,
    pub(super) inputs: Vec<Value>,
    /// Channels of what it gives.
    pub(super) channels: usize,
}

/// What an operation does; maps are `[N, C, H, W]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// Normalised RGB `[N, 3, S, S]`.
    Tile,
    Conv(Conv),
    /// A factor and a summand for each channel.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Act(Act),
    /// The sum of two maps.
    Add,
    /// The first maps, each channel times that of the second, `[N, C, 1, 1]`.
    Weigh,
    /// Maps one after another by channel.
    Join,
    /// The channels of these numbers, in this order.
    Pick(Vec<usize>),
    MaxPool(Window),
    /// The mean of what lies in the window; what is padded is not counted.
    MeanPool(Window),
    /// To `[N, C, 1, 1]`.
    GlobalMean,
    /// Mean 0 and variance 1 over the channels of each place, then a factor and a summand for each.
    LayerNorm {
        scale: Vec<f32>,
        shift: Vec<f32>,
        epsilon: f32,
    },
}

/// What bends the line behind a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Act {
    /// Nothing.
    #[default]
    None,
    /// What is negative is 0.
    Relu,
    /// At least 0, at most 6.
    Relu6,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `x * relu6(x + 3) / 6`.
    HardSwish,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `relu6(x + 3) / 6`.
    HardSigmoid,
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu,
}

/// How what lies outside the maps is met, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Above and below, left and right.
    Explicit([usize; 2]),
    /// So that the output has the size of the input divided by the stride, rounded up; what is odd goes to the bottom and
    /// right.
    Same,
}

/// A convolution and its bias.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Height and width.
    pub kernel: [usize; 2],
    /// Of both directions.
    pub stride: usize,
    /// What lies outside counts as 0.
    pub padding: Padding,
    /// Groups of channels that see only each other.
    pub groups: usize,
    /// `[out, in / groups, height, width]`.
    pub weight: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// The square that a pooling looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its side, pixels.
    pub side: usize,
    /// From one to the next, pixels.
    pub stride: usize,
    /// How far it reaches outside, on all sides, pixels.
    pub padding: usize,
    /// Whether incomplete squares at the right and bottom count.
    pub ceil: bool,
}

impl Graph {
    /// A graph that only takes a tile, and that tile.
    pub fn new() -> (Self, Value) {
        let tile = Node { op: Op::Tile, inputs: Vec::new(), channels: 3 };
        (Self { nodes: vec![tile], outputs: Vec::new() }, Value(0))
    }

    /// Asks for a value, after those asked for before.
    pub fn give(&mut self, value: Value) {
        self.outputs.push(value);
    }

    /// Channels of a value.
    pub fn channels(&self, value: Value) -> usize {
        self.nodes[value.0].channels
    }

    /// A convolution.
    pub fn conv(&mut self, input: Value, conv: Conv) -> Value {
        let channels = conv.channels[1];
        self.push(Op::Conv(conv), vec![input], channels)
    }

    /// A linear layer over the channels of each place: `weight` is `[out, in]`, `bias` is `[out]`.
    pub fn linear(&mut self, input: Value, weight: Vec<f32>, bias: Vec<f32>) -> Value {
        let channels = [self.channels(input), bias.len()];
        let padding = Padding::Explicit([0; 2]);
        self.conv(input, Conv { channels, kernel: [1; 2], stride: 1, padding, groups: 1, weight, bias })
    }

    /// A factor and a summand for each channel.
    pub fn affine(&mut self, input: Value, scale: Vec<f32>, shift: Vec<f32>) -> Value {
        self.keep(Op::Affine { scale, shift }, vec![input])
    }

    /// An activation.
    pub fn act(&mut self, input: Value, act: Act) -> Value {
        self.keep(Op::Act(act), vec![input])
    }

    /// The sum of two maps of one shape.
    pub fn add(&mut self, left: Value, right: Value) -> Value {
        self.keep(Op::Add, vec![left, right])
    }

    /// Each channel of `maps` times that of `weights`, `[N, C, 1, 1]`.
    pub fn weigh(&mut self, maps: Value, weights: Value) -> Value {
        self.keep(Op::Weigh, vec![maps, weights])
    }

    /// Maps one after another by channel.
    pub fn join(&mut self, parts: Vec<Value>) -> Value {
        let channels = parts.iter().map(|&part| self.channels(part)).sum();
        self.push(Op::Join, parts, channels)
    }

    /// Some channels, in the order of their numbers.
    pub fn pick(&mut self, input: Value, channels: Vec<usize>) -> Value {
        let count = channels.len();
        self.push(Op::Pick(channels), vec![input], count)
    }

    /// The largest value in a window; what is padded never wins.
    pub fn max_pool(&mut self, input: Value, window: Window) -> Value {
        self.keep(Op::MaxPool(window), vec![input])
    }

    /// The mean of a window; what is padded is not counted.
    pub fn mean_pool(&mut self, input: Value, window: Window) -> Value {
        self.keep(Op::MeanPool(window), vec![input])
    }

    /// The mean over all places, `[N, C, 1, 1]`.
    pub fn global_mean(&mut self, input: Value) -> Value {
        self.keep(Op::GlobalMean, vec![input])
    }

    /// Mean 0 and variance 1 over the channels of each place, then a factor and a summand for each channel.
    pub fn layer_norm(&mut self, input: Value, scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Value {
        self.keep(Op::LayerNorm { scale, shift, epsilon }, vec![input])
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn outputs(&self) -> &[Value] {
        &self.outputs
    }

    fn keep(&mut self, op: Op, inputs: Vec<Value>) -> Value {
        let channels = self.channels(inputs[0]);
        self.push(op, inputs, channels)
    }

    fn push(&mut self, op: Op, inputs: Vec<Value>, channels: usize) -> Value {
        self.nodes.push(Node { op, inputs, channels });
        Value(self.nodes.len() - 1)
    }
}
