//! Weights in the order in which kernels use them.
//!
//! A plan is written twice: first to count lines, then with room for so many, because a list that grows is copied again and
//! again, and there twice meanwhile.

use super::graph::Conv;
use super::kernels::{DEPTH, INPUT, LANES, Line, PLACES, TOGETHER, room, to_bf16};

/// Packed weights of a plan, or how many there will be.
#[derive(Debug)]
pub(super) struct Packed {
    /// Lines so far.
    count: usize,
    /// What they hold; none where they are counted.
    lines: Option<Vec<Line>>,
}

/// Output channels whose weights lie side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub first: usize,
    /// Vectors of the group.
    pub vectors: usize,
    /// One past the last channel.
    pub end: usize,
}

impl Group {
    /// The channel of a lane; none beyond the last.
    fn channel(&self, vector: usize, lane: usize) -> Option<usize> {
        let channel = self.first + vector * LANES + lane;
        (channel < self.end).then_some(channel)
    }
}

impl Packed {
    /// Lines are counted, and not made.
    pub fn counting() -> Self {
        Self { count: 0, lines: None }
    }

    /// Room for as many lines as were counted.
    pub fn with_room_of(counted: &Self) -> Self {
        Self { count: 0, lines: Some(room(counted.count)) }
    }

    /// The next place, numbers.
    pub fn end(&self) -> usize {
        self.count * LANES
    }

    /// The lines; nothing where they were only counted.
    pub fn into_lines(self) -> Vec<Line> {
        self.lines.unwrap_or_default()
    }

    fn line(&mut self, of: impl Fn(usize) -> f32) {
        self.count += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(Line(std::array::from_fn(of)));
        }
    }

    /// A vector for each vector of a group; lanes beyond the last channel are 0.
    pub fn push(&mut self, group: Group, of: impl Fn(usize) -> f32) -> usize {
        let start = self.end();
        for vector in 0..group.vectors {
            self.line(|lane| group.channel(vector, lane).map_or(0.0, &of));
        }
        start
    }

    /// For each input that a pixel reads, in the order of its runs, a group of weights. An input is its channel within the
    /// group of the convolution, and its row and column in the kernel.
    pub fn push_dense(&mut self, conv: &Conv, group: Group, inputs: &[[usize; 3]]) -> usize {
        let start = self.end();
        for &[channel, y, x] in inputs {
            self.push(group, |out| conv.at(out, channel, y, x));
        }
        start
    }

    /// Factors, and then summands, of each block of channels.
    pub fn push_pairs(&mut self, scale: &[f32], shift: &[f32]) -> usize {
        let start = self.end();
        for first in (0..scale.len()).step_by(LANES) {
            let group = Group { first, vectors: 1, end: scale.len() };
            self.push(group, |channel| scale[channel]);
            self.push(group, |channel| shift[channel]);
        }
        start
    }

    /// A number for each channel, block after block.
    pub fn push_blocks(&mut self, values: &[f32]) -> usize {
        let vectors = values.len().div_ceil(LANES);
        self.push(Group { first: 0, vectors, end: values.len() }, |channel| values[channel])
    }

    /// Rounded weights, in pairs of inputs: for each [`TOGETHER`] blocks of output channels, for each [`DEPTH`] inputs, for
    /// each of these blocks, `[16 pairs, 16 outputs, 2]`. What is no input has zeros.
    pub fn push_rounded(&mut self, conv: &Conv, inputs: &[Option<[usize; 3]>]) -> usize {
        let start = self.end();
        let end = conv.channels[1];
        for first in (0..end).step_by(TOGETHER * LANES) {
            let vectors = TOGETHER.min((end - first).div_ceil(LANES));
            let group = Group { first, vectors, end };
            let weight = |out, input: Option<[usize; 3]>| {
                u32::from(to_bf16(input.map_or(0.0, |[channel, y, x]| conv.at(out, channel, y, x))))
            };
            for inputs in inputs.chunks(DEPTH) {
                for vector in 0..vectors {
                    for pair in inputs.as_chunks::<2>().0 {
                        let both = |out| f32::from_bits(weight(out, pair[0]) | weight(out, pair[1]) << 16);
                        self.line(|lane| group.channel(vector, lane).map_or(0.0, both));
                    }
                }
            }
        }
        start
    }

    /// Transformed weights of a 3x3 convolution: for each of the [`PLACES`], for each input channel, a group of weights.
    /// Gives the start and the distance from one place to the next.
    pub fn push_winograd(&mut self, conv: &Conv, group: Group) -> [usize; 2] {
        let [inputs, _] = conv.channels;
        let (start, of_place) = (self.end(), inputs * group.vectors);
        if self.lines.is_none() {
            self.count += PLACES * of_place;
            return [start, of_place * LANES];
        }
        let mut bent = vec![[0.0_f32; PLACES]; of_place * LANES];
        for channel in 0..inputs {
            for vector in 0..group.vectors {
                for lane in 0..LANES {
                    if let Some(out) = group.channel(vector, lane) {
                        let at = (channel * group.vectors + vector) * LANES + lane;
                        bent[at] = bend(|y, x| f64::from(conv.at(out, channel, y, x)));
                    }
                }
            }
        }
        for place in 0..PLACES {
            for lanes in bent.chunks(LANES) {
                self.line(|lane| lanes[lane][place]);
            }
        }
        [start, of_place * LANES]
    }
}

