//! `scanflow dlq replay`.

use std::io::Write;

use clap::ArgGroup;
use scanflow::clock::Clock;
use scanflow::sinks::postgres::{Postgres, Replayed};
use scanflow::store::postgres::dead_letters::{self, LetterFilter};

use super::refuse_unknown;
use crate::cell;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

/// Apply outcomes that could not be stored, as if they had landed
///
/// Each is one transaction, also beside `run`: its insights and history are there, and the dead letter is
/// gone. One whose asset was scanned again is obsolete and stays (drop --obsolete). Exits with 1 if one
/// cannot be stored still.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct Replay {
    /// As `scanflow dlq list` prints them
    #[arg(value_name = "ID", group = "which")]
    id: Vec<i64>,
    /// All, the oldest first
    #[arg(long, group = "which")]
    all: bool,
}

impl Replay {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        context.block_on(async {
            let database = context.existing_database().await?;
            let ids = match self.all {
                true => dead_letters::ids(&database, &LetterFilter::default()).await?,
                false => {
                    refuse_unknown(&database, &self.id).await?;
                    self.id
                }
            };
            let sink = Postgres::new(database, Clock::system());
            let mut out = Stdout::lock();
            let (mut applied, mut obsolete, mut failed) = (0, 0, 0);
            for id in ids {
                let became = match sink.replay(id).await? {
                    Replayed::Applied => {
                        applied += 1;
                        "applied".to_owned()
                    }
                    Replayed::Obsolete => {
                        obsolete += 1;
                        "obsolete: a newer scan of the asset has landed, or it is gone".to_owned()
                    }
                    // Somebody else was faster.
                    Replayed::Missing => "gone".to_owned(),
                    Replayed::Refused(err) => {
                        failed += 1;
                        let (cause, message) = (err.sqlstate(), err.message());
                        format!("refused, {}: {}", cell::shown(&cause), cell::shown(&message))
                    }
                    Replayed::Unreadable(err) => {
                        failed += 1;
                        err.to_string()
                    }
                };
                writeln!(out, "{id}  {became}")?;
            }
            out.flush()?;
            context.note(&format!("{applied} applied, {obsolete} obsolete, {failed} failed"));
            Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
        })
    }
}
