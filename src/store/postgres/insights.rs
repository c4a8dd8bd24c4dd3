//! Reads insights for people and programs: filtered, in a stable order, as a stream.

use std::fmt;
use std::time::SystemTime;

use futures_util::TryStreamExt;
use tokio_postgres::Row;

use super::reviews::{Classification, Review, STANDS};
use super::{Database, DatabaseError, Parameter, Rows, Session};
use crate::inventory::normalise;
use crate::model::{AssetKind, Severity, UnixTime};

/// Which insights. None and an empty list of checks mean all.
#[derive(Clone, Debug)]
pub struct InsightFilter {
    /// Internal ids; zones of the accounts are meant too.
    pub accounts: Option<Vec<i64>>,
    /// Internal ids.
    pub zones: Option<Vec<i64>>,
    pub checks: Vec<String>,
    pub severity_min: Severity,
    /// None: open and resolved ones.
    pub state: Option<State>,
    /// None: open ones that nobody has reviewed, and all resolved ones.
    pub review: Option<ReviewFilter>,
}

/// Which of the reviewed insights. A review whose time is over is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewFilter {
    None,
    Only(Classification),
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Resolved,
}

impl State {
    pub const fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Resolved => "resolved",
        }
    }
}

/// An insight with the names that people know.
#[derive(Clone, Debug)]
pub struct Insight {
    pub id: i64,
    pub check: String,
    pub severity: Severity,
    pub asset: AssetKind,
    /// The source's own id of the asset.
    pub asset_id: String,
    pub asset_name: String,
    /// The source's own id of the account.
    pub account: String,
    pub subject: String,
    pub first_seen: UnixTime,
    pub changed_at: UnixTime,
    /// None: open.
    pub resolved_at: Option<UnixTime>,
    pub evidence: serde_json::Value,
    /// Also one whose time is over.
    pub review: Option<Review>,
}

impl Insight {
    /// Whether somebody has said that it may be left alone, and that still counts.
    pub fn is_reviewed(&self) -> bool {
        self.review.as_ref().is_some_and(|review| !review.is_expired)
    }

    pub fn state(&self) -> State {
        if self.resolved_at.is_some() { State::Resolved } else { State::Open }
    }
}

/// The answer, row by row; the connection is back when it is dropped.
pub struct Insights {
    rows: Rows,
    _session: Session,
}

impl fmt::Debug for Insights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Insights(..)")
    }
}

/// The worst first, then by check, name of the asset and subject.
pub async fn insights(
    database: &Database,
    filter: &InsightFilter,
) -> Result<Insights, DatabaseError> {
    let reviewed = match filter.review {
        None => format!("and (i.resolved_at is not null or not {STANDS})"),
        Some(ReviewFilter::None) => format!("and not {STANDS}"),
        Some(ReviewFilter::Only(kind)) => {
            format!("and {STANDS} and r.classification = '{}'", kind.name())
        }
        Some(ReviewFilter::Any) => String::new(),
    };
    let query = format!(
        r#"select i.id, c.name, i.severity, z.id is not null, coalesce(z.external_id, a.external_id),
                  coalesce(z.name, a.name), a.external_id, i.subject, i.first_seen, i.changed_at,
                  i.resolved_at, i.evidence,
                  r.classification, r.until, r.note, r.author, r.reviewed_at, {STANDS}
             {} {reviewed}
            order by i.severity desc, c.name collate "C", coalesce(z.name, a.name) collate "C",
                     i.subject collate "C", i.id"#,
        chosen(filter),
    );
    let severity_min = filter.severity_min as i16;
    let session = database.client().await?.into_snapshot().await?;
    let rows = session.rows(&query, &parameters(filter, &severity_min)).await?;
    Ok(Insights { rows, _session: session })
}

/// How many open insights the filter would choose if they were not reviewed.
pub async fn reviewed(database: &Database, filter: &InsightFilter) -> Result<i64, DatabaseError> {
    let query =
        format!("select count(*) {} and i.resolved_at is null and {STANDS}", chosen(filter));
    let severity_min = filter.severity_min as i16;
    let client = database.client().await?;
    Ok(client.query_one(&query, &parameters(filter, &severity_min)).await?.get(0))
}

