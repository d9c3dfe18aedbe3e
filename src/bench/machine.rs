//! This computer → what a bench says of it: processor, memory, system, clocks, adapters.
//!
//! Invariant: what is not told is absent, never an error; no name of the computer or of a user, so of a kernel's release
//! only the numbers are kept, as its builder chooses the rest.

use super::answer_of::answer_of;
use super::kernel::{bytes, number, numbered, text, values};
use super::nvidia::{self, Card, NVIDIA_SMI};
use super::record::{AdapterFacts, Machine};
use crate::device::{Adapter, AdapterKind, adapters};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

impl Machine {
    /// What there is to say of this computer. Takes seconds where `nvidia-smi` wakes cards.
    pub fn here() -> Self {
        let platform = if cfg!(target_os = "macos") {
            macos(&|name| answer_of(OsStr::new("sysctl"), &["-n", name]))
        } else if cfg!(target_os = "windows") {
            let version = answer_of(OsStr::new("cmd"), &["/C", "ver"]);
            windows(std::env::var("PROCESSOR_IDENTIFIER").ok(), version.as_deref())
        } else {
            linux(Path::new("/"))
        };
        // The flags of AMX are known to the kernel only: their names in Rust are not stable.
        let mut simd: Vec<String> = detected().into_iter().map(String::from).collect();
        simd.extend(platform.simd);
        Self {
            cpu: if platform.cpu.is_empty() { "unknown".to_string() } else { platform.cpu },
            simd,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            adapters: adapter_facts(&adapters(), &nvidia::cards(OsStr::new(NVIDIA_SMI))),
            ..platform
        }
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn detected() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected as has;
    let all = [
        ("sse4.2", has!("sse4.2")),
        ("avx2", has!("avx2")),
        ("fma", has!("fma")),
        ("avx512f", has!("avx512f")),
        ("avx512bf16", has!("avx512bf16")),
    ];
    all.into_iter().filter(|row| row.1).map(|row| row.0).collect()
}

#[cfg(target_arch = "aarch64")]
fn detected() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected as has;
    let all = [("neon", has!("neon")), ("fp16", has!("fp16")), ("bf16", has!("bf16")), ("sve", has!("sve"))];
    all.into_iter().filter(|row| row.1).map(|row| row.0).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
fn detected() -> Vec<&'static str> {
    Vec::new()
}

/// Numbered as `device::open` counts them: each interface by itself.
fn adapter_facts(adapters: &[Adapter], cards: &[Card]) -> Vec<AdapterFacts> {
    let facts = |(at, adapter): (usize, &Adapter)| {
        let number = adapters[..at].iter().filter(|other| other.api == adapter.api).count();
        AdapterFacts {
            device: format!("{}:{number}", adapter.api),
            name: adapter.name.clone(),
            kind: adapter.kind.name().to_string(),
            driver: adapter.driver.clone(),
            clock_mhz: nvidia::find(cards, &adapter.name, adapter.pci.as_deref()).and_then(|card| card.clock_mhz),
        }
    };
    // CUDA needs no driver of graphics, and cards for computing often have none. It numbers cards by an order of its own.
    let seen =
        |card: &&Card| adapters.iter().any(|adapter| nvidia::find(&[(*card).clone()], &adapter.name, None).is_some());
    let cuda_only = cards.iter().filter(|card| !seen(card)).map(|card| AdapterFacts {
        device: "cuda".to_string(),
        name: card.name.clone(),
        kind: AdapterKind::DiscreteGpu.name().to_string(),
        driver: format!("NVIDIA {}", card.driver),
        clock_mhz: card.clock_mhz,
    });
    adapters.iter().enumerate().map(facts).chain(cuda_only).collect()
}

/// From the files of a Linux kernel below `root`, which is `/`.
fn linux(root: &Path) -> Machine {
    let cpuinfo = text(&root.join("proc/cpuinfo")).unwrap_or_default();
    let flags: Option<Vec<&str>> = values(&cpuinfo, "flags").next().map(|flags| flags.split_whitespace().collect());
    let has = |name: &str| flags.as_ref().is_some_and(|flags| flags.contains(&name));
    let amx = [("amx_tile", "amx-tile"), ("amx_bf16", "amx-bf16")];
    let cpus = numbered(&root.join("sys/devices/system/cpu"), "cpu");
    let scaled = cpus.iter().filter_map(|cpu| number(&cpu.join("cpufreq/scaling_cur_freq"))).map(|khz: f64| khz / 1e3);
    let told = values(&cpuinfo, "cpu MHz").filter_map(|mhz| mhz.parse().ok());
    let governors: BTreeSet<String> =
        cpus.iter().filter_map(|cpu| text(&cpu.join("cpufreq/scaling_governor"))).collect();
    let release = text(&root.join("proc/sys/kernel/osrelease")).map(|release| format!("Linux {}", version(&release)));
    let name = text(&root.join("etc/os-release")).and_then(|release| distribution(&release));
    let os: Vec<String> = name.into_iter().chain(release).collect();
    Machine {
        cpu: processor(&cpuinfo).unwrap_or_default(),
        simd: amx.into_iter().filter(|row| has(row.0)).map(|row| row.1.to_string()).collect(),
        memory_bytes: text(&root.join("proc/meminfo")).and_then(|meminfo| bytes(&meminfo, "MemTotal")),
        os: if os.is_empty() { std::env::consts::OS.to_string() } else { os.join(", ") },
        is_virtual: flags.is_some().then(|| has("hypervisor")),
        clock_mhz: range(scaled).or_else(|| range(told)),
        governor: (!governors.is_empty()).then(|| governors.into_iter().collect::<Vec<_>>().join(", ")),
        ..Machine::default()
    }
}

