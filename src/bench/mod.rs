//! How fast, from when on, at what cost and how rightly: models on devices, and other programs beside them.
//!
//! Every combination of model, device and dtype, and every other program, is a process of its own (`protocol.rs`): a driver
//! that breaks takes its process only, memory is told apart, and a start is a start. Once all are warm they are asked in
//! turn, round by round, so that a machine that slows down slows all of them.
//!
//! `worker.rs` is the measured process, `conversation.rs` its other end, `participant.rs` what is asked of it, `rounds.rs`
//! what it gave, `matrix.rs` all of a model and `run.rs` all of a bench; `machine.rs`, `pace.rs`, `memory.rs` and `energy/` what the system tells;
//! `csv.rs`, `page/` and `compare.rs` what becomes of a record.
//!
//! Invariant: a figure is said with all its rounds ([`Samples`]), and with what it was measured on.

mod answer_of;
mod compare;
mod conversation;
mod csv;
mod energy;
mod feed;
mod kernel;
mod machine;
mod matrix;
mod memory;
mod names;
mod nvidia;
mod pace;
mod page;
mod parity;
mod participant;
mod peer;
mod probe;
mod protocol;
mod read;
mod record;
mod rounds;
mod run;
#[cfg(test)]
mod sample_record;
mod samples;
mod subject;
mod target;
mod whole;
pub mod words;
mod worker;
mod write;

pub use compare::{ComparedCell, ComparedFigure, Comparison, FigureName, Side, Verdict, compare};
pub use memory::peak_bytes;
pub use names::fastest_with_stages;
pub use peer::Peer;
pub use record::{
    Absent, AdapterFacts, BenchRecord, Cell, Energy, InputFacts, Line, Machine, MemoryUse, ModelUsed, Pace, Parity,
    SCHEMA, Settings, Stage, Start, WholeRun,
};
pub use run::{BenchConfig, BenchEvent, bench};
pub use samples::Samples;
pub use subject::{ModelChoice, write_random_model};
pub use target::Target;
pub use worker::work;
pub use write::{RECORD, write_bench};
