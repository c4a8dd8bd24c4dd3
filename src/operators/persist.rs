//! Asks a store until it answers.

use crate::backoff::Backoff;
use crate::store::StoreError;
use crate::telemetry::{Retrying, Tries};

/// For ever.
pub(super) async fn persist<T, F>(tries: Tries, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        if let Ok(answer) = persist_at_most(u32::MAX, tries.clone(), &mut ask).await {
            return answer;
        }
    }
}

/// For ever as long as the store is away, but `tries_max` times if it answers with an error.
pub(super) async fn persist_at_most<T, F>(
    tries_max: u32,
    tries: Tries,
    mut ask: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::new();
    let mut retrying: Option<Retrying> = None;
    let mut failed = 0;
    loop {
        match ask().await {
            Ok(answer) => {
                retrying.into_iter().for_each(Retrying::passed);
                return Ok(answer);
            }
            Err(err) => {
                failed += u32::from(!err.is_away);
                if tries_max <= failed {
                    return Err(err);
                }
                retrying = Some(tries.failed(retrying, &err));
                backoff.pause().await;
            }
        }
    }
}
