//! Each operation of each kind of vector against its definition, on numbers that networks seldom meet.

use super::lanes::{LANES, Lanes};
use super::processor::Kernels;

type Vector = [f32; LANES];
/// The last are whole numbers from -126 to 127.
pub(super) type Operands = [Vector; 3];
/// In the order of the definitions.
pub(super) type Results = [Vector; DEFINITIONS.len()];

type Definition = (&'static str, fn([f32; 3]) -> f32);

const DEFINITIONS: [Definition; 12] = [
    ("splat", |_| FIRST),
    ("add", |[a, b, _]| a + b),
    ("sub", |[a, b, _]| a - b),
    ("mul", |[a, b, _]| a * b),
    ("div", |[a, b, _]| a / b),
    ("fma", |[a, b, c]| a.mul_add(b, c)),
    ("max_of", |[a, b, _]| if a > b { a } else { b }),
    ("min_of", |[a, b, _]| if a < b { a } else { b }),
    ("round", |[a, _, _]| a.round_ties_even()),
    ("power_of_two", |[_, _, c]| c.exp2()),
    ("abs", |[a, _, _]| a.abs()),
    ("with_sign", |[a, b, _]| a.abs().copysign(b)),
];
const FIRST: f32 = -7.25;

/// Signs of zero, ties, the largest number with a half, both ends, numbers below the smallest normal one, and none.
const NUMBERS: [f32; 24] = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.5,
    -2.5,
    0.499_999_97,
    -1.0,
    3.1,
    -89.3,
    8_388_607.5,
    -8_388_609.0,
    1e-3,
    -1e10,
    1e-40,
    -1e-45,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    -f32::NAN,
    0.1,
];

/// Computes all.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(super) unsafe fn all<L: Lanes>([a, b, c]: &Operands) -> Results {
    let mut results = [[f32::NAN; LANES]; DEFINITIONS.len()];
    unsafe {
        let (a, b, c) = (L::load(a.as_ptr()), L::load(b.as_ptr()), L::load(c.as_ptr()));
        let found = [
            L::splat(FIRST),
            a.add(b),
            a.sub(b),
            a.mul(b),
            a.div(b),
            a.fma(b, c),
            a.max_of(b),
            a.min_of(b),
            a.round(),
            c.power_of_two(),
            a.abs(),
            a.abs().with_sign(b),
        ];
        for (result, found) in results.iter_mut().zip(found) {
            found.store(result.as_mut_ptr());
        }
    }
    results
}

#[test]
fn each_operation_is_what_its_definition_says_to_the_bit() {
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    let pairs: Vec<[f32; 2]> = NUMBERS.iter().flat_map(|&a| NUMBERS.map(|b| [a, b])).collect();
    let mut whole = (-126_i16..=127).cycle().map(f32::from);
    for operands in pairs.chunks_exact(LANES) {
        let third: Vector = std::array::from_fn(|_| whole.next().unwrap());
        let operands =
            [std::array::from_fn(|lane| operands[lane][0]), std::array::from_fn(|lane| operands[lane][1]), third];
        for kernels in Kernels::available() {
            let results = unsafe { (kernels.operations)(&operands) };
            for ((name, definition), result) in DEFINITIONS.iter().zip(results) {
                for lane in 0..LANES {
                    let [a, b, c] = operands.map(|operand| operand[lane]);
                    let (found, expected) = (result[lane], definition([a, b, c]));
                    // Some processors have no product and sum that are rounded once.
                    let twice = *name == "fma" && same(found, a * b + c);
                    let kind = kernels.name;
                    assert!(same(found, expected) || twice, "{kind}: {name} of {a}, {b}, {c}: {found}, not {expected}");
                }
            }
        }
    }
}
