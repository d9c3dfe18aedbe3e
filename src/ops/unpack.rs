//! Bytes of tiles to normalised floats: the CPU twin of `shaders/unpack.rs`, and the parameters of both.

/// Sizes of a batch before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnpackShape {
    /// Number of tiles, `N`.
    pub tiles: usize,
    /// Side of a tile as loaded, `I`.
    pub input_px: usize,
    /// Side of a tile as the network sees it, `S`, at most `I`; the middle is kept.
    pub output_px: usize,
}

impl UnpackShape {
    /// Bytes that come in.
    pub fn bytes(self) -> usize {
        self.tiles * self.input_px * self.input_px * 3
    }

    /// Values that come out.
    pub fn values(self) -> usize {
        self.tiles * self.output_px * self.output_px * 3
    }
}

/// `(byte / 255 - mean) / std` as one multiplication and one addition per value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Factor for R, G, B.
    pub scale: [f32; 3],
    /// Summand for R, G, B.
    pub shift: [f32; 3],
}

impl Normalisation {
    /// From the mean and the standard deviation of each channel in 0..=1.
    pub fn new(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self { scale: std.map(|std| 1.0 / (255.0 * std)), shift: [0, 1, 2].map(|c| -mean[c] / std[c]) }
    }

    /// From the kernel's argument.
    ///
    /// # Panics
    /// When there are fewer than six numbers.
    pub fn from_slice(array: &[f32]) -> Self {
        Self { scale: [array[0], array[1], array[2]], shift: [array[3], array[4], array[5]] }
    }

    /// The kernel's argument: the three factors, then the three summands.
    pub fn to_array(self) -> [f32; 6] {
        let ([a, b, c], [d, e, f]) = (self.scale, self.shift);
        [a, b, c, d, e, f]
    }
}

/// Unpacks, crops and normalises.
///
/// # Shapes
/// `bytes`: `[N, I, I, 3]` u8; result `[N, 3, S, S]` f32.
///
/// # Panics
/// When `bytes` is shorter than the shape says.
pub fn unpack(bytes: &[u8], shape: UnpackShape, normalisation: Normalisation) -> Vec<f32> {
    let UnpackShape { tiles, input_px, output_px } = shape;
    let border = (input_px - output_px) / 2;
    let mut out = Vec::with_capacity(shape.values());
    for tile in 0..tiles {
        for channel in 0..3 {
            let (scale, shift) = (normalisation.scale[channel], normalisation.shift[channel]);
            for y in 0..output_px {
                let start = ((tile * input_px + y + border) * input_px + border) * 3;
                let row = &bytes[start..start + output_px * 3];
                out.extend(row.as_chunks::<3>().0.iter().map(|pixel| f32::from(pixel[channel]) * scale + shift));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_kept_and_the_formula_holds() {
        let shape = UnpackShape { tiles: 1, input_px: 4, output_px: 2 };
        let bytes: Vec<u8> = (0..48).collect();
        let out = unpack(&bytes, shape, Normalisation::new([0.5, 0.0, 0.25], [0.5, 1.0, 0.25]));
        assert_eq!(out.len(), shape.values());
        // The pixel at (1, 1) starts at byte 15.
        let expected = |byte: f32, mean: f32, std: f32| (byte / 255.0 - mean) / std;
        assert!((out[0] - expected(15.0, 0.5, 0.5)).abs() < 1e-6);
        assert!((out[4] - expected(16.0, 0.0, 1.0)).abs() < 1e-6);
        assert!((out[11] - expected(32.0, 0.25, 0.25)).abs() < 1e-6);
    }
}
