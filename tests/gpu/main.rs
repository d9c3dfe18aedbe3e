//! GPU against CPU: each kernel against its twin, and a network on a slide. Skips loudly without an adapter, and fails
//! instead when `EOSIN_REQUIRE_GPU=1`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says loudly what it skips")]

mod network;
mod unpack;

use eosin::device::{Api, DeviceSpec, OpenDevice, open};
use std::sync::OnceLock;

/// The one device of this process; a second opening would fail.
fn device() -> Option<&'static OpenDevice> {
    static DEVICE: OnceLock<Option<OpenDevice>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| open(DeviceSpec::Gpu(Api::Wgpu, None)).ok());
    if device.is_none() {
        assert!(
            std::env::var_os("EOSIN_REQUIRE_GPU").is_none_or(|value| value != "1"),
            "no GPU adapter, not even software"
        );
        eprintln!("skipped: no GPU adapter");
    }
    device.as_ref()
}
