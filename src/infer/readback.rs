//! A result that is on its way from the device to the host.

use crate::error::{Error, ErrorKind, Result};
use burn::backend::ExecutionError;
use burn::tensor::{Tensor, TensorData};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Logits that are being copied. Nothing waits until [`Readback::wait`].
pub(super) struct Readback {
    future: Pin<Box<dyn Future<Output = Result<TensorData, ExecutionError>> + Send>>,
    early: Option<Result<TensorData, ExecutionError>>,
}

impl Readback {
    /// Starts the copy of `logits`, `[N, K]`. burn's future does nothing before its first poll, so it is polled once here:
    /// that puts the copy into the queue ahead of the work that is submitted next.
    pub(super) fn start(logits: Tensor<2>) -> Self {
        let mut future: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(logits.into_data_async());
        let early = match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };
        Self { future, early }
    }

    /// Waits for the values, row-major.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] `DEV-0003` when the device failed. burn may say yes after a device was lost and panic when
    /// the bytes are touched, so they are touched here, under a guard.
    pub(super) fn wait(self) -> Result<Vec<f32>> {
        let Self { future, early } = self;
        let refuse = |found: String| {
            Error::new(ErrorKind::Device, "DEV-0003", format!("expected scores from the device, found: {found}"))
                .with_advice("`--device cpu` does not need the GPU; `eosin doctor` tells more about it")
        };
        let bytes = catch_unwind(AssertUnwindSafe(|| {
            let data = early.unwrap_or_else(|| cubecl::future::block_on(future)).map_err(|error| error.to_string())?;
            data.try_to_vec::<f32>().map_err(|error| format!("{error:?}"))
        }));
        bytes.map_err(|_| refuse("a panic in the driver".to_string()))?.map_err(refuse)
    }
}
