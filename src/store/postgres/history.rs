//! Reads what has become of insights, the newest first.

use std::time::SystemTime;

use super::insights::{severity, time};
use super::{Database, DatabaseError};
use crate::model::{AssetId, Severity, UnixTime};

/// What happened to an insight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    Opened,
    Changed,
    Resolved,
    Reopened,
}

impl ChangeKind {
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Opened => "opened",
            ChangeKind::Changed => "changed",
            ChangeKind::Resolved => "resolved",
            ChangeKind::Reopened => "reopened",
        }
    }
}

/// One row of the history, with the names that people know. Asset, check, subject and sequence tell
/// it from every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsightChange {
    /// When the scan was written that saw it; rows of later times may become visible earlier.
    pub at: UnixTime,
    pub kind: ChangeKind,
    pub severity: Severity,
    pub check: String,
    pub asset: AssetId,
    pub subject: String,
    /// Of the scan.
    pub sequence: i64,
}

const LATEST: &str = "
    select e.at, e.change, e.severity, c.name, e.asset_id, e.subject, e.sequence
      from (select * from insight_events where $1 <= at order by at desc limit $2) e
      join checks c on c.id = e.check_id
     order by e.at desc, e.sequence desc, c.name, e.subject";

/// What happened since then, the newest first. The history has no index by time: who asks often, of
/// a large one, makes it.
pub async fn latest(
    database: &Database,
    since: UnixTime,
    changes_max: u32,
) -> Result<Vec<InsightChange>, DatabaseError> {
    let client = database.client().await?;
    let (since, limit) = (SystemTime::from(since), i64::from(changes_max));
    let rows = client.query(LATEST, &[&since, &limit]).await?;
    let change = rows.iter().map(|row| InsightChange {
        at: time(row, 0),
        kind: match row.get::<_, i16>(1) {
            1 => ChangeKind::Opened,
            2 => ChangeKind::Changed,
            3 => ChangeKind::Resolved,
            _ => ChangeKind::Reopened,
        },
        severity: severity(row.get(2)),
        check: row.get(3),
        asset: AssetId(row.get(4)),
        subject: row.get(5),
        sequence: row.get(6),
    });
    Ok(change.collect())
}
