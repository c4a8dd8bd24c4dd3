//! Keeps insights in Postgres.
//!
//! A flush is one transaction: one round trip with the function `flush_outcomes` (migration V0005),
//! or, when it finds much, a COPY. What cannot be stored is found by halving the batch, and kept
//! aside in `dead_letters`.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

pub use self::calibrate::{Calibration, calibrate, calibration};
use self::check_numbers::CheckNumbers;
use self::part::Part;
use self::unnest::Batch;
use self::unsettled::Unsettled;
use super::{Flushed, LargeOutcome, Sink, SinkError, Spool};
use crate::clock::Clock;
use crate::model::{CheckId, Outcome, UnixTime};
use crate::store::postgres::{Database, DatabaseError};
use crate::telemetry::{Action, FlushPath as Path, SinkMeter, Tries};

mod bisect;
mod calibrate;
mod check_numbers;
mod copy;
mod copying;
mod flight;
mod park;
mod part;
mod replay;
mod scans;
mod stored;
mod unnest;
mod unsettled;

pub use replay::Replayed;

/// From so many findings on a flush goes by COPY, if nothing else was measured or said.
pub const COPY_FINDINGS_MIN: usize = 2_000;

/// One sink of one lane.
#[derive(Debug)]
pub struct Postgres {
    database: Database,
    clock: Clock,
    checks: CheckNumbers,
    copy_findings_min: usize,
    unsettled: Unsettled,
    rows: RowCounters,
    meter: SinkMeter,
    tries: Option<Tries>,
}

/// Rows of the history that a sink wrote since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub opened: u64,
    pub changed: u64,
    pub resolved: u64,
    pub reopened: u64,
}

#[derive(Debug, Default)]
struct RowCounters([AtomicU64; 4]);

impl Postgres {
    /// The lane's own connections: a slow flush must not hold up the other lane.
    pub fn new(database: Database, clock: Clock) -> Postgres {
        Postgres {
            database,
            clock,
            checks: CheckNumbers::default(),
            copy_findings_min: COPY_FINDINGS_MIN,
            unsettled: Unsettled::over(COPY_FINDINGS_MIN),
            rows: RowCounters::default(),
            meter: SinkMeter::default(),
            tries: None,
        }
    }

    #[must_use]
    pub fn measured_by(self, meter: SinkMeter) -> Postgres {
        Postgres { meter, ..self }
    }

    /// What is tried again in here is counted and said as that of the lane.
    #[must_use]
    pub fn retried_as(self, tries: Tries) -> Postgres {
        Postgres { tries: Some(tries), ..self }
    }

    pub fn rows(&self) -> Rows {
        let [opened, changed, resolved, reopened] =
            [0, 1, 2, 3].map(|n| self.rows.0[n].load(Ordering::Relaxed));
        Rows { opened, changed, resolved, reopened }
    }

    /// From so many findings on a flush goes by COPY.
    #[must_use]
    pub fn copying_from(self, copy_findings_min: usize) -> Postgres {
        self.meter.copying_from(copy_findings_min);
        let unsettled = Unsettled::over(copy_findings_min.max(1));
        Postgres { copy_findings_min, unsettled, ..self }
    }

    async fn flush_batch(&self, outcomes: &[&Outcome]) -> Result<Vec<Flushed>, DatabaseError> {
        let findings = || outcomes.iter().map(|outcome| outcome.findings.len());
        let of_one = findings().max().unwrap_or(0);
        if self.copy_findings_min <= of_one.max(self.unsettled.of(findings().sum())) {
            let spools = outcomes.iter().map(|outcome| Spool::of(&outcome.findings));
            let spools = spools.collect::<io::Result<Vec<Spool>>>()?;
            let parts = outcomes.iter().zip(&spools);
            let parts: Vec<Part<'_>> = parts.map(|(o, findings)| Part::new(o, findings)).collect();
            return self.flush_parts(&parts).await;
        }
        let client = self.database.client().await?;
        let numbers = self.checks.of(&client, checks_of(outcomes), &self.meter).await?;
        let batch = Batch::new(outcomes, &numbers);
        let started = self.clock.now();
        let flush = batch.flush(&client, started).await?;
        let bytes = outcomes.iter().map(|outcome| outcome.bytes()).sum();
        self.unsettled.saw(findings(), &flush.results);
        Ok(self.flushed(flush, Path::Unnest, started, bytes))
    }

    async fn flush_parts(&self, parts: &[Part<'_>]) -> Result<Vec<Flushed>, DatabaseError> {
        let mut client = self.database.client().await?;
        let checks = parts.iter().flat_map(Part::checks).collect();
        let numbers = self.checks.of(&client, checks, &self.meter).await?;
        let started = self.clock.now();
        let flush = copy::flush(&mut client, parts, &numbers, started).await?;
        let bytes = parts.iter().map(|part| part.findings.bytes()).sum();
        self.unsettled.saw(parts.iter().map(|part| part.findings.len()), &flush.results);
        Ok(self.flushed(flush, Path::Copy, started, bytes))
    }

    fn flushed(
        &self,
        flush: BatchFlushed,
        path: Path,
        started: UnixTime,
        bytes: u64,
    ) -> Vec<Flushed> {
        let took = self.clock.now().since(started);
        self.meter.flushed(path, took, flush.results.len(), bytes);
        self.meter.round_trips(flush.round_trips);
        let changes = [Action::New, Action::Changed, Action::Resolved, Action::Reopened];
        for ((counter, action), rows) in self.rows.0.iter().zip(changes).zip(flush.rows) {
            counter.fetch_add(rows, Ordering::Relaxed);
            self.meter.rows(action, rows);
        }
        let results = flush.results.into_iter().map(|result| match result {
            0 => (Flushed::Done, None),
            1 => (Flushed::Done, Some(Action::Unchanged)),
            2 => (Flushed::Duplicate, Some(Action::Duplicate)),
            _ => (Flushed::Stale, Some(Action::Stale)),
        });
        let flushed = results.inspect(|(_, action)| {
            action.iter().for_each(|action| self.meter.rows(*action, 1));
        });
        flushed.map(|(flushed, _)| flushed).collect()
    }
}

/// Every check that was completed or found something.
fn checks_of<'o>(outcomes: &[&'o Outcome]) -> BTreeSet<&'o CheckId> {
    let checks = outcomes.iter().flat_map(|outcome| {
        let found = outcome.findings.keys().map(|(check, _)| check);
        outcome.scope.checks().map(|(check, _)| check).chain(found)
    });
    checks.collect()
}

/// What a flush did.
struct BatchFlushed {
    /// In the order of the outcomes, as `fence_outcomes` has them.
    results: Vec<i16>,
    /// Opened, changed, resolved, reopened.
    rows: [u64; 4],
    round_trips: u64,
}

#[async_trait]
impl Sink for Postgres {
    async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
        if outcomes.is_empty() {
            return Ok(Vec::new());
        }
        self.fly(outcomes).await
    }

    async fn flush_large(&self, outcome: &LargeOutcome) -> Result<Flushed, SinkError> {
        Ok(self.fly(std::slice::from_ref(outcome)).await?[0])
    }
}
