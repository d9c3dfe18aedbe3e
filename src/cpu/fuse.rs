//! A graph → the passes over memory that it takes: what can be done while a result is still in registers is joined to the
//! operation that makes it, and what nobody asks for is left out.

use super::graph::{Act, Conv, Graph, Op, Value, Window};

/// One pass over memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pass<'a> {
    pub what: What<'a>,
    pub input: Value,
    /// What it makes.
    pub output: Value,
    /// What comes last.
    pub act: Act,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What<'a> {
    Tile,
    /// And what is added before the activation.
    Conv(&'a Conv, Option<Value>),
    /// Nothing but the activation.
    Act,
    Affine(&'a [f32], &'a [f32]),
    Add(Value),
    Weigh(Value),
    /// All of the first maps, and then of these.
    Join(Vec<Value>),
    /// Channels of other maps.
    Pick(Vec<(Value, usize)>),
    /// The largest number, or the mean.
    Pool(Window, bool),
    GlobalMean,
    LayerNorm(&'a [f32], &'a [f32], f32),
}

impl Pass<'_> {
    /// All that it reads.
    pub fn inputs(&self) -> Vec<Value> {
        let mut inputs = vec![self.input];
        match &self.what {
            What::Tile => inputs.clear(),
            What::Conv(_, residual) => inputs.extend(residual),
            What::Add(other) | What::Weigh(other) => inputs.push(*other),
            What::Join(parts) => inputs.clone_from(parts),
            What::Pick(channels) => {
                inputs = channels.iter().map(|&(value, _)| value).collect();
                inputs.sort();
                inputs.dedup();
            }
            What::Act | What::Affine(..) | What::Pool(..) | What::GlobalMean | What::LayerNorm(..) => {}
        }
        inputs
    }

    /// Whether an activation can follow within the pass.
    fn takes_act(&self) -> bool {
        let able = matches!(self.what, What::Conv(..) | What::Act | What::Affine(..) | What::Add(_) | What::Weigh(_));
        able && self.act == Act::None
    }
}

/// The passes that make the outputs of a graph, in an order in which they can run.
pub(super) fn fuse(graph: &Graph) -> Vec<Pass<'_>> {
    let mut uses = vec![0; graph.nodes().len()];
    let read = graph.nodes().iter().flat_map(|node| &node.inputs);
    for value in read.chain(graph.outputs()) {
        uses[value.index()] += 1;
    }
    let mut line = Line { graph, uses, waiting: vec![None; graph.nodes().len()], passes: Vec::new() };
    for index in 0..graph.nodes().len() {
        let pass = line.pass(Value::at(index));
        line.waiting[index] = Some(pass);
        // Early, while what it reads is still in the cache, and need not be kept.
        if matches!(graph.nodes()[index].op, Op::GlobalMean) && line.uses[index] > 0 {
            line.flush(Value::at(index));
        }
    }
    for &output in graph.outputs() {
        line.flush(output);
    }
    line.passes
}

struct Line<'a> {
    graph: &'a Graph,
    uses: Vec<usize>,
    /// Passes that may still be joined to what follows.
    waiting: Vec<Option<Pass<'a>>>,
    passes: Vec<Pass<'a>>,
}

impl<'a> Line<'a> {
    fn flush(&mut self, value: Value) {
        if let Some(pass) = self.waiting[value.index()].take() {
            for input in pass.inputs() {
                self.flush(input);
            }
            self.passes.push(pass);
        }
    }

    /// Takes the pass that makes a value if nobody else reads it and `fits`.
    fn take(&mut self, value: Value, fits: impl Fn(&Pass<'a>) -> bool) -> Option<Pass<'a>> {
        let waiting = &mut self.waiting[value.index()];
        if self.uses[value.index()] == 1 && waiting.as_ref().is_some_and(fits) { waiting.take() } else { None }
    }

    fn pass(&mut self, output: Value) -> Pass<'a> {
        let graph = self.graph;
        let node = &graph.nodes()[output.index()];
        let input = node.inputs.first().copied().unwrap_or(output);
        let plain = |what| Pass { what, input, output, act: Act::None };
        match &node.op {
            Op::Tile => plain(What::Tile),
            Op::Conv(conv) => plain(What::Conv(conv, None)),
            Op::Affine { scale, shift } => plain(What::Affine(scale, shift)),
            Op::Act(act) => {
                let before = self.take(input, Pass::takes_act);
                Pass { output, act: *act, ..before.unwrap_or(plain(What::Act)) }
            }
            Op::Add => {
                let other = node.inputs[1];
                // The later one: what the other gives is there by then.
                let sides =
                    if input > other { [(input, other), (other, input)] } else { [(other, input), (input, other)] };
                for (conv, residual) in sides {
                    let bare = |pass: &Pass<'_>| matches!(pass.what, What::Conv(_, None)) && pass.act == Act::None;
                    if conv != residual
                        && let Some(Pass { what: What::Conv(of, _), input, .. }) = self.take(conv, bare)
                    {
                        return Pass { what: What::Conv(of, Some(residual)), input, output, act: Act::None };
                    }
                }
                plain(What::Add(other))
            }
            Op::Weigh => plain(What::Weigh(node.inputs[1])),
            Op::Join => plain(What::Join(node.inputs.clone())),
            Op::Pick(channels) => {
                plain(What::Pick(channels.iter().map(|&channel| self.origin(input, channel)).collect()))
            }
            Op::MaxPool(window) => plain(What::Pool(*window, true)),
            Op::MeanPool(window) => plain(What::Pool(*window, false)),
            Op::GlobalMean => plain(What::GlobalMean),
            Op::LayerNorm { scale, shift, epsilon } => plain(What::LayerNorm(scale, shift, *epsilon)),
        }
    }

    /// The maps that a channel of joined or picked maps comes from.
    fn origin(&self, value: Value, channel: usize) -> (Value, usize) {
        let node = &self.graph.nodes()[value.index()];
        match &node.op {
            Op::Pick(channels) if channel < channels.len() => self.origin(node.inputs[0], channels[channel]),
            Op::Join => {
                let mut before = 0;
                for &part in &node.inputs {
                    let count = self.graph.channels(part);
                    if channel < before + count {
                        return self.origin(part, channel - before);
                    }
                    before += count;
                }
                (value, channel)
            }
            _ => (value, channel),
        }
    }
}
