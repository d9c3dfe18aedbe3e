//! Small streams of many kinds, damaged in many ways: the decoder gives pixels or an error and never panics.
//!
//! The streams are written here, because encoders at hand write one sampling and no restart markers. Their pictures mean
//! nothing; what they must come out as is held elsewhere, against other decoders.

use super::{Channels, JpegCodec};
use crate::geometry::Size;
use rayon::prelude::*;

/// Damaged streams of each kind.
const MUTANTS: u64 = 40_000;
/// No multiple of a unit, whatever the sampling.
const SIZE: Size = Size::new(45, 37);

/// How a stream is laid out.
struct Kind {
    /// Across and down, for each channel.
    sampling: [(u8, u8); 3],
    /// Units between restart markers, 0 for none.
    restart_interval: u16,
    /// One scan for all channels, or one for each.
    is_interleaved: bool,
}

const KINDS: [Kind; 8] = [
    Kind { sampling: [(1, 1); 3], restart_interval: 0, is_interleaved: true },
    Kind { sampling: [(1, 1); 3], restart_interval: 1, is_interleaved: true },
    Kind { sampling: [(2, 1), (1, 1), (1, 1)], restart_interval: 3, is_interleaved: true },
    Kind { sampling: [(2, 2), (1, 1), (1, 1)], restart_interval: 0, is_interleaved: true },
    Kind { sampling: [(2, 2), (1, 1), (1, 1)], restart_interval: 2, is_interleaved: false },
    Kind { sampling: [(1, 2), (1, 1), (1, 2)], restart_interval: 7, is_interleaved: true },
    Kind { sampling: [(4, 1), (1, 1), (2, 1)], restart_interval: 0, is_interleaved: true },
    Kind { sampling: [(4, 4), (1, 2), (2, 4)], restart_interval: 5, is_interleaved: false },
];

/// Numbers that look random and are the same in every run (splitmix64, Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Bits of a scan, ff followed by a zero.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    byte: u8,
    len: u32,
}

impl Writer {
    fn put(&mut self, value: usize, bits: u32) {
        for bit in (0..bits).rev() {
            self.byte = self.byte << 1 | u8::from(value >> bit & 1 == 1);
            self.len += 1;
            if self.len == 8 {
                self.bytes.push(self.byte);
                self.bytes.extend((self.byte == 0xff).then_some(0));
                (self.byte, self.len) = (0, 0);
            }
        }
    }

    /// A block: its codes are the numbers of their symbols, of four bits for DC and eight for AC.
    fn block(&mut self, random: &mut Random) {
        let len = random.below(5);
        self.put(len, 4);
        self.put(random.below(1 << len), u32::try_from(len).unwrap());
        let mut position = 1;
        while position < 64 && random.below(6) > 0 {
            let (run, len) = (random.below(4.min(64 - position)), 1 + random.below(3));
            self.put(2 + run * 10 + len - 1, 8);
            self.put(random.below(1 << len), u32::try_from(len).unwrap());
            position += run + 1;
        }
        if position < 64 {
            self.put(0, 8);
        }
    }

    fn pad(&mut self) {
        while self.len > 0 {
            self.put(1, 1);
        }
    }
}

/// A sound stream.
fn stream(kind: &Kind, random: &mut Random) -> Vec<u8> {
    let (w, h) = (SIZE.w.to_be_bytes(), SIZE.h.to_be_bytes());
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    bytes.extend([7; 64]);
    let ac_symbols = (0..16).flat_map(|run| (1..=10).map(move |len| run << 4 | len));
    bytes.extend([0xff, 0xc4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(0..12);
    bytes.extend([0xff, 0xc4, 0, 181, 0x10, 0, 0, 0, 0, 0, 0, 0, 162, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0x00, 0xf0].into_iter().chain(ac_symbols));
    bytes.extend([0xff, 0xc0, 0, 17, 8, h[2], h[3], w[2], w[3], 3]);
    bytes.extend((1..).zip(kind.sampling).flat_map(|(id, (h, v))| [id, h << 4 | v, 0]));
    let [high, low] = kind.restart_interval.to_be_bytes();
    bytes.extend([0xff, 0xdd, 0, 4, high, low]);
    let (h_max, v_max) =
        kind.sampling.iter().fold((1, 1), |max, one| (max.0.max(u32::from(one.0)), max.1.max(u32::from(one.1))));
    let scans = if kind.is_interleaved { vec![vec![0, 1, 2]] } else { vec![vec![0], vec![1], vec![2]] };
    for scan in scans {
        let ids: Vec<u8> = scan.iter().flat_map(|&channel: &u8| [channel + 1, 0]).collect();
        bytes.extend([0xff, 0xda, 0, u8::try_from(6 + ids.len()).unwrap(), u8::try_from(scan.len()).unwrap()]);
        bytes.extend(ids);
        bytes.extend([0, 63, 0]);
        let (units, blocks) = if let [only] = scan[..] {
            let (h, v) = kind.sampling[usize::from(only)];
            let side = |px: u32, factor: u8, max: u32| (px * u32::from(factor)).div_ceil(max).div_ceil(8);
            (side(SIZE.w, h, h_max) * side(SIZE.h, v, v_max), 1)
        } else {
            let blocks = kind.sampling.iter().map(|(h, v)| h * v).sum();
            (SIZE.w.div_ceil(8 * h_max) * SIZE.h.div_ceil(8 * v_max), blocks)
        };
        let mut data = Writer::default();
        let interval = u32::from(kind.restart_interval);
        for unit in 0..units {
            if interval > 0 && unit > 0 && unit % interval == 0 {
                data.pad();
                data.bytes.extend([0xff, 0xd0 + u8::try_from((unit / interval - 1) % 8).unwrap()]);
            }
            (0..blocks).for_each(|_| data.block(random));
        }
        data.pad();
        bytes.extend(data.bytes);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// Changes a stream at one to three places.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(24)).min(bytes.len());
        let action = random.below(9);
        match action {
            0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.byte()),
            2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            3 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = [0, 0xff][random.below(2)]),
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..end)),
            6 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            7 => {
                let noise: Vec<u8> = (at..end).map(|_| random.byte()).collect();
                drop(bytes.splice(at..at, noise));
            }
            _ => drop(bytes.splice(at..at, [0xff, 0xc0 | random.byte()])),
        }
    }
}

#[test]
fn damaged_streams_of_every_kind_give_pixels_or_an_error() {
    for (number, kind) in KINDS.iter().enumerate() {
        let codec = JpegCodec::new(None, Channels::YCbCr).unwrap();
        let sound = stream(kind, &mut Random(number as u64));
        assert_eq!(codec.decode(&sound, SIZE).unwrap().size(), SIZE, "kind {number}");
        let refused: u64 = (0..MUTANTS)
            .into_par_iter()
            .map(|seed| {
                let mut random = Random(seed << 8 | number as u64);
                let mut bytes = sound.clone();
                damage(&mut bytes, &mut random);
                match codec.decode(&bytes, SIZE) {
                    Ok(image) => {
                        assert_eq!(image.size(), SIZE, "kind {number}, seed {seed}");
                        0
                    }
                    Err(_) => 1,
                }
            })
            .sum();
        // Some edits leave a stream that another encoder could have written.
        assert!(refused > MUTANTS / 2, "kind {number}: {refused} of {MUTANTS} were refused");
    }
}
