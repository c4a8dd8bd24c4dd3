//! Flushes as the fast lane makes them: batches of outcomes, a few at a time.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scanflow::config::Config;
use scanflow::model::Outcome;
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};

/// Of one flush in the fast lane, with the default settings.
pub(crate) fn outcomes_max() -> usize {
    Config::default().lanes.fast.write_outcomes_max
}

/// Of all workers together, with the default settings.
pub(crate) fn flights_max() -> usize {
    let config = Config::default();
    config.lanes.fast.write_flights_max * config.run.workers
}

/// Makes outcomes of different assets durable, `outcomes_max` in a flush. Returns how many flushes.
pub(crate) async fn flush(
    sink: &Postgres,
    outcomes: &[Outcome],
    outcomes_max: usize,
    flights_max: usize,
) -> anyhow::Result<usize> {
    let batches = outcomes.chunks(outcomes_max);
    let flushes = batches.len();
    let flights = stream::iter(batches).map(|batch| async move {
        let flushed = sink.flush(batch).await?;
        anyhow::ensure!(flushed.iter().all(|how| *how == Flushed::Done), "not all were applied");
        Ok(())
    });
    flights.buffer_unordered(flights_max).try_collect::<()>().await?;
    Ok(flushes)
}