/// The rows of a filter, whether reviewed or not.
fn chosen(filter: &InsightFilter) -> String {
    let state = match filter.state {
        None => "",
        Some(State::Open) => "and i.resolved_at is null",
        Some(State::Resolved) => "and i.resolved_at is not null",
    };
    format!(
        "from insights i
         join checks c on c.id = i.check_id
         left join zones z on z.id = i.asset_id
         join accounts a on a.id = coalesce(z.account_id, i.asset_id)
         left join insight_reviews r on (r.asset_id, r.check_id, r.subject)
                                      = (i.asset_id, i.check_id, i.subject)
        where ($1::bigint[] is null or a.id = any($1))
          and ($2::bigint[] is null or z.id = any($2))
          and (cardinality($3::text[]) = 0 or c.name = any($3))
          and $4 <= i.severity {state}"
    )
}

/// Those of [`chosen`].
fn parameters<'a>(filter: &'a InsightFilter, severity_min: &'a i16) -> [&'a dyn Parameter; 4] {
    [&filter.accounts, &filter.zones, &filter.checks, severity_min]
}

impl Insights {
    /// None at the end.
    pub async fn next(&mut self) -> Result<Option<Insight>, DatabaseError> {
        Ok(self.rows.try_next().await?.map(|row| insight(&row)))
    }
}

fn insight(row: &Row) -> Insight {
    let is_zone: bool = row.get(3);
    Insight {
        id: row.get(0),
        check: row.get(1),
        severity: severity(row.get(2)),
        asset: if is_zone { AssetKind::Zone } else { AssetKind::Account },
        asset_id: row.get(4),
        asset_name: row.get(5),
        account: row.get(6),
        subject: row.get(7),
        first_seen: time(row, 8),
        changed_at: time(row, 9),
        resolved_at: row.get::<_, Option<SystemTime>>(10).map(UnixTime::from),
        evidence: row.get(11),
        review: Review::from_row(row, 12),
    }
}

pub(super) fn time(row: &Row, column: usize) -> UnixTime {
    row.get::<_, SystemTime>(column).into()
}

/// A number that this version does not know counts as the nearest.
pub(super) fn severity(number: i16) -> Severity {
    let worst = Severity::ALL.len() - 1;
    Severity::ALL[usize::try_from(number).unwrap_or(0).min(worst)]
}

/// An asset that somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Internal.
    pub id: i64,
    pub source: String,
    pub external_id: String,
    pub name: String,
    /// The source's own id of its account.
    pub account: String,
}

/// The zones with this external id, which is unique per source, or this name, which is not unique at
/// all. Removed ones are found too: their insights are.
pub async fn find_zones(database: &Database, text: &str) -> Result<Vec<Named>, DatabaseError> {
    let name = normalise::name(text).unwrap_or_else(|_| text.to_owned());
    let query = "select z.id, s.name, z.external_id, z.name, a.external_id
                   from zones z
                   join sources s on s.id = z.source_id
                   join accounts a on a.id = z.account_id";
    find(database, query, "z", text, &name).await
}

/// As [`find_zones`], for accounts.
pub async fn find_accounts(database: &Database, text: &str) -> Result<Vec<Named>, DatabaseError> {
    let query = "select a.id, s.name, a.external_id, a.name, a.external_id
                   from accounts a join sources s on s.id = a.source_id";
    find(database, query, "a", text, text).await
}

async fn find(
    database: &Database,
    query: &str,
    alias: &str,
    external_id: &str,
    name: &str,
) -> Result<Vec<Named>, DatabaseError> {
    let client = database.client().await?;
    let query = format!(
        "{query} where {alias}.external_id = $1 or {alias}.name = $2 order by s.id, {alias}.id"
    );
    let rows = client.query(&query, &[&external_id, &name]).await?;
    let named = rows.iter().map(|row| Named {
        id: row.get(0),
        source: row.get(1),
        external_id: row.get(2),
        name: row.get(3),
        account: row.get(4),
    });
    Ok(named.collect())
}