/// From what `sysctl -n NAME` says on macOS.
fn macos(sysctl: &dyn Fn(&str) -> Option<String>) -> Machine {
    let said = |name| sysctl(name).map(|text| one_line(&text)).filter(|text| !text.is_empty());
    let product = said("kern.osproductversion").map(|release| format!("macOS {}", version(&release)));
    let kernel = said("kern.osrelease").map(|release| format!("Darwin {}", version(&release)));
    let os: Vec<String> = product.into_iter().chain(kernel).collect();
    Machine {
        cpu: said("machdep.cpu.brand_string").unwrap_or_default(),
        memory_bytes: said("hw.memsize").and_then(|bytes| bytes.parse().ok()),
        os: if os.is_empty() { "macOS".to_string() } else { os.join(", ") },
        is_virtual: said("kern.hv_vmm_present").map(|present| present == "1"),
        ..Machine::default()
    }
}

/// From the variable that Windows sets, and what `ver` says.
fn windows(processor: Option<String>, ver: Option<&str>) -> Machine {
    // The word before the number is translated.
    let release = ver.and_then(|text| {
        let told = text.split_once('[')?.1;
        Some(version(told.get(told.find(|sign: char| sign.is_ascii_digit())?..)?))
    });
    Machine {
        cpu: processor.map(|name| one_line(&name)).unwrap_or_default(),
        os: release.map_or_else(|| "Windows".to_string(), |release| format!("Windows {release}")),
        ..Machine::default()
    }
}

/// The processor's own name or, on ARM, who made it and which one it is.
fn processor(cpuinfo: &str) -> Option<String> {
    let first = |name| values(cpuinfo, name).next().filter(|value| !value.is_empty());
    first("model name")
        .map(one_line)
        .or_else(|| Some(format!("ARM, implementer {}, part {}", first("CPU implementer")?, first("CPU part")?)))
}

/// The numbers at the start of a release, such as 6.1.0 of `6.1.0-18-amd64`.
fn version(release: &str) -> &str {
    let end = release.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(release.len());
    release[..end].trim_end_matches('.')
}

/// The name in `/etc/os-release`.
fn distribution(release: &str) -> Option<String> {
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?.trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_string())
}

fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| {
        let [low, high] = range.unwrap_or([value; 2]);
        Some([value.min(low), value.max(high)])
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const XEON: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\n\
        model name\t: Intel(R) Xeon(R)  Platinum 8480+\ncpu MHz\t\t: 2000.000\n\
        flags\t\t: fpu vme sse4_2 hypervisor avx2 avx512f amx_bf16 avx512_fp16 amx_tile amx_int8\n\n\
        processor\t: 1\nmodel name\t: Intel(R) Xeon(R)  Platinum 8480+\ncpu MHz\t\t: 3800.125\nflags\t\t: fpu vme\n";
    const RYZEN: &str = "processor\t: 0\nmodel name\t: AMD Ryzen 9 7950X 16-Core Processor\ncpu MHz\t\t: 545.000\n\
        flags\t\t: fpu sse4_2 fma avx2 avx512f avx512_bf16\n";
    const GRAVITON: &str = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd fphp asimdhp sve bf16\n\
        CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd40\n";

    /// A folder with these files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_virtual_linux_server_is_described_without_its_name() {
        let root = tree(&[
            ("proc/cpuinfo", XEON),
            ("proc/meminfo", "MemTotal:       131072 kB\nMemFree: 1 kB\n"),
            ("proc/sys/kernel/osrelease", "6.1.0-18-cloud-amd64\n"),
            ("proc/sys/kernel/hostname", "ward7-scanner\n"),
            ("etc/hostname", "ward7-scanner\n"),
            ("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
        ]);
        let expected = Machine {
            cpu: "Intel(R) Xeon(R) Platinum 8480+".to_string(),
            simd: vec!["amx-tile".to_string(), "amx-bf16".to_string()],
            memory_bytes: Some(128 << 20),
            os: "Debian GNU/Linux 12 (bookworm), Linux 6.1.0".to_string(),
            is_virtual: Some(true),
            clock_mhz: Some([2000.0, 3800.125]),
            ..Machine::default()
        };
        assert_eq!(linux(root.path()), expected);
    }

    #[test]
    fn clocks_are_those_of_the_governor_where_there_is_one() {
        let root = tree(&[
            ("proc/cpuinfo", RYZEN),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "5500000\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
            ("sys/devices/system/cpu/cpu10/cpufreq/scaling_cur_freq", "400000\n"),
            ("sys/devices/system/cpu/cpu10/cpufreq/scaling_governor", "powersave\n"),
            ("sys/devices/system/cpu/cpufreq/scaling_cur_freq", "1\n"),
            ("proc/sys/kernel/osrelease", "6.6.9-built-by-alice-on-ward7\n"),
        ]);
        let found = linux(root.path());
        assert_eq!((found.clock_mhz, found.governor.as_deref()), (Some([400.0, 5500.0]), Some("powersave")));
        assert_eq!((found.is_virtual, found.os.as_str()), (Some(false), "Linux 6.6.9"));
    }

    #[test]
    fn an_arm_server_that_has_no_model_name_is_told_by_its_numbers() {
        let root = tree(&[("proc/cpuinfo", GRAVITON), ("etc/os-release", "PRETTY_NAME='Amazon Linux 2023'\n")]);
        let found = linux(root.path());
        assert_eq!(found.cpu, "ARM, implementer 0x41, part 0xd40");
        assert_eq!((found.is_virtual, found.clock_mhz, found.os.as_str()), (None, None, "Amazon Linux 2023"));
    }

    #[test]
    fn a_system_that_says_nothing_is_described_by_nothing() {
        let root = tree(&[("proc/cpuinfo", "flags\n:\nmodel name\t:\ncpu MHz : fast\n"), ("proc/meminfo", "?")]);
        let nothing = Machine { os: std::env::consts::OS.to_string(), ..Machine::default() };
        assert_eq!(linux(root.path()), nothing);
        assert_eq!(linux(&root.path().join("absent")), nothing);
        assert_eq!(macos(&|_| None), Machine { os: "macOS".to_string(), ..Machine::default() });
        assert_eq!(windows(None, Some("ver [")), Machine { os: "Windows".to_string(), ..Machine::default() });
    }

    #[test]
    fn apple_and_windows_computers_are_described() {
        let said = |name: &str| match name {
            "machdep.cpu.brand_string" => Some("Apple M2 Pro\n".to_string()),
            "hw.memsize" => Some("34359738368\n".to_string()),
            "kern.osproductversion" => Some("14.4.1\n".to_string()),
            "kern.osrelease" => Some("23.4.0\n".to_string()),
            "kern.hv_vmm_present" => Some("0\n".to_string()),
            _ => None,
        };
        let mac = macos(&said);
        assert_eq!((mac.cpu.as_str(), mac.os.as_str()), ("Apple M2 Pro", "macOS 14.4.1, Darwin 23.4.0"));
        assert_eq!((mac.memory_bytes, mac.is_virtual), (Some(32 << 30), Some(false)));
        let processor = "Intel64 Family 6 Model 158 Stepping 10, GenuineIntel";
        for ver in
            ["\r\nMicrosoft Windows [Version 10.0.22631.3447]\r\n", "Microsoft Windows [Versi\u{f3}n 10.0.22631.3447]"]
        {
            let found = windows(Some(processor.to_string()), Some(ver));
            assert_eq!((found.cpu.as_str(), found.os.as_str()), (processor, "Windows 10.0.22631.3447"));
        }
    }

    #[test]
    fn adapters_are_numbered_within_their_interface_and_cards_alike_told_apart_by_their_place() {
        let adapter = |api, kind, pci: Option<&str>| Adapter {
            api,
            name: "NVIDIA RTX A6000".to_string(),
            kind,
            driver: "NVIDIA 550.54.15".to_string(),
            index_in_kind: 0,
            pci: pci.map(String::from),
        };
        let card = |place: &str, clock| Card {
            place: place.to_string(),
            name: "NVIDIA RTX A6000".to_string(),
            driver: "550.54.15".to_string(),
            clock_mhz: Some(clock),
        };
        let adapters = [
            adapter("vulkan", AdapterKind::DiscreteGpu, Some("0000:65:00.0")),
            adapter("metal", AdapterKind::DiscreteGpu, None),
            adapter("vulkan", AdapterKind::DiscreteGpu, Some("0000:17:00.0")),
        ];
        let facts = adapter_facts(&adapters, &[card("00000000:17:00.0", 1800.0), card("00000000:65:00.0", 210.0)]);
        let found: Vec<_> = facts.iter().map(|fact| (fact.device.as_str(), fact.clock_mhz)).collect();
        assert_eq!(found, [("vulkan:0", Some(210.0)), ("metal:0", None), ("vulkan:1", Some(1800.0))]);
        assert_eq!(facts[0].kind, "discrete GPU");
        let unseen = adapter_facts(&[], &[card("00000000:17:00.0", 1800.0)]);
        assert_eq!((unseen[0].device.as_str(), unseen[0].driver.as_str()), ("cuda", "NVIDIA 550.54.15"));
    }

    #[test]
    fn this_computer_is_described_as_the_platform_allows() {
        let here = Machine::here();
        assert!(!here.cpu.is_empty() && !here.os.is_empty() && here.cores >= 1);
        // What each is built upon is there, too.
        assert!(!here.simd.contains(&"avx512f".to_string()) || here.simd.contains(&"avx2".to_string()));
    }
}
