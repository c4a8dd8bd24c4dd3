//! Finds the outcomes that a flush fails for, so that the others land in it.
//!
//! A batch that fails by its values is halved at once; one that fails for another reason of its
//! statement is tried a few times first, since mostly another statement was in its way. What fails
//! alone is parked. Whatever is no outcome's fault ends the flush, which is tried again as a whole:
//! see `docs/failures.md`.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;

use crate::backoff::Backoff;
use crate::model::AssetId;
use crate::sinks::Flushed;
use crate::store::postgres::Fault;

/// Tries of a batch that fails by the moment, before it is halved.
const BATCH_TRIES_MAX: u32 = 5;
/// Tries of an outcome alone, before it is parked; with longer pauses, for it may be innocent.
const ALONE_TRIES_MAX: u32 = 3;
const ALONE_PAUSE: Duration = Duration::from_secs(1);

/// Where batches go.
#[async_trait]
pub(super) trait Target<O>: Sync {
    type Error: Send + Sync;

    fn fault(err: &Self::Error) -> Fault;

    fn asset(outcome: &O) -> AssetId;

    /// All of the batch, in the order of their assets, or nothing.
    async fn flush(&self, outcomes: &[&O]) -> Result<Vec<Flushed>, Self::Error>;

    async fn park(&self, outcome: &O, cause: &Self::Error) -> Result<Flushed, Self::Error>;

    /// Waits before the next try of what has failed.
    async fn pause(&self, length: Duration, cause: &Self::Error);
}

/// Outcomes by their places, which failed together.
#[derive(Clone, Copy)]
struct Batch<'o> {
    places: &'o [usize],
    /// Batches that had passed when it first failed; None: it has not.
    failed_after: Option<u32>,
}

/// One result for each outcome, in their order.
pub(super) async fn flush<O: Sync, T: Target<O>>(
    target: &T,
    outcomes: &[O],
) -> Result<Vec<Flushed>, T::Error> {
    // In the order of the assets, by which rows are locked.
    let mut places: Vec<usize> = (0..outcomes.len()).collect();
    places.sort_unstable_by_key(|place| T::asset(&outcomes[*place]));

    let mut results = vec![Flushed::Stale; outcomes.len()];
    let mut batches = VecDeque::from([Batch { places: &places, failed_after: None }]);
    let mut suspects = Vec::new();
    let mut passed = 0;
    // Whole levels first: what can pass has passed before anything is alone.
    while let Some(batch) = batches.pop_front() {
        let chosen: Vec<&O> = batch.places.iter().map(|place| &outcomes[*place]).collect();
        let err = match try_often(target, &chosen).await {
            Ok(flushed) => {
                passed += 1;
                batch.places.iter().zip(flushed).for_each(|(place, how)| results[*place] = how);
                continue;
            }
            Err(err) => err,
        };
        let failed_after = batch.failed_after.unwrap_or(passed);
        match (T::fault(&err), batch.places) {
            (Fault::Connection | Fault::SetUp, _) => return Err(err),
            (Fault::Values, &[place]) => {
                results[place] = target.park(&outcomes[place], &err).await?;
            }
            (Fault::Statement, &[place]) => suspects.push((place, failed_after, err)),
            (Fault::Values | Fault::Statement, _) => {
                let (left, right) = batch.places.split_at(batch.places.len() / 2);
                let half = |places| Batch { places, failed_after: Some(failed_after) };
                batches.extend([half(left), half(right)]);
            }
        }
    }
    for (place, failed_after, err) in suspects {
        // If nothing else passes either, something is in the way of all.
        if failed_after == passed && outcomes.len() != 1 {
            return Err(err);
        }
        let cause = if outcomes.len() == 1 {
            err
        } else {
            // What was in its way may have gone while the others were tried.
            match target.flush(&[&outcomes[place]]).await {
                Ok(flushed) => {
                    results[place] = flushed[0];
                    continue;
                }
                Err(err) => match T::fault(&err) {
                    Fault::Connection | Fault::SetUp => return Err(err),
                    Fault::Values | Fault::Statement => err,
                },
            }
        };
        results[place] = target.park(&outcomes[place], &cause).await?;
    }
    Ok(results)
}

/// Until it passes, or fails for what another try does not cure.
async fn try_often<O: Sync, T: Target<O>>(
    target: &T,
    batch: &[&O],
) -> Result<Vec<Flushed>, T::Error> {
    let (tries_max, mut backoff) = match batch {
        [_] => (ALONE_TRIES_MAX, Backoff::starting_at(ALONE_PAUSE)),
        _ => (BATCH_TRIES_MAX, Backoff::new()),
    };
    for _ in 1..tries_max {
        match target.flush(batch).await {
            Err(err) if T::fault(&err) == Fault::Statement => {
                target.pause(backoff.next_pause(), &err).await;
            }
            ended => return ended,
        }
    }
    target.flush(batch).await
}

#[cfg(test)]
#[path = "bisect/tests.rs"]
mod tests;
