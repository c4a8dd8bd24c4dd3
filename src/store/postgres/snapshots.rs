//! Snapshots and references from the inventory in Postgres.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::{Database, DatabaseError, Fault, Parameter, requests, shards};
use crate::model::{
    AccountSnapshot, AssetId, ConfigVersion, NamesBelow, OwnerRange, Record, RecordType, Records,
    Reference, Snapshot, ZoneSnapshot, ancestors,
};
use crate::store::{Found, Shards, SnapshotStore, StoreError};

/// One row an asset, with its records as arrays: a row is read in one statement, so version and
/// records belong together. `which` restricts the records.
pub(super) fn zones(which: &str) -> String {
    zones_of("select unnest($1::bigint[]) as id, null::bigint as records_max", which)
}

/// The ids, and what else `which` speaks of, come from `asked`.
fn zones_of(asked: &str, which: &str) -> String {
    format!(
        "select z.id, z.config_version, z.name, z.state, z.settings, z.dnssec,
            z.records_complete, r.names, r.types, r.contents, r.priorities, r.ttls, r.proxied,
            r.private, a.external_id, coalesce(z.plan, a.plan), z.record_count,
            asked.records_max < z.record_count
        from ({asked}) asked
        join zones z on z.id = asked.id
        join accounts a on a.id = z.account_id
        cross join lateral (
            select array_agg(name) as names, array_agg(type) as types,
                   array_agg(content) as contents, array_agg(priority) as priorities,
                   array_agg(ttl) as ttls, array_agg(proxied) as proxied,
                   array_agg(private_routing) as private
              from records where zone_id = z.id {which}) r
        where z.removed_at is null"
    )
}

static ZONES: LazyLock<String> = LazyLock::new(|| zones(""));

/// The records of a zone that has too many are not read.
static ZONES_UP_TO: LazyLock<String> = LazyLock::new(|| {
    let asked = "select * from unnest($1::bigint[], $2::bigint[]) as asked(id, records_max)";
    zones_of(asked, "and z.record_count <= asked.records_max")
});

pub(super) const ACCOUNTS: &str =
    "select id, config_version, external_id, name, tags, settings, members, plan
    from accounts where id = any($1) and removed_at is null";

/// Asked names with each of their ancestors; the active zone with the longest name answers, of
/// equal ones the oldest.
const REFERENCES: &str = "with holder as (
        select distinct on (asked.name) asked.name, z.id, z.records_complete
          from unnest($1::text[], $2::text[], $3::int[]) as asked(name, ancestor, above)
          join zones z on z.name = asked.ancestor and z.removed_at is null
           and coalesce(z.state->>'status', 'active') = 'active'
         order by asked.name, asked.above, z.id)
    select h.name, h.records_complete, r.type, r.content, r.priority, r.ttl, r.proxied,
           r.private_routing
      from holder h left join records r on r.zone_id = h.id and r.name = h.name";

