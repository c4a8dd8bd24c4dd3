//! The canonical export: what is known of a fleet, without what differs between two runs that did
//! the same work (internal ids, times, sequences), in an order of its own.

use std::fmt;

use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::Row;

use super::insights::severity;
use super::{Database, DatabaseError, Rows, Session};
use crate::model::Severity;

/// One line of the export.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// `insight` or `event`.
    pub line: &'static str,
    pub source: String,
    pub asset_kind: String,
    /// The source's own id.
    pub asset: String,
    /// At which the event came about. None of an insight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_version: Option<i64>,
    pub check: String,
    pub subject: String,
    /// `open` or `resolved`; of an event what became of it.
    pub state: String,
    pub severity: Severity,
    /// Of a resolution.
    pub reason: Option<String>,
    pub evidence: serde_json::Value,
}

const ASSETS: &str = "
    select a.id, s.name as source, 'account' as kind, a.external_id
      from accounts a join sources s on s.id = a.source_id
    union all
    select z.id, s.name, 'zone', z.external_id
      from zones z join sources s on s.id = z.source_id";

const INSIGHTS: &str = r#"
      null::bigint, c.name, i.subject,
      case when i.resolved_at is null then 'open' else 'resolved' end,
      i.severity, i.resolution, i.evidence
 from insights i
 join checks c on c.id = i.check_id
 join asset on asset.id = i.asset_id
order by asset.source collate "C", asset.kind collate "C", asset.external_id collate "C",
      c.name collate "C", i.subject collate "C""#;

const EVENTS: &str = r#"
      e.config_version, c.name, e.subject,
      (array['opened', 'changed', 'resolved', 'reopened'])[e.change],
      e.severity, e.reason, e.evidence
 from insight_events e
 join checks c on c.id = e.check_id
 join asset on asset.id = e.asset_id
order by asset.source collate "C", asset.kind collate "C", asset.external_id collate "C",
      e.config_version, e.sequence, c.name collate "C", e.subject collate "C", e.change"#;

/// Insights, then the history, row by row.
pub struct Export {
    rows: Rows,
    line: &'static str,
    _session: Session,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Every insight by source, kind and id of the asset, check and subject.
pub async fn insights(database: &Database) -> Result<Export, DatabaseError> {
    start(database, "insight", INSIGHTS).await
}

/// The history by source, kind and id of the asset, fence, check and subject.
pub async fn events(database: &Database) -> Result<Export, DatabaseError> {
    start(database, "event", EVENTS).await
}

async fn start(
    database: &Database,
    line: &'static str,
    rest: &str,
) -> Result<Export, DatabaseError> {
    let session = database.client().await?.into_snapshot().await?;
    let query = format!(
        "with asset as ({ASSETS}) select asset.source, asset.kind, asset.external_id, {rest}"
    );
    let rows = session.rows(&query, &[]).await?;
    Ok(Export { rows, line, _session: session })
}

impl Export {
    /// None at the end.
    pub async fn next(&mut self) -> Result<Option<Exported>, DatabaseError> {
        let line = self.line;
        Ok(self.rows.try_next().await?.map(|row| exported(line, &row)))
    }
}

fn exported(line: &'static str, row: &Row) -> Exported {
    Exported {
        line,
        source: row.get(0),
        asset_kind: row.get(1),
        asset: row.get(2),
        config_version: row.get(3),
        check: row.get(4),
        subject: row.get(5),
        state: row.get(6),
        severity: severity(row.get(7)),
        reason: row.get(8),
        evidence: row.get(9),
    }
}
