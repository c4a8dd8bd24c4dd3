//! Experiments on the graphs that jobs run. Figures that are kept belong with machine
//! and commit into `bench/README.md`.

use clap::{Parser, Subcommand};

mod fleet;
mod idle;
mod lanes;
mod meter;
mod old_design;
mod pass;
mod pipeline;
mod print;
mod proxy;
mod requests;
mod schedule;
mod server;
mod sink;
mod source;
mod usage;
mod wal;
mod workers;

/// Experiments with scanflow; each prints lines for people, or with --json one object a line.
#[derive(Debug, Parser)]
#[command(name = "scanflow-bench")]
struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    Fleet(fleet::Fleet),
    #[command(hide = true)]
    Follow(workers::Follow),
    Idle(idle::Idle),
    Lanes(lanes::Lanes),
    Pipeline(pipeline::Pipeline),
    Requests(requests::Requests),
    Schedule(schedule::Schedule),
    Sink(sink::Sink),
}

impl Experiment {
    fn workers(&self) -> usize {
        match self {
            Experiment::Fleet(fleet) => fleet.workers,
            Experiment::Follow(follow) => follow.workers,
            Experiment::Idle(idle) => idle.workers,
            Experiment::Lanes(lanes) => lanes.workers(),
            Experiment::Pipeline(pipeline) => pipeline.workers,
            Experiment::Requests(requests) => requests.workers,
            Experiment::Schedule(schedule) => schedule.workers(),
            Experiment::Sink(sink) => sink.workers(),
        }
    }

    async fn run(self) -> anyhow::Result<()> {
        match self {
            Experiment::Fleet(fleet) => fleet.run().await,
            Experiment::Follow(follow) => follow.run().await,
            Experiment::Idle(idle) => idle.run().await,
            Experiment::Lanes(lanes) => lanes.run().await,
            Experiment::Pipeline(pipeline) => pipeline.run().await,
            Experiment::Requests(requests) => requests.run().await,
            Experiment::Schedule(schedule) => schedule.run().await,
            Experiment::Sink(sink) => sink.run().await,
        }
    }
}

fn main() -> anyhow::Result<()> {
    scanflow::panics::exit_on_worker_panic(scanflow::panics::exit_now);
    let experiment = Arguments::parse().experiment;
    // As many threads as `scanflow run` has.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(experiment.workers().div_ceil(2)).enable_all().build()?;
    runtime.block_on(experiment.run())
}
