//! A request becomes an open burn device with a name that is true.

use super::adapter::{Adapter, AdapterKind, adapters};
use super::arithmetic::Arithmetic;
use super::cache;
use super::spec::{Api, DeviceSpec};
use crate::cpu::Engine;
use crate::error::{Error, ErrorKind, Result};
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind};

/// Kernels gathered into one submission; burn's own default, named so that it cannot change unseen.
const TASKS_MAX: usize = 32;

/// A device that is ready for tensors.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    /// burn's handle.
    pub device: Device,
    /// The device's name.
    pub name: String,
    /// burn's backend: `flex`, `vulkan`, `metal` or `cuda`.
    pub backend: &'static str,
    /// What it is: `CPU`, or the adapter's kind.
    pub kind: &'static str,
    /// True for the CPU, which computes several small batches at once instead of one large one.
    pub is_cpu: bool,
    /// How networks are computed when they score; everything else on the device is f32.
    pub arithmetic: Arithmetic,
}

impl OpenDevice {
    /// Memory that is reserved on the device, bytes, where its allocator tells; the CPU's has none of its own.
    pub fn reserved_bytes(&self) -> Option<u64> {
        self.device.memory_pool_usage().map(|usage| usage.bytes_reserved)
    }
}

/// Opens what was asked for, to compute in f32. Each device can be opened once in a process; clone the handle to share it.
///
/// # Errors
/// [`ErrorKind::Device`]: `DEV-0002` when there is no such device, with a list of those that are there; `DEV-0004` when
/// the driver refuses to open it.
pub fn open(spec: DeviceSpec) -> Result<OpenDevice> {
    open_in(spec, Arithmetic::F32)
}

/// Opens what was asked for, to compute networks in a certain way.
///
/// That is a matter of tensors and not of burn's device: what a network sees, and how far a tile is from the training data,
/// stay f32 beside it, and a process can hold several.
///
/// # Errors
/// Those of [`open`]; [`ErrorKind::Device`] `DEV-0008` when the device cannot compute so.
pub fn open_in(spec: DeviceSpec, arithmetic: Arithmetic) -> Result<OpenDevice> {
    let opened = open_any(spec)?;
    let able = if arithmetic.is_of_the_cpu() {
        opened.is_cpu && (arithmetic != Arithmetic::Bf16 || Engine::matrix_kernels().is_some())
    } else {
        arithmetic == Arithmetic::F32 || opened.device.supports_dtype(arithmetic.float())
    };
    if able { Ok(OpenDevice { arithmetic, ..opened }) } else { Err(without(arithmetic, &opened)) }
}

fn without(arithmetic: Arithmetic, opened: &OpenDevice) -> Error {
    let what = match arithmetic {
        Arithmetic::Bf16 => "a CPU with AMX, and a system that lets us use it, for bf16 results".to_owned(),
        Arithmetic::Reference | Arithmetic::Exact => format!("the CPU for {arithmetic} results"),
        other => format!("a device that computes in {other}"),
    };
    let message = format!("expected {what}, found {} ({})", opened.name, opened.backend);
    Error::new(ErrorKind::Device, "DEV-0008", message).with_advice("`--precision f32` works on every device")
}

fn open_any(spec: DeviceSpec) -> Result<OpenDevice> {
    match spec {
        DeviceSpec::Cpu => Ok(cpu()),
        DeviceSpec::Auto => match adapters().into_iter().find(|adapter| adapter.kind < AdapterKind::Other) {
            Some(adapter) => open_adapter(&adapter),
            None => Ok(cpu()),
        },
        DeviceSpec::Gpu(Api::Cuda, index) => open_cuda(index.unwrap_or(0)),
        DeviceSpec::Gpu(api, index) => {
            let found = adapters();
            let fits = |adapter: &&Adapter| api == Api::Wgpu || adapter.api == api.name();
            let chosen =
                found.iter().filter(fits).nth(index.unwrap_or(0)).ok_or_else(|| missing(api, index, &found))?;
            open_adapter(chosen)
        }
    }
}

fn cpu() -> OpenDevice {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let name = format!("CPU, {cores} {}", if cores == 1 { "core" } else { "cores" });
    OpenDevice { device: Device::flex(), name, backend: "flex", kind: "CPU", is_cpu: true, arithmetic: Arithmetic::F32 }
}

