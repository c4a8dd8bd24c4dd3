//! The whole job with both ends in memory. Every run is bounded in time; a random one names its
//! seed.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;

use scanflow::checks::{self, About, Check, Judges};
use scanflow::clock::Clock;
use scanflow::config::JobConfig;
use scanflow::model::{
    AssetId, AssetKind, CheckId, PerLane, Severity, Snapshot, Verdict, ZoneSnapshot,
};
use scanflow::operators::Feed;
use scanflow::panics;
use scanflow::schedule::Ending;
use scanflow::sinks::Sink;
use scanflow::stop::Stop;
use scanflow::store::SnapshotStore;
use scanflow::telemetry::Telemetry;
use scanflow::{sinks, store};
use scanflow_dataflows::{Job, Summary};
use timely::CommunicationConfig;

use crate::doubles::{Flaky, Stuck, Telling};
use crate::fleet::{Dice, FAST, SLOW, by_loop, dispatcher};

mod blocks;
mod doubles;
mod fleet;
mod handed_over;
mod measured;
mod overtaken;
mod shards;

const RUN_MAX: Duration = Duration::from_secs(60);

/// `ProcessBinary` serialises what crosses workers, as a cluster does.
const WORKERS: [CommunicationConfig; 4] = [
    CommunicationConfig::Process(1),
    CommunicationConfig::Process(2),
    CommunicationConfig::Process(3),
    CommunicationConfig::ProcessBinary(2),
];

#[test]
fn finds_what_a_plain_loop_finds() {
    for seed in 0..4 {
        for workers in WORKERS {
            let mut dice = Dice(seed);
            let zones = fleet::zones(&mut dice, 60);
            let assets: Vec<AssetId> = zones.iter().map(Snapshot::asset).collect();
            let store = store::memory::Memory::new(zones);
            let sink = sinks::memory::Memory::default();
            let case = format!("seed {seed}, {workers:?}");
            // Each asset twice, each time in any lane; and assets that do not exist.
            for round in 1..=2 {
                let listed: Vec<_> =
                    (0..65).map(|asset| (asset, [FAST, SLOW][dice.below(2)])).collect();
                let mut job = job(store.clone(), sink.clone(), listed, round);
                let flaky = || -> Arc<dyn Sink> { Arc::new(Flaky::new(sink.clone())) };
                job.sinks = PerLane { fast: flaky(), slow: flaky() };
                let summary = run(workers.clone(), job);

                assert_eq!(summary.open_tickets, 0, "{case}");
                assert_eq!(summary.stats.emitted, 65, "{case}: each asset exactly once");
                assert_eq!(sink.open(), by_loop(&store, &assets, checks::ALL), "{case}");
                assert_eq!(sink.fences().len(), assets.len(), "{case}");
            }
        }
    }
}

#[test]
fn a_slow_scan_that_never_ends_stops_nobody_and_is_dropped_by_a_drain() {
    for workers in WORKERS {
        let zones = fleet::zones(&mut Dice(1), 40);
        let stuck = AssetId(0);
        let sink = sinks::memory::Memory::default();
        let (flushed, flushes) = mpsc::channel();
        let flushed = Mutex::new(flushed);
        let telling: Arc<dyn Sink> = Arc::new(Telling { inner: sink.clone(), flushed });

        let listed = (0..40).map(|asset| (asset, if asset == stuck.0 { SLOW } else { FAST }));
        let dispatcher = dispatcher(listed, 0, Ending::Drained);
        let mut job = job(store::memory::Memory::default(), sink.clone(), Vec::new(), 0);
        job.dispatcher = Arc::new(Mutex::new(Some(dispatcher)));
        let stuck_store: Arc<dyn SnapshotStore> =
            Arc::new(Stuck::new(store::memory::Memory::new(zones), stuck));
        job.stores = PerLane { fast: stuck_store.clone(), slow: stuck_store };
        job.sinks.fast = telling;
        job.config.shutdown_grace = Duration::from_millis(20);
        let stop = job.stop.clone();
        let ended = start(workers.clone(), job);

        let mut waited_for: BTreeSet<AssetId> = (1..40).map(AssetId).collect();
        while !waited_for.is_empty() {
            waited_for.remove(&flushes.recv_timeout(RUN_MAX).expect("the fast lane goes on"));
        }
        stop.request();
        let summary = ended.recv_timeout(RUN_MAX).expect("the drain ends");
        assert_eq!(summary.open_tickets, 1, "the stuck one: {workers:?}");
        assert!(!sink.fences().contains_key(&stuck), "nothing is said about it: {workers:?}");
    }
}

