//! Giant zones, read shard by shard. Each statement reads one config version.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::TryStreamExt;

use super::snapshots::{ACCOUNTS, account, aside, record, zone, zones};
use super::{Database, DatabaseError, Parameter};
use crate::model::{
    AssetId, AssetKind, ConfigVersion, NamesBelow, OwnerRange, Record, Records, Snapshot,
};
use crate::store::Shards;

/// The owner of the `$2`-th record, and of each `$2`-th behind the last owner: from one to the next in the
/// index, 38 ms for 500,000 records, where numbering all of them took 141.
const CUT: &str = "
    with recursive zone as (
        select config_version, record_count from zones where id = $1 and removed_at is null
    ), walk as (
        (select name from records
          where zone_id = $1 and $2 <= (select record_count from zone)
          order by name offset $2 - 1 limit 1)
        union all
        select next.name
          from walk cross join lateral (
               select name from records where zone_id = $1 and walk.name < name
                order by name offset $2 - 1 limit 1) next
    )
    select config_version, record_count, true,
           array(select name from walk
                  where name < (select max(name) from records where zone_id = $1) order by name)
      from zone
    union all
    select config_version, 0, false, '{}' from accounts where id = $1 and removed_at is null";

/// What the planner thinks of a table that was filled a moment ago would have it sort all of the zone for
/// each step. What it is told not to do counts as so expensive that it would compile the walk, for half a
/// second.
const WALK: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off;
    set local enable_sort = off; set local jit = off";

const AT: &str = "select z.config_version, r.name, r.type, r.content, r.priority, r.ttl, r.proxied,
        r.private_routing
   from zones z left join records r on r.zone_id = z.id and r.name = any($2)
  where z.id = $1 and z.removed_at is null";

const NAMES: &str = "select z.config_version, n.name
   from zones z left join lateral (select distinct name from records where zone_id = z.id) n on true
  where z.id = $1 and z.removed_at is null
  order by n.name";

/// A shard is read in milliseconds.
const READ_MAX: Duration = Duration::from_secs(60);

/// The wait for a connection does not count.
async fn in_time<T>(
    reading: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let read = tokio::time::timeout(READ_MAX, reading).await;
    read.unwrap_or(Err(DatabaseError::TookTooLong { max: READ_MAX }))
}

pub(super) async fn cut(
    database: &Database,
    asset: AssetId,
    records_max: usize,
) -> Result<Option<Shards>, DatabaseError> {
    let records_max = i64::try_from(records_max).unwrap_or(i64::MAX);
    let mut client = database.client().await?;
    let row = in_time(async {
        let client = client.snapshot().await?;
        // Sent together: one round trip.
        let asked: [&dyn Parameter; 2] = [&asset.0, &records_max];
        let ((), row) =
            tokio::try_join!(client.batch_execute(WALK), client.query_opt(CUT, &asked))?;
        Ok(row)
    });
    let row = row.await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Shards {
        config_version: version(row.try_get(0)?),
        records: u64::from(row.try_get::<_, i32>(1)?.unsigned_abs()),
        kind: if row.try_get(2)? { AssetKind::Zone } else { AssetKind::Account },
        ends: row.try_get(3)?,
    }))
}

pub(super) async fn load(
    database: &Database,
    asset: AssetId,
    owners: &OwnerRange,
) -> Result<Option<Snapshot>, DatabaseError> {
    let client = database.client().await?;
    let ids = vec![asset.0];
    let asked: [&dyn Parameter; 1] = [&ids];
    let mut of_zone: Vec<&dyn Parameter> = vec![&ids];
    // A bound that may be null would not be one for the index.
    let mut which = String::new();
    for (bound, name) in [("and name >", &owners.after), ("and name <=", &owners.until)] {
        if let Some(name) = name {
            of_zone.push(name);
            which += &format!("{bound} ${} ", of_zone.len());
        }
    }
    // Sent together: one round trip.
    let shard = zones(&which);
    let (zones, accounts) = in_time(async {
        Ok(tokio::try_join!(client.query(&shard, &of_zone), client.query(ACCOUNTS, &asked))?)
    })
    .await?;
    match (zones.into_iter().next(), accounts.first()) {
        (Some(row), _) => aside(move || zone(&row)).await.map(Some),
        (None, Some(row)) => account(row).map(Some),
        (None, None) => Ok(None),
    }
}

pub(super) async fn at(
    database: &Database,
    zone: AssetId,
    names: &BTreeSet<String>,
) -> Result<Option<(ConfigVersion, BTreeMap<String, Records>)>, DatabaseError> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let client = database.client().await?;
    let rows = in_time(async { Ok(client.query(AT, &[&zone.0, &names]).await?) }).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let version = version(first.try_get(0)?);
    let mut held: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for row in &rows {
        if let Some(name) = row.try_get::<_, Option<String>>(1)?
            && let Some(record) = record(row, name.clone(), 2)?
        {
            held.entry(name).or_default().push(record);
        }
    }
    let held = held.into_iter().map(|(name, records)| (name, records.into_iter().collect()));
    Ok(Some((version, held.collect())))
}

pub(super) async fn below(
    database: &Database,
    zone: AssetId,
    parents: &BTreeSet<String>,
) -> Result<Option<(ConfigVersion, BTreeMap<String, NamesBelow>)>, DatabaseError> {
    let none = parents.iter().map(|parent| (parent.clone(), NamesBelow::default()));
    let mut below: BTreeMap<String, NamesBelow> = none.collect();
    let mut client = database.client().await?;
    let of_zone = in_time(async {
        let client = client.snapshot().await?;
        let mut rows = client.rows(NAMES, &[&zone.0]).await?;
        let mut of_zone = None;
        while let Some(row) = rows.try_next().await? {
            of_zone = Some(version(row.try_get(0)?));
            if let Some(name) = row.try_get::<_, Option<&str>>(1)? {
                NamesBelow::count(&mut below, name);
            }
        }
        Ok(of_zone)
    });
    let of_zone = of_zone.await?;
    Ok(of_zone.map(|version| (version, below)))
}

fn version(number: i64) -> ConfigVersion {
    ConfigVersion(number.cast_unsigned())
}
