//! Keeps an outcome aside that cannot be stored.

use std::io;
use std::time::SystemTime;

use crate::model::{Outcome, Scan, UnixTime};
use crate::sinks::{Flushed, LargeOutcome};
use crate::store::postgres::dead_letters::payload::{self, Frame, Line, Packed};
use crate::store::postgres::{DatabaseError, Session};

const PARK: &str = "select park_outcome($1, $2, $3, $4, $5, $6, $7, $8)";

/// What can be kept aside.
pub(super) trait Parkable {
    fn scan(&self) -> &Scan;

    /// Whether every check was asked.
    fn is_full(&self) -> bool;

    /// All of it, from which it can be applied later.
    fn payload(&self) -> io::Result<Vec<u8>>;
}

impl Parkable for Outcome {
    fn scan(&self) -> &Scan {
        &self.scan
    }

    fn is_full(&self) -> bool {
        self.digest.is_some()
    }

    fn payload(&self) -> io::Result<Vec<u8>> {
        payload::bytes(self)
    }
}

impl Parkable for LargeOutcome {
    fn scan(&self) -> &Scan {
        &self.scan
    }

    fn is_full(&self) -> bool {
        self.digest.is_some()
    }

    fn payload(&self) -> io::Result<Vec<u8>> {
        let LargeOutcome { scan, scope, digest, findings: spool } = self;
        let mut rows = spool.rows();
        let lines = std::iter::from_fn(|| {
            let row = rows.read().transpose()?;
            Some(row.and_then(|row| Ok(Line::from((&spool.checks()[row.check], row.finding()?)))))
        });
        let mut packed = Packed::new();
        payload::write(&mut packed, Frame::new(scan, scope, *digest), lines)?;
        packed.finish()
    }
}

/// Writes the outcome with its cause to `dead_letters` and advances the asset's fence.
pub(super) async fn park(
    session: &Session,
    outcome: &impl Parkable,
    payload: Vec<u8>,
    cause: &DatabaseError,
    now: UnixTime,
) -> Result<Flushed, DatabaseError> {
    let scan = outcome.scan();
    let message = cause.message().replace('\0', "\\0");
    tracing::error!(asset = scan.asset.0, cause = %message, "an outcome cannot be stored: parked");
    let at = SystemTime::from(now);
    let scheduled_at = outcome.is_full().then(|| SystemTime::from(scan.scheduled_at));
    let row = session
        .query_one(
            PARK,
            &[
                &at,
                &scan.asset.0,
                &scan.fence.config_version.0.cast_signed(),
                &scan.fence.sequence.0.cast_signed(),
                &scheduled_at,
                &cause.sqlstate(),
                &message,
                &payload,
            ],
        )
        .await?;
    Ok(if row.get(0) { Flushed::Parked } else { Flushed::Duplicate })
}
