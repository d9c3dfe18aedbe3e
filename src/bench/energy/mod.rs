//! Energy since a moment, where the platform tells.
//!
//! Invariant: joules never fall, and a meter that broke off says so from then on, as a sum with a gap is no sum. A meter
//! that is not the device's alone is none: several cards of one name that cannot be told apart have none.

mod counter;
mod sampled;

use super::kernel::{number, numbered, text};
use super::nvidia::{self, NVIDIA_SMI};
use crate::device::adapters;
use counter::Counter;
use sampled::Sampled;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Measures the energy of a processor or a GPU from its making on.
#[derive(Debug)]
pub struct EnergyMeter {
    source: String,
    /// None once it broke off.
    reading: Option<Reading>,
}

#[derive(Debug)]
enum Reading {
    Counters(Vec<Counter>),
    Sampled(Sampled),
}

impl EnergyMeter {
    /// The meter of the processor (also for software renderers, which run on it) or of the adapter of this name. None where
    /// the platform has none, or only for its administrator. Makes a GPU tell its power first, so it can take seconds; a GPU
    /// that sleeps says nothing, so open it before.
    pub fn for_device(is_cpu: bool, adapter: &str) -> Option<Self> {
        let sys = Path::new("/sys");
        if is_cpu {
            return Self::of_processor(sys);
        }
        let mut named = adapters().into_iter().filter(|found| found.name == adapter);
        let pci = named.next().filter(|_| named.next().is_none()).and_then(|found| found.pci);
        Self::of_gpu(sys, OsStr::new(NVIDIA_SMI), adapter, pci.as_deref())
    }

    /// Packages as Intel's and AMD's processors count them (RAPL). Memory is not among them.
    fn of_processor(sys: &Path) -> Option<Self> {
        let zones = numbered(&sys.join("class/powercap"), "intel-rapl:");
        // The whole platform is a zone, too, and has the packages in it.
        let is_package = |zone: &&PathBuf| text(&zone.join("name")).is_some_and(|name| name.starts_with("package"));
        let packages: Option<Vec<Counter>> = zones
            .iter()
            .filter(is_package)
            .map(|zone| Counter::open(zone.join("energy_uj"), number(&zone.join("max_energy_range_uj"))))
            .collect();
        let packages = packages.filter(|packages| !packages.is_empty())?;
        let source = match packages.len() {
            1 => "package (RAPL)".to_string(),
            several => format!("{several} packages (RAPL)"),
        };
        Some(Self { source, reading: Some(Reading::Counters(packages)) })
    }

    /// What the driver counts or says of the card at this place on the PCI bus, else what `nvidia-smi` says.
    fn of_gpu(sys: &Path, nvidia_smi: &OsStr, name: &str, pci: Option<&str>) -> Option<Self> {
        let monitors = pci.map(|pci| numbered(&sys.join("bus/pci/devices").join(pci).join("hwmon"), "hwmon"));
        for monitor in monitors.unwrap_or_default() {
            if let Some(counter) = Counter::open(monitor.join("energy1_input"), None) {
                return Some(Self { source: "GPU (hwmon)".into(), reading: Some(Reading::Counters(vec![counter])) });
            }
            // The mean since the last look or, where the card has none, the power now.
            for file in ["power1_average", "power1_input"] {
                if let Some(sampled) = Sampled::of_file(monitor.join(file)) {
                    return Some(Self {
                        source: "GPU (hwmon, sampled)".into(),
                        reading: Some(Reading::Sampled(sampled)),
                    });
                }
            }
        }
        let cards = nvidia::cards(nvidia_smi);
        let sampled = Sampled::of_nvidia(nvidia_smi, &nvidia::find(&cards, name, pci)?.place)?;
        Some(Self { source: "GPU (nvidia-smi)".into(), reading: Some(Reading::Sampled(sampled)) })
    }

