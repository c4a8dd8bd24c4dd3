//! Keeps an outcome aside that can never be stored.

use std::time::SystemTime;

use serde_json::json;

use crate::model::{Outcome, UnixTime};
use crate::sinks::Flushed;
use crate::store::postgres::{DatabaseError, Session};

const PARK: &str = "select park_outcome($1, $2, $3, $4, $5, $6, $7, $8)";

/// Writes the outcome with its cause to `dead_letters` and advances the asset's fence.
pub(super) async fn park(
    session: &Session,
    outcome: &Outcome,
    cause: &DatabaseError,
    now: UnixTime,
) -> Result<Flushed, DatabaseError> {
    let scan = &outcome.scan;
    let message = cause.message().replace('\0', "\\0");
    tracing::error!(asset = scan.asset.0, cause = %message, "an outcome cannot be stored: parked");
    let arguments: (SystemTime, SystemTime) = (now.into(), scan.scheduled_at.into());
    let row = session
        .query_one(
            PARK,
            &[
                &arguments.0,
                &scan.asset.0,
                &scan.fence.config_version.0.cast_signed(),
                &scan.fence.sequence.0.cast_signed(),
                &arguments.1,
                &cause.sqlstate(),
                &message,
                &payload(outcome),
            ],
        )
        .await?;
    Ok(if row.get(0) { Flushed::Parked } else { Flushed::Duplicate })
}

/// The outcome as JSON, from which people see what could not be stored.
fn payload(outcome: &Outcome) -> Vec<u8> {
    let findings = outcome.findings.iter().map(|((check, subject), found)| {
        json!({
            "check": check,
            "subject": subject,
            "severity": found.severity,
            "evidence": found.evidence,
        })
    });
    let checks: Vec<_> = outcome.scope.checks().map(|(check, _)| check).collect();
    json!({ "v": 1, "completed": checks, "findings": findings.collect::<Vec<_>>() })
        .to_string()
        .into_bytes()
}
