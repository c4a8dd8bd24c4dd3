//! What Postgres itself takes in: rows that nobody compared with anything, by binary COPY into the
//! insights and their history, with all indexes, in one transaction.

use std::time::SystemTime;

use scanflow::model::Outcome;

use super::binary_copy::Rows;
use super::{Target, scan_state};

const INSIGHTS: &str = "copy insights (asset_id, check_id, subject, severity, evidence, first_seen,
    changed_at) from stdin (format binary)";

const EVENTS: &str = "copy insight_events (at, asset_id, check_id, subject, change, severity,
    evidence, config_version, sequence) from stdin (format binary)";

const OPENED: i16 = 1;

pub(super) async fn write(target: &Target, outcome: &Outcome) -> anyhow::Result<()> {
    let mut client = target.pool.get().await?;
    let transaction = client.transaction().await?;
    let at = SystemTime::from(target.clock.now());
    let asset = outcome.scan.asset.0;
    let (config_version, sequence) = scan_state::fence(outcome);

    let mut rows = Rows::new(transaction.copy_in(INSIGHTS).await?);
    for ((check, subject), finding) in &outcome.findings {
        let mut row = rows.row(7);
        row.int8(asset).int2(target.numbers[check]).text(subject);
        row.int2(finding.severity as i16).jsonb(&finding.evidence).timestamp(at).timestamp(at);
        rows.send().await?;
    }
    rows.finish().await?;

    let mut rows = Rows::new(transaction.copy_in(EVENTS).await?);
    for ((check, subject), finding) in &outcome.findings {
        let mut row = rows.row(9);
        row.timestamp(at).int8(asset).int2(target.numbers[check]).text(subject).int2(OPENED);
        row.int2(finding.severity as i16).jsonb(&finding.evidence);
        row.int8(config_version).int8(sequence);
        rows.send().await?;
    }
    rows.finish().await?;
    Ok(transaction.commit().await?)
}
