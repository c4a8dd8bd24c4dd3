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

/// Notes for how many assets each query asks, lets it land when it is told to, and has none of them.
pub(in crate::operators) struct Gate {
    queries: Mutex<Vec<usize>>,
    landed: AtomicUsize,
    permits: Semaphore,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate {
            queries: Mutex::default(),
            landed: AtomicUsize::default(),
            permits: Semaphore::new(0),
        }
    }
}

impl Gate {
    /// All that have gone out.
    pub(in crate::operators) fn land(&self) {
        let all = self.queries.lock().unwrap().len();
        self.permits.add_permits(all - self.landed.swap(all, Ordering::SeqCst));
    }
}

/// Lets the tasks of a runtime, which has one thread, get on until each waits for something.
pub(in crate::operators) fn settle(runtime: &Handle) {
    let (settled, waits) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        settled.send(()).unwrap();
    });
    waits.recv().unwrap();
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

/// Sends messages of so many scans of weight 1, of which none lands. For how many assets each query asks that has
/// gone out after each message, and when all have.
fn queries(
    clock: Clock,
    limits: LoadLimits,
    messages: impl Iterator<Item = usize> + Send + Sync + 'static,
) -> Vec<Vec<usize>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    timely::execute_directly(move |worker| {
        let gate = Arc::new(Gate::default());
        let mut input = InputHandle::new();
        let probe = worker.dataflow::<Epoch, _, _>(|scope| {
            let meter = Telemetry::default().lane(Lane::Fast, clock.clone());
            let (events, loading) = (input.to_stream(scope), Loading::default());
            let reader = Reader { store: gate.clone(), checks: checks::ALL };
            let turns = Turns::new(Duration::MAX, 0.5);
            load(events, meter, &handle, reader, loading, limits, turns).1.probe().0
        });
        let mut get_on = || {
            for _ in 0..10 {
                worker.step();
            }
            settle(&handle);
        };
        let flown = || gate.queries.lock().unwrap().clone();
        let (mut sent, mut flown_after) = (0, Vec::new());
        for scans in messages {
            (0..scans).for_each(|asset| input.send(event(asset as i64, 1)));
            input.flush();
            get_on();
            sent += scans;
            flown_after.push(flown());
        }
        let before = clock.now();
        while flown().iter().sum::<usize>() < sent {
            get_on();
            assert!(clock.now().since(before) < Duration::from_secs(60), "some never fly");
        }
        flown_after.push(flown());
        input.close();
        while !probe.done() {
            gate.land();
            get_on();
        }
        flown_after
    })
}

#[test]
fn while_two_queries_fly_the_next_one_waits_for_a_moment_or_until_it_is_full() {
    let limits = LoadLimits { assets_max: 3, weight_max: 100 };
    let clock = ManualClock::at(UnixTime::from_micros(0));
    let after_a_moment = std::iter::once_with({
        let clock = clock.clone();
        move || {
            clock.advance(FILLS_FOR_MAX);
            1
        }
    });
    let messages = [1, 1, 1, 2, 1].into_iter().chain(after_a_moment);
    let (full, all) = (vec![1, 1, 3], vec![1, 1, 3, 2]);
    let flown = [vec![1], vec![1, 1], vec![1, 1], full.clone(), full, all.clone(), all];
    assert_eq!(queries(clock.clock(), limits, messages), flown);
}

#[test]
fn a_query_that_is_never_full_goes_also_if_nothing_else_happens() {
    // The fourth makes the third full; the fifth waits for another moment than the third did.
    let limits = LoadLimits { assets_max: 3, weight_max: 100 };
    let flown = queries(Clock::system(), limits, [1, 1, 1, 2, 1].into_iter());
    assert_eq!(flown.last().unwrap().iter().sum::<usize>(), 6);
}

#[test]
fn no_query_of_many_has_more_than_half_of_what_may_fly() {
    let limits = LoadLimits { assets_max: 10, weight_max: 7 };
    let flown = queries(Clock::system(), limits, std::iter::once(6));
    assert_eq!(flown, [vec![3, 3], vec![3, 3]]);
}
