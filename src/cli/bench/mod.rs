//! `eosin bench`.

#[cfg_attr(not(test), expect(dead_code, reason = "no subcommand runs it yet"))]
mod compare;
#[cfg_attr(not(test), expect(dead_code, reason = "no subcommand prints it yet"))]
mod table;

/// The record of the library's tests.
#[cfg(test)]
#[path = "../../bench/sample_record.rs"]
mod sample_record;
#[cfg(test)]
use eosin::bench::{
    Absent, AdapterFacts, BenchRecord, Cell, Energy, InputFacts, Line, Machine, MemoryUse, Pace, Parity, SCHEMA,
    Samples, Settings, Stage, Start,
};
