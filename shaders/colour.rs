//! Colours varied or normalised, and brought to what the network takes.
//!
//! - `values`: `[N, S, S, 3]` (NHWC), 0 to 255.
//! - `maps`: `[N, 34]`: what to do (0 nothing, 1 light alone, 2 all), then `A` (9), `M` (9), `b` (3), `P` (9), `p` (3), by rows.
//! - `scale_shift`: `[6]`, a factor and then a summand for each of R, G, B.
//! - `out`: as `values`.
//! - Cube: one dimension; one thread makes one pixel of `out`.
//! - Formula: `q = A rgb`; `a = -ln(max(q, 1) / 255)`; `q' = 255 exp(-(M a + b))`, or `q' = q` for light alone;
//!   `rgb' = P q' + p` held between 0 and 255; `out = rgb' * scale[c] + shift[c]`.
//! - Source: optical densities as Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23:291-299; which maps this holds
//!   is told with the twin.
//! - CPU twin: `src/ops/colour.rs`.

use cubecl::prelude::*;

/// Maps the colours of a batch and normalises them.
#[cube(launch)]
pub fn colour_map<F: Float>(
    values: &Tensor<F>,
    maps: &Tensor<F>,
    scale_shift: &Tensor<F>,
    out: &mut Tensor<F>,
    #[comptime] pixels: usize,
    #[comptime] row_length: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS * 3 >= out.len() {
        terminate!();
    }
    let at = ABSOLUTE_POS * 3;
    let row = (ABSOLUTE_POS / pixels) * row_length;
    let full = F::cast_from(255.0f32);
    let mut red = values[at];
    let mut green = values[at + 1];
    let mut blue = values[at + 2];
    if maps[row] > F::cast_from(0.5f32) {
        let mut long = times::<F>(maps, row + 1, red, green, blue);
        let mut middle = times::<F>(maps, row + 4, red, green, blue);
        let mut short = times::<F>(maps, row + 7, red, green, blue);
        if maps[row] > F::cast_from(1.5f32) {
            let (a, b, c) = (density::<F>(long), density::<F>(middle), density::<F>(short));
            long = (-(times::<F>(maps, row + 10, a, b, c) + maps[row + 19])).exp() * full;
            middle = (-(times::<F>(maps, row + 13, a, b, c) + maps[row + 20])).exp() * full;
            short = (-(times::<F>(maps, row + 16, a, b, c) + maps[row + 21])).exp() * full;
        }
        let zero = F::cast_from(0.0f32);
        red = (times::<F>(maps, row + 22, long, middle, short) + maps[row + 31]).clamp(zero, full);
        green = (times::<F>(maps, row + 25, long, middle, short) + maps[row + 32]).clamp(zero, full);
        blue = (times::<F>(maps, row + 28, long, middle, short) + maps[row + 33]).clamp(zero, full);
    }
    out[at] = red * scale_shift[0] + scale_shift[3];
    out[at + 1] = green * scale_shift[1] + scale_shift[4];
    out[at + 2] = blue * scale_shift[2] + scale_shift[5];
}

/// One row of a matrix times a colour.
#[cube]
fn times<F: Float>(maps: &Tensor<F>, at: usize, a: F, b: F, c: F) -> F {
    maps[at] * a + maps[at + 1] * b + maps[at + 2] * c
}

#[cube]
fn density<F: Float>(light: F) -> F {
    -(light.max(F::cast_from(1.0f32)) / F::cast_from(255.0f32)).ln()
}
