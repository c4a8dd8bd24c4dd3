//! `scanflow dlq drop`.

use std::io::Write;

use clap::ArgGroup;
use scanflow::clock::Clock;
use scanflow::store::postgres::dead_letters::{self, LetterFilter};

use super::{refuse_unknown, when};
use crate::confirm::confirm;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Drop outcomes that could not be stored, for good
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct Drop {
    /// As `scanflow dlq list` prints them
    #[arg(value_name = "ID", group = "which")]
    id: Vec<i64>,
    /// All
    #[arg(long, group = "which")]
    all: bool,
    /// Put aside before: a day (2026-11-01, from 0:00 UTC), a time (2026-11-01T12:00:00Z) or a length
    /// ago (7d)
    #[arg(long, value_name = "WHEN", group = "which")]
    before: Option<String>,
    /// Those that can never be applied, since the asset was scanned again
    #[arg(long, group = "which")]
    obsolete: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Drop {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let now = Clock::system().now();
        let before = self.before.as_deref().map(|text| when::parse("--before", text, now));
        let before = before.transpose()?;
        context.block_on(async {
            let database = context.existing_database().await?;
            let mut filter =
                LetterFilter { before, obsolete: self.obsolete, ..LetterFilter::default() };
            if self.id.is_empty() {
                let count = dead_letters::count(&database, &filter).await?;
                if count != 0 && !self.yes {
                    let refusal = format!("that are {count} dead letters: `--yes` drops them");
                    let question = format!("Drop {count} dead letters for good?");
                    confirm(&question, refusal, "nothing was dropped").await?;
                }
            } else {
                refuse_unknown(&database, &self.id).await?;
                filter.ids = Some(self.id);
            }
            let dropped = dead_letters::delete(&database, &filter).await?;
            let mut out = Stdout::lock();
            match dropped {
                1 => writeln!(out, "1 dead letter is dropped")?,
                many => writeln!(out, "{many} dead letters are dropped")?,
            }
            out.flush()?;
            Ok(Exit::Done)
        })
    }
}
