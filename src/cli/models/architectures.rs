//! `eosin models architectures`: the networks that weights can be for.

use super::args::ArchitecturesArgs;
use crate::cli::exit;
use crate::cli::text::{answer_json, say};
use eosin::nn::{Architecture, NetworkSpec};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) fn run(args: &ArchitecturesArgs) -> ExitCode {
    let rows = Architecture::all().map(|architecture| (architecture, NetworkSpec::torch(architecture, 0)));
    if args.json {
        let rows: Vec<Value> = rows
            .map(|(architecture, spec)| {
                let (mean, std) = architecture.colours().unzip();
                json!({
                    "name": architecture.name(),
                    "also": architecture.aliases(),
                    "features": spec.features(),
                    "input_px": spec.input_px(),
                    "cpu_engine": super::cpu_engine(architecture),
                    "mean": mean,
                    "std": std,
                    "source": architecture.source(),
                })
            })
            .collect();
        answer_json(&Value::Array(rows));
        return ExitCode::from(exit::DONE);
    }
    for (architecture, spec) in rows {
        say!("{}", architecture.name());
        if !architecture.aliases().is_empty() {
            say!("  also      {}", architecture.aliases().join(", "));
        }
        match architecture {
            Architecture::Vit => say!("  shape     stated with --vit, or in the card"),
            _ => say!("  features  {}, of tiles of {} px", spec.features(), spec.input_px()),
        }
        say!("  on CPUs   {}", super::cpu_engine(architecture));
        say!("  source    {}", architecture.source());
    }
    ExitCode::from(exit::DONE)
}
