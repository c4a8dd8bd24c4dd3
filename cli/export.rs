//! `scanflow export`: what tests compare.

use std::io::Write;

use scanflow::store::postgres::export;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Print insights and history in canonical form, one JSON object a line
///
/// Ordered by source, asset, fence, check and subject, without ids, times and sequences: two runs
/// that did the same work print the same text.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Export {}

impl Export {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.block_on(async {
            let database = context.existing_database().await?;
            let mut out = Stdout::lock();
            for mut lines in [export::insights(&database).await?, export::events(&database).await?]
            {
                while let Some(line) = lines.next().await?
                    && !out.is_closed()
                {
                    serde_json::to_writer(&mut out, &line)?;
                    out.write_all(b"\n")?;
                }
            }
            out.flush()?;
            Ok(Exit::Done)
        })
    }
}
