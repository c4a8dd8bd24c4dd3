//! The graphs, one a file, and the job that runs them together.
//!
//! To add a dataflow: write `dataflows/<name>.rs` with its picture on top and one function that
//! takes a scope; add its `mod` line and add it to `install`, on every worker.

use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use scanflow::checks::{Checks, Policy};
use scanflow::clock::Clock;
use scanflow::config::{Impossible, JobConfig};
use scanflow::model::PerLane;
use scanflow::operators::{Control, Feed, Source};
use scanflow::schedule::{Dispatcher, Stats};
use scanflow::sinks::Sink;
use scanflow::stop::Stop;
use scanflow::store::SnapshotStore;
use scanflow::telemetry::Telemetry;
use scanflow::worker::{self, Installed, WorkerError};
use timely::worker::Worker;
use tokio::runtime::Handle;

mod candidacy;
mod control;
mod lead;
mod orders;
mod requests;
mod scan;
pub mod shape;

pub use lead::{Connections, Lead, LeadError, Led, lead};
pub use shape::Shape;

/// The worker that schedules.
pub const HOME: usize = 0;

/// What a job is made of. Every worker builds its graphs from the same one.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Job {
    pub config: JobConfig,
    /// One a lane: they share no connection, or a slow query would hold up the fast lane.
    pub stores: PerLane<Arc<dyn SnapshotStore>>,
    pub sinks: PerLane<Arc<dyn Sink>>,
    pub checks: Checks,
    pub policy: Arc<Policy>,
    /// Taken by the worker that schedules.
    pub dispatcher: Arc<Mutex<Option<Dispatcher>>>,
    /// News for the source, and how it gets on.
    pub feed: Feed,
    pub stop: Stop,
    /// Filled when the dataflows are built, by the worker that schedules.
    pub shape: Arc<OnceLock<Shape>>,
    pub telemetry: Telemetry,
}

/// What is left when a job has ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Scans that were emitted and did not come back. Only a drain may leave any.
    pub open_tickets: usize,
    /// What the dispatcher saw.
    pub stats: Stats,
}

/// A job that did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("the configuration is not valid")]
    Config(#[from] Impossible),
    #[error("the workers failed")]
    Workers(#[from] WorkerError),
    #[error("no worker of this process schedules")]
    NoScheduler,
}

/// Runs a job on the workers of this process, until its [`Ending`](scanflow::schedule::Ending). The runtime has to outlive it.
pub fn run(
    workers: timely::Config,
    runtime: &Handle,
    clock: Clock,
    job: Job,
) -> Result<Summary, JobError> {
    job.config.check()?;
    job.telemetry.follow({
        let feed = job.feed.clone();
        move || feed.progress()
    });
    let grace = job.config.shutdown_grace;
    let (runtime, job_clock) = (runtime.clone(), clock.clone());
    let build = move |worker: &mut Worker| build(worker, &runtime, &job_clock, &job);
    let summarise = |source: Option<Rc<Source>>| {
        source.map(|source| {
            let dispatcher = source.dispatcher.borrow();
            let (open_tickets, stats) = (dispatcher.open_tickets(), dispatcher.stats().clone());
            Summary { open_tickets, stats }
        })
    };
    let summaries = worker::run(workers, clock, grace, build, summarise)?;
    summaries.into_iter().flatten().next().ok_or(JobError::NoScheduler)
}

/// Builds the dataflows; the worker that schedules notes what was built.
fn build(
    worker: &mut Worker,
    runtime: &Handle,
    clock: &Clock,
    job: &Job,
) -> (Installed, Option<Rc<Source>>) {
    if worker.index() != HOME {
        return install(worker, runtime, clock, job);
    }
    let (built, shape) = shape::recorded(worker, |worker| install(worker, runtime, clock, job));
    let _ = job.shape.set(shape); // who runs a second job builds the same
    built
}

/// Every worker builds the same dataflows in the same order: timely matches them by that.
fn install(
    worker: &mut Worker,
    runtime: &Handle,
    clock: &Clock,
    job: &Job,
) -> (Installed, Option<Rc<Source>>) {
    let source = (worker.index() == HOME).then(|| {
        let dispatcher = job.dispatcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        let meter = job.telemetry.source();
        Source::new(dispatcher.expect("a job runs once"), job.feed.clone(), meter)
    });
    let pulse = job.telemetry.pulse().of(worker.index(), clock.now());
    let control = Rc::new(Control::new(pulse));
    worker.dataflow_named("control", |scope| {
        control::control(scope, job, clock, control.clone(), source.clone());
    });
    let scan = worker.next_dataflow_index();
    worker.dataflow_named("scan", |scope| {
        scan::scan(scope, job, clock, runtime, source.clone());
    });
    (Installed { scan, control }, source)
}