    /// Who tells, such as `package (RAPL)` or `GPU (nvidia-smi)`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Joules since the meter was made; none once it broke off. Counters turn over after some minutes of full power: ask at
    /// both ends of what is measured, and measure less than that. Power that is sampled is a mean over up to a second, so
    /// measure several seconds.
    pub fn joules(&mut self) -> Option<f64> {
        let joules = match self.reading.as_mut()? {
            Reading::Counters(counters) => counters.iter_mut().map(Counter::joules).sum(),
            Reading::Sampled(sampled) => sampled.joules(),
        };
        if joules.is_none() {
            self.reading = None;
        }
        joules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the kernel's, made up.
    struct Sys(tempfile::TempDir);

    impl Sys {
        fn new(files: &[(&str, &str)]) -> Self {
            let sys = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                sys.set(name, text);
            }
            sys
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn set(&self, name: &str, text: &str) {
            std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
            std::fs::write(self.at(name), text).unwrap();
        }

        fn processor(&self) -> Option<EnergyMeter> {
            EnergyMeter::of_processor(self.0.path())
        }

        fn gpu(&self) -> Option<EnergyMeter> {
            EnergyMeter::of_gpu(self.0.path(), OsStr::new("eosin-no-such-program"), "A", Some("0000:03:00.0"))
        }
    }

    const ZONE: &str = "class/powercap/intel-rapl:0";
    const OTHER: &str = "class/powercap/intel-rapl:1";
    const HWMON: &str = "bus/pci/devices/0000:03:00.0/hwmon/hwmon4";

    fn packages(values: &[(&str, &str, &str)]) -> Sys {
        let sys = Sys::new(&[]);
        for (zone, name, energy) in values {
            sys.set(&format!("{zone}/name"), name);
            sys.set(&format!("{zone}/energy_uj"), energy);
            sys.set(&format!("{zone}/max_energy_range_uj"), "10000000\n");
        }
        sys
    }

    #[test]
    fn a_package_counts_from_its_making_on_and_over_the_end_of_its_counter() {
        let sys = packages(&[(ZONE, "package-0\n", "9000000\n")]);
        let mut meter = sys.processor().unwrap();
        assert_eq!(meter.source(), "package (RAPL)");
        assert_eq!(meter.joules(), Some(0.0));
        for (energy, joules) in [("9500000\n", 0.5), ("500000\n", 1.5), ("500000\n", 1.5), ("400000\n", 11.4)] {
            sys.set(&format!("{ZONE}/energy_uj"), energy);
            assert_eq!(meter.joules(), Some(joules), "{energy}");
        }
    }

    #[test]
    fn packages_are_summed_and_parts_of_them_and_the_platform_are_not() {
        let core = "class/powercap/intel-rapl:0:0";
        let sys = packages(&[
            (ZONE, "package-0", "1000000"),
            (OTHER, "package-1", "5000000"),
            (core, "core", "1"),
            ("class/powercap/intel-rapl:2", "psys", "1"),
            ("class/powercap/intel-rapl-mmio:0", "package-0", "1"),
        ]);
        let mut meter = sys.processor().unwrap();
        assert_eq!(meter.source(), "2 packages (RAPL)");
        for (zone, energy) in [(ZONE, "1250000"), (OTHER, "6000000"), (core, "9000000")] {
            sys.set(&format!("{zone}/energy_uj"), energy);
        }
        assert_eq!(meter.joules(), Some(1.25));
    }

    #[test]
    fn a_processor_whose_counter_cannot_be_read_has_no_meter() {
        assert!(Sys::new(&[]).processor().is_none());
        // One of two is not the energy of both.
        let sys = packages(&[(ZONE, "package-0", "1000000"), (OTHER, "package-1", "5000000")]);
        std::fs::remove_file(sys.at(OTHER).join("energy_uj")).unwrap();
        assert!(sys.processor().is_none());
        // A virtual machine can show a counter that does not run.
        for dead in ["0\n", "", "much\n", "-5\n"] {
            assert!(packages(&[(ZONE, "package-0", dead)]).processor().is_none(), "{dead}");
        }
    }

    #[test]
    fn a_meter_that_vanished_stays_lost() {
        let sys = packages(&[(ZONE, "package-0", "1000000")]);
        let mut meter = sys.processor().unwrap();
        std::fs::remove_file(sys.at(ZONE).join("energy_uj")).unwrap();
        assert_eq!(meter.joules(), None);
        sys.set(&format!("{ZONE}/energy_uj"), "2000000");
        assert_eq!(meter.joules(), None);
    }

    #[test]
    fn a_card_is_found_by_its_place_and_a_counter_without_a_range_may_not_fall() {
        let sys = Sys::new(&[
            (&format!("{HWMON}/energy1_input"), "4000000\n"),
            ("bus/pci/devices/0000:00:02.0/hwmon/hwmon1/energy1_input", "7\n"),
        ]);
        let mut meter = sys.gpu().unwrap();
        sys.set(&format!("{HWMON}/energy1_input"), "6500000\n");
        assert_eq!(meter.source(), "GPU (hwmon)");
        assert_eq!(meter.joules(), Some(2.5));
        sys.set(&format!("{HWMON}/energy1_input"), "1000\n");
        assert_eq!(meter.joules(), None);
        let unknown = EnergyMeter::of_gpu(sys.0.path(), OsStr::new("eosin-no-such-program"), "A", None);
        assert!(unknown.is_none());
    }

    #[test]
    fn power_in_a_file_is_sampled_until_the_file_vanishes() {
        for name in ["power1_average", "power1_input"] {
            let file = format!("{HWMON}/{name}");
            let sys = Sys::new(&[(&file, "120000000\n")]);
            let mut meter = sys.gpu().unwrap();
            assert_eq!(meter.source(), "GPU (hwmon, sampled)");
            let first = meter.joules().unwrap();
            assert!(first >= 0.0 && meter.joules().unwrap() >= first);
            std::fs::remove_file(sys.at(&file)).unwrap();
            while meter.joules().is_some() {
                std::thread::yield_now();
            }
        }
        // A card that sleeps refuses to be read.
        assert!(Sys::new(&[(&format!("{HWMON}/power1_average"), "")]).gpu().is_none());
    }

    #[cfg(unix)]
    mod nvidia {
        use super::*;
        use std::process::Command;

        /// A program in place of NVIDIA's, which lists two cards alike and goes on as told; it notes its arguments and id.
        fn program(sys: &Sys, samples: &str) -> PathBuf {
            let script = format!(
                "#!/bin/sh\ncase \"$*\" in\n*clocks.sm*) echo '00000000:17:00.0, A, 550.54.15, 210'; echo '00000000:65:00.0, A, 550.54.15, 1800';;\n\
                 *) echo \"$*\" > '{0}/args'; echo $$ > '{0}/id'; {samples};;\nesac\n",
                sys.0.path().display()
            );
            let path = sys.at("nvidia-smi");
            // Written by another process: a file that this one has open for writing while a test beside starts a program
            // cannot be run.
            let write = "printf '%s' \"$1\" > \"$0\" && chmod +x \"$0\"";
            assert!(Command::new("sh").args(["-c", write]).arg(&path).arg(script).status().unwrap().success());
            path
        }

        fn meter(sys: &Sys, samples: &str, pci: Option<&str>) -> Option<EnergyMeter> {
            EnergyMeter::of_gpu(sys.0.path(), program(sys, samples).as_os_str(), "A", pci)
        }

        #[test]
        fn the_card_at_the_place_is_followed_and_the_program_ended_with_the_meter() {
            let sys = Sys::new(&[]);
            let mut meter = meter(&sys, "while :; do echo 100.50; sleep 0.01; done", Some("0000:65:00.0")).unwrap();
            assert_eq!(meter.source(), "GPU (nvidia-smi)");
            let args = std::fs::read_to_string(sys.at("args")).unwrap();
            assert_eq!(
                args.trim(),
                "-i 00000000:65:00.0 --query-gpu=power.draw --format=csv,noheader,nounits -lms 100"
            );
            let mut last = 0.0;
            while last < 1.0 {
                let joules = meter.joules().unwrap();
                assert!(joules >= last);
                last = joules;
            }
            drop(meter);
            let id = std::fs::read_to_string(sys.at("id")).unwrap();
            let alive = Command::new("sh").args(["-c", "kill -0 \"$0\" 2>/dev/null", id.trim()]).status().unwrap();
            assert!(!alive.success());
        }

        #[test]
        fn a_program_that_ends_is_a_meter_that_broke_off() {
            let sys = Sys::new(&[]);
            let mut meter = meter(&sys, "echo 100; echo 100", Some("0000:17:00.0")).unwrap();
            while meter.joules().is_some() {
                std::thread::yield_now();
            }
        }

        #[test]
        fn cards_that_do_not_tell_or_cannot_be_told_apart_have_no_meter() {
            for silent in ["echo '[N/A]'", "exit 1", "echo -5", "echo nan"] {
                assert!(meter(&Sys::new(&[]), silent, Some("0000:65:00.0")).is_none(), "{silent}");
            }
            assert!(meter(&Sys::new(&[]), "echo 100", None).is_none());
            assert!(meter(&Sys::new(&[]), "echo 100", Some("0000:03:00.0")).is_none());
        }
    }
}