impl Conv {
    /// The weight of an input channel of its group, and a row and column of the kernel.
    fn at(&self, out: usize, channel: usize, y: usize, x: usize) -> f32 {
        let [height, width] = self.kernel;
        let inputs = self.channels[0] / self.groups;
        self.weight[((out * inputs + channel) * height + y) * width + x]
    }

    /// The same convolution without groups: zeros where channels do not see each other.
    pub(super) fn without_groups(&self) -> Self {
        let [inputs, outputs] = self.channels;
        let (own, made) = (inputs / self.groups, outputs / self.groups);
        let [height, width] = self.kernel;
        let mut weight = vec![0.0; inputs * outputs * height * width];
        for out in 0..outputs {
            let to = (out * inputs + out / made * own) * height * width;
            let from = out * own * height * width;
            weight[to..to + own * height * width].copy_from_slice(&self.weight[from..from + own * height * width]);
        }
        Self { groups: 1, weight, bias: self.bias.clone(), ..*self }
    }
}

/// `G g G^T` in f64, rounded once.
///
/// # Source
/// Lavin and Gray 2015, arXiv:1509.09308, section 4.3.
#[expect(clippy::cast_possible_truncation, reason = "rounded to what is stored")]
fn bend(g: impl Fn(usize, usize) -> f64) -> [f32; PLACES] {
    const G: [[f64; 3]; INPUT] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    std::array::from_fn(|place| {
        let (row, column) = (G[place / INPUT], G[place % INPUT]);
        let mut sum = 0.0;
        for (y, left) in row.into_iter().enumerate() {
            for (x, right) in column.into_iter().enumerate() {
                sum += left * g(y, x) * right;
            }
        }
        sum as f32
    })
}

#[cfg(test)]
mod tests {
    use super::super::graph::Padding;
    use super::*;

    #[test]
    fn as_many_lines_come_as_were_counted_and_at_the_same_places() {
        let (channels, kernel, groups) = ([5, 37], [3, 3], 1);
        let (weight, bias) = (vec![1.0; 5 * 37 * 9], vec![1.0; 37]);
        let conv = Conv { channels, kernel, stride: 1, padding: Padding::Same, groups, weight, bias };
        let group = Group { first: 16, vectors: 2, end: 37 };
        let fill = |packed: &mut Packed| {
            let inputs = [[0, 0, 0], [4, 2, 2]];
            let rounded: Vec<_> = (0..DEPTH).map(|input| (input < 5).then_some([input, 1, 1])).collect();
            let [winograd, apart] = packed.push_winograd(&conv, group);
            let plain = [packed.push(group, |channel| conv.bias[channel]), packed.push_blocks(&conv.bias)];
            let pairs = packed.push_pairs(&conv.bias, &conv.bias);
            [winograd, apart, plain[0], plain[1], pairs, packed.push_dense(&conv, group, &inputs), {
                packed.push_rounded(&conv, &rounded)
            }]
        };
        let mut counted = Packed::counting();
        let mut made = Packed::with_room_of(&counted);
        assert_eq!(fill(&mut counted), fill(&mut made));
        assert_eq!((counted.end(), counted.into_lines().len()), (made.end(), 0));
        let count = made.count;
        assert_eq!(made.into_lines().len(), count);
    }
}
