//! What the process does that leads: it takes the lease, reads the fleet, runs the graphs over it,
//! and follows what changes meanwhile.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use scanflow::checks::{self, Checks, Policy};
use scanflow::clock::Clock;
use scanflow::config::{Config, JobConfig};
use scanflow::model::PerLane;
use scanflow::operators::Feed;
use scanflow::schedule::{Agenda, Cadences, Dispatcher, Ending, Filling, Limits, Rate, Settings};
use scanflow::sinks::Sink;
use scanflow::sinks::postgres::{COPY_FINDINGS_MIN, Postgres, Rows, calibrate};
use scanflow::stop::Stop;
use scanflow::store::postgres::migrate::MigrateError;
use scanflow::store::postgres::orders::paused;
use scanflow::store::postgres::requests::forget_requests;
use scanflow::store::postgres::retention::{Forgotten, Page, Retention};
use scanflow::store::postgres::{self, Database, DatabaseError, Lease, Lost, TooFar};
use scanflow::telemetry::{DatabasePool, Role, Telemetry};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::candidacy::candidacy;
use crate::orders;
use crate::requests::{self, Requests};
use crate::{HOME, Job, JobError, Shape, Summary, run};

/// How often changes of the fleet are read.
const FOLLOW: Duration = Duration::from_secs(1);
/// How often partitions are made, and forgotten what is old.
const TIDY: Duration = Duration::from_secs(6 * 3_600);
/// How long a server that does not answer may hold up the end of a process, whose lease runs out
/// anyway.
const RELEASE_MAX: Duration = Duration::from_secs(2);
/// How long the sink may be calibrated; else it works with a common value.
const CALIBRATE_MAX: Duration = Duration::from_secs(10);
/// Months whose partitions exist ahead of time.
const MONTHS_AHEAD: i32 = 3;

/// Connections that wait for nobody else's: a lane that is stuck holds its own.
#[derive(Clone, Debug)]
pub struct Connections {
    pub lane: PerLane<Database>,
    /// One connection: a lease that waits for others is lost.
    pub lease: Database,
    /// For the fleet and those who watch.
    pub control: Database,
}

/// What a leader is told.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "activators have none")]
pub struct Lead {
    pub config: JobConfig,
    pub checks: Checks,
    pub policy: Arc<Policy>,
    pub cadences: Cadences,
    pub rate: Rate,
    pub buffer: f64,
    pub requests_per_second: f64,
    /// Assets that were never scanned are within this; None: behind the others, as fast as they may.
    pub first_within: Option<Duration>,
    pub limits: Limits,
    /// From so many findings on a flush goes by COPY; None: measured.
    pub copy_findings_min: Option<usize>,
    pub ending: Ending,
    /// How long things are kept.
    pub retention: Retention,
    pub lease_ttl: Duration,
    /// From further away it does not begin to lead; None: from anywhere.
    pub lead_rtt_max: Option<Duration>,
    /// Whether it waits as long as it cannot lead, for whatever reason; else it is over then.
    pub stands_by: bool,
    /// Whether [each scan](scanflow::schedule::Stats::each) is told at the end.
    pub keeps_each: bool,
    pub feed: Feed,
    pub stop: Stop,
    /// Filled when the dataflows are built.
    pub shape: Arc<OnceLock<Shape>>,
    pub telemetry: Telemetry,
}

impl Lead {
    /// Every check on the whole fleet until a drain, as the settings say.
    pub fn of(config: &Config) -> Lead {
        Lead {
            config: config.job(),
            checks: checks::ALL,
            policy: Arc::new(config.checks.clone()),
            cadences: config.cadences(),
            rate: config.schedule.rate,
            buffer: config.schedule.buffer,
            requests_per_second: config.schedule.requests_per_second,
            first_within: config.schedule.first_within,
            limits: config.limits.schedule(),
            copy_findings_min: config.sink.copy_findings_min,
            ending: Ending::Drained,
            retention: config.retention.into(),
            lease_ttl: config.schedule.lease_ttl,
            lead_rtt_max: config.schedule.lead_rtt_max,
            stands_by: false,
            keeps_each: false,
            feed: Feed::default(),
            stop: Stop::default(),
            shape: Arc::default(),
            telemetry: Telemetry::default(),
        }
    }
}

/// How a run ended; by default, before it began.
#[derive(Clone, Debug, Default)]
pub struct Led {
    pub summary: Summary,
    pub rows: PerLane<Rows>,
    /// Some: the run was ended early, since another process may lead.
    pub lost: Option<Lost>,
}

