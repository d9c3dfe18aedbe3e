//! How fast, from when on, at what cost and how rightly: models on devices, and other programs beside them.
//!
//! Every combination of model, device and dtype, and every other program, is a process of its own ([`Job`], [`Request`],
//! [`Answer`]): a driver that breaks takes its process only, memory is told apart, and a start is a start. Once all are
//! warm they are asked in turn, round by round, so that a machine that slows down slows all of them.
//!
//! Invariant: a figure is said with all its rounds ([`Samples`]), and with what it was measured on.

mod answer_of;
mod energy;
mod kernel;
mod machine;
mod memory;
mod nvidia;
mod pace;
mod probe;
mod compare;
mod csv;
mod names;
mod page;
mod protocol;
mod read;
mod record;
#[cfg(test)]
mod sample_record;
mod samples;
pub mod words;

pub use energy::EnergyMeter;
pub use memory::peak_bytes;
pub use pace::{PaceWatch, warnings};
pub use compare::{ComparedCell, ComparedFigure, Comparison, FigureName, Side, Verdict, compare};
pub use csv::csv;
pub use names::{fastest, fastest_with_stages, grouped};
pub use page::page;
pub use protocol::{Answer, Job, LineAnswer, MemoryAnswer, OpenAnswer, Request, RoundAnswer, StagesAnswer, WarmAnswer};
pub use record::{
    Absent, AdapterFacts, BenchRecord, Cell, Energy, InputFacts, Line, Machine, MemoryUse, Pace, Parity, SCHEMA,
    Settings, Stage, Start,
};
pub use samples::Samples;
