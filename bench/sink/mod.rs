//! Experiments on the sink: what a flush costs, beside the other ways of writing the same.

use clap::Subcommand;

pub(crate) mod bars;
mod catalogue;
mod contention;
mod dice;
mod distance;
mod faults;
mod flights;
mod frozen;
pub(crate) mod outcomes;
mod plot;
mod steady;
mod sweep;
pub(crate) mod tables;
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
    Catalogue(catalogue::Catalogue),
    Steady(steady::Steady),
    Distance(distance::Distance),
    Contention(contention::Contention),
    Faults(faults::Faults),
    Plot(plot::Plot),
}

impl Sink {
    /// Only those that run the graph have any.
    pub(crate) fn workers(&self) -> usize {
        2
    }

    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.experiment {
            Experiment::Sweep(sweep) => sweep.run().await,
            Experiment::Catalogue(catalogue) => catalogue.run().await,
            Experiment::Steady(steady) => steady.run().await,
            Experiment::Distance(distance) => distance.run().await,
            Experiment::Contention(contention) => contention.run().await,
            Experiment::Faults(faults) => faults.run().await,
            Experiment::Plot(plot) => plot.run(),
        }
    }
}