#[async_trait]
impl SnapshotStore for Database {
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
        let failed = |err| failed(format!("{} snapshots", assets.len()), err);
        let ids: Vec<i64> = assets.iter().map(|asset| asset.0).collect();
        let rows = async {
            let client = self.client().await?;
            // Sent together: one round trip.
            let asked: [&dyn Parameter; 1] = [&ids];
            let (zones, accounts) =
                tokio::try_join!(client.query(&ZONES, &asked), client.query(ACCOUNTS, &asked))?;
            let zones = zones.iter().map(zone);
            zones.chain(accounts.iter().map(account)).collect::<Result<Vec<_>, DatabaseError>>()
        };
        let snapshots = rows.await.map_err(failed)?;
        Ok(snapshots.into_iter().map(|snapshot| (snapshot.asset(), snapshot)).collect())
    }

    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError> {
        let failed = |err| failed(format!("what {} names hold", names.len()), err);
        let (mut asked, mut suffixes, mut above) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            for (steps, ancestor) in (0i32..).zip(ancestors(name)) {
                asked.push(name.as_str());
                suffixes.push(ancestor);
                above.push(steps);
            }
        }
        let query = async {
            let client = self.client().await?;
            let rows = client.query(REFERENCES, &[&asked, &suffixes, &above]).await?;
            rows.iter().map(reference).collect::<Result<Vec<_>, DatabaseError>>()
        };
        let mut answers = BTreeMap::<String, (bool, Vec<Record>)>::new();
        for (name, is_complete, record) in query.await.map_err(failed)? {
            let answer = answers.entry(name).or_insert((is_complete, Vec::new()));
            answer.1.extend(record);
        }
        let answers = answers.into_iter().map(|(name, (is_complete, records))| {
            (name, Reference { records: records.into_iter().collect(), is_complete })
        });
        Ok(answers.collect())
    }

    async fn load_up_to(
        &self,
        assets: &[(AssetId, u64)],
    ) -> Result<BTreeMap<AssetId, Found>, StoreError> {
        let bound = |max: u64| i64::try_from(max).unwrap_or(i64::MAX);
        let (ids, records_max): (Vec<i64>, Vec<i64>) =
            assets.iter().map(|(asset, records_max)| (asset.0, bound(*records_max))).unzip();
        let found = async {
            let client = self.client().await?;
            let (of_zones, of_accounts): ([&dyn Parameter; 2], [&dyn Parameter; 1]) =
                ([&ids, &records_max], [&ids]);
            let (zones, accounts) = tokio::try_join!(
                client.query(&ZONES_UP_TO, &of_zones),
                client.query(ACCOUNTS, &of_accounts)
            )?;
            let accounts = accounts
                .iter()
                .map(|row| account(row).map(|account| (account.asset(), Found::Snapshot(account))));
            let mut found: BTreeMap<_, _> = accounts.collect::<Result<_, DatabaseError>>()?;
            let records = zones.iter().map(|row| row.try_get::<_, i32>(16).map(i64::from));
            let records: i64 = records.sum::<Result<_, _>>()?;
            let decode = move || zones.iter().map(found_zone).collect::<Result<Vec<_>, _>>();
            found.extend(match records <= DECODED_HERE_MAX {
                true => decode()?,
                false => aside(decode).await?,
            });
            Ok::<_, DatabaseError>(found)
        };
        found.await.map_err(|err| failed(format!("{} snapshots", assets.len()), err))
    }

    async fn hand_over(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, i64>, StoreError> {
        let handed_over = requests::hand_over(self, assets).await;
        handed_over.map_err(|err| failed(format!("that {} are to be scanned", assets.len()), err))
    }

    async fn cut(&self, asset: AssetId, records_max: usize) -> Result<Option<Shards>, StoreError> {
        let cut = shards::cut(self, asset, records_max).await;
        cut.map_err(|err| failed(format!("how asset {} is cut", asset.0), err))
    }

    async fn load_shard(
        &self,
        asset: AssetId,
        owners: &OwnerRange,
    ) -> Result<Option<Snapshot>, StoreError> {
        let loaded = shards::load(self, asset, owners).await;
        loaded.map_err(|err| failed(format!("a shard of asset {}", asset.0), err))
    }

    async fn at(
        &self,
        zone: AssetId,
        names: &BTreeSet<String>,
    ) -> Result<Option<(ConfigVersion, BTreeMap<String, Records>)>, StoreError> {
        let held = shards::at(self, zone, names).await;
        held.map_err(|err| failed(format!("{} names of zone {}", names.len(), zone.0), err))
    }

    async fn below(
        &self,
        zone: AssetId,
        parents: &BTreeSet<String>,
    ) -> Result<Option<(ConfigVersion, BTreeMap<String, NamesBelow>)>, StoreError> {
        let below = shards::below(self, zone, parents).await;
        below.map_err(|err| failed(format!("the names of zone {}", zone.0), err))
    }
}

/// More records take milliseconds, and are decoded aside.
const DECODED_HERE_MAX: i64 = 2_000;

/// On a thread of its own: others would wait on this one.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(err) => std::panic::resume_unwind(err.into_panic()),
    }
}

/// Of [`ZONES_UP_TO`].
fn found_zone(row: &Row) -> Result<(AssetId, Found), DatabaseError> {
    let records: i32 = row.try_get(16)?;
    if row.try_get(17)? {
        return Ok((AssetId(row.try_get(0)?), Found::TooLarge(records.unsigned_abs().into())));
    }
    zone(row).map(|zone| (zone.asset(), Found::Snapshot(zone)))
}