fn missing(api: Api, index: Option<usize>, found: &[Adapter]) -> Error {
    let mut present = vec!["cpu".to_string()];
    present.extend(found.iter().map(|adapter| format!("{} ({}, {})", adapter.api, adapter.name, adapter.kind.name())));
    let which = index.map(|index| format!(" number {index}")).unwrap_or_default();
    let message = format!("expected a {} device{which}, found {}", api.name(), present.join(", "));
    Error::new(ErrorKind::Device, "DEV-0002", message)
        .with_advice("`eosin doctor` shows drivers and devices; `--device cpu` always works")
}

fn open_adapter(adapter: &Adapter) -> Result<OpenDevice> {
    let kind = match adapter.kind {
        AdapterKind::DiscreteGpu => DeviceKind::DiscreteGpu(adapter.index_in_kind),
        AdapterKind::IntegratedGpu => DeviceKind::IntegratedGpu(adapter.index_in_kind),
        AdapterKind::VirtualGpu => DeviceKind::VirtualGpu(adapter.index_in_kind),
        AdapterKind::Software => DeviceKind::Cpu,
        // burn can open adapters of this kind only as "any", which may be another one than was chosen.
        AdapterKind::Other => {
            let message = format!("expected {} to say what it is, found an adapter of no known kind", adapter.name);
            return Err(Error::new(ErrorKind::Device, "DEV-0004", message).with_advice("`--device cpu` always works"));
        }
    };
    let (backend, api) =
        if adapter.api == Api::Metal.name() { ("metal", WgpuBackend::Metal) } else { ("vulkan", WgpuBackend::Vulkan) };
    cache::keep(&adapter.name, &[backend, &adapter.name, &adapter.driver]);
    let device =
        Device::wgpu_options().graphics_api(api).device_kind(kind).tasks_max(TASKS_MAX).init().map_err(|error| {
            let message = format!("expected {} to open through {backend}, found: {error}", adapter.name);
            Error::new(ErrorKind::Device, "DEV-0004", message)
        })?;
    Ok(OpenDevice {
        device,
        name: adapter.name.clone(),
        backend,
        kind: adapter.kind.name(),
        is_cpu: false,
        arithmetic: Arithmetic::F32,
    })
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<OpenDevice> {
    use burn::tensor::DeviceType;
    // CUDA tells no version of the driver; Linux does, and so do other interfaces of the same card.
    let version = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let drivers: Vec<String> = adapters().into_iter().map(|adapter| adapter.driver).collect();
    cache::keep("cuda", &["cuda", &index.to_string(), &version, &drivers.join(" ")]);
    let device = Device::enumerate(DeviceType::Cuda).into_iter().nth(index);
    let device = device.ok_or_else(|| missing(Api::Cuda, Some(index), &adapters()))?;
    let name = device.identity().map_or_else(|| format!("CUDA device {index}"), |identity| identity.name);
    Ok(OpenDevice {
        device,
        name,
        backend: "cuda",
        kind: AdapterKind::DiscreteGpu.name(),
        is_cpu: false,
        arithmetic: Arithmetic::F32,
    })
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_index: usize) -> Result<OpenDevice> {
    Err(Error::new(ErrorKind::Device, "DEV-0002", "expected a build with CUDA, found one without")
        .with_advice("build with `--features cuda`, or use `--device vulkan` on the same card"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_holds_a_device_in_both_types_and_one_without_is_named() {
        for arithmetic in Arithmetic::ALL {
            if arithmetic == Arithmetic::Bf16 && Engine::matrix_kernels().is_none() {
                let error = open_in(DeviceSpec::Cpu, arithmetic).unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Device, "DEV-0008"), "{error}");
                assert!(error.message().contains("AMX") && error.advice().unwrap().contains("f32"), "{error}");
                continue;
            }
            assert_eq!(open_in(DeviceSpec::Cpu, arithmetic).unwrap().arithmetic, arithmetic);
        }
        let cpu = open(DeviceSpec::Cpu).unwrap();
        assert_eq!(cpu.arithmetic, Arithmetic::F32);
        let card = OpenDevice { name: "Card 9".to_owned(), backend: "vulkan", ..cpu };
        let error = without(Arithmetic::F16, &card);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Device, "DEV-0008"));
        assert_eq!(error.message(), "expected a device that computes in f16, found Card 9 (vulkan)");
        assert!(error.advice().unwrap().contains("--precision f32"));
    }
}
