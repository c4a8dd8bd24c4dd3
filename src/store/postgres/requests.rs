//! Scans that people ask for: written by whoever asks, taken and answered by whoever leads.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Row;

use super::fleet::listed_of;
use super::insights::severity;
use super::{Database, DatabaseError};
use crate::model::{Asked, AssetId, AssetKind, CheckId, Severity};
use crate::schedule::{Answer, AssetChange, Request};

/// What was scanned for the same checks so short a time ago is not scanned for them again.
pub const PAUSE: Duration = Duration::from_secs(10);

/// Requests that one statement deletes.
const FORGOTTEN_MAX: i64 = 10_000;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Internal ids; with their zones. None: all.
    pub accounts: Option<Vec<i64>>,
    /// Internal ids, of zones and accounts. None: all.
    pub assets: Option<Vec<i64>>,
    /// None: all that concern the asset.
    pub checks: Option<Vec<CheckId>>,
    /// None: of both.
    pub kind: Option<AssetKind>,
    /// Who asks.
    pub requested_by: String,
}

/// What became of a [`Wish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The number of the request.
    pub request: i64,
    /// Assets that are going to be scanned.
    pub assets: u64,
    /// Assets that were scanned for the same less than [`PAUSE`] ago, and are not again.
    pub too_soon: u64,
    /// How long ago the last of those was.
    pub last_ago: Duration,
}

const SAME: &str = "r.asset_id = asset.id and r.is_scanned and r.checks is not distinct from $4
    and clock_timestamp() - make_interval(secs => $6) < r.answered_at";

fn ask_sql() -> String {
    format!(
        "with number as materialized (select nextval('scan_request_numbers') as number),
        chosen as materialized (
            select id, (select max(r.answered_at) from scan_requests r where {SAME}) as answered_at
              from (select id, account_id, 'zone' as kind from zones
                     where removed_at is null
                    union all
                    select id, id, 'account' from accounts where removed_at is null) as asset
             where ($1::bigint[] is null or account_id = any($1))
               and ($2::bigint[] is null or id = any($2))
               and ($3::text is null or kind = $3)
        ), asked as (
            insert into scan_requests (request, together, asset_id, checks, requested_by)
            select number, (select count(*) from chosen where answered_at is null), id, $4, $5
              from number, chosen where answered_at is null order by id
            returning 1
        )
        select number, (select count(*) from asked), count(answered_at),
               coalesce(extract(epoch from clock_timestamp() - max(answered_at)), 0)::float8
          from number left join chosen on true group by number"
    )
}

/// Asks for scans of assets that a lane could not take, each once as long as it is not answered. Whoever
/// leads knows of them: it is told here, and only who comes after it reads them.
pub(super) async fn hand_over(
    database: &Database,
    assets: &[AssetId],
) -> Result<BTreeMap<AssetId, i64>, DatabaseError> {
    let ask = "
        with open as (
            update scan_requests
               set taken_by = coalesce(taken_by,
                                       (select token from leases where name = 'scheduler'))
             where id in (select min(id) from scan_requests
                           where asset_id = any($1) and answered_at is null and checks is null
                           group by asset_id)
            returning asset_id, id
        ), asked as (
            insert into scan_requests (request, together, asset_id, requested_by, taken_by)
            select nextval('scan_request_numbers'), 1, asset_id,
                   'scanflow: too large for the fast lane',
                   (select token from leases where name = 'scheduler')
              from unnest($1::bigint[]) as asset_id
             where asset_id not in (select asset_id from open)
            returning asset_id, id
        )
        select asset_id, id from asked union all select asset_id, id from open";
    let ids: Vec<i64> = assets.iter().map(|asset| asset.0).collect();
    let rows = database.client().await?.query(ask, &[&ids]).await?;
    Ok(rows.iter().map(|row| (AssetId(row.get(0)), row.get(1))).collect())
}

/// Asks for scans. Nothing is written if every asset was scanned for the same too short a time ago.
pub async fn ask(database: &Database, wish: &Wish) -> Result<Asking, DatabaseError> {
    let Wish { accounts, assets, checks, kind, requested_by } = wish;
    let checks = checks.as_ref().map(|checks| {
        let mut names: Vec<&str> = checks.iter().map(CheckId::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    });
    let kind = kind.map(|kind| kind.to_string());
    let client = database.client().await?;
    let pause = PAUSE.as_secs_f64();
    let row = client
        .query_one(&ask_sql(), &[accounts, assets, &kind, &checks, requested_by, &pause])
        .await?;
    let count = |column| row.get::<_, i64>(column).unsigned_abs();
    let last_ago = Duration::try_from_secs_f64(row.get(3)).unwrap_or_default();
    Ok(Asking { request: row.get(0), assets: count(1), too_soon: count(2), last_ago })
}

/// The asset and the check of an insight, by its id; None: there is none.
pub async fn of_insight(
    database: &Database,
    id: i64,
) -> Result<Option<(AssetId, CheckId)>, DatabaseError> {
    let find = "select i.asset_id, c.name from insights i join checks c on c.id = i.check_id
                 where i.id = $1";
    let row = database.client().await?.query_opt(find, &[&id]).await?;
    Ok(row.map(|row| (AssetId(row.get(0)), CheckId::from_name(row.get::<_, String>(1)))))
}

/// What is open of what a request asked for, by severity, the worst first.
pub async fn open_of(
    database: &Database,
    request: i64,
) -> Result<Vec<(Severity, i64)>, DatabaseError> {
    let count = "select i.severity, count(*)
                   from scan_requests r
                   join insights i on i.asset_id = r.asset_id and i.resolved_at is null
                   join checks c on c.id = i.check_id
                  where r.request = $1 and (r.checks is null or c.name = any(r.checks))
                  group by 1 order by 1 desc";
    let rows = database.client().await?.query(count, &[&request]).await?;
    Ok(rows.iter().map(|row| (severity(row.get(0)), row.get(1))).collect())
}

/// How far a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestProgress {
    pub assets: u64,
    /// Of those, scanned.
    pub scanned: u64,
    /// Of those, gone meanwhile.
    pub gone: u64,
}

