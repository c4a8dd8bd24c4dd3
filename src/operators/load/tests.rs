//! Queries that wait, and those that fly.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::capture::{Capture, Extract};
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Probe, ToStream};
use tokio::sync::Semaphore;

use super::*;
use crate::checks;
use crate::clock::{Clock, ManualClock};
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

/// Messages of so many scans of weight 1, each after a pause; none of them lands meanwhile. For how many assets
/// each query asks that has gone out after each message.
fn queries(limits: LoadLimits, messages: Vec<(usize, Duration)>) -> Vec<Vec<usize>> {
    // Queries get on when the runtime is told to.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    timely::execute_directly(move |worker| {
        let clock = ManualClock::at(UnixTime::from_micros(0));
        let gate = Arc::new(Gate { permits: Semaphore::new(0), queries: Mutex::default() });
        let mut input = InputHandle::new();
        let probe = worker.dataflow::<Epoch, _, _>(|scope| {
            let meter = Telemetry::default().lane(Lane::Fast, clock.clock());
            let (events, loading) = (input.to_stream(scope), Loading::default());
            let reader = Reader { store: gate.clone(), checks: checks::ALL };
            let turns = Turns::new(Duration::MAX, 0.5);
            load(events, meter, &handle, reader, loading, limits, turns).1.probe().0
        });
        let mut get_on = || {
            for _ in 0..10 {
                worker.step();
            }
            runtime.block_on(async {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            });
        };
        let flown = messages.into_iter().map(|(scans, pause)| {
            clock.advance(pause);
            (0..scans).for_each(|asset| input.send(event(asset as i64, 1)));
            input.flush();
            get_on();
            gate.queries.lock().unwrap().clone()
        });
        let flown = flown.collect();
        gate.permits.add_permits(100);
        input.close();
        while !probe.done() {
            get_on();
        }
        flown
    })
}

#[test]
fn while_two_queries_fly_the_next_one_waits_for_a_moment_or_until_it_is_full() {
    let limits = LoadLimits { assets_max: 3, weight_max: 100 };
    let at_once = |scans| (scans, Duration::ZERO);
    let messages = [1, 1, 1, 2, 1].map(at_once).into_iter().chain([(1, FILLS_FOR_MAX)]);
    let full = vec![1, 1, 3];
    let flown = [vec![1], vec![1, 1], vec![1, 1], full.clone(), full, vec![1, 1, 3, 2]];
    assert_eq!(queries(limits, messages.collect()), flown);
}

#[test]
fn no_query_of_many_has_more_than_half_of_what_may_fly() {
    let limits = LoadLimits { assets_max: 10, weight_max: 7 };
    assert_eq!(queries(limits, vec![(6, Duration::ZERO)]), [vec![3, 3]]);
}
