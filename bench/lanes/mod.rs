//! Experiments on the lanes: what giant zones do to all others, and what they take.

use clap::Subcommand;

mod arms;
mod giants;
mod hol;
mod latencies;
mod memory;
mod mix;
mod plot;
mod ranks;
mod small;
mod stages;
mod watch;

/// What giant zones do to all others
#[derive(Debug, clap::Args)]
pub(crate) struct Lanes {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    Hol(hol::Hol),
    Mix(mix::Mix),
    Memory(memory::Memory),
    Plot(plot::Plot),
}

impl Lanes {
    /// The most that any arm has: all run in one process.
    pub(crate) fn workers(&self) -> usize {
        2
    }

    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.experiment {
            Experiment::Hol(hol) => hol.run().await,
            Experiment::Mix(mix) => mix.run().await,
            Experiment::Memory(memory) => memory.run().await,
            Experiment::Plot(plot) => plot.run(),
        }
    }
}
