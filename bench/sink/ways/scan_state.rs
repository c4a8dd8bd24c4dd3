//! What the other ways do besides: the fence before they write, the scan state afterwards.

use std::time::SystemTime;

use deadpool_postgres::Transaction;
use scanflow::model::Outcome;
use uuid::Uuid;

const LOCK: &str = "select config_version, sequence from scan_state where asset_id = $1 for update";

const COMPLETE: &str = "
    update scan_state
       set last_scheduled_at = $2, last_completed_at = $3, config_version = $4, sequence = $5,
           duration_us = $6, records = $7, digest = $8
     where asset_id = $1";

/// Locks the asset; whoever scans it twice is not meant to come here with the older one.
pub(super) async fn lock(transaction: &Transaction<'_>, outcome: &Outcome) -> anyhow::Result<()> {
    let statement = transaction.prepare_cached(LOCK).await?;
    let row = transaction.query_one(&statement, &[&outcome.scan.asset.0]).await?;
    let stored: (i64, i64) = (row.get(0), row.get(1));
    anyhow::ensure!(stored < fence(outcome), "not newer than what is stored");
    Ok(())
}

pub(super) async fn complete(
    transaction: &Transaction<'_>,
    outcome: &Outcome,
    at: SystemTime,
) -> anyhow::Result<()> {
    let (config_version, sequence) = fence(outcome);
    let scan = &outcome.scan;
    let (scheduled_at, digest) = (
        SystemTime::from(scan.scheduled_at),
        outcome.digest.map(|digest| Uuid::from_u128(digest.0)),
    );
    let (duration_us, records) =
        (i64::try_from(scan.duration.as_micros())?, i32::try_from(scan.records)?);
    let statement = transaction.prepare_cached(COMPLETE).await?;
    let updated = transaction
        .execute(
            &statement,
            &[
                &scan.asset.0,
                &scheduled_at,
                &at,
                &config_version,
                &sequence,
                &duration_us,
                &records,
                &digest,
            ],
        )
        .await?;
    anyhow::ensure!(updated == 1, "the asset has no state");
    Ok(())
}

pub(super) fn fence(outcome: &Outcome) -> (i64, i64) {
    let fence = outcome.scan.fence;
    (fence.config_version.0.cast_signed(), fence.sequence.0.cast_signed())
}
