//! `scanflow schedule spread`.

use scanflow::store::postgres::{orders, status};

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Part assets that were scanned together: evenly over a cadence, none later than before
///
/// A run does that at its start as well. It takes some 0.2 s a million assets, in which nothing else
/// goes out.
#[derive(Debug, clap::Args)]
pub(super) struct Spread {}

impl Spread {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.block_on(async {
            let database = context.existing_database().await?;
            orders::spread(&database).await?;
            match status::has_leader(&database).await? {
                true => context.note("the fleet is spread within a second or so"),
                false => context.note("nobody leads: the next run spreads the fleet at its start"),
            }
            Ok(Exit::Done)
        })
    }
}
