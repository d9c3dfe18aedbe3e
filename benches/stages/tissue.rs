//! A section from afar → where there is tissue, by both rules, and the outline of that.

use crate::input::Input;
use crate::{group, skipped};
use criterion::Criterion;
use eosin::tissue::{TissueConfig, TissueMethod, detect, outline};
use std::hint::black_box;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    let afar = match input.section() {
        Ok(afar) => afar,
        Err(why) => return skipped("tissue", why),
    };
    let count = afar.picture.as_bytes().len() / 3;
    let mut group = group(criterion, "cpu", "u8", "tissue", count);
    for (name, method) in [("eosin", TissueMethod::Eosin), ("wsinfer", TissueMethod::WsInfer)] {
        let config = TissueConfig { method, ..TissueConfig::default() };
        group.bench_function(format!("detect/{name}"), |bencher| {
            bencher.iter(|| detect(black_box(&afar.picture), afar.um_per_px, &config).unwrap());
        });
    }
    let mask = afar.mask();
    group.throughput(crate::elements(mask.as_slice().len()));
    group.bench_function("outline", |bencher| bencher.iter(|| outline(black_box(&mask))));
    group.finish();
}