fn failed(what: String, err: DatabaseError) -> StoreError {
    let is_away = err.fault() == Fault::Connection;
    StoreError { what, is_away, source: Box::new(err) }
}

pub(super) fn zone(row: &Row) -> Result<Snapshot, DatabaseError> {
    Ok(Snapshot::Zone(ZoneSnapshot {
        asset: AssetId(row.try_get(0)?),
        config_version: ConfigVersion(row.try_get::<_, i64>(1)?.cast_unsigned()),
        name: row.try_get(2)?,
        account: row.try_get(14)?,
        plan: row.try_get(15)?,
        state: row.try_get::<_, Json<_>>(3)?.0,
        settings: row.try_get::<_, Option<Json<_>>>(4)?.map(|settings| settings.0),
        dnssec: row.try_get::<_, Option<Json<_>>>(5)?.map(|dnssec| dnssec.0),
        records_complete: row.try_get(6)?,
        records: records(row)?,
        references: BTreeMap::new(),
        shard: None,
    }))
}

/// The arrays of [`ZONES`], which are null without records.
fn records(row: &Row) -> Result<Records, DatabaseError> {
    let names: Option<Vec<String>> = row.try_get(7)?;
    let types: Option<Vec<&str>> = row.try_get(8)?;
    let contents: Option<Vec<String>> = row.try_get(9)?;
    let priorities: Option<Vec<Option<i32>>> = row.try_get(10)?;
    let ttls: Option<Vec<Option<i64>>> = row.try_get(11)?;
    let proxied: Option<Vec<Option<bool>>> = row.try_get(12)?;
    let private: Option<Vec<bool>> = row.try_get(13)?;
    let (names, types) = (names.unwrap_or_default(), types.unwrap_or_default());
    let (contents, priorities) = (contents.unwrap_or_default(), priorities.unwrap_or_default());
    let (ttls, proxied) = (ttls.unwrap_or_default(), proxied.unwrap_or_default());
    let text = names.into_iter().zip(types).zip(contents);
    let numbers = priorities.into_iter().zip(ttls);
    let flags = proxied.into_iter().zip(private.unwrap_or_default());
    let records = text.zip(numbers).zip(flags).map(
        |((((name, kind), content), (priority, ttl)), (proxied, private_routing))| Record {
            name,
            kind: RecordType::from_name(kind),
            content,
            priority: priority.and_then(|priority| u16::try_from(priority).ok()),
            ttl: ttl.and_then(|ttl| u32::try_from(ttl).ok()),
            proxied,
            private_routing,
        },
    );
    Ok(records.collect())
}

pub(super) fn account(row: &Row) -> Result<Snapshot, DatabaseError> {
    Ok(Snapshot::Account(AccountSnapshot {
        asset: AssetId(row.try_get(0)?),
        config_version: ConfigVersion(row.try_get::<_, i64>(1)?.cast_unsigned()),
        external_id: row.try_get(2)?,
        name: row.try_get(3)?,
        tags: row.try_get(4)?,
        settings: row.try_get::<_, Option<Json<_>>>(5)?.map(|settings| settings.0),
        members: row.try_get::<_, Option<Json<_>>>(6)?.map(|members| members.0),
        plan: row.try_get(7)?,
    }))
}

fn reference(row: &Row) -> Result<(String, bool, Option<Record>), DatabaseError> {
    let name: String = row.try_get(0)?;
    let record = record(row, name.clone(), 2)?;
    Ok((name, row.try_get(1)?, record))
}

/// Its columns from the type on; None where they are null.
pub(super) fn record(
    row: &Row,
    name: String,
    from: usize,
) -> Result<Option<Record>, DatabaseError> {
    let Some(kind) = row.try_get::<_, Option<&str>>(from)? else { return Ok(None) };
    let priority = row.try_get::<_, Option<i32>>(from + 2)?;
    let ttl = row.try_get::<_, Option<i64>>(from + 3)?;
    Ok(Some(Record {
        name,
        kind: RecordType::from_name(kind),
        content: row.try_get(from + 1)?,
        priority: priority.and_then(|priority| u16::try_from(priority).ok()),
        ttl: ttl.and_then(|ttl| u32::try_from(ttl).ok()),
        proxied: row.try_get(from + 4)?,
        private_routing: row.try_get(from + 5)?,
    }))
}
