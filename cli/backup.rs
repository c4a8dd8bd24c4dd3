//! `scanflow backup`.

use std::io::Write;
use std::path::PathBuf;

use scanflow::clock::Clock;
use scanflow::store::postgres::cluster::{Cluster, Counts};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::stdout::Stdout;

const INSTEAD: &str = "back it up with `pg_dump --format=custom --file=FILE` or as you do with your \
                       other databases (docs/backup.md)";

/// Write the embedded database into one file
///
/// The state of one moment, while `run` goes on. FILE is there whole or not at all, and only its
/// owner may read it. It is an archive of pg_dump: `scanflow restore` reads it, and so does
/// pg_restore.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// Where to write it
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let state_dir = context.private_state_dir(INSTEAD)?;
        context.refuse_no_private()?;
        let clock = Clock::system();
        let began = clock.now();
        let backed_up = context.block_on(async {
            let start = async || Cluster::start_as_it_is(state_dir).await;
            let cluster = context.cluster.get_or_try_init(start).await?;
            Ok(cluster.back_up(&self.file, self.force).await?)
        })?;
        let mut out = Stdout::lock();
        writeln!(
            out,
            "backed up to {}: {} in {:.1} MB; schema version {}; {:.1} s",
            self.file.display(),
            amounts(&backed_up.counts),
            backed_up.bytes as f64 / 1e6,
            backed_up.schema,
            clock.now().since(began).as_secs_f64(),
        )?;
        out.flush()?;
        Ok(Exit::Done)
    }
}

/// For people.
pub(crate) fn amounts(counts: &Counts) -> String {
    let Counts { accounts, zones, insights, events } = counts;
    format!("{accounts} accounts, {zones} zones, {insights} insights with {events} events")
}
