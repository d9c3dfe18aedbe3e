//! Probes between rounds, and what the system counts → how steady a machine was, and what to do when it was not.
//!
//! Invariant: a warning says what was seen, beyond which bound, and what helps.

use super::answer_of::answer_of;
use super::kernel::text;
use super::probe::probe;
use super::record::{Machine, Pace};
use super::samples::Samples;
use crate::error::Result;
use std::ffi::OsStr;
use std::path::Path;

/// Above this ratio of the slowest probe to the middle one a machine is noisy. Of 20 to 60 probes in a row on a virtual
/// machine with 4 cores the slowest took 1.1 to 1.2 times the middle one at real-time priority, when nothing else gets a
/// core, and 1.2 to 1.9 times beside compilers. A load that is always there raises both, and is seen by [`LOAD_SHARE`].
const PROBE_SPREAD: f64 = 1.25;

/// Above this share of the cores other programs take cores from rounds, which use all of them.
const LOAD_SHARE: f64 = 0.5;

/// Above this share of time another machine had the cores: as much as rounds of a quiet machine differ by.
const STOLEN_SHARE: f64 = 0.02;

/// Above this ratio of the highest clock to the lowest a core that wakes is slower than one that is awake.
const CLOCK_RANGE: f64 = 1.25;

/// Watches over a machine while a bench runs.
#[derive(Debug)]
pub struct PaceWatch {
    cores: usize,
    load: Option<f64>,
    began: Option<Ticks>,
    probes_ms: Vec<f64>,
}

impl PaceWatch {
    /// Begins; the load is that of the minute before, so it comes before anything else of a bench.
    pub fn begin() -> Self {
        let load = if cfg!(target_os = "macos") {
            answer_of(OsStr::new("sysctl"), &["-n", "vm.loadavg"])
        } else {
            text(Path::new("/proc/loadavg"))
        };
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            load: load.and_then(|text| load_of(&text)),
            began: Ticks::now(),
            probes_ms: Vec::new(),
        }
    }

    /// Measures the pace now, on all cores; before each round. Tens of milliseconds.
    ///
    /// # Errors
    /// `BCH-0030` when a core computes wrongly.
    pub fn probe(&mut self) -> Result<()> {
        self.probes_ms.push(probe(self.cores)?);
        Ok(())
    }

    /// What was seen until now.
    pub fn pace(&self) -> Pace {
        Pace {
            probe_ms: Samples::of(self.probes_ms.clone()).unwrap_or_default(),
            load: self.load,
            stolen: self.began.zip(Ticks::now()).and_then(|(began, now)| began.stolen_until(now)),
        }
    }
}

/// What puts figures in doubt; each line begins with `WARNING: `.
pub fn warnings(pace: &Pace, machine: &Machine) -> Vec<String> {
    let mut found = Vec::new();
    let Samples { median, high, .. } = pace.probe_ms;
    if high > PROBE_SPREAD * median {
        found.push(format!(
            "the same arithmetic took {median:.1} ms in the middle and up to {high:.1} ms: the machine was not steady; close \
             other programs, let it cool, and repeat"
        ));
    }
    let cores = machine.cores;
    if let Some(load) = pace.load.filter(|load| *load > LOAD_SHARE * cores as f64) {
        found.push(format!(
            "{load:.1} programs ran or waited for {cores} cores in the minute before the start; close them, wait a minute, \
             and repeat"
        ));
    }
    if let Some(stolen) = pace.stolen.filter(|stolen| *stolen > STOLEN_SHARE) {
        found.push(format!(
            "other machines had the cores in {:.1} % of the time; repeat when the host is quiet, or on cores of its own",
            stolen * 100.0
        ));
    }
    if let (Some("powersave"), Some([low, high])) = (machine.governor.as_deref(), machine.clock_mhz)
        && high > CLOCK_RANGE * low
    {
        found.push(format!(
            "clocks were from {low:.0} to {high:.0} MHz under the governor powersave, so that figures depend on what ran \
             before; set it to performance, and repeat"
        ));
    }
    found.into_iter().map(|text| format!("WARNING: {text}")).collect()
}

/// The mean over a minute, from `0.00 0.40 1.71 1/108 14465` or `{ 2.18 1.94 1.83 }`.
fn load_of(text: &str) -> Option<f64> {
    text.trim_start_matches(['{', ' ']).split_whitespace().next()?.replace(',', ".").parse().ok()
}

/// Time of all cores since the system began, in the kernel's ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ticks {
    all: u64,
    stolen: u64,
}

