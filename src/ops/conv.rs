//! Dense convolutions: the CPU twin of `shaders/conv.rs`, and their sizes.
//!
//! Invariant: what lies outside an image counts as 0; a patch that does not fit whole, padding included, is not made.

/// How a kernel goes over an image; vertical, then horizontal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Pixels from one patch to the next.
    pub stride: [usize; 2],
    /// Pixels of padding above and left.
    pub before: [usize; 2],
    /// Pixels of padding below and right.
    pub after: [usize; 2],
}

impl ConvShape {
    /// The same padding on opposite sides.
    pub fn new(stride: usize, padding: [usize; 2]) -> Self {
        Self { stride: [stride; 2], before: padding, after: padding }
    }

    /// Padding that makes the output as large as the input divided by the stride, rounded up; what is odd goes below and
    /// right, as `TensorFlow` has it.
    pub fn same(stride: usize, input: [usize; 2], kernel: [usize; 2]) -> Self {
        let total = |axis: usize| {
            let output = input[axis].div_ceil(stride);
            (output.saturating_sub(1) * stride + kernel[axis]).saturating_sub(input[axis])
        };
        let total = [total(0), total(1)];
        let before = total.map(|total| total / 2);
        Self { stride: [stride; 2], before, after: [total[0] - before[0], total[1] - before[1]] }
    }

    /// Height and width of the output, from those of the input and of the kernel.
    pub fn output(&self, input: [usize; 2], kernel: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let room = (input[axis] + self.before[axis] + self.after[axis]).checked_sub(kernel[axis]);
            room.map_or(0, |room| room / self.stride[axis] + 1)
        })
    }
}

/// All sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvSizes {
    /// Images.
    pub tiles: usize,
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Height and width of an image.
    pub input: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// How it goes over the image.
    pub shape: ConvShape,
}

impl ConvSizes {
    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        self.shape.output(self.input, self.kernel)
    }

    /// Pixels of all outputs.
    pub fn pixels(&self) -> usize {
        self.tiles * self.output().iter().product::<usize>()
    }

    /// Terms of one sum.
    pub fn terms(&self) -> usize {
        self.channels[0] * self.kernel.iter().product::<usize>()
    }
}

/// Convolves a batch, adds the bias and what else is to be added, and bends the sums.
///
/// # Shapes
/// `input`: `[N, C, H, W]`; `weight`: `[K, C, h, w]`; `bias`: `[K]`; `residual` and the result: `[N, K, H', W']`.
///
/// # Panics
/// When an argument is shorter than the sizes say.
#[expect(clippy::cast_possible_truncation, reason = "results are f32")]
pub fn conv(
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    sizes: &ConvSizes,
    bend: impl Fn(f64) -> f64,
) -> Vec<f32> {
    let [channels_in, channels_out] = sizes.channels;
    let [height, width] = sizes.output();
    let mut out = Vec::with_capacity(sizes.pixels() * channels_out);
    for tile in 0..sizes.tiles {
        let image = &input[tile * channels_in * sizes.input[0] * sizes.input[1]..];
        for channel in 0..channels_out {
            let kernel = &weight[channel * sizes.terms()..][..sizes.terms()];
            let shift = bias.map_or(0.0, |bias| f64::from(bias[channel]));
            for y in 0..height {
                for x in 0..width {
                    let added = residual.map_or(0.0, |residual| f64::from(residual[out.len()]));
                    out.push(bend(dot(image, kernel, [y, x], sizes) + shift + added) as f32);
                }
            }
        }
    }
    out
}

/// One sum: a kernel with the patch of a place in the output.
fn dot(image: &[f32], kernel: &[f32], place: [usize; 2], sizes: &ConvSizes) -> f64 {
    let ConvSizes { input: [height, width], kernel: [rows, columns], shape, .. } = *sizes;
    // The place in the image, where there is one.
    let within = |axis: usize, offset: usize, side: usize| {
        (place[axis] * shape.stride[axis] + offset).checked_sub(shape.before[axis]).filter(|&at| at < side)
    };
    let mut sum = 0.0;
    for channel in 0..sizes.channels[0] {
        for i in 0..rows {
            let Some(y) = within(0, i, height) else { continue };
            for j in 0..columns {
                let Some(x) = within(1, j, width) else { continue };
                let value = image[(channel * height + y) * width + x];
                sum += f64::from(value) * f64::from(kernel[(channel * rows + i) * columns + j]);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_whole_patches() {
        assert_eq!(ConvShape::new(2, [3, 3]).output([224, 224], [7, 7]), [112, 112]);
        assert_eq!(ConvShape::new(1, [0, 3]).output([17, 17], [1, 7]), [17, 17]);
        assert_eq!(ConvShape::new(2, [0, 0]).output([8, 9], [3, 3]), [3, 4]);
        assert_eq!(ConvShape::new(1, [0, 0]).output([2, 2], [3, 3]), [0, 0]);
        let same = ConvShape::same(2, [224, 225], [3, 3]);
        assert_eq!((same.before, same.after), ([0, 1], [1, 1]));
        assert_eq!(same.output([224, 225], [3, 3]), [112, 113]);
    }

    /// Sums done by hand: a 3x3 image, padded below and right, under a 2x2 kernel.
    #[test]
    fn a_small_convolution_is_that_by_hand() {
        let shape = ConvShape { stride: [2, 2], before: [0, 0], after: [1, 1] };
        let sizes = ConvSizes { tiles: 1, channels: [1, 2], input: [3, 3], kernel: [2, 2], shape };
        let image: Vec<f32> = (1_u8..=9).map(f32::from).collect();
        let weight = [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, -1.0];
        let residual = [0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0];
        let out = conv(&image, &weight, Some(&[1.0, 2.0]), Some(&residual), &sizes, |x| x.max(0.0));
        // 1 + 2*2 + 3*4 + 4*5 + 1; 3 + 3*6 + 1; 7 + 2*8 + 1; 9 + 1 + 0.5; 2 - 5, bent; 2 thrice.
        assert_eq!(out, [38.0, 22.0, 24.0, 10.5, 0.0, 2.0, 2.0, 2.0]);
    }
}
