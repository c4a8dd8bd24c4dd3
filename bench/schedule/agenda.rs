//! The job's own way: an agenda in memory, and one update a completed scan by the sink's function.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use scanflow::clock::Clock;
use scanflow::config::Config;
use scanflow::lanes::Lanes;
use scanflow::model::{Outcome, PerLane, ScanEvent, Ticket};
use scanflow::schedule::{Agenda, Cadences, Dispatcher, Ending, Limits, Orders, Rate, Settings};
use scanflow::sinks::postgres::Postgres;
use scanflow::sinks::{Flushed, Sink};
use scanflow::store::postgres::{Database, list};

use super::{Done, SCANS_MAX, TICK};
use crate::sink::outcomes::{Evidence, outcome as found};

/// As often as the operator does it.
const PACE: Duration = Duration::from_secs(1);
/// Above all that was stored before.
const SEQUENCE_START: u64 = 1 << 40;

/// Makes an agenda of the fleet, as the job does it at its start.
pub(super) async fn load(
    database: &Database,
    clock: &Clock,
    per_second: f64,
) -> anyhow::Result<Dispatcher> {
    let now = clock.now();
    let mut agenda = Agenda::new(Cadences::default(), Lanes::default(), now);
    list(database, |listed| agenda.insert(&listed, now)).await?;
    agenda.spread(now);
    let config = Config::default();
    let settings = Settings {
        owner: 0,
        credits: PerLane { fast: config.lanes.fast.credits, slow: config.lanes.slow.credits },
        ending: Ending::Drained,
        rate: Rate::PerSecond(per_second),
        buffer: config.schedule.buffer,
        requests_per_second: config.schedule.requests_per_second,
        sequence_start: SEQUENCE_START,
        limits: Limits::default(),
        orders: Orders::default(),
    };
    Ok(Dispatcher::new(settings, agenda, clock.now()))
}

/// A scan of all checks that found nothing, as always.
pub(super) fn outcome(asset: i64, sequence: u64) -> Outcome {
    found(asset, sequence, 0, Evidence::AtFirst, true)
}

/// Emits for so long, and makes all of it durable.
pub(super) async fn scan(
    dispatcher: &mut Dispatcher,
    database: Database,
    clock: &Clock,
    flights_max: usize,
    length: Duration,
) -> anyhow::Result<Done> {
    let sink = Postgres::new(database, clock.clone());
    let mut done = Done::default();
    let mut flights = FuturesUnordered::new();
    let mut batch: Vec<(Ticket, ScanEvent)> = Vec::with_capacity(SCANS_MAX);
    let started = clock.now();
    let (end, mut pace_from) = (started + length, started);
    loop {
        let now = clock.now();
        if pace_from <= now {
            dispatcher.pace(now);
            pace_from = now + PACE;
        }
        while now < end && batch.len() < SCANS_MAX {
            let Some(next) = dispatcher.next(now) else { break };
            batch.push(next);
        }
        let is_ready = batch.len() == SCANS_MAX || (end <= now && !batch.is_empty());
        if is_ready && flights.len() < flights_max {
            flights.push(flush(&sink, clock, std::mem::take(&mut batch)));
            continue;
        }
        if end <= now && flights.is_empty() {
            break;
        }
        tokio::select! {
            Some(flushed) = flights.next() => {
                let (tickets, took): (Vec<Ticket>, Duration) = flushed?;
                let now = clock.now();
                dispatcher.release_all(&tickets, now, |_, _| {});
                done.scans += tickets.len() as u64;
                done.flushes_ms.push(took.as_secs_f64() * 1e3);
            }
            () = tokio::time::sleep(TICK) => {}
        }
    }
    done.seconds = clock.now().since(started).as_secs_f64();
    anyhow::ensure!(dispatcher.open_tickets() == 0, "every ticket has come back");
    Ok(done)
}

async fn flush(
    sink: &Postgres,
    clock: &Clock,
    batch: Vec<(Ticket, ScanEvent)>,
) -> anyhow::Result<(Vec<Ticket>, Duration)> {
    let outcome = |event: &ScanEvent| {
        let mut outcome = outcome(event.asset.0, event.sequence.0);
        outcome.scan.scheduled_at = event.scheduled_at;
        outcome
    };
    let outcomes: Vec<Outcome> = batch.iter().map(|(_, event)| outcome(event)).collect();
    let started = clock.now();
    let flushed = sink.flush(&outcomes).await?;
    let took = clock.now().since(started);
    anyhow::ensure!(flushed.iter().all(|how| *how == Flushed::Done), "not all were applied");
    Ok((batch.into_iter().map(|(ticket, _)| ticket).collect(), took))
}
