//! Everything that needs more than one module: real slides, reference numbers of other programs, bad inputs.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test may panic, and says loudly what it skips"
)]

mod architectures;
mod assess;
mod assessment;
mod augment;
mod bf16;
mod dataset;
mod documents;
mod evaluate;
mod familiarity;
#[allow(dead_code, reason = "the GPU tests use the rest")]
mod formula;
mod grad_cam;
mod layering;
mod loader;
mod map_exports;
mod measure;
mod models;
mod precision;
mod report;
mod shared;
mod slide_faults;
mod slide_parity;
mod slide_report;
mod spatial;
mod spatial_properties;
mod survival;
mod synthetic;
mod torch_files;
mod torch_hostile;
mod train;
mod train_modes;
mod wsinfer_cases;
mod wsinfer_grid;
mod wsinfer_run;
