//! The two transforms around the products of Winograd's convolution F(4x4, 3x3): 36 products for 16 results instead of 144.
//!
//! # Source
//! Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308, section 4.3: the matrices
//! for the points 0, 1, -1, 2, -2.

use super::Memory;
use super::lanes::{LANES, Lanes};

/// Side of the square of inputs and of results.
pub(in crate::cpu) const INPUT: usize = 6;
pub(in crate::cpu) const OUTPUT: usize = 4;
/// Products for each square.
pub(in crate::cpu) const PLACES: usize = INPUT * INPUT;

/// Squares of some images, of one block of channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cpu) struct Transform {
    /// Origin of the first square of the maps, in numbers from the beginning of the memory.
    pub maps: usize,
    pub maps_row: usize,
    /// Transformed numbers: from one of the [`PLACES`] to the next; a square has [`LANES`] numbers in each.
    pub place: usize,
    pub planes: usize,
    /// Squares side by side in the maps.
    pub columns: usize,
    /// Squares of an image.
    pub squares: usize,
    /// From one image to the next in the maps.
    pub image: usize,
}

/// What becomes of results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cpu) struct Finish {
    /// Size of the maps, pixels.
    pub height: usize,
    pub width: usize,
    /// Of the bias, in the weights.
    pub bias: usize,
    /// What is added: its origin and from one of its rows and images to the next.
    pub residual: Option<[usize; 3]>,
    pub bounds: [f32; 2],
}

/// `B^T d` of six vectors.
#[inline(always)]
unsafe fn bend<L: Lanes>(d: [L; INPUT]) -> [L; INPUT] {
    unsafe {
        let (two, four, five) = (L::splat(2.0), L::splat(4.0), L::splat(-5.0));
        let minus = L::splat(-4.0);
        let a = d[2].fma(minus, d[4]); // d4 - 4 d2
        let b = d[1].fma(minus, d[3]); // d3 - 4 d1
        let c = d[4].sub(d[2]);
        let e = d[3].sub(d[1]).mul(two);
        [
            d[0].fma(four, d[2].fma(five, d[4])),
            a.add(b),
            a.sub(b),
            c.add(e),
            c.sub(e),
            d[1].fma(four, d[3].fma(five, d[5])),
        ]
    }
}

/// `A^T m` of six vectors.
#[inline(always)]
unsafe fn unbend<L: Lanes>(m: [L; INPUT]) -> [L; OUTPUT] {
    unsafe {
        let (two, four, eight) = (L::splat(2.0), L::splat(4.0), L::splat(8.0));
        let (a, b) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (c, d) = (m[3].add(m[4]), m[3].sub(m[4]));
        [m[0].add(a).add(c), d.fma(two, b), c.fma(four, a), d.fma(eight, b).add(m[5])]
    }
}

/// Squares `first..first + count`, counted over all images, of the maps to their transformed numbers.
///
/// # Safety
/// As [`Lanes`]; every place of the call must lie in the memory.
#[inline(always)]
pub(super) unsafe fn gather<L: Lanes>(call: &Transform, memory: Memory, first: usize, count: usize) {
    unsafe {
        for at in 0..count {
            let (image, square) = ((first + at) / call.squares, (first + at) % call.squares);
            let (y, x) = (square / call.columns * OUTPUT, square % call.columns * OUTPUT);
            let maps = memory.at(call.maps + image * call.image + y * call.maps_row + x * LANES).cast_const();
            let planes = memory.transformed.add(call.planes + at * LANES);
            let zero = L::splat(0.0);
            let mut half = [[zero; INPUT]; INPUT];
            for column in 0..INPUT {
                let mut d = [zero; INPUT];
                for row in 0..INPUT {
                    d[row] = L::load(maps.add(row * call.maps_row + column * LANES));
                }
                let bent = bend(d);
                for row in 0..INPUT {
                    half[row][column] = bent[row];
                }
            }
            for row in 0..INPUT {
                let bent = bend(half[row]);
                for column in 0..INPUT {
                    bent[column].store(planes.add((row * INPUT + column) * call.place));
                }
            }
        }
    }
}

/// Sums of products of these squares to results in the maps.
///
/// # Safety
/// As [`gather`]; the bias and what is added must lie in the memory, too.
#[inline(always)]
pub(super) unsafe fn scatter<L: Lanes>(call: &Transform, finish: &Finish, memory: Memory, first: usize, count: usize) {
    unsafe {
        let bias = L::load(memory.weights.add(finish.bias));
        let [low, high] = [L::splat(finish.bounds[0]), L::splat(finish.bounds[1])];
        for at in 0..count {
            let (image, square) = ((first + at) / call.squares, (first + at) % call.squares);
            let (y, x) = (square / call.columns * OUTPUT, square % call.columns * OUTPUT);
            let planes = memory.transformed.add(call.planes + at * LANES).cast_const();
            let zero = L::splat(0.0);
            let mut half = [[zero; INPUT]; OUTPUT];
            for column in 0..INPUT {
                let mut m = [zero; INPUT];
                for row in 0..INPUT {
                    m[row] = L::load(planes.add((row * INPUT + column) * call.place));
                }
                let unbent = unbend(m);
                for row in 0..OUTPUT {
                    half[row][column] = unbent[row];
                }
            }
            // What sticks out of the maps is not written: beyond them lie zeros that others count on.
            let (rows, columns) = ((finish.height - y).min(OUTPUT), (finish.width - x).min(OUTPUT));
            for row in 0..OUTPUT {
                if row == rows {
                    break;
                }
                let unbent = unbend(half[row]);
                let line = memory.at(call.maps + image * call.image + (y + row) * call.maps_row + x * LANES);
                if let Some([place, pitch, stride]) = finish.residual {
                    let other = memory.at(place + image * stride + (y + row) * pitch + x * LANES);
                    for column in 0..OUTPUT {
                        if column < columns {
                            let sum = unbent[column].add(bias).add(L::load(other.add(column * LANES)));
                            high.min_of(low.max_of(sum)).store(line.add(column * LANES));
                        }
                    }
                } else {
                    for column in 0..OUTPUT {
                        if column < columns {
                            high.min_of(low.max_of(unbent[column].add(bias))).store(line.add(column * LANES));
                        }
                    }
                }
            }
        }
    }
}