#[test]
fn a_panicking_check_is_unknown_and_resolves_nothing() {
    for workers in [CommunicationConfig::Process(1), CommunicationConfig::Process(3)] {
        let store = store::memory::Memory::new((0..9).map(mail_zone));
        let sink = sinks::memory::Memory::default();
        let listed = || (0..9).map(|asset| (asset, FAST)).collect();
        run(workers.clone(), job(store.clone(), sink.clone(), listed(), 1));
        let before = sink.open();
        let of_both = before.keys().filter(|(_, check, _)| BOTH.contains(check)).count();
        assert_eq!(of_both, 2 * 9);

        // All causes are gone, but one check does not get to see that.
        (0..9).for_each(|asset| {
            store.change(AssetId(asset), |zone| zone.records = Default::default());
        });
        let mut second = job(store.clone(), sink.clone(), listed(), 2);
        second.checks = &ONE_PANICS;
        let summary = run(workers.clone(), second);

        assert_eq!(summary.open_tickets, 0, "{workers:?}");
        let left = sink.open().into_keys().filter(|(_, check, _)| BOTH.contains(check));
        let of_panicking = left.map(|(_, check, _)| check == Panics.about().id);
        assert_eq!(of_panicking.collect::<Vec<_>>(), [true; 9], "{workers:?}");

        run(workers.clone(), job(store, sink.clone(), listed(), 3));
        assert!(sink.open().is_empty(), "{workers:?}");
    }
}

#[test]
fn unknown_resolves_nothing() {
    let store = store::memory::Memory::new([mail_zone(1)]);
    let sink = sinks::memory::Memory::default();
    let scan = |round| {
        let listed = vec![(1, SLOW)];
        run(CommunicationConfig::Process(2), job(store.clone(), sink.clone(), listed, round));
        sink.open().into_keys().filter(|(_, check, _)| BOTH.contains(check)).count()
    };
    assert_eq!(scan(1), 2);
    store.change(AssetId(1), |zone| {
        zone.records = Default::default();
        zone.records_complete = false;
    });
    assert_eq!(scan(2), 2, "the records are partial");
    store.change(AssetId(1), |zone| zone.records_complete = true);
    assert_eq!(scan(3), 0);
}

/// The checks that find one thing each in [`mail_zone`].
const BOTH: [CheckId; 2] = [CheckId::new("dns.cname_coexists"), CheckId::new("spf.missing")];

/// Takes the place of `spf.missing`.
struct Panics;

static PANICS: About = About {
    id: CheckId::new("spf.missing"),
    version: 1,
    title: "Panics",
    severity: Severity::Info,
    asset: AssetKind::Zone,
    judges: Judges::Asset,
    needs: &[],
    fires_on_absence: false,
    remediation: "",
    reference: "",
};

static ONE_PANICS: LazyLock<Vec<&dyn Check>> = LazyLock::new(|| {
    let replaced = |check: &&'static dyn Check| -> &'static dyn Check {
        if check.about().id == PANICS.id { &Panics } else { *check }
    };
    checks::ALL.iter().map(replaced).collect()
});

impl Check for Panics {
    fn about(&self) -> &'static About {
        &PANICS
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        panic!("no idea about {:?}", snapshot.asset())
    }
}

/// A zone in which each of [`BOTH`] finds one thing.
fn mail_zone(asset: i64) -> Snapshot {
    let lines = "@ MX 10 mail.example\nwww CNAME mail.example\nwww A 192.0.2.1";
    Snapshot::Zone(ZoneSnapshot::from_text(AssetId(asset), &format!("zone{asset}.example"), lines))
}

/// Scans each asset once; a later round has higher sequences.
fn job(
    store: store::memory::Memory,
    sink: sinks::memory::Memory,
    listed: Vec<(i64, u64)>,
    round: u64,
) -> Job {
    // Short epochs, so that runs are.
    let config = JobConfig { epoch: Duration::from_millis(5), ..JobConfig::default() };
    let store: Arc<dyn SnapshotStore> = Arc::new(store);
    let stores = PerLane { fast: store.clone(), slow: store };
    let sink: Arc<dyn Sink> = Arc::new(sink);
    let sinks = PerLane { fast: sink.clone(), slow: sink };
    let dispatcher = dispatcher(listed, round << 40, Ending::Once);
    let dispatcher = Arc::new(Mutex::new(Some(dispatcher)));
    let (feed, stop) = (Feed::default(), Stop::default());
    let (shape, telemetry, policy) = (Arc::default(), Telemetry::default(), Arc::default());
    let checks = checks::ALL;
    Job { config, stores, sinks, checks, policy, dispatcher, feed, stop, shape, telemetry }
}

fn run(workers: CommunicationConfig, job: Job) -> Summary {
    start(workers, job).recv_timeout(RUN_MAX).expect("the job ends")
}

fn start(communication: CommunicationConfig, job: Job) -> mpsc::Receiver<Summary> {
    panics::exit_on_worker_panic(|code| {
        // Past the capture of the test harness, which dies with the process.
        let _ = writeln!(std::io::stderr(), "a worker panicked: see it with --nocapture");
        panics::exit_now(code);
    });
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
        let workers = timely::Config { communication, worker: timely::WorkerConfig::default() };
        let summary = scanflow_dataflows::run(workers, runtime.handle(), Clock::system(), job);
        let _ = ended.send(summary.expect("the job runs"));
    });
    end
}
