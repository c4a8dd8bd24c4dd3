//! `scanflow schedule pause`.

use scanflow::store::postgres::orders;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::reviewing::user_at_host;

/// Let nothing go out but what is asked for, within a second, until `schedule resume`
///
/// What is under way is finished. Assets become overdue meanwhile, and are made up for afterwards. `run
/// --once` does not begin while it is paused, and one that has begun waits for the end of the pause.
#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    /// Who says so. Default: the name of the user, with the host
    #[arg(long, value_name = "NAME", env = "SCANFLOW_AUTHOR")]
    author: Option<String>,
}

impl Pause {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let author = self.author.map_or_else(user_at_host, Ok)?;
        context.block_on(async {
            let database = context.existing_database().await?;
            match orders::pause(&database, &author).await? {
                true => context.note("the schedule is paused"),
                false => context.note("the schedule was paused before"),
            }
            Ok(Exit::Done)
        })
    }
}
