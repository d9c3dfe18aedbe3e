//! Compressed chunks of the file → pixels: one after another, on all cores, and as a region made of them.

use crate::input::Input;
use crate::{elements, group, skipped};
use criterion::Criterion;
use eosin::geometry::Rect;
use rayon::prelude::*;
use std::hint::black_box;

/// Chunks along x and along y at most, from the middle of the slide.
const SPAN: u32 = 8;
/// Side of the region, pixels.
const REGION_PX: u32 = 2048;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    let slide = &input.slide;
    let level = &slide.levels()[0];
    let middle = |count: u32| {
        let span = count.min(SPAN);
        let first = (count - span) / 2;
        first..first + span
    };
    let chunks: Vec<(u32, u32)> = middle(level.rows)
        .flat_map(|row| middle(level.cols).map(move |col| (col, row)))
        .filter(|&(col, row)| matches!(slide.read_chunk(0, col, row), Ok(Some(_))))
        .collect();
    if chunks.is_empty() {
        return skipped("decode", "no chunk in the middle of the slide can be decoded");
    }
    let read = |&(col, row): &(u32, u32)| slide.read_chunk(0, col, row).unwrap().unwrap();
    let pixels: usize = chunks.iter().map(|chunk| read(chunk).as_bytes().len() / 3).sum();
    let mut group = group(criterion, "cpu", "u8", "decode", pixels);
    group.bench_function("chunks/1_core", |bencher| {
        bencher.iter(|| chunks.iter().for_each(|chunk| drop(black_box(read(chunk)))));
    });
    group.bench_function("chunks/all_cores", |bencher| {
        bencher.iter(|| chunks.par_iter().for_each(|chunk| drop(black_box(read(chunk)))));
    });
    let size = slide.size();
    let (w, h) = (size.w.min(REGION_PX), size.h.min(REGION_PX));
    let region = Rect::new(i64::from((size.w - w) / 2), i64::from((size.h - h) / 2), w, h);
    if let Err(error) = slide.read_region(0, region, [255; 3]) {
        return skipped("decode/region", error.message());
    }
    group.throughput(elements(w as usize * h as usize));
    group.bench_function("region/all_cores", |bencher| {
        bencher.iter(|| slide.read_region(0, black_box(region), [255; 3]).unwrap());
    });
    group.finish();
}
