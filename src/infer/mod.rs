//! Batches of bytes become predictions on one device, and heat maps of what these rest on.
//!
//! Invariant: only host memory crosses a thread. On a GPU one thread submits everything, the next batch is queued before
//! the last one is read back, and every batch has the same shape. On the CPU small batches run side by side, one on each
//! core, so that none waits for another: on our own engine, or on burn for networks that it has no kernels for.

mod activation;
mod explain;
mod eye;
mod grad_cam;
mod judge;
mod predictor;
mod readback;
mod stages;

pub use activation::activate;
pub use explain::{Explainer, Explanation};
pub use eye::Eye;
pub use grad_cam::grad_cam;
pub use predictor::{BatchFeed, PARITY, PARITY_BF16, PARITY_F16, Predictor, PredictorConfig, Scored, parity};
pub use stages::StageTimes;
