//! Where a demo works: a private database in a folder of its own, made anew each time.

use std::fs::{File, TryLockError};

use anyhow::anyhow;
use scanflow::clock::Clock;
use scanflow::store::postgres::migrate::migrate;
use scanflow::store::postgres::{Database, DatabaseError, Lease, Taken};

use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Below the state directory.
const FOLDER: &str = "demo";
/// Beside the folder: says that a demo made it, and is locked by the one that uses it.
const LOCK: &str = "demo.lock";

/// The folder of a demo, which nobody else uses as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) context: Context,
    _lock: File,
}

impl Place {
    /// Takes the folder. A database of the settings is left alone; one that was named among the
    /// arguments is an error.
    pub(super) fn claim(context: &Context) -> Result<Place, Failure> {
        if context.names_database() {
            return Err(Failure::usage(
                "a demo breaks and repairs zones, so it never works on a database that is named: \
                 leave out --database-url, and it starts one of its own"
                    .to_owned(),
            ));
        }
        let parent = &context.state_dir;
        let (folder, lock) = (parent.join(FOLDER), parent.join(LOCK));
        if folder.exists() && !lock.exists() {
            let message =
                anyhow!("{} was not made by a demo: nothing in it is touched", folder.display());
            return Err(Failure::new(Exit::Config, message));
        }
        let failed = |err| {
            let what = format!("could not use {}", parent.display());
            Failure::new(Exit::Config, anyhow::Error::new(err).context(what))
        };
        std::fs::create_dir_all(parent).map_err(failed)?;
        let open = File::options().write(true).create(true).truncate(false).open(&lock);
        let lock = open.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Place { context: context.below(folder), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(in_use(context)),
            Err(TryLockError::Error(err)) => Err(failed(err)),
        }
    }

    /// The database, without what an earlier demo left in it.
    pub(super) async fn database(&self, clock: &Clock) -> Result<Database, Failure> {
        let database = self.context.database().await?;
        let ttl = self.context.config.schedule.lease_ttl;
        match Lease::take(&database, clock, ttl).await? {
            // It goes with all the rest.
            Taken::Lease(_) => empty(&database).await?,
            Taken::Held { .. } => return Err(in_use(&self.context)),
        }
        migrate(&database, clock.now()).await?;
        // The newest changes are asked for several times a second.
        let index = "create index if not exists insight_events_demo on insight_events (at)";
        let client = database.client().await?;
        client.batch_execute(index).await.map_err(DatabaseError::from)?;
        Ok(database)
    }
}

fn in_use(context: &Context) -> Failure {
    let message = anyhow!("another scanflow works in {}", context.state_dir.display());
    Failure::new(Exit::TryAgain, message)
}

async fn empty(database: &Database) -> Result<(), DatabaseError> {
    let client = database.client().await?;
    client.batch_execute("drop schema public cascade; create schema public").await?;
    Ok(())
}
