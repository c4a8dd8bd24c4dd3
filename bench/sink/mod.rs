//! Experiments on the sink: what a flush costs, beside the other ways of writing the same.

use clap::Subcommand;

mod bars;
mod outcomes;
mod sweep;
mod ways;

/// What writing findings costs
#[derive(Debug, clap::Args)]
pub(crate) struct Sink {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    Sweep(sweep::Sweep),
}

impl Sink {
    /// Only those that run the graph have any.
    pub(crate) fn workers(&self) -> usize {
        2
    }

    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.experiment {
            Experiment::Sweep(sweep) => sweep.run().await,
        }
    }
}
