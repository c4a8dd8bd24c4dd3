//! `scanflow schedule`: what is scanned when, looked at and ordered.

use crate::context::Context;
use crate::exit::{Exit, Failure};

mod pause;
mod preview;
mod resume;
mod spread;
mod status;

/// Look at the schedule, pause it and go on, or spread the fleet
#[derive(Debug, clap::Args)]
pub(crate) struct Schedule {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(status::Status),
    Preview(preview::Preview),
    Pause(pause::Pause),
    Resume(resume::Resume),
    Spread(spread::Spread),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Table,
    Json,
}

impl Schedule {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.command {
            Command::Status(status) => status.run(context),
            Command::Preview(preview) => preview.run(context),
            Command::Pause(pause) => pause.run(context),
            Command::Resume(resume) => resume.run(context),
            Command::Spread(spread) => spread.run(context),
        }
    }
}
