//! Forgets what is older than anybody wants to know: whole months of the history and of dead letters,
//! and insights that were resolved long ago.

use std::time::{Duration, SystemTime};

use tokio_postgres::error::SqlState;

use super::{Database, DatabaseError};
use crate::model::UnixTime;

/// Pages of `insights` that one transaction looks at: 1 MiB.
const PAGES: i32 = 128;
/// Insights that are deleted in one round.
const INSIGHTS_MAX: u64 = 200_000;

/// How long things are kept; None: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    pub history: Option<Duration>,
    pub dead_letters: Option<Duration>,
    /// Counted from their resolution.
    pub insights_resolved: Option<Duration>,
}

/// What a round has forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Those that were dropped, or emptied if it is a default one.
    pub partitions: Vec<String>,
    /// Tables whose months are in use: the next round tries again.
    pub busy: Vec<&'static str>,
    pub insights: u64,
}

/// Where the search for resolved insights goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page(i64);

impl Retention {
    /// One round, in short transactions. Months count as over by the earlier of `now` and the server's
    /// clock.
    pub async fn forget(
        &self,
        database: &Database,
        now: UnixTime,
        page: &mut Page,
    ) -> Result<Forgotten, DatabaseError> {
        let (now, mut forgotten) = (SystemTime::from(now), Forgotten::default());
        let months = [("insight_events", self.history), ("dead_letters", self.dead_letters)];
        for (table, keep) in months.into_iter().filter_map(|(table, keep)| Some((table, keep?))) {
            let drop = "select drop_old_partition($1, $2, make_interval(secs => $3))";
            let seconds = keep.as_secs_f64();
            loop {
                let client = database.client().await?;
                match client.query_one(drop, &[&table, &now, &seconds]).await {
                    Ok(row) => match row.get::<_, Option<String>>(0) {
                        Some(name) => forgotten.partitions.push(name),
                        None => break,
                    },
                    Err(err) if err.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                        forgotten.busy.push(table);
                        break;
                    }
                    Err(err) => return Err(err.into()),
                }
            }
        }
        let Some(keep) = self.insights_resolved else { return Ok(forgotten) };
        let delete = "select deleted, next_page
                        from forget_resolved_insights($1, make_interval(secs => $2), $3, $4)";
        while forgotten.insights < INSIGHTS_MAX {
            let seconds = keep.as_secs_f64();
            // Lent for a page: others wait for the same connections.
            let client = database.client().await?;
            let row = client.query_one(delete, &[&now, &seconds, &page.0, &PAGES]).await?;
            forgotten.insights += u64::from(row.get::<_, i32>(0).unsigned_abs());
            page.0 = row.get::<_, Option<i64>>(1).unwrap_or(0);
            if page.0 == 0 {
                break;
            }
        }
        Ok(forgotten)
    }
}
