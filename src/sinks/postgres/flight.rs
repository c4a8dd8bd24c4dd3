//! One call of a flush: what it flushes, where that is parked, and what of it is tried again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::bisect::{self, Target};
use super::park::{self, Parkable};
use super::part::Part;
use super::{Flushed, LargeOutcome, Postgres, SinkError};
use crate::model::{AssetId, Outcome};
use crate::store::postgres::{DatabaseError, Fault};
use crate::telemetry::Retrying;

pub(super) struct Flight<'s> {
    sink: &'s Postgres,
    retrying: Mutex<Option<Retrying>>,
}

impl Postgres {
    pub(super) async fn fly<'s, O>(&'s self, outcomes: &[O]) -> Result<Vec<Flushed>, SinkError>
    where
        O: Sync,
        Flight<'s>: Target<O, Error = DatabaseError>,
    {
        let flight = Flight { sink: self, retrying: Mutex::default() };
        let flushed = bisect::flush(&flight, outcomes).await;
        let flushed = flushed.map_err(|err| {
            self.checks.forget();
            SinkError { outcomes: outcomes.len(), source: Box::new(err) }
        })?;
        let retrying = flight.retrying.into_inner().unwrap_or_else(PoisonError::into_inner);
        retrying.into_iter().for_each(Retrying::passed);
        Ok(flushed)
    }
}

impl Flight<'_> {
    async fn park(
        &self,
        outcome: &(impl Parkable + Sync),
        cause: &DatabaseError,
    ) -> Result<Flushed, DatabaseError> {
        let Postgres { database, clock, meter, .. } = self.sink;
        let payload = outcome.payload()?;
        let client = database.client().await?;
        meter.round_trips(1);
        let parked = park::park(&client, outcome, payload, cause, clock.now()).await?;
        if parked == Flushed::Parked {
            meter.parked(&cause.sqlstate());
        }
        Ok(parked)
    }

    async fn pause(&self, length: Duration, cause: &DatabaseError) {
        if let Some(tries) = &self.sink.tries {
            let mut retrying = self.retrying.lock().unwrap_or_else(PoisonError::into_inner);
            *retrying = Some(tries.failed(retrying.take(), cause));
        }
        tokio::time::sleep(length).await;
    }
}

#[async_trait]
impl Target<Outcome> for Flight<'_> {
    type Error = DatabaseError;

    fn fault(err: &DatabaseError) -> Fault {
        err.fault()
    }

    fn asset(outcome: &Outcome) -> AssetId {
        outcome.scan.asset
    }

    async fn flush(&self, outcomes: &[&Outcome]) -> Result<Vec<Flushed>, DatabaseError> {
        self.sink.flush_batch(outcomes).await
    }

    async fn park(
        &self,
        outcome: &Outcome,
        cause: &DatabaseError,
    ) -> Result<Flushed, DatabaseError> {
        self.park(outcome, cause).await
    }

    async fn pause(&self, length: Duration, cause: &DatabaseError) {
        self.pause(length, cause).await;
    }
}

#[async_trait]
impl Target<LargeOutcome> for Flight<'_> {
    type Error = DatabaseError;

    fn fault(err: &DatabaseError) -> Fault {
        err.fault()
    }

    fn asset(outcome: &LargeOutcome) -> AssetId {
        outcome.scan.asset
    }

    async fn flush(&self, outcomes: &[&LargeOutcome]) -> Result<Vec<Flushed>, DatabaseError> {
        let parts: Vec<Part<'_>> = outcomes.iter().map(|outcome| Part::from(*outcome)).collect();
        self.sink.flush_parts(&parts).await
    }

    async fn park(
        &self,
        outcome: &LargeOutcome,
        cause: &DatabaseError,
    ) -> Result<Flushed, DatabaseError> {
        self.park(outcome, cause).await
    }

    async fn pause(&self, length: Duration, cause: &DatabaseError) {
        self.pause(length, cause).await;
    }
}
