//! A batch of normalised tiles → logits on the host, for each architecture at the side that it was made for: a plain pass with
//! random folded weights, in one lane.

use crate::input::Input;
use crate::{group, skipped, warm_up};
use burn::tensor::{Device, Tensor, TensorData};
use criterion::Criterion;
use eosin::infer::PredictorConfig;
use eosin::nn::{Architecture, Head, Network, NetworkSpec, fresh, load};
use std::cell::LazyCell;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    for (name, device) in input.devices() {
        let batch = PredictorConfig::for_device(&device, input.batch).batch;
        let mut group = group(criterion, name, "f32", "network", batch);
        for architecture in Architecture::all() {
            if let Some(why) = too_much(architecture) {
                skipped(&format!("{name}/f32/network/{architecture}"), why);
                continue;
            }
            // Made when its turn comes, so that a choice of ids makes no others, and given back before the next.
            let ready = LazyCell::new(|| prepared(architecture, batch, &device.device));
            group.bench_function(format!("{architecture}/batch={batch}"), |bencher| {
                let (network, tiles) = &*ready;
                bencher.iter(|| network.forward(tiles.clone()).into_data());
            });
        }
        group.finish();
    }
}

/// Why an architecture is not measured here.
fn too_much(architecture: Architecture) -> Option<&'static str> {
    match architecture {
        Architecture::Virchow2 | Architecture::HOptimus => {
            Some("several GB of weights to draw, and minutes a measurement on a CPU; `eosin bench` measures one model")
        }
        Architecture::Vit => Some("its shape stands in a card; vit-small-16 to vit-large-16 are of this kind"),
        _ => None,
    }
}

/// A network and its input on a device, compiled and tuned.
fn prepared(architecture: Architecture, batch: usize, device: &Device) -> (Network, Tensor<4>) {
    let spec = NetworkSpec::torch(architecture, 2).folded();
    let network = load(spec.init(device).unwrap(), &fresh(&spec, 1).unwrap(), Head::FromFile).unwrap();
    let side = spec.input_px() as usize;
    let values = (-100..=100_i16).cycle().step_by(7).map(|value| f32::from(value) / 50.0);
    let values: Vec<f32> = values.take(batch * 3 * side * side).collect();
    let tiles = Tensor::from_data(TensorData::new(values, [batch, 3, side, side]), device);
    warm_up(|| drop(network.forward(tiles.clone()).into_data()));
    (network, tiles)
}
