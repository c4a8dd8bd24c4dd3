//! What is measured, and how it is told: the only place that makes metrics and writes them out.
//!
//! To add a metric: a field in the file of its subject, made by one of the functions at the end of
//! this file, and its row in `docs/metrics.md` (a test compares them). A label has few values, known
//! beforehand or bounded here: never an asset, an account or a zone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use self::costs::CostGauges;
use self::database::DatabaseGauges;
use self::fleet::FleetGauges;
use self::lane::LaneFamilies;
use self::leader::LeaderGauges;
use self::process::ProcessGauges;
use self::source::SourceFamilies;
use crate::clock::Clock;
use crate::model::{Lane, PerLane, Severity, UnixTime};
use crate::schedule::Progress;

pub use database::{DatabasePool, PoolMeter, Waiting};
pub use lane::{End, LaneMeter, ShardEnd, Share, Stage};
pub use leader::Role;
pub use process::resident_bytes;
pub use pulse::{Pulse, WorkerPulse};
pub use sink::{Action, FlushPath, SinkMeter};
pub use source::SourceMeter;
pub use tries::{Retrying, Tries};

mod costs;
mod database;
mod fleet;
mod lane;
mod leader;
mod process;
mod pulse;
mod sink;
mod source;
mod tries;

/// The format that [`Telemetry::render`] writes.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Upper bounds in seconds, from a hop between operators to a scan of an hour.
const SECONDS: [f64; 19] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0, 300.0, 3_600.0,
];

/// The metrics of one job. Handed around, never global: several jobs of one process, such as those
/// of tests, do not mix. Cloned freely; all clones are one.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Telemetry(Arc<Inner>);

/// What becomes of settings that are read again.
const RELOADS: [&str; 2] = ["applied", "refused"];

struct Inner {
    registry: Registry,
    lanes: LaneFamilies,
    source: SourceFamilies,
    sink: SinkMeter,
    pool_waits: HistogramVec,
    reloads: IntCounterVec,
    pulse: Pulse,
    gauges: Mutex<Gauges>,
}

/// What is looked up when somebody asks, and not before: it cannot stand still with the job.
struct Gauges {
    progress: Option<Box<dyn Fn() -> Option<Progress> + Send>>,
    beat_age: GaugeVec,
    fleet: FleetGauges,
    costs: CostGauges,
    database: DatabaseGauges,
    leader: LeaderGauges,
    process: ProcessGauges,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        let registry = Registry::new();
        let build = "1, with the version of scanflow.";
        let build = gauges(&registry, "scanflow_build_info", build, &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        let reloads = "SIGHUP: the settings were read again, or refused since something is wrong.";
        let reloads = counters(&registry, "scanflow_settings_reloads_total", reloads, &["outcome"]);
        RELOADS.iter().for_each(|outcome| drop(reloads.with_label_values(&[outcome])));
        let beat_age = "Since a worker last showed that it lives.";
        let gauges = Gauges {
            progress: None,
            beat_age: gauges(&registry, "scanflow_worker_beat_age_seconds", beat_age, &["worker"]),
            fleet: FleetGauges::register(&registry),
            costs: CostGauges::register(&registry),
            database: DatabaseGauges::register(&registry),
            leader: LeaderGauges::register(&registry),
            process: ProcessGauges::register(&registry),
        };
        Telemetry(Arc::new(Inner {
            lanes: LaneFamilies::register(&registry),
            source: SourceFamilies::register(&registry),
            sink: SinkMeter::register(&registry),
            pool_waits: database::register_waits(&registry),
            reloads,
            pulse: Pulse::default(),
            gauges: Mutex::new(gauges),
            registry,
        }))
    }
}

impl Telemetry {
    /// For the operators of one lane.
    pub fn lane(&self, lane: Lane, clock: Clock) -> LaneMeter {
        self.0.lanes.of(lane, clock)
    }

    /// For whatever emits scans.
    pub fn source(&self) -> SourceMeter {
        let returned = PerLane::from_fn(|lane| self.0.lanes.stage(lane, Stage::Return));
        let ages = PerLane::from_fn(|lane| self.0.lanes.age(lane, Stage::Return));
        self.0.source.of(returned, ages)
    }

