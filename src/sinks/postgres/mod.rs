//! Keeps insights in Postgres.
//!
//! A flush is one transaction and one round trip: the function `flush_outcomes` (migration V0004).
//! What can never be stored is found by halving the batch, and kept aside in `dead_letters`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use self::batch::Batch;
use self::check_numbers::CheckNumbers;
use super::{Flushed, Sink, SinkError};
use crate::clock::Clock;
use crate::model::Outcome;
use crate::store::postgres::{Database, DatabaseError};
use crate::telemetry::{Action, SinkMeter};

mod batch;
mod check_numbers;
mod park;

/// One sink of one lane.
#[derive(Debug)]
pub struct Postgres {
    database: Database,
    clock: Clock,
    checks: CheckNumbers,
    rows: RowCounters,
    meter: SinkMeter,
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
        let (checks, rows) = (CheckNumbers::default(), RowCounters::default());
        Postgres { database, clock, checks, rows, meter: SinkMeter::default() }
    }

    #[must_use]
    pub fn measured_by(self, meter: SinkMeter) -> Postgres {
        Postgres { meter, ..self }
    }

    pub fn rows(&self) -> Rows {
        let [opened, changed, resolved, reopened] =
            [0, 1, 2, 3].map(|n| self.rows.0[n].load(Ordering::Relaxed));
        Rows { opened, changed, resolved, reopened }
    }

    async fn flush_batch(&self, outcomes: &[&Outcome]) -> Result<Vec<Flushed>, DatabaseError> {
        let client = self.database.client().await?;
        let numbers = self.checks.of(&client, outcomes, &self.meter).await?;
        let batch = Batch::new(outcomes, &numbers);
        let started = self.clock.now();
        self.meter.round_trips(1);
        let flush = batch.flush(&client, started).await?;
        self.meter.flushed(self.clock.now().since(started));
        let changes = [Action::New, Action::Changed, Action::Resolved, Action::Reopened];
        for ((counter, action), rows) in self.rows.0.iter().zip(changes).zip(flush.rows) {
            counter.fetch_add(rows, Ordering::Relaxed);
            self.meter.rows(action, rows);
        }
        let ended = |how| flush.results.iter().filter(|result| **result == how).count() as u64;
        self.meter.rows(Action::Unchanged, flush.unchanged);
        self.meter.rows(Action::Stale, ended(Flushed::Stale));
        self.meter.rows(Action::Duplicate, ended(Flushed::Duplicate));
        Ok(flush.results)
    }
}

#[async_trait]
impl Sink for Postgres {
    async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
        if outcomes.is_empty() {
            return Ok(Vec::new());
        }
        let failed =
            |err: DatabaseError| SinkError { outcomes: outcomes.len(), source: Box::new(err) };
        // In the order of the assets, by which rows are locked.
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        order.sort_unstable_by_key(|index| outcomes[*index].scan.asset);

        let mut results = vec![Flushed::Stale; outcomes.len()];
        let mut batches = VecDeque::from([order.as_slice()]);
        while let Some(batch) = batches.pop_front() {
            let chosen: Vec<&Outcome> = batch.iter().map(|index| &outcomes[*index]).collect();
            match self.flush_batch(&chosen).await {
                Ok(flushed) => {
                    for (index, result) in batch.iter().zip(flushed) {
                        results[*index] = result;
                    }
                }
                Err(err) if !err.blames_values() => return Err(failed(err)),
                Err(err) if batch.len() == 1 => {
                    let client = self.database.client().await.map_err(failed)?;
                    self.meter.round_trips(1);
                    let parked = park::park(&client, chosen[0], &err, self.clock.now()).await;
                    results[batch[0]] = parked.map_err(failed)?;
                    if results[batch[0]] == Flushed::Parked {
                        self.meter.parked(&err.sqlstate());
                    }
                }
                Err(_) => {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    batches.extend([left, right]);
                }
            }
        }
        Ok(results)
    }
}
