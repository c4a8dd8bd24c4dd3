//! A worker that stands still ends the process. Alone in its binary: the fate of a panic is decided
//! once in a process.

use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::config::JobConfig;
use scanflow::lanes::Lanes;
use scanflow::model::{AssetId, PerLane, Snapshot, ZoneSnapshot};
use scanflow::operators::Feed;
use scanflow::panics::{self, PANICKED};
use scanflow::schedule::{
    Agenda, Cadences, Dispatcher, Ending, Limits, Listed, Orders, Rate, Settings,
};
use scanflow::sinks::{self, Sink};
use scanflow::stop::Stop;
use scanflow::store::{self, SnapshotStore};
use scanflow::telemetry::Telemetry;
use scanflow_dataflows::{HOME, Job};

use blocks::Blocks;

#[path = "scan/blocks.rs"]
mod blocks;

const RUN_MAX: Duration = Duration::from_secs(60);

type Channel = (mpsc::Sender<i32>, Mutex<mpsc::Receiver<i32>>);

static EXITS: LazyLock<Channel> = LazyLock::new(|| {
    let (exits, exited) = mpsc::channel();
    (exits, Mutex::new(exited))
});

#[test]
fn a_worker_that_stands_still_ends_the_process() {
    panics::exit_on_worker_panic(|code| {
        let _ = EXITS.0.send(code); // the receiver is a static, so it is there
    });
    let (checks, blocked) = Blocks::checks();
    let zone = ZoneSnapshot::from_text(AssetId(1), "zone.example", "@ A 192.0.2.1");
    let store: Arc<dyn SnapshotStore> =
        Arc::new(store::memory::Memory::new([Snapshot::Zone(zone)]));
    let sink: Arc<dyn Sink> = Arc::new(sinks::memory::Memory::default());
    let clock = Clock::system();
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), clock.now());
    let (asset, plan) = (AssetId(1), "free".to_owned());
    let listed =
        Listed { asset, account: asset, plan, scheduled_at: None, records: 1, measured: None };
    agenda.insert(&listed, clock.now());
    let settings = Settings {
        owner: HOME as u64,
        credits: PerLane { fast: 1, slow: 1 },
        ending: Ending::Once,
        rate: Rate::Max,
        buffer: 1.2,
        requests_per_second: 50.0,
        sequence_start: 0,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    let dispatcher = Dispatcher::new(settings, agenda, clock.now());
    let job = Job {
        config: JobConfig { heartbeat_timeout: Duration::from_secs(2), ..JobConfig::default() },
        stores: PerLane { fast: store.clone(), slow: store },
        sinks: PerLane { fast: sink.clone(), slow: sink },
        checks,
        policy: Arc::default(),
        dispatcher: Arc::new(Mutex::new(Some(dispatcher))),
        feed: Feed::default(),
        stop: Stop::default(),
        shape: Arc::default(),
        telemetry: Telemetry::default(),
    };
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
        scanflow_dataflows::run(timely::Config::process(2), runtime.handle(), clock, job)
    });
    blocked.entered.recv_timeout(RUN_MAX).expect("the check is asked");
    let exited = EXITS.1.lock().expect("no panic under the lock").recv_timeout(RUN_MAX);
    assert_eq!(exited, Ok(PANICKED), "the other worker misses its beat");
    drop(blocked.gate);
}
