//! The fleet as the schedule has to know it: all of it at the start, then what changes.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use tokio_postgres::Row;

use super::{Database, DatabaseError, Session};
use crate::model::{AssetId, CostClass, Lane, Measured, UnixTime};
use crate::schedule::{AssetChange, Listed};

/// Every asset that is not removed; `$1` null for all of them.
const LISTED: &str =
    "select z.id, z.account_id, coalesce(z.plan, a.plan), s.last_scheduled_at, z.record_count, s.cost,
           s.is_slow
      from zones z join accounts a on a.id = z.account_id
      left join scan_state s on s.asset_id = z.id
     where z.removed_at is null and ($1::bigint[] is null or z.id = any($1))
    union all
    select a.id, a.id, a.plan, s.last_scheduled_at, 0, s.cost, s.is_slow
      from accounts a left join scan_state s on s.asset_id = a.id
     where a.removed_at is null and ($1::bigint[] is null or a.id = any($1))
     order by 1";

/// A change counts when no older transaction is still open: ids are drawn before the commit, so
/// that polling by the greatest id would lose some.
const CHANGED: &str = "select distinct asset_id from asset_changes
    where changed_in >= $1::text::xid8 and changed_in < $2::text::xid8";

/// Assets whose changes are told at once: an import may change the whole fleet.
const CHANGES_MAX: usize = 10_000;

/// Up to where changes have been read: a transaction id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

/// Reads the whole fleet, asset by asset: millions need not be held at once. Returns the mark from
/// which [`changes_since`] goes on.
pub async fn list(database: &Database, each: impl FnMut(Listed)) -> Result<Mark, DatabaseError> {
    let mut client = database.client().await?;
    let snapshot = client.snapshot().await?;
    let mark = mark(&snapshot.query_one(MARK, &[]).await?);
    for_each_listed(&snapshot, None, each).await?;
    snapshot.commit().await?;
    Ok(mark)
}

const MARK: &str = "select pg_snapshot_xmin(pg_current_snapshot())::text";

/// Tells what has changed since `since`, in parts of 10,000 assets, and returns the next
/// mark. A change may come twice.
pub async fn changes_since(
    database: &Database,
    since: &Mark,
    mut tell: impl FnMut(Vec<AssetChange>),
) -> Result<Mark, DatabaseError> {
    let mut client = database.client().await?;
    let next = mark(&client.query_one(MARK, &[]).await?);
    let rows = client.query(CHANGED, &[&since.0, &next.0]).await?;
    let changed: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    for part in changed.chunks(CHANGES_MAX) {
        let mut gone: HashSet<i64> = part.iter().copied().collect();
        let mut changes = Vec::with_capacity(part.len());
        let transaction = client.transaction().await?;
        for_each_listed(&transaction, Some(part), |listed| {
            gone.remove(&listed.asset.0);
            changes.push(AssetChange::Listed(listed));
        })
        .await?;
        transaction.commit().await?;
        changes.extend(gone.into_iter().map(|id| AssetChange::Removed(AssetId(id))));
        tell(changes);
    }
    Ok(next)
}

/// Of these ids, those that are not removed.
pub(super) async fn listed_of(
    session: &Session,
    ids: &[i64],
) -> Result<Vec<Listed>, DatabaseError> {
    let mut assets = Vec::with_capacity(ids.len());
    for_each_listed(session, Some(ids), |listed| assets.push(listed)).await?;
    Ok(assets)
}

/// Of all assets, or of those with these ids.
async fn for_each_listed(
    session: &Session,
    ids: Option<&[i64]>,
    mut each: impl FnMut(Listed),
) -> Result<(), DatabaseError> {
    let mut rows = session.rows(LISTED, &[&ids]).await?;
    while let Some(row) = rows.try_next().await? {
        each(listed(&row));
    }
    Ok(())
}

fn mark(row: &Row) -> Mark {
    Mark(row.get(0))
}

fn listed(row: &Row) -> Listed {
    let scheduled_at: Option<SystemTime> = row.get(3);
    Listed {
        asset: AssetId(row.get(0)),
        account: AssetId(row.get(1)),
        plan: row.get(2),
        scheduled_at: scheduled_at.map(UnixTime::from),
        records: row.get::<_, i32>(4).unsigned_abs().into(),
        measured: measured(row.get(5), row.get(6)),
    }
}

fn measured(cost: Option<i16>, is_slow: Option<bool>) -> Option<Measured> {
    let cost = CostClass::from_stored(cost?);
    let lane = if is_slow? { Lane::Slow } else { Lane::Fast };
    cost.is_known().then_some(Measured { cost, lane })
}

/// Deletes the changes that are older than a day: whoever leads reads the whole fleet at its start.
pub async fn forget_changes(database: &Database) -> Result<(), DatabaseError> {
    let client = database.client().await?;
    let forget = "delete from asset_changes where changed_at < now() - interval '1 day'";
    client.execute(forget, &[]).await?;
    Ok(())
}

/// Tells of changes for ever, once in `pause`. A database that cannot be reached delays them.
pub async fn follow(
    database: &Database,
    mut mark: Mark,
    pause: Duration,
    tell: impl Fn(Vec<AssetChange>),
) -> Infallible {
    loop {
        tokio::time::sleep(pause).await;
        match changes_since(database, &mark, &tell).await {
            Ok(next) => mark = next,
            Err(err) => {
                tracing::warn!(error = &err as &dyn std::error::Error, "reading changes again");
            }
        }
    }
}
