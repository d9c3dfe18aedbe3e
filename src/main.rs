//! The `eosin` program: parse, run, exit.
#![recursion_limit = "256"]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
