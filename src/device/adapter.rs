//! The GPUs that this computer shows, through every interface of this build.

use super::spec::Api;
use serde::Serialize;

/// What an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterKind {
    /// A graphics card with memory of its own.
    DiscreteGpu,
    /// A GPU that shares the computer's memory.
    IntegratedGpu,
    /// A GPU shared by a hypervisor.
    VirtualGpu,
    /// A driver that does not say.
    Other,
    /// A software renderer: for tests, slower than the CPU backend.
    Software,
}

impl AdapterKind {
    /// The words shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Self::DiscreteGpu => "discrete GPU",
            Self::IntegratedGpu => "integrated GPU",
            Self::VirtualGpu => "virtual GPU",
            Self::Other => "other",
            Self::Software => "software renderer",
        }
    }
}

/// One adapter as one interface shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Adapter {
    /// The interface's name.
    pub api: &'static str,
    /// The device's name.
    pub name: String,
    /// What it is.
    pub kind: AdapterKind,
    /// Name and version of the driver.
    pub driver: String,
    /// Which of the adapters of its interface and kind it is, from 0.
    pub index_in_kind: usize,
    /// Its place on the PCI bus, such as `0000:01:00.0`, where the driver tells: other programs know it by that.
    pub pci: Option<String>,
}

/// All adapters that can be asked for, the best kind first. The order within a kind is the driver's.
pub fn adapters() -> Vec<Adapter> {
    let backends = if cfg!(target_os = "macos") { wgpu::Backends::METAL } else { wgpu::Backends::VULKAN };
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found: Vec<Adapter> = Vec::new();
    for adapter in cubecl::future::block_on(instance.enumerate_adapters(backends)) {
        let info = adapter.get_info();
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::DiscreteGpu,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::IntegratedGpu,
            wgpu::DeviceType::VirtualGpu => AdapterKind::VirtualGpu,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Other,
        };
        let api = if info.backend == wgpu::Backend::Metal { Api::Metal } else { Api::Vulkan };
        let driver = format!("{} {}", info.driver, info.driver_info);
        let index_in_kind = found.iter().filter(|other| other.kind == kind).count();
        found.push(Adapter {
            api: api.name(),
            name: info.name,
            kind,
            driver: driver.trim().to_string(),
            index_in_kind,
            pci: Some(info.device_pci_bus_id).filter(|place| !place.is_empty()),
        });
    }
    found.sort_by_key(|adapter| adapter.kind);
    found
}
