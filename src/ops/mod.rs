//! The CPU twin of each GPU kernel, under the kernel's own name. Plain loops over host memory; a test holds each equal
//! to its kernel.

pub mod unpack;
