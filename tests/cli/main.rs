//! The program as its users meet it: arguments in; lines, files and exit codes out.
//!
//! Every test runs the built program in a folder of its own, on slides and a model that it writes there itself. The
//! model has random weights: what it says has no meaning, whether and where it is said has.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bench;
mod bf16;
mod calibration;
mod demo;
mod evaluate;
mod explain;
mod familiarity;
mod hostile_models;
mod import;
mod kernel_cache;
mod maps;
mod precision;
mod privacy;
mod questions;
mod resume;
mod slide_faults;
#[cfg(unix)]
mod stop;
mod train;
mod usage;
mod workplace;
mod wsinfer;
