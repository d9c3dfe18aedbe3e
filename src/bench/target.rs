//! What was asked for, and what there is → who takes part, and why others do not.

use super::peer::Peer;
use super::record::Absent;
use crate::device::{Adapter, AdapterKind, adapters};

/// This program, or another one, on a device, in a dtype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The other program.
    pub peer: Option<Peer>,
    /// The device as it is asked for.
    pub device: String,
    /// Type of the numbers.
    pub dtype: String,
    /// Whether it is a GPU, as far as its name tells; a software renderer is none.
    pub on_gpu: bool,
}

/// The CPU by burn's operations in f32: what other outputs are compared with.
const REFERENCE: (&str, &str) = ("cpu", "reference");

impl Target {
    /// What other outputs are compared with.
    pub(super) fn reference() -> Self {
        Self { peer: None, device: REFERENCE.0.to_owned(), dtype: REFERENCE.1.to_owned(), on_gpu: false }
    }

    /// This program on the devices and in the dtypes that were asked for. Without devices: the CPU and every GPU, and
    /// software renderers where there is no GPU. Without dtypes: f32, and f16 on GPUs.
    pub fn ours(devices: &[String], dtypes: &[String]) -> (Vec<Self>, Vec<Absent>) {
        Self::among(&adapters(), devices, dtypes)
    }

    fn among(found: &[Adapter], devices: &[String], dtypes: &[String]) -> (Vec<Self>, Vec<Absent>) {
        let mut absent = Vec::new();
        let mut leave_out = |what: &str, why: &str| absent.push(Absent { what: what.into(), why: why.into() });
        let named = |at: usize| format!("{}:{at}", found[at].api);
        let has_gpu = found.iter().any(|adapter| adapter.kind < AdapterKind::Other);
        let is_software = |device: &str| {
            if device.starts_with("cuda") {
                return false;
            }
            let index = device.split_once(':').map_or(Some(0), |(_, index)| index.parse().ok());
            let adapter = index.and_then(|index: usize| found.get(index));
            adapter.is_some_and(|adapter| adapter.kind == AdapterKind::Software)
        };
        let all: Vec<String> = if devices.is_empty() {
            let mut all = vec![REFERENCE.0.to_owned()];
            for (at, adapter) in found.iter().enumerate() {
                if adapter.kind == AdapterKind::Software && has_gpu {
                    leave_out(&named(at), "a software renderer beside a GPU is measured only when it is asked for");
                } else {
                    all.push(named(at));
                }
            }
            if found.is_empty() {
                leave_out("GPUs", "no adapter was found; `eosin doctor` tells more");
            }
            if cfg!(feature = "cuda") {
                all.push("cuda".to_owned());
            } else {
                leave_out("cuda", "this build has no CUDA; it needs the feature `cuda`");
            }
            all
        } else {
            devices.to_vec()
        };
        let mut targets: Vec<Self> = Vec::new();
        for device in all {
            let is_gpu = device != REFERENCE.0 && !is_software(&device);
            let usual = if is_gpu { &["f32", "f16"][..] } else { &["f32"] };
            // Each once.
            if targets.iter().any(|target| target.device == device) {
                continue;
            }
            let dtypes = if dtypes.is_empty() {
                usual.iter().map(|dtype| (*dtype).to_owned()).collect()
            } else {
                dtypes.to_vec()
            };
            targets.extend(dtypes.into_iter().map(|dtype| Self {
                peer: None,
                device: device.clone(),
                dtype,
                on_gpu: is_gpu,
            }));
        }
        (targets, absent)
    }

    /// Another program at its best beside what of this one takes part: on the CPU, and on an NVIDIA GPU through CUDA where
    /// any GPU takes part.
    pub fn peers(peer: Peer, ours: &[Self]) -> Vec<Self> {
        let on = |device: &str, dtypes: &[&str]| {
            let dtypes = dtypes.iter().map(|dtype| (*dtype).to_owned());
            let on_gpu = device != REFERENCE.0;
            dtypes.map(|dtype| Self { peer: Some(peer), device: device.to_owned(), dtype, on_gpu }).collect::<Vec<_>>()
        };
        let has_gpu = ours.iter().any(|target| target.on_gpu);
        let on_cpu = ours.iter().any(|target| target.device == REFERENCE.0);
        let mut all = match peer {
            Peer::WsInfer => return Vec::new(),
            Peer::Torch if on_cpu => on("cpu", &["f32", "bf16"]),
            Peer::OnnxRuntime if on_cpu => on("cpu", &["f32"]),
            Peer::Torch | Peer::OnnxRuntime => Vec::new(),
        };
        if has_gpu {
            all.extend(on("cuda", &["f32", "f16"]));
        }
        all
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { peer, device, dtype, .. } = self;
        let program = peer.map(|peer| format!("{} ", peer.name())).unwrap_or_default();
        write!(f, "{program}on {device} in {dtype}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(kind: AdapterKind) -> Adapter {
        Adapter { api: "vulkan", name: "a card".into(), kind, driver: "1".into(), index_in_kind: 0, pci: None }
    }

    fn told(targets: &[Target]) -> Vec<String> {
        targets.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_computer_without_a_gpu_measures_its_software_renderer() {
        let (targets, absent) = Target::among(&[adapter(AdapterKind::Software)], &[], &[]);
        assert_eq!(told(&targets)[..2], ["on cpu in f32", "on vulkan:0 in f32"]);
        assert_eq!(absent.iter().any(|absent| absent.what == "cuda"), !cfg!(feature = "cuda"));
    }

    #[test]
    fn a_gpu_is_measured_in_both_dtypes_and_its_software_renderer_left_out_with_a_reason() {
        let found = [adapter(AdapterKind::DiscreteGpu), adapter(AdapterKind::Software)];
        let (targets, absent) = Target::among(&found, &[], &[]);
        assert_eq!(told(&targets)[..3], ["on cpu in f32", "on vulkan:0 in f32", "on vulkan:0 in f16"]);
        assert!(absent.iter().any(|absent| absent.what == "vulkan:1"));
        let peers = told(&Target::peers(Peer::Torch, &targets));
        assert_eq!(
            peers,
            ["torch on cpu in f32", "torch on cpu in bf16", "torch on cuda in f32", "torch on cuda in f16"]
        );
    }

    #[test]
    fn what_is_asked_for_is_tried_as_it_is() {
        let (targets, absent) = Target::among(&[], &["metal".into()], &["f16".into()]);
        assert_eq!((told(&targets), absent), (vec!["on metal in f16".to_owned()], vec![]));
        let (targets, absent) = Target::among(&[], &[], &[]);
        assert_eq!((told(&targets)[0].as_str(), Target::reference().dtype.as_str()), ("on cpu in f32", "reference"));
        assert!(absent.iter().any(|absent| absent.what == "GPUs"));
    }
}