impl Ticks {
    fn now() -> Option<Self> {
        Self::of(&text(Path::new("/proc/stat"))?)
    }

    fn of(stat: &str) -> Option<Self> {
        let counts = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let counts: Vec<u64> = counts.split_whitespace().map_while(|count| count.parse().ok()).collect();
        // User, nice, system, idle, waiting, two of interrupts, stolen; time of guests, after these, is in user time already.
        let counts = counts.get(..8)?;
        Some(Self { all: counts.iter().fold(0, |sum, count| sum.saturating_add(*count)), stolen: counts[7] })
    }

    fn stolen_until(self, now: Self) -> Option<f64> {
        let (all, stolen) = (now.all.checked_sub(self.all)?, now.stolen.checked_sub(self.stolen)?);
        (all > 0).then(|| stolen as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(probes_ms: &[f64], load: Option<f64>, stolen: Option<f64>) -> Pace {
        Pace { probe_ms: Samples::of(probes_ms.to_vec()).unwrap_or_default(), load, stolen }
    }

    #[test]
    fn stolen_time_is_the_share_of_all_time_between_two_looks_and_guests_count_once() {
        let began = Ticks::of("cpu  100 0 50 800 20 0 10 20 70 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n").unwrap();
        assert_eq!(began, Ticks { all: 1000, stolen: 20 });
        let now = Ticks::of("cpu  160 0 60 910 20 0 10 40 100 0\nintr 5\n").unwrap();
        assert_eq!(began.stolen_until(now), Some(0.1));
        assert_eq!(began.stolen_until(began), None);
        // Counters that fall, as after a machine was moved, are no share.
        assert_eq!(now.stolen_until(began), None);
        for bad in ["", "cpu  1 2 3 4\n", "cpu0 1 1 1 1 1 1 1 1\n", "cpu  1 2 3 4 5 6 7 x\n"] {
            assert_eq!(Ticks::of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_load_is_the_first_of_three_on_every_platform() {
        for (text, load) in
            [("0.52 0.40 1.71 1/108 14465\n", 0.52), ("{ 2.18 1.94 1.83 }\n", 2.18), ("{ 2,18 1,94 }", 2.18)]
        {
            assert_eq!(load_of(text), Some(load));
        }
        assert_eq!(load_of("none"), None);
    }

    #[test]
    fn a_quiet_machine_is_not_warned_of() {
        let machine = Machine { cores: 4, ..Machine::default() };
        assert_eq!(warnings(&pace(&[10.0, 12.5, 10.0], Some(2.0), Some(0.02)), &machine), [] as [String; 0]);
        assert_eq!(warnings(&pace(&[], None, None), &machine), [] as [String; 0]);
        let steady =
            Machine { governor: Some("powersave".into()), clock_mhz: Some([3000.0, 3600.0]), ..machine.clone() };
        let awake = Machine { governor: Some("performance".into()), clock_mhz: Some([800.0, 3600.0]), ..machine };
        assert!(warnings(&Pace::default(), &steady).is_empty() && warnings(&Pace::default(), &awake).is_empty());
    }

    #[test]
    fn each_kind_of_noise_is_named_with_what_helps() {
        let machine = Machine { cores: 4, ..Machine::default() };
        let sleepy =
            Machine { governor: Some("powersave".into()), clock_mhz: Some([400.0, 3600.0]), ..machine.clone() };
        let cases = [
            (pace(&[10.0, 10.0, 12.6], None, None), &machine, "took 10.0 ms in the middle and up to 12.6 ms"),
            (pace(&[], Some(2.1), None), &machine, "2.1 programs ran or waited for 4 cores"),
            (pace(&[], None, Some(0.034)), &machine, "in 3.4 % of the time"),
            (Pace::default(), &sleepy, "from 400 to 3600 MHz under the governor powersave"),
        ];
        for (pace, machine, expected) in cases {
            let found = warnings(&pace, machine);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("WARNING: ") && found[0].contains(expected), "{}", found[0]);
            assert!(found[0].contains("repeat"), "{}", found[0]);
        }
    }

    #[test]
    fn probes_are_kept_in_their_order() {
        let mut watch = PaceWatch::begin();
        assert_eq!(watch.pace().probe_ms, Samples::default());
        watch.probe().unwrap();
        watch.probe().unwrap();
        assert_eq!(watch.pace().probe_ms.rounds, watch.probes_ms);
        assert_eq!(watch.probes_ms.len(), 2);
    }
}
