//! Whether a job can work with the database now: for probes, so bounded in time.

use std::time::Duration;

use super::migrate::{MigrateError, check_version};
use super::{Database, DatabaseError};
use crate::clock::Clock;

/// What keeps a job from working with the database.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error("it does not answer within {0:?}")]
    Silent(Duration),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("it is a standby: it takes no writes")]
    Standby,
    #[error("it is read-only")]
    ReadOnly,
    #[error(transparent)]
    Schema(MigrateError),
}

/// What was seen of the database.
#[derive(Debug)]
pub struct Readiness {
    /// There and back; None: it did not answer.
    pub round_trip: Option<Duration>,
    pub ready: Result<(), NotReady>,
}

const TAKES_WRITES: &str =
    "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";

/// Asks whether the database answers, takes writes and has the schema of this version, and waits
/// for the answers no longer than `within`.
pub async fn readiness(database: &Database, clock: &Clock, within: Duration) -> Readiness {
    let mut round_trip = None;
    let asked = tokio::time::timeout(within, ask(database, clock, &mut round_trip)).await;
    let ready = asked.unwrap_or(Err(NotReady::Silent(within)));
    Readiness { round_trip, ready }
}

async fn ask(
    database: &Database,
    clock: &Clock,
    round_trip: &mut Option<Duration>,
) -> Result<(), NotReady> {
    let client = database.client().await?;
    let sent_at = clock.now();
    let row = client.query_one(TAKES_WRITES, &[]).await.map_err(DatabaseError::from)?;
    *round_trip = Some(clock.now().since(sent_at));
    drop(client); // the next question takes a connection by itself, and there may be only one
    if row.get(0) {
        return Err(NotReady::Standby);
    }
    if row.get(1) {
        return Err(NotReady::ReadOnly);
    }
    check_version(database).await.map_err(|err| match err {
        MigrateError::Database(err) => NotReady::Database(err),
        other => NotReady::Schema(other),
    })
}
