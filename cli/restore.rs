//! `scanflow restore`.

use std::io::Write;
use std::path::PathBuf;

use scanflow::clock::Clock;
use scanflow::store::postgres::cluster;

use crate::backup::amounts;
use crate::confirm::confirm;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

const INSTEAD: &str = "restore it with `pg_restore` or as you do with your other databases, while no \
                       scanflow runs (docs/backup.md)";

/// Put a backup in the place of the embedded database
///
/// What is there now is dropped, with all that was found since the backup; until the backup is
/// complete beside it nothing is changed. Nothing else may use the embedded database meanwhile. A
/// backup of an older scanflow is brought up to date. Restore only what you made: a backup is a
/// program that Postgres runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// What `scanflow backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace what is there without asking
    #[arg(long)]
    yes: bool,
}

impl Restore {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let state_dir = context.private_state_dir(INSTEAD)?;
        let clock = Clock::system();
        context.block_on(async {
            let restore = cluster::Restore::prepare(state_dir, &self.file).await?;
            let of = restore.contents().clone();
            if let Some(present) = restore.present().filter(|present| !present.is_empty())
                && !self.yes
            {
                let present = amounts(&present);
                let refusal = format!("the database holds {present}: `--yes` replaces them");
                let question = format!("The database holds {present}. Replace them?");
                confirm(&question, refusal, "nothing was replaced").await?;
            }
            let began = clock.now();
            let counts = restore.run(&clock).await?;
            let mut out = Stdout::lock();
            writeln!(
                out,
                "restored {} ({}, schema version {}): {}; {:.1} s",
                self.file.display(),
                of.maker.as_deref().unwrap_or("pg_dump"),
                of.schema,
                amounts(&counts),
                clock.now().since(began).as_secs_f64(),
            )?;
            out.flush()?;
            Ok(Exit::Done)
        })
    }
}
