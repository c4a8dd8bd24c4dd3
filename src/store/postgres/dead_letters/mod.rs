//! Outcomes that could not be stored, for people: to look at, and to drop. They are written and applied
//! again by the sink, `src/sinks/postgres/`.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::insights::time;
use super::{Database, DatabaseError, Parameter};
use crate::model::{AssetId, AssetKind, ConfigVersion, Fence, ScanSequence, UnixTime};

pub mod payload;

/// Which dead letters. None and empty lists mean all.
#[derive(Clone, Debug, Default)]
pub struct LetterFilter {
    pub ids: Option<Vec<i64>>,
    /// Internal ids.
    pub assets: Option<Vec<i64>>,
    /// Starts of SQLSTATEs.
    pub causes: Vec<String>,
    pub since: Option<UnixTime>,
    pub before: Option<UnixTime>,
    /// Only those that can never be applied.
    pub obsolete: bool,
}

/// A dead letter without its outcome.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: i64,
    /// When it was put aside.
    pub at: UnixTime,
    pub asset: AssetId,
    /// None: the asset is not known any more.
    pub named: Option<LetterAsset>,
    /// Of the outcome.
    pub fence: Fence,
    pub sqlstate: String,
    /// What Postgres said.
    pub message: String,
    /// Of the stored outcome.
    pub bytes: i64,
    /// Whether a newer outcome of the asset was applied, so that this one never can be.
    pub is_obsolete: bool,
}

/// An asset by the names that people know.
#[derive(Clone, Debug)]
pub struct LetterAsset {
    pub kind: AssetKind,
    /// The source's own id.
    pub id: String,
    pub name: String,
    /// The source's own id of the account.
    pub account: String,
    pub source: String,
}

/// The chosen rows, as `d`.
const CHOSEN: &str = "
    ($1::bigint[] is null or d.id = any($1))
    and ($2::bigint[] is null or d.asset_id = any($2))
    and (cardinality($3::text[]) = 0
         or exists (select from unnest($3::text[]) as cause where starts_with(d.sqlstate, cause)))
    and ($4::timestamptz is null or $4 <= d.at)
    and ($5::timestamptz is null or d.at < $5)
    and (not $6 or not exists (
        select from scan_state s where (s.asset_id, s.config_version, s.sequence)
                                     = (d.asset_id, d.config_version, d.sequence)))";

const COLUMNS: &str = "
    select d.id, d.at, d.asset_id, d.config_version, d.sequence, d.sqlstate, d.message,
           length(d.payload)::bigint,
           (s.config_version, s.sequence) is distinct from (d.config_version, d.sequence),
           z.id is not null, coalesce(z.external_id, a.external_id), coalesce(z.name, a.name),
           a.external_id, o.name, d.payload
      from dead_letters d
      left join scan_state s on s.asset_id = d.asset_id
      left join zones z on z.id = d.asset_id
      left join accounts a on a.id = coalesce(z.account_id, d.asset_id)
      left join sources o on o.id = a.source_id";

/// The newest first, at most so many.
pub async fn list(
    database: &Database,
    filter: &LetterFilter,
    letters_max: i64,
) -> Result<Vec<Letter>, DatabaseError> {
    let client = database.client().await?;
    let sql = COLUMNS.replace(", d.payload", "");
    let query = format!("{sql} where {CHOSEN} order by d.at desc, d.id desc limit $7");
    let (since, before) = (system(filter.since), system(filter.before));
    let [p1, p2, p3, p4, p5, p6] = parameters(filter, &since, &before);
    let rows = client.query(&query, &[p1, p2, p3, p4, p5, p6, &letters_max]).await?;
    Ok(rows.iter().map(letter).collect())
}

/// How many there are.
pub async fn count(database: &Database, filter: &LetterFilter) -> Result<i64, DatabaseError> {
    let client = database.client().await?;
    let query = format!("select count(*) from dead_letters d where {CHOSEN}");
    let (since, before) = (system(filter.since), system(filter.before));
    Ok(client.query_one(&query, &parameters(filter, &since, &before)).await?.get(0))
}

/// Their ids, the oldest first.
pub async fn ids(database: &Database, filter: &LetterFilter) -> Result<Vec<i64>, DatabaseError> {
    let client = database.client().await?;
    let query = format!("select d.id from dead_letters d where {CHOSEN} order by d.at, d.id");
    let (since, before) = (system(filter.since), system(filter.before));
    let rows = client.query(&query, &parameters(filter, &since, &before)).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// One with its stored outcome, for [`payload::read`].
pub async fn find(
    database: &Database,
    id: i64,
) -> Result<Option<(Letter, Vec<u8>)>, DatabaseError> {
    let client = database.client().await?;
    let row = client.query_opt(&format!("{COLUMNS} where d.id = $1"), &[&id]).await?;
    Ok(row.map(|row| (letter(&row), row.get(14))))
}

/// Drops them for good, and returns how many there were.
pub async fn delete(database: &Database, filter: &LetterFilter) -> Result<u64, DatabaseError> {
    let client = database.client().await?;
    let delete = format!("delete from dead_letters d where {CHOSEN}");
    let (since, before) = (system(filter.since), system(filter.before));
    Ok(client.execute(&delete, &parameters(filter, &since, &before)).await?)
}

fn system(time: Option<UnixTime>) -> Option<SystemTime> {
    time.map(SystemTime::from)
}

/// Those of [`CHOSEN`].
fn parameters<'a>(
    filter: &'a LetterFilter,
    since: &'a Option<SystemTime>,
    before: &'a Option<SystemTime>,
) -> [&'a dyn Parameter; 6] {
    [&filter.ids, &filter.assets, &filter.causes, since, before, &filter.obsolete]
}

fn letter(row: &Row) -> Letter {
    let number = |column| row.get::<_, i64>(column).cast_unsigned();
    let named = row.get::<_, Option<String>>(10).map(|id| LetterAsset {
        kind: if row.get(9) { AssetKind::Zone } else { AssetKind::Account },
        id,
        name: row.get(11),
        account: row.get(12),
        source: row.get(13),
    });
    Letter {
        id: row.get(0),
        at: time(row, 1),
        asset: AssetId(row.get(2)),
        named,
        fence: Fence {
            config_version: ConfigVersion(number(3)),
            sequence: ScanSequence(number(4)),
        },
        sqlstate: row.get(5),
        message: row.get(6),
        bytes: row.get(7),
        is_obsolete: row.get(8),
    }
}