impl RequestProgress {
    pub fn is_over(&self) -> bool {
        self.assets == self.scanned + self.gone
    }
}

/// Counts; nothing is kept that all scans of a request would have to change.
pub async fn progress(database: &Database, request: i64) -> Result<RequestProgress, DatabaseError> {
    let count = "select count(*), count(*) filter (where is_scanned),
                        count(*) filter (where not is_scanned)
                   from scan_requests where request = $1";
    let row = database.client().await?.query_one(count, &[&request]).await?;
    let count = |column| row.get::<_, i64>(column).unsigned_abs();
    Ok(RequestProgress { assets: count(0), scanned: count(1), gone: count(2) })
}

/// What was asked for and is not answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// An asset counts once a request.
    pub assets: u64,
    /// Of the request that waits longest.
    pub oldest_age: Option<Duration>,
}

/// What is open, whoever asked for it.
pub async fn open(database: &Database) -> Result<Open, DatabaseError> {
    let count = "select count(*), extract(epoch from clock_timestamp() - min(requested_at))::float8
                   from scan_requests where answered_at is null";
    let row = database.client().await?.query_one(count, &[]).await?;
    let age = row.get::<_, Option<f64>>(1).and_then(|age| Duration::try_from_secs_f64(age).ok());
    Ok(Open { assets: row.get::<_, i64>(0).unsigned_abs(), oldest_age: age })
}

/// Makes known again what leaders up to this token knew of and did not answer.
pub async fn reclaim(database: &Database, token_max: u64) -> Result<(), DatabaseError> {
    let reclaim = "update scan_requests set taken_by = null
                    where answered_at is null and taken_by <= $1";
    database.client().await?.execute(reclaim, &[&token_max.cast_signed()]).await?;
    Ok(())
}

/// Takes what was asked for and nobody leading knows of yet, `count` at most, small requests first, with what the schedule has
/// to know of their assets: one may have been imported a moment ago. Who leads no longer takes nothing.
pub async fn take(
    database: &Database,
    token: u64,
    count: usize,
) -> Result<(Vec<AssetChange>, Vec<Request>), DatabaseError> {
    let take = "update scan_requests set taken_by = $1
                 where id in (select id from scan_requests where taken_by is null
                               order by together, id limit $2)
                   and exists (select from leases where name = 'scheduler' and token = $1
                                  and clock_timestamp() < expires_at)
                returning id, asset_id, checks";
    let client = database.client().await?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = client.query(take, &[&token.cast_signed(), &count]).await?;
    if rows.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut requests: Vec<Request> = rows.iter().map(request).collect();
    requests.sort_unstable_by_key(|request| request.id);
    let mut assets: Vec<i64> = requests.iter().map(|request| request.asset.0).collect();
    assets.sort_unstable();
    assets.dedup();
    let listed = listed_of(&client, &assets).await?;
    Ok((listed.into_iter().map(AssetChange::Listed).collect(), requests))
}

fn request(row: &Row) -> Request {
    let checks: Option<Vec<String>> = row.get(2);
    let checks = checks.map(|names| names.into_iter().map(CheckId::from_name).collect());
    Request {
        id: row.get(0),
        asset: AssetId(row.get(1)),
        checks: checks.map_or(Asked::All, Asked::Only),
    }
}

/// Notes what came of requests.
pub async fn answer(database: &Database, answers: &[Answer]) -> Result<(), DatabaseError> {
    if answers.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = answers.iter().map(|answer| answer.id).collect();
    let scanned: Vec<bool> = answers.iter().map(|answer| answer.is_scanned).collect();
    let note =
        "update scan_requests r set answered_at = clock_timestamp(), is_scanned = a.is_scanned
                  from unnest($1::bigint[], $2::bool[]) as a(id, is_scanned)
                 where r.id = a.id and r.answered_at is null";
    database.client().await?.execute(note, &[&ids, &scanned]).await?;
    Ok(())
}

/// Deletes what was answered longer than 30 days ago.
pub async fn forget_requests(database: &Database) -> Result<(), DatabaseError> {
    let forget = "delete from scan_requests where id in (
                      select id from scan_requests where answered_at < now() - interval '30 days'
                       order by answered_at limit $1)";
    while database.client().await?.execute(forget, &[&FORGOTTEN_MAX]).await? != 0 {}
    Ok(())
}
