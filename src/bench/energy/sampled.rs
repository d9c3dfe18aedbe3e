//! Power, looked at ten times a second by a thread → joules since the first look.
//!
//! Invariant: the sum never falls; a power that is not told for seconds ends it.

use crate::bench::answer_of::PATIENCE;
use crate::bench::kernel::number;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between two looks. Cards tell a mean over 0.1 to 1 s, so that more looks would find nothing new.
const PERIOD: Duration = Duration::from_millis(100);

/// A power that is followed until this is dropped.
#[derive(Debug)]
pub(super) struct Sampled {
    shared: Arc<Shared>,
    _until_dropped: UntilDropped,
}

/// What keeps the samples coming.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its end alone")]
enum UntilDropped {
    File(Sender<()>),
    Program(Running),
}

/// A child process, ended when this is dropped.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing can be done about a child that cannot be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Sampled {
    /// Follows a file with microwatts. None where it cannot be read.
    pub fn of_file(file: PathBuf) -> Option<Self> {
        let (keep, dropped) = mpsc::channel::<()>();
        let mut waits = false;
        let shared = follow(move || {
            if waits && dropped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return None;
            }
            waits = true;
            number(&file).map(|microwatts: f64| microwatts / 1e6)
        })?;
        Some(Self { shared, _until_dropped: UntilDropped::File(keep) })
    }

    /// Follows what `nvidia-smi` says of the card at this place on the PCI bus. None where it says nothing.
    pub fn of_nvidia(program: &OsStr, place: &str) -> Option<Self> {
        let period = PERIOD.as_millis().to_string();
        let child = Command::new(program)
            .args(["-i", place, "--query-gpu=power.draw", "--format=csv,noheader,nounits", "-lms", &period])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut running = Running(child.ok()?);
        let mut lines = BufReader::new(running.0.stdout.take()?).lines();
        let shared = follow(move || lines.next()?.ok()?.trim().parse().ok())?;
        Some(Self { shared, _until_dropped: UntilDropped::Program(running) })
    }

    /// Joules since the first look; none when the power is not told any more.
    pub fn joules(&self) -> Option<f64> {
        let mut sum = self.shared.sum();
        let now_s = self.shared.began.elapsed().as_secs_f64();
        sum.joules_at(now_s)
    }
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    sum: Mutex<Sum>,
}

impl Shared {
    fn sum(&self) -> MutexGuard<'_, Sum> {
        // The sum is whole whenever the lock is free.
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sums what `next` gives, which waits for each watt, on a thread of its own until there is none. Waits for the first.
fn follow(mut next: impl FnMut() -> Option<f64> + Send + 'static) -> Option<Arc<Shared>> {
    let shared = Arc::new(Shared { began: Instant::now(), sum: Mutex::new(Sum::default()) });
    let (first, came) = mpsc::channel();
    let theirs = Arc::clone(&shared);
    let follower = move || {
        while let Some(watts) = next().filter(|watts| watts.is_finite() && *watts >= 0.0) {
            let now_s = theirs.began.elapsed().as_secs_f64();
            theirs.sum().add(now_s, watts);
            // Only the first is waited for.
            let _ = first.send(());
        }
        theirs.sum().ended = true;
    };
    std::thread::Builder::new().name("power".to_string()).spawn(follower).ok()?;
    came.recv_timeout(PATIENCE).ok().map(|()| shared)
}

/// Power over time, summed by trapezoids.
#[derive(Debug, Default)]
struct Sum {
    joules: f64,
    /// Seconds and watts.
    last: Option<(f64, f64)>,
    told: f64,
    ended: bool,
}

impl Sum {
    fn add(&mut self, now_s: f64, watts: f64) {
        if let Some((last_s, last_watts)) = self.last {
            self.joules += f64::midpoint(watts, last_watts) * (now_s - last_s);
        }
        self.last = Some((now_s, watts));
    }

    /// As if the last power had held until now; at least what was told before.
    fn joules_at(&mut self, now_s: f64) -> Option<f64> {
        let (last_s, watts) = self.last?;
        let since_s = now_s - last_s;
        if self.ended || since_s > PATIENCE.as_secs_f64() {
            return None;
        }
        self.told = self.told.max(self.joules + watts * since_s.max(0.0));
        Some(self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_that_rises_evenly_is_summed_exactly() {
        let mut sum = Sum::default();
        assert_eq!(sum.joules_at(0.0), None);
        // 100 W to 300 W in 4 s are 800 J, whenever it is looked at.
        for at_s in [1.0, 1.5, 3.0, 5.0] {
            sum.add(at_s, 100.0 + 50.0 * (at_s - 1.0));
        }
        assert_eq!(sum.joules_at(5.0), Some(800.0));
        // Then 300 W are held.
        assert_eq!(sum.joules_at(5.5), Some(950.0));
    }

    #[test]
    fn the_sum_does_not_fall_when_the_power_held_was_too_high() {
        let mut sum = Sum::default();
        sum.add(0.0, 200.0);
        assert_eq!(sum.joules_at(1.0), Some(200.0));
        sum.add(1.0, 0.0);
        assert_eq!(sum.joules_at(1.0), Some(200.0));
        sum.add(3.0, 200.0);
        assert_eq!(sum.joules_at(3.0), Some(300.0));
    }

    #[test]
    fn a_power_that_is_silent_or_at_its_end_is_no_sum() {
        let mut sum = Sum::default();
        sum.add(0.0, 200.0);
        assert!(sum.joules_at(9.0).is_some() && sum.joules_at(11.0).is_none());
        sum.ended = true;
        assert!(sum.joules_at(0.0).is_none());
    }
}