#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    #[error("another scanflow schedules this fleet: {holder}")]
    Held { holder: String },
    #[error("the schedule is paused, by {by}: `scanflow schedule resume`")]
    Paused { by: String },
    #[error(transparent)]
    TooFar(#[from] TooFar),
    #[error("the schema was changed while this process stood by")]
    Schema(#[from] MigrateError),
    #[error("the database failed before the run began")]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error("the workers could not be waited for")]
    Joined(#[from] tokio::task::JoinError),
}

/// Runs until the [`Ending`], a requested stop, or the loss of the lease.
pub async fn lead(
    connections: &Connections,
    workers: timely::Config,
    clock: &Clock,
    lead: Lead,
) -> Result<Led, LeadError> {
    let database = &connections.lease;
    let measured = |database: &Database, pool| {
        database.clone().measured_by(lead.telemetry.pool(pool, clock.clone()))
    };
    let connections = &Connections {
        lane: PerLane {
            fast: measured(&connections.lane.fast, DatabasePool::Fast),
            slow: measured(&connections.lane.slow, DatabasePool::Slow),
        },
        lease: connections.lease.clone(),
        control: measured(&connections.control, DatabasePool::Control),
    };
    let stop = lead.stop.clone();
    let copy_findings_min = tokio::select! {
        findings = copy_findings_min(&connections.control, clock, lead.copy_findings_min) => findings,
        () = stop.requested() => return Ok(Led::default()),
    };
    let lease = tokio::select! {
        lease = candidacy(database, clock, &lead) => lease?,
        () = stop.requested() => return Ok(Led::default()),
    };
    let sinks = PerLane::from_fn(|lane| {
        let sink = Postgres::new(connections.lane[lane].clone(), clock.clone());
        let tries = lead.telemetry.lane(lane, clock.clone()).flushes;
        let sink = sink.measured_by(lead.telemetry.sink()).retried_as(tries);
        Arc::new(sink.copying_from(copy_findings_min))
    });
    let telemetry = lead.telemetry.clone();
    let led = lead_under(&lease, &sinks, connections, workers, clock, lead).await;
    telemetry.role_is(Role::Ends);
    // Its time is over soon in any case: an error here changes nothing.
    match tokio::time::timeout(RELEASE_MAX, lease.release(database)).await {
        Ok(Ok(())) => {}
        Ok(Err(err)) => {
            tracing::warn!(error = &err as &dyn std::error::Error, "could not release the lease");
        }
        Err(_elapsed) => tracing::warn!("could not release the lease: the server stands still"),
    }
    let (summary, lost) = led?;
    let rows = PerLane { fast: sinks.fast.rows(), slow: sinks.slow.rows() };
    Ok(Led { summary, rows, lost })
}

/// As it was set, or else measured. To run without a measurement is better than not to run.
async fn copy_findings_min(database: &Database, clock: &Clock, set: Option<usize>) -> usize {
    if let Some(set) = set {
        return set;
    }
    match tokio::time::timeout(CALIBRATE_MAX, calibrate(database, clock)).await {
        Ok(Ok(calibration)) => return calibration.copy_findings_min,
        Ok(Err(err)) => {
            tracing::warn!(error = &err as &dyn std::error::Error, "could not calibrate the sink");
        }
        Err(_elapsed) => tracing::warn!("could not calibrate the sink in {CALIBRATE_MAX:?}"),
    }
    COPY_FINDINGS_MIN
}

async fn lead_under(
    lease: &Lease,
    sinks: &PerLane<Arc<Postgres>>,
    connections: &Connections,
    workers: timely::Config,
    clock: &Clock,
    lead: Lead,
) -> Result<(Summary, Option<Lost>), LeadError> {
    let database = &connections.control;
    let lost = Arc::new(OnceLock::new());
    let _keeping = AbortOnDropHandle::new({
        let (lease, database, clock) = (lease.clone(), connections.lease.clone(), clock.clone());
        let (stop, lost) = (lead.stop.clone(), Arc::clone(&lost));
        let telemetry = lead.telemetry.clone();
        tokio::spawn(async move {
            let reason = postgres::keep(lease, &database, &clock).await;
            telemetry.role_is(Role::Ends);
            tracing::error!(lost = ?reason, "the lease is lost: stopping");
            // Who was told to end before ends for that reason.
            if !stop.is_requested() {
                let _ = lost.set(reason); // nobody else sets it
            }
            stop.request();
        })
    });
    let now = clock.now();
    let agenda = Agenda::new(lead.cadences, lead.config.lanes, now);
    let mut filling = Filling::new(agenda.with_first_within(lead.first_within));
    let read = async {
        tidy(database, clock).await?;
        let mark = postgres::list(database, |listed| filling.insert(&listed, now)).await?;
        let requests = Requests::start(database.clone(), lease.token(), &lead.feed).await?;
        let orders = postgres::orders::orders(database).await?;
        Ok::<_, DatabaseError>((mark, requests, orders))
    };
    // A server that stands still answers nothing: then nothing but the stop ends this.
    let (mark, asked, orders) = tokio::select! {
        read = read => read?,
        () = lead.stop.requested() => {
            return Ok((Summary::default(), lost.get().copied()));
        }
    };
    if orders.is_paused {
        let by = paused(database).await?.map(|paused| paused.by).unwrap_or_default();
        match lead.ending {
            Ending::Drained => tracing::warn!(by, "the schedule is paused: only requests go out"),
            Ending::Once | Ending::OnceDue => return Err(LeadError::Paused { by }),
        }
    }
    let mut agenda = filling.filled();
    // Whatever was scanned together before this process came, such as a whole fleet at once.
    agenda.spread(now);
    let settings = Settings {
        owner: HOME as u64,
        credits: PerLane::from_fn(|lane| lead.config.lane[lane].credits),
        ending: lead.ending,
        rate: lead.rate,
        buffer: lead.buffer,
        requests_per_second: lead.requests_per_second,
        sequence_start: lease.sequence_start(),
        limits: lead.limits,
        orders,
    };
    let mut dispatcher = Dispatcher::new(settings, agenda, clock.now());
    if lead.keeps_each {
        dispatcher.keep_each();
    }
    let _following = AbortOnDropHandle::new({
        let (database, feed) = (database.clone(), lead.feed.clone());
        tokio::spawn(async move {
            postgres::follow(&database, mark, FOLLOW, |changes| feed.tell(changes)).await
        })
    });
    let _ordered = AbortOnDropHandle::new(tokio::spawn(orders::follow(
        database.clone(),
        orders,
        lead.feed.clone(),
    )));
    let ended = CancellationToken::new();
    let serving = AbortOnDropHandle::new(tokio::spawn(asked.serve(
        lead.feed.clone(),
        lead.stop.clone(),
        ended.clone(),
    )));
    let _tidying = AbortOnDropHandle::new({
        let (database, clock) = (database.clone(), clock.clone());
        let (retention, mut page) = (lead.retention, Page::default());
        tokio::spawn(async move {
            loop {
                // The start has tidied up, and does not wait for what is forgotten.
                if let Err(err) = forget(&database, &clock, &retention, &mut page).await {
                    tracing::warn!(error = &err as &dyn std::error::Error, "could not forget");
                }
                tokio::time::sleep(TIDY).await;
                if let Err(err) = tidy(&database, &clock).await {
                    tracing::warn!(error = &err as &dyn std::error::Error, "could not tidy up");
                }
            }
        })
    });
    let job = Job {
        config: lead.config,
        stores: PerLane::from_fn(|lane| Arc::new(connections.lane[lane].clone()) as Arc<_>),
        sinks: PerLane::from_fn(|lane| Arc::clone(&sinks[lane]) as Arc<dyn Sink>),
        checks: lead.checks,
        policy: lead.policy,
        dispatcher: Arc::new(Mutex::new(Some(dispatcher))),
        feed: lead.feed,
        stop: lead.stop,
        shape: lead.shape,
        telemetry: lead.telemetry,
    };
    let (runtime, clock) = (Handle::current(), clock.clone());
    let summary = tokio::task::spawn_blocking(move || run(workers, &runtime, clock, job)).await;
    ended.cancel();
    // What it could not answer the next leader scans again.
    let _ = tokio::time::timeout(2 * requests::END_MAX, serving).await;
    Ok((summary??, lost.get().copied()))
}

/// Makes the partitions of the months to come, and forgets changes that everybody has read.
async fn tidy(database: &Database, clock: &Clock) -> Result<(), DatabaseError> {
    postgres::forget_changes(database).await?;
    let client = database.client().await?;
    let now = SystemTime::from(clock.now());
    client.query_one("select ensure_partitions($1, $2)", &[&now, &MONTHS_AHEAD]).await?;
    Ok(())
}

/// Drops and deletes what is older than anybody wants to know.
async fn forget(
    database: &Database,
    clock: &Clock,
    retention: &Retention,
    page: &mut Page,
) -> Result<(), DatabaseError> {
    forget_requests(database).await?;
    let Forgotten { partitions, busy, insights } =
        retention.forget(database, clock.now(), page).await?;
    if !partitions.is_empty() || insights != 0 {
        tracing::info!(?partitions, insights, "forgot what is older than `[retention]` says");
    }
    if !busy.is_empty() {
        tracing::info!(tables = ?busy, "old months are in use and dropped another time");
    }
    Ok(())
}
