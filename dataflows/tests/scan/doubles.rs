//! Stores and sinks that misbehave, or watch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::mpsc::Sender;

use async_trait::async_trait;
use scanflow::model::{AssetId, Outcome, Reference, Snapshot};
use scanflow::sinks::{self, Flushed, Sink, SinkError};
use scanflow::store::{self, SnapshotStore, StoreError};
use tokio::sync::watch;

/// Loads one asset never, and the others only after it was asked for that one.
pub(crate) struct Stuck {
    inner: store::memory::Memory,
    asset: AssetId,
    is_stuck: watch::Sender<bool>,
}

impl Stuck {
    pub(crate) fn new(inner: store::memory::Memory, asset: AssetId) -> Stuck {
        Stuck { inner, asset, is_stuck: watch::Sender::new(false) }
    }
}

#[async_trait]
impl SnapshotStore for Stuck {
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
        if assets.contains(&self.asset) {
            self.is_stuck.send_replace(true);
            return std::future::pending().await;
        }
        let mut is_stuck = self.is_stuck.subscribe();
        is_stuck.wait_for(|stuck| *stuck).await.expect("the sender is ours");
        self.inner.load(assets).await
    }

    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError> {
        self.inner.resolve(names).await
    }
}

/// Tells which assets were flushed.
pub(crate) struct Telling {
    pub(crate) inner: sinks::memory::Memory,
    pub(crate) flushed: Mutex<Sender<AssetId>>,
}

#[async_trait]
impl Sink for Telling {
    async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
        let results = self.inner.flush(outcomes).await?;
        let flushed = self.flushed.lock().expect("no panic under the lock");
        for outcome in outcomes {
            let _ = flushed.send(outcome.scan.asset); // an error means that the test has seen enough
        }
        Ok(results)
    }
}

/// Fails two of sixteen flushes, one of them after applying it, and asserts that no asset is in two
/// flights at once.
#[derive(Default)]
pub(crate) struct Flaky {
    pub(crate) inner: sinks::memory::Memory,
    state: Mutex<FlakyState>,
}

#[derive(Default)]
struct FlakyState {
    flushes: usize,
    flying: BTreeSet<AssetId>,
}

impl Flaky {
    pub(crate) fn new(inner: sinks::memory::Memory) -> Flaky {
        Flaky { inner, state: Mutex::default() }
    }

    fn take_off(&self, outcomes: &[Outcome]) -> usize {
        let mut state = self.state.lock().expect("no panic under the lock");
        let free = outcomes.iter().all(|outcome| state.flying.insert(outcome.scan.asset));
        assert!(free, "an asset is in two flights");
        state.flushes += 1;
        state.flushes
    }

    fn land(&self, outcomes: &[Outcome]) {
        let mut state = self.state.lock().expect("no panic under the lock");
        state.flying.retain(|asset| outcomes.iter().all(|outcome| outcome.scan.asset != *asset));
    }
}

#[async_trait]
impl Sink for Flaky {
    async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
        let flush = self.take_off(outcomes);
        tokio::task::yield_now().await;
        let result = match flush % 16 {
            1 => Err("refused"),
            3 => {
                self.inner.flush(outcomes).await.map_err(|_| "unused").and(Err("lost after commit"))
            }
            _ => self.inner.flush(outcomes).await.map_err(|_| "unused"),
        };
        self.land(outcomes);
        result.map_err(|cause| SinkError { outcomes: outcomes.len(), source: cause.into() })
    }
}
