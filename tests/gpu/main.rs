//! GPU against CPU: each kernel against its twin, and a network on a slide. Skips loudly without an adapter, and fails
//! instead when `EOSIN_REQUIRE_GPU=1`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it measured")]

mod architectures;
mod blur;
mod colour;
mod conv;
#[allow(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/formula.rs"]
mod formula;
mod network;
#[path = "../integration/shared.rs"]
mod shared;
mod unpack;
mod warp;

use eosin::Result;
use eosin::device::{Api, DeviceSpec, OpenDevice, open};
use std::io::Write;
use std::sync::OnceLock;

/// The one device of this process; a second opening would fail.
fn device() -> Option<&'static OpenDevice> {
    static DEVICE: OnceLock<Result<OpenDevice>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| open(DeviceSpec::Gpu(Api::Wgpu, None)));
    if let Err(error) = device {
        assert!(std::env::var_os("EOSIN_REQUIRE_GPU").is_none_or(|value| value != "1"), "{error}");
        // Not `eprintln!`, which is shown for tests that fail only.
        let _ = writeln!(std::io::stderr(), "skipped: {error}");
    }
    device.as_ref().ok()
}
