//! Experiments on the graphs that jobs run. Prints JSON; figures that are kept belong with machine
//! and commit into `bench/README.md`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod fleet;
mod idle;
mod pipeline;
mod server;
mod source;
mod usage;

/// Experiments with scanflow; each prints one JSON object a line.
#[derive(Debug, Parser)]
#[command(name = "scanflow-bench")]
struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    Fleet(fleet::Fleet),
    Idle(idle::Idle),
    Pipeline(pipeline::Pipeline),
}

fn main() -> anyhow::Result<ExitCode> {
    scanflow::panics::exit_on_worker_panic(scanflow::panics::exit_now);
    match Arguments::parse().experiment {
        Experiment::Fleet(fleet) => fleet.run(),
        Experiment::Idle(idle) => idle.run(),
        Experiment::Pipeline(pipeline) => pipeline.run(),
    }
}
