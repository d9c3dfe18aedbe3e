//! Which device runs the network, and in which numbers: what was asked for, what there is, what was really opened.
//!
//! Invariant: a device that was asked for by name is opened or refused with a list of what there is; nothing falls back in
//! silence. Only `auto` chooses, and it never chooses a software renderer.

mod adapter;
mod arithmetic;
pub mod cache;
mod open;
mod spec;

pub use adapter::{Adapter, AdapterKind, adapters};
pub use arithmetic::Arithmetic;
pub use open::{OpenDevice, open, open_in};
pub use spec::{Api, DeviceSpec};
