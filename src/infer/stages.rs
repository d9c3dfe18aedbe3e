//! One batch, stage by stage, with a wait after each: slower than a run, in which stages overlap, but it tells where the time
//! goes. In a run our own engine reads bytes itself, and has no stages before the network.

use super::predictor::Predictor;
use super::readback::Readback;
use crate::error::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

/// How long the stages of some batches took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Bytes to the device; within `preprocess` where a model makes colours alike.
    pub upload: Duration,
    /// Bytes to normalised numbers.
    pub preprocess: Duration,
    /// The network.
    pub network: Duration,
    /// Outputs to the host, and scores from them.
    pub readback: Duration,
}

impl StageTimes {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            upload: self.upload + other.upload,
            preprocess: self.preprocess + other.preprocess,
            network: self.network + other.network,
            readback: self.readback + other.readback,
        }
    }
}

impl Predictor {
    /// Times one batch on the calling thread.
    ///
    /// # Shapes
    /// `bytes`: a whole batch, `[N, S, S, 3]` u8, `N` as in [`Predictor::config`].
    ///
    /// # Errors
    /// As [`Predictor::run`].
    pub fn time_stages(&self, bytes: &[u8]) -> Result<StageTimes> {
        let mut clock = Clock(Instant::now());
        let wait = || {
            let refuse = |error: burn::backend::ExecutionError| {
                let message = format!("expected the device to finish its work, found: {error}");
                Error::new(ErrorKind::Device, "DEV-0003", message)
            };
            self.device.sync().map_err(refuse)
        };
        let mut times = StageTimes::default();
        let mut sent = Ok(());
        let input = self.eye.see_in_turn(bytes, self.shape(), &self.device, || {
            sent = wait();
            times.upload = clock.lap();
        });
        sent?;
        wait()?;
        times.preprocess = clock.lap();
        let outputs = self.judge.forward(input)?;
        wait()?;
        times.network = clock.lap();
        let tiles = (0..self.config().batch).filter_map(|tile| u32::try_from(tile).ok()).collect();
        self.score(tiles, &Readback::start(outputs).wait()?)?;
        times.readback = clock.lap();
        Ok(times)
    }
}

struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now - self.0;
        self.0 = now;
        lap
    }
}
