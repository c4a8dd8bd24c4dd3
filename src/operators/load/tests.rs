//! Queries that wait, and those that fly.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::capture::{Capture, Extract};
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Input, ToStream};
use tokio::sync::Semaphore;

use super::*;
use crate::checks;
use crate::clock::Clock;
use crate::model::{
    Asked, Cost, Lane, Origin, Reason, Reference, ScanSequence, Spent, UnixTime, ZoneSnapshot,
};
use crate::store::{StoreError, memory};
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

fn event(asset: i64, weight: u32) -> (Ticket, ScanEvent) {
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
            let loading = Loading::default();
            let (loaded, vanished) =
                load(events, meter, &handle, store, checks::ALL, loading, limits);
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

/// Lets one query pass for each permit, notes how many assets it asks for, and has none of them.
struct Gate {
    permits: Semaphore,
    queries: Mutex<Vec<usize>>,
}

#[async_trait]
impl SnapshotStore for Gate {
    async fn load(&self, assets: &[AssetId]) -> Result<BTreeMap<AssetId, Snapshot>, StoreError> {
        self.queries.lock().unwrap().push(assets.len());
        self.permits.acquire().await.unwrap().forget();
        Ok(BTreeMap::new())
    }

    async fn resolve(
        &self,
        _names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Reference>, StoreError> {
        Ok(BTreeMap::new())
    }
}

#[test]
fn while_two_queries_fly_the_next_one_waits_until_it_is_full() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    timely::execute_directly(move |worker| {
        let gate = Arc::new(Gate { permits: Semaphore::new(0), queries: Mutex::default() });
        let (store, mut input) = (Arc::clone(&gate), InputHandle::new());
        worker.dataflow::<Epoch, _, _>(|scope| {
            let limits = LoadLimits { assets_max: 3, weight_max: 100 };
            let meter = Telemetry::default().lane(Lane::Fast, Clock::system());
            let (events, loading) = (scope.input_from(&mut input), Loading::default());
            load(events, meter, &handle, store, checks::ALL, loading, limits);
        });
        // Asset by asset; then a landing.
        for (assets, flown) in
            [(0..1, vec![1]), (1..2, vec![1, 1]), (2..5, vec![1, 1, 3]), (5..7, vec![1, 1, 3, 2])]
        {
            for asset in assets {
                input.send(event(asset, 1));
                input.flush();
                for _ in 0..10 {
                    worker.step();
                }
            }
            if flown.len() == 4 {
                gate.permits.add_permits(4);
            }
            let has_flown = || gate.queries.lock().unwrap().len() == flown.len();
            let mut steps = 0..10_000;
            while !has_flown() && steps.next().is_some() {
                worker.step_or_park(Some(Duration::from_millis(1)));
            }
            assert_eq!(*gate.queries.lock().unwrap(), flown);
        }
        input.close();
    });
}
