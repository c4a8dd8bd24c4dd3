//! Queries that wait, and those that fly.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use timely::dataflow::operators::ToStream;
use timely::dataflow::operators::capture::{Capture, Extract};
use timely::dataflow::operators::vec::Map;

use super::*;
use crate::checks;
use crate::clock::Clock;
use crate::model::{
    Asked, Cost, Lane, Origin, Reason, Reference, ScanSequence, Spent, UnixTime, ZoneSnapshot,
};
use crate::store::{SnapshotStore, StoreError, memory};
use crate::telemetry::Telemetry;

/// Counts the assets that are loaded at the same time.
struct Counting {
    inner: memory::Memory,
    flying: AtomicUsize,
    flying_max: AtomicUsize,
}

#[async_trait]
impl SnapshotStore for Counting {
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
        let flying = self.flying.fetch_add(assets.len(), Ordering::SeqCst) + assets.len();
        self.flying_max.fetch_max(flying, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let zones = self.inner.load(assets).await;
        self.flying.fetch_sub(assets.len(), Ordering::SeqCst);
        zones
    }

    async fn resolve(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError> {
        self.inner.resolve(names).await
    }
}

pub(in crate::operators) fn event(asset: i64, weight: u32) -> (Ticket, ScanEvent) {
    let event = ScanEvent {
        asset: AssetId(asset),
        sequence: ScanSequence(1),
        checks: Asked::All,
        reason: Reason::Scheduled,
        scheduled_at: UnixTime::from_micros(0),
        cost: Cost { weight, ..Cost::default() },
        lane: Lane::Fast,
    };
    let number = asset.cast_unsigned();
    let since = event.scheduled_at;
    (
        Ticket {
            number,
            owner: 0,
            weight,
            emitted_at: since,
            since,
            spent: Spent::default(),
            handed_over: None,
            origin: Origin::Agenda,
        },
        event,
    )
}

#[test]
fn each_event_leaves_once_and_weight_bounds_what_flies() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let zone = |asset| ZoneSnapshot::from_text(AssetId(asset), "a.test", "@ A 192.0.2.1");
    let inner = memory::Memory::new((0..15).map(|asset| Snapshot::Zone(zone(asset))));
    let (flying, flying_max) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let counting = Arc::new(Counting { inner, flying, flying_max });

    let (store, handle) = (Arc::clone(&counting), runtime.handle().clone());
    let (loaded, vanished) = timely::execute_directly(move |worker| {
        worker.dataflow::<Epoch, _, _>(|scope| {
            // The last one is heavier than all that may fly.
            let events: Vec<_> =
                (0..19).map(|asset| event(asset, 3)).chain([event(19, 99)]).collect();
            let limits = LoadLimits { assets_max: 2, weight_max: 10 };
            let events = events.to_stream(scope);
            let meter = Telemetry::default().lane(Lane::Fast, Clock::system());
            let reader = Reader { store, checks: checks::ALL };
            let (loading, turns) = (Loading::default(), Turns::new(Duration::MAX, 0.5));
            let (loaded, vanished) = load(events, meter, &handle, reader, loading, limits, turns);
            let loaded = loaded.map(|loaded| loaded.snapshot.asset().0);
            let vanished = vanished.map(|ticket| ticket.number);
            (loaded.capture(), vanished.capture())
        })
    });

    // Sorted by `extract`; all at one time.
    assert_eq!(loaded.extract(), [(0, (0..15).collect())]);
    assert_eq!(vanished.extract(), [(0, (15..20).collect())]);
    let flying_max = counting.flying_max.load(Ordering::SeqCst);
    assert!((1..=3).contains(&flying_max), "{flying_max} scans of weight 3 flew at once");
}
