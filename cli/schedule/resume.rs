//! `scanflow schedule resume`.

use scanflow::store::postgres::orders;

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// End a pause: what became due meanwhile is made up for, at most as fast as the buffer allows
#[derive(Debug, clap::Args)]
pub(super) struct Resume {}

impl Resume {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.block_on(async {
            let database = context.existing_database().await?;
            match orders::resume(&database).await? {
                true => context.note("the schedule goes on"),
                false => context.note("the schedule was not paused"),
            }
            Ok(Exit::Done)
        })
    }
}
