//! One statement a finding, each awaited before the next.

use std::time::SystemTime;

use scanflow::model::Outcome;

use super::upsert::{self, Lookup};
use super::{Target, scan_state};

const INPUT: &str =
    "select $5::smallint as check_id, $6::text as subject, $7::smallint as severity,
                            $8::text::jsonb as evidence";

pub(super) async fn write(target: &Target, outcome: &Outcome) -> anyhow::Result<()> {
    let mut client = target.pool.get().await?;
    let transaction = client.transaction().await?;
    scan_state::lock(&transaction, outcome).await?;
    let at = SystemTime::from(target.clock.now());
    let (config_version, sequence) = scan_state::fence(outcome);
    let statement = transaction.prepare_cached(&upsert::statement(INPUT, Lookup::Each)).await?;
    for ((check, subject), finding) in &outcome.findings {
        transaction
            .execute(
                &statement,
                &[
                    &outcome.scan.asset.0,
                    &at,
                    &config_version,
                    &sequence,
                    &target.numbers[check],
                    subject,
                    &(finding.severity as i16),
                    &finding.evidence,
                ],
            )
            .await?;
    }
    upsert::resolve(&transaction, outcome, &target.checks(outcome), at).await?;
    scan_state::complete(&transaction, outcome, at).await?;
    Ok(transaction.commit().await?)
}