    /// For the sinks of both lanes.
    pub fn sink(&self) -> SinkMeter {
        self.0.sink.clone()
    }

    /// For the connections of one part of the job.
    pub fn pool(&self, pool: DatabasePool, clock: Clock) -> PoolMeter {
        database::waits_of(&self.0.pool_waits, pool, clock)
    }

    /// The settings were read again while a run went on, or refused.
    pub fn settings_were_read(&self, are_right: bool) {
        self.0.reloads.with_label_values(&[RELOADS[usize::from(!are_right)]]).inc();
    }

    /// Whether the workers live.
    pub fn pulse(&self) -> &Pulse {
        &self.0.pulse
    }

    /// Where to ask how the run goes. The one that was told last counts.
    pub fn follow(&self, progress: impl Fn() -> Option<Progress> + Send + 'static) {
        self.gauges().progress = Some(Box::new(progress));
    }

    /// How the run goes; None before it began.
    pub fn progress(&self) -> Option<Progress> {
        self.gauges().progress.as_ref().and_then(|progress| progress())
    }

    /// Scans a second that went out lately; None if nobody schedules here.
    pub fn emitted_per_second(&self, now: UnixTime) -> Option<f64> {
        self.0.source.emitted(now).per_second
    }

    /// Seconds that scans of the lane have spent in each stage.
    pub fn stage_seconds(&self, lane: Lane) -> impl Iterator<Item = (Stage, f64)> {
        let seconds = move |stage| (stage, self.0.lanes.stage(lane, stage).get_sample_sum());
        Stage::ALL.into_iter().map(seconds)
    }

    /// Whether the process leads, from now on.
    pub fn role_is(&self, role: Role) {
        self.gauges().leader.set(role);
    }

    /// Whether the process leads.
    pub fn role(&self) -> Role {
        self.gauges().leader.role.clone()
    }

    /// A round trip to the database and back; None: it does not answer.
    pub fn database_answered(&self, round_trip: Option<Duration>) {
        self.gauges().database.answered(round_trip);
    }

    /// Insights that are open now; a severity that is left out has none.
    pub fn insights_are_open(&self, open: &[(Severity, i64)]) {
        self.gauges().database.insights_are_open(open);
    }

    /// Open insights when they were last counted.
    pub fn open_insights(&self) -> Option<Vec<(Severity, i64)>> {
        self.gauges().database.open.clone()
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    pub fn render(&self, now: UnixTime) -> String {
        // Held to the end: a gauge that is being set must not be read.
        let gauges = self.gauges();
        let progress = gauges.progress.as_ref().and_then(|progress| progress());
        gauges.fleet.set(progress.as_ref(), self.0.source.emitted(now), now);
        gauges.costs.set(progress.as_ref());
        gauges.beat_age.reset();
        for (worker, age) in self.0.pulse.ages(now) {
            let worker = worker.to_string();
            gauges.beat_age.with_label_values(&[&worker]).set(age.as_secs_f64());
        }
        gauges.process.set();
        let text = TextEncoder::new().encode_to_string(&self.0.registry.gather());
        text.expect("a String takes everything, and each family has its own type")
    }

    fn gauges(&self) -> std::sync::MutexGuard<'_, Gauges> {
        self.0.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    registered(registry, HistogramVec::new(options, labels))
}

/// Of numbers of things, without labels.
fn sizes(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    registered(registry, Histogram::with_opts(options))
}

fn seconds(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> CounterVec {
    registered(registry, CounterVec::new(Opts::new(name, help), labels))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

/// Without labels a gauge may still be missing: until it is set, and after a reset.
fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    registered(registry, GaugeVec::new(Opts::new(name, help), labels))
}

fn levels(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn registered<M>(registry: &Registry, metric: prometheus::Result<M>) -> M
where
    M: Collector + Clone + 'static,
{
    let metric = metric.expect("a valid name with valid labels");
    registry.register(Box::new(metric.clone())).expect("a name of its own");
    metric
}
