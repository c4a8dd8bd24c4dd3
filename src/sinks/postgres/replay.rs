//! Applies the outcome of a dead letter as if it had landed.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::Postgres;
use super::check_numbers::CheckNumbers;
use super::unnest::Batch;
use crate::model::{Fence, Outcome, UnixTime};
use crate::sinks::Flushed;
use crate::store::postgres::dead_letters::payload::{self, PayloadError};
use crate::store::postgres::{DatabaseError, Fault, Session};

/// What became of a dead letter.
#[derive(Debug)]
pub enum Replayed {
    /// Its insights and history are there, and it is gone.
    Applied,
    /// A newer outcome of the asset was applied, or the asset is gone: it stays.
    Obsolete,
    /// There is no such letter.
    Missing,
    /// It cannot be stored still, and stays.
    Refused(DatabaseError),
    /// Its bytes are no outcome that this version knows; it stays.
    Unreadable(PayloadError),
}

/// Locked until the end of the transaction.
const LETTER: &str = "select at, payload from dead_letters where id = $1 for update";
/// Only while the last fence is that of the letter, which parking has set, back by one scan.
const STEP_BACK: &str = "update scan_state set sequence = sequence - 1
    where (asset_id, config_version, sequence) = ($1, $2, $3)";
const DELETE: &str = "delete from dead_letters where id = $1";

impl Postgres {
    /// In one transaction, at the time of the letter: it was found then.
    pub async fn replay(&self, id: i64) -> Result<Replayed, DatabaseError> {
        let mut session = self.database.client().await?;
        let transaction = session.transaction().await?;
        let Some(row) = transaction.query_opt(LETTER, &[&id]).await? else {
            return Ok(Replayed::Missing);
        };
        let outcome = match payload::read(&row.get::<_, Vec<u8>>(1)) {
            Ok(outcome) => outcome,
            Err(err) => return Ok(Replayed::Unreadable(err)),
        };
        match self.apply(&transaction, &outcome, &row).await {
            Ok(Flushed::Done) => {}
            Ok(_) => return Ok(Replayed::Obsolete),
            Err(err) => {
                return match err.fault() {
                    Fault::Connection | Fault::SetUp => Err(err),
                    Fault::Statement | Fault::Values => Ok(Replayed::Refused(err)),
                };
            }
        }
        transaction.execute(DELETE, &[&id]).await?;
        transaction.commit().await?;
        Ok(Replayed::Applied)
    }

    async fn apply(
        &self,
        session: &Session,
        outcome: &Outcome,
        letter: &Row,
    ) -> Result<Flushed, DatabaseError> {
        let Fence { config_version, sequence } = outcome.scan.fence;
        let fence = (config_version.0.cast_signed(), sequence.0.cast_signed());
        let back = session.execute(STEP_BACK, &[&outcome.scan.asset.0, &fence.0, &fence.1]).await?;
        if back == 0 {
            return Ok(Flushed::Stale);
        }
        // Numbers of its own: those that a rollback takes back must not be remembered.
        let checks = super::checks_of(&[outcome]);
        let numbers = CheckNumbers::default().of(session, checks, &self.meter).await?;
        let at = UnixTime::from(letter.get::<_, SystemTime>(0));
        let flushed = Batch::new(&[outcome], &numbers).flush(session, at).await?;
        Ok(match flushed.results[0] {
            0 | 1 => Flushed::Done,
            _ => Flushed::Stale,
        })
    }
}
