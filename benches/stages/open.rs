//! How long until a file is a slide: format, directories, levels, resolution. The file is in the system's memory already.

use crate::group;
use crate::input::Input;
use criterion::Criterion;
use eosin::slide::Slide;
use std::hint::black_box;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    let mut group = group(criterion, "cpu", "u8", "open", 1);
    group.bench_function("slide", |bencher| bencher.iter(|| Slide::open(black_box(&input.path)).unwrap()));
    group.finish();
}
