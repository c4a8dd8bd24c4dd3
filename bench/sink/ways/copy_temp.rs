//! Findings by COPY into a temporary table that lives as long as the flush.

use std::time::SystemTime;

use scanflow::model::Outcome;

use super::binary_copy::Rows;
use super::upsert::{self, Lookup};
use super::{Target, scan_state};

const CREATE: &str = "create temporary table staging (
    check_id smallint not null, subject text not null, severity smallint not null,
    evidence jsonb not null) on commit drop";

const COPY: &str =
    "copy staging (check_id, subject, severity, evidence) from stdin (format binary)";

const INPUT: &str = "select check_id, subject, severity, evidence from staging";

pub(super) async fn write(target: &Target, outcome: &Outcome) -> anyhow::Result<()> {
    let mut client = target.pool.get().await?;
    let transaction = client.transaction().await?;
    scan_state::lock(&transaction, outcome).await?;
    let at = SystemTime::from(target.clock.now());
    let (config_version, sequence) = scan_state::fence(outcome);
    transaction.batch_execute(CREATE).await?;
    let mut rows = Rows::new(transaction.copy_in(COPY).await?);
    for ((check, subject), finding) in &outcome.findings {
        let mut row = rows.row(4);
        row.int2(target.numbers[check]).text(subject);
        row.int2(finding.severity as i16).jsonb(&finding.evidence);
        rows.send().await?;
    }
    rows.finish().await?;
    let statement = transaction.prepare_cached(&upsert::statement(INPUT, Lookup::Joined)).await?;
    transaction
        .execute(&statement, &[&outcome.scan.asset.0, &at, &config_version, &sequence])
        .await?;
    upsert::resolve(&transaction, outcome, &target.checks(outcome), at).await?;
    scan_state::complete(&transaction, outcome, at).await?;
    Ok(transaction.commit().await?)
}
