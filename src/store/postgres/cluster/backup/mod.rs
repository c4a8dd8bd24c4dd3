//! The private database in one file, and back: an ordinary archive of `pg_dump`, which the programs
//! of Postgres also read without scanflow.

use crate::store::postgres::Session;

pub use error::BackupError;
pub use restore::Restore;
pub use write::BackedUp;

pub use archive::Contents;

mod archive;
mod error;
mod programs;
mod restore;
mod write;

/// How much a database holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that are not removed.
    pub accounts: i64,
    /// Those that are not removed.
    pub zones: i64,
    /// Open and resolved ones.
    pub insights: i64,
    /// The history.
    pub events: i64,
}

impl Counts {
    pub fn is_empty(&self) -> bool {
        *self == Counts::default()
    }

    async fn of(session: &Session) -> Result<Counts, tokio_postgres::Error> {
        let sql = "select (select count(*) from accounts where removed_at is null),
                          (select count(*) from zones where removed_at is null),
                          (select count(*) from insights),
                          (select count(*) from insight_events)";
        let row = session.query_one(sql, &[]).await?;
        let [accounts, zones, insights, events] = [0, 1, 2, 3].map(|column| row.get(column));
        Ok(Counts { accounts, zones, insights, events })
    }
}
