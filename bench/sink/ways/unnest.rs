//! Findings as arrays, a thousand in a statement.

use std::time::SystemTime;

use scanflow::model::Outcome;

use super::upsert::{self, Lookup};
use super::{Target, scan_state};

const FINDINGS_MAX: usize = 1_000;

const INPUT: &str = "
    select check_id, subject, severity, evidence::jsonb as evidence
      from unnest($5::smallint[], $6::text[], $7::smallint[], $8::text[])
           as f(check_id, subject, severity, evidence)";

pub(super) async fn write(target: &Target, outcome: &Outcome) -> anyhow::Result<()> {
    let mut client = target.pool.get().await?;
    let transaction = client.transaction().await?;
    scan_state::lock(&transaction, outcome).await?;
    let at = SystemTime::from(target.clock.now());
    let (config_version, sequence) = scan_state::fence(outcome);
    let statement = transaction.prepare_cached(&upsert::statement(INPUT, Lookup::Each)).await?;
    let mut findings = outcome.findings.iter().peekable();
    while findings.peek().is_some() {
        let (mut checks, mut subjects) = (Vec::<i16>::new(), Vec::<&str>::new());
        let (mut severities, mut evidence) = (Vec::<i16>::new(), Vec::<&str>::new());
        for ((check, subject), finding) in findings.by_ref().take(FINDINGS_MAX) {
            checks.push(target.numbers[check]);
            subjects.push(subject);
            severities.push(finding.severity as i16);
            evidence.push(&finding.evidence);
        }
        transaction
            .execute(
                &statement,
                &[
                    &outcome.scan.asset.0,
                    &at,
                    &config_version,
                    &sequence,
                    &checks,
                    &subjects,
                    &severities,
                    &evidence,
                ],
            )
            .await?;
    }
    upsert::resolve(&transaction, outcome, &target.checks(outcome), at).await?;
    scan_state::complete(&transaction, outcome, at).await?;
    Ok(transaction.commit().await?)
}
