//! The command line: typed arguments in, text and exit codes out. The only part that prints, through
//! `text.rs`.

mod args;
mod bench;
mod data_args;
mod demo;
mod doctor;
mod evaluate;
mod exit;
mod explain;
mod info;
mod interrupt;
mod keys;
mod map;
mod map_args;
mod models;
mod progress;
mod score;
mod text;
mod train;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// Parses the arguments, runs the command, turns its outcome into an exit code.
pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::of_parsing(&error),
    };
    // A training, an evaluation or a measurement of a model has no other slides that were scored.
    let unreadable = match args.command {
        Command::Train(_) | Command::Evaluate(_) | Command::Bench(_) | Command::Models(_) => exit::USAGE,
        _ => exit::SOME_FAILED,
    };
    let outcome = match args.command {
        Command::Score(args) => score::run(&args),
        Command::Map(args) => map::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    };
    outcome.unwrap_or_else(|error| exit::of_error(&error, unreadable))
}
