//! Makes outcomes durable and says so.
//!
//! ```text
//!  (ticket, outcome) --> [write] --> ticket, when its outcome is durable
//! ```

use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::alarm::Alarm;
use super::emit::{Output, emit};
use super::flights::Flights;
use super::pressure::Pressure;
use super::queue::{Batch, Flying, Queue, Waiting, WriteLimits};
use super::share::share;
use crate::backoff::Backoff;
use crate::model::{Epoch, Lane, Ticket};
use crate::sinks::{Finished, Flushed, Sink};
use crate::telemetry::{End, LaneMeter, Retrying, Stage};

/// What an outcome costs of a flush as much as findings of so many bytes: the lock and the row of its scan
/// state.
const SCAN_BYTES: u64 = 256;

/// Promise: one ticket for every outcome, after it is durable (applied, recognised as duplicate or
/// stale, or parked); until then its capability is held. An asset is in one flight at a time.
pub fn write<'s, O: Into<Finished> + Clone + 'static>(
    outcomes: StreamVec<'s, Epoch, (Ticket, O)>,
    meter: LaneMeter,
    runtime: &Handle,
    sink: Arc<dyn Sink>,
    pressure: Pressure,
    limits: WriteLimits,
) -> StreamVec<'s, Epoch, Ticket> {
    let (scope, lane) = (outcomes.scope(), meter.lane);
    let mut builder = OperatorBuilder::new(format!("write({lane})"), scope);
    let info = builder.operator_info();
    let mut input = builder.new_input(outcomes, Pipeline);
    builder.set_notify_for(
        0,
        match limits.group_commit_age_max {
            Some(_) => FrontierInterest::IfCapability,
            None => FrontierInterest::Never,
        },
    );
    let (output, acks) = builder.new_output();
    let mut output = Output::from(output);
    let mut flights = Flights::new(scope, &info, runtime);
    let mut alarm = Alarm::new(scope.activator_for(info.address));

    builder.build(move |_capabilities| {
        let mut queue = Queue::default();
        let mut done = Vec::new();
        move |frontiers| {
            let now = meter.clock.now();
            input.for_each(|capability, outcomes| {
                let held = Rc::new(capability.retain(0));
                for (ticket, outcome) in outcomes.drain(..) {
                    let (held, outcome) = (Rc::clone(&held), outcome.into());
                    let bytes = outcome.bytes();
                    queue.push(Waiting { held, ticket, outcome, bytes, since: now });
                }
            });
            loop {
                while flights.len() < limits.flights_max
                    && queue.is_ripe(limits, flights.len(), now, |epoch| {
                        !frontiers[0].less_equal(epoch)
                    })
                {
                    let (outcomes, mut batch) = queue.take(limits);
                    for Flying { ticket, .. } in &mut batch {
                        meter.lap(Stage::WriteWait, ticket, now);
                    }
                    let span = tracing::info_span!("flush", %lane, outcomes = outcomes.len());
                    let flush = flush(Arc::clone(&sink), outcomes, meter.clone(), pressure.clone());
                    flights.launch(batch, flush.instrument(span));
                }
                let Some((batch, flushed)) = flights.land() else { break };
                tracing::debug!(%lane, outcomes = flushed.len(), "durable");
                let all = batch.iter().map(|flying| SCAN_BYTES + flying.bytes).sum();
                for (flying, flushed) in batch.into_iter().zip(flushed) {
                    let Flying { asset, held, mut ticket, bytes } = flying;
                    let (took, size) = (now.since(ticket.since), SCAN_BYTES + bytes);
                    ticket.spent.write_us = share(lane, took, size, all, SCAN_BYTES);
                    meter.lap(Stage::Write, &mut ticket, now);
                    meter.ended(end(flushed));
                    queue.landed(asset);
                    done.push((held, ticket));
                }
            }
            emit(&mut output, &mut done);
            // With all flights in the air the next landing is what to wait for.
            if let (Some(age_max), Some(since)) = (limits.group_commit_age_max, queue.oldest())
                && flights.len() < limits.flights_max
            {
                alarm.ring_within(age_max.saturating_sub(now.since(since)), now);
            }
        }
    });
    acks
}

/// Tries until the sink knows what became of each outcome: giving up would acknowledge them.
async fn flush(
    sink: Arc<dyn Sink>,
    batch: Batch,
    meter: LaneMeter,
    pressure: Pressure,
) -> Vec<Flushed> {
    let mut backoff = Backoff::new();
    let mut retrying: Option<Retrying> = None;
    let mut failing = None;
    let started = meter.clock.now();
    loop {
        let flushed = match &batch {
            Batch::Held(outcomes) => sink.flush(outcomes).await,
            Batch::Large(outcome) => sink.flush_large(outcome).await.map(|flushed| vec![flushed]),
        };
        match flushed {
            Ok(flushed) => {
                assert_eq!(flushed.len(), batch.len(), "a sink answers for every outcome");
                retrying.into_iter().for_each(Retrying::passed);
                // A flush of the slow lane may rightly take long.
                if meter.lane == Lane::Fast {
                    pressure.flushed(batch.len(), meter.clock.now().since(started));
                }
                return flushed;
            }
            Err(err) => {
                retrying = Some(meter.flushes.failed(retrying, &err));
                failing.get_or_insert_with(|| pressure.failing());
                backoff.pause().await;
            }
        }
    }
}

fn end(flushed: Flushed) -> End {
    match flushed {
        Flushed::Done => End::Done,
        Flushed::Duplicate => End::Duplicate,
        Flushed::Stale => End::Stale,
        Flushed::Parked => End::Parked,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use async_trait::async_trait;
    use timely::dataflow::InputHandle;
    use timely::dataflow::operators::{Input, Inspect};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::clock::Clock;
    use crate::model::{
        AssetId, CheckId, ConfigVersion, Fence, Finding, Lane, Origin, Outcome, Scan, ScanSequence,
        Severity, Spent, UnixTime,
    };
    use crate::sinks::SinkError;
    use crate::telemetry::Telemetry;

    /// Lets one flush pass for each permit, and notes its assets.
    struct Gate {
        permits: Semaphore,
        flushes: Mutex<Vec<Vec<i64>>>,
    }

    #[async_trait]
    impl Sink for Gate {
        async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
            let assets = outcomes.iter().map(|outcome| outcome.scan.asset.0).collect();
            self.flushes.lock().unwrap().push(assets);
            self.permits.acquire().await.unwrap().forget();
            Ok(vec![Flushed::Done; outcomes.len()])
        }
    }

    fn scanned(number: u64, asset: i64) -> (Ticket, Outcome) {
        let (config_version, sequence) = (ConfigVersion(1), ScanSequence(number));
        let fence = Fence { config_version, sequence };
        let since = UnixTime::from_micros(0);
        let ticket = Ticket {
            number,
            owner: 0,
            weight: 1,
            emitted_at: since,
            since,
            spent: Spent::default(),
            handed_over: None,
            origin: Origin::Agenda,
        };
        let scan = Scan {
            asset: AssetId(asset),
            fence,
            scheduled_at: since,
            duration: Duration::ZERO,
            records: 0,
            measured: None,
        };
        (ticket, Outcome::new(scan, Vec::new(), true))
    }

    /// A finding of so many bytes, about.
    fn found(number: u64, bytes: usize) -> (Ticket, Outcome) {
        let (ticket, mut outcome) = scanned(number, number as i64);
        let evidence = serde_json::json!({ "text": "x".repeat(bytes) });
        let finding = Finding::new("s", Severity::Low, evidence);
        outcome.findings.insert((CheckId::new("t.a"), "s".to_owned()), finding);
        (ticket, outcome)
    }

    fn step_until(worker: &mut timely::worker::Worker, is_so: impl Fn() -> bool) {
        let so =
            (0..10_000).any(|_| is_so() || !worker.step_or_park(Some(Duration::from_millis(1))));
        assert!(so && is_so(), "it did not happen in 10 s");
    }

    /// Sends these outcomes at once through a writer whose flushes pass a gate; `watch` sees the worker
    /// and the flushes and tickets so far.
    fn through_a_gate(
        lane: Lane,
        limits: WriteLimits,
        outcomes: Vec<(Ticket, Outcome)>,
        watch: impl Fn(&mut timely::worker::Worker, &Gate, &dyn Fn() -> Vec<u64>)
        + Send
        + Sync
        + 'static,
    ) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let handle = runtime.handle().clone();
        timely::execute_directly(move |worker| {
            let gate = Arc::new(Gate { permits: Semaphore::new(0), flushes: Mutex::default() });
            let returned = Rc::new(std::cell::RefCell::new(Vec::new()));
            let mut input = InputHandle::new();
            worker.dataflow::<Epoch, _, _>(|scope| {
                let sink = Arc::clone(&gate) as Arc<dyn Sink>;
                let meter = Telemetry::default().lane(lane, Clock::system());
                let returned = Rc::clone(&returned);
                let outcomes = scope.input_from(&mut input);
                write(outcomes, meter, &handle, sink, Pressure::default(), limits)
                    .inspect(move |ticket: &Ticket| returned.borrow_mut().push(ticket.number));
            });
            input.send_batch(&mut outcomes.clone());
            input.flush(); // its epoch stays open
            watch(worker, &gate, &|| returned.borrow().clone());
            input.close();
        });
    }

    #[test]
    fn a_ticket_follows_its_flush_and_an_asset_is_in_one_flight() {
        let limits = WriteLimits {
            outcomes_max: 10,
            bytes_max: 1_000,
            flights_max: 2,
            group_commit_age_max: None,
        };
        let outcomes = vec![scanned(1, 7), scanned(2, 7), scanned(3, 8)];
        through_a_gate(Lane::Slow, limits, outcomes, |worker, gate, returned| {
            let flown = || gate.flushes.lock().unwrap().clone();
            step_until(worker, || !flown().is_empty());
            assert_eq!(flown(), [[7, 8]], "the second outcome of asset 7 waits");
            assert!(returned().is_empty(), "nothing is durable");

            gate.permits.add_permits(1);
            step_until(worker, || 2 <= returned().len());
            assert_eq!(returned(), [1, 3]);

            gate.permits.add_permits(1);
            step_until(worker, || 3 <= returned().len());
            assert_eq!(returned(), [1, 3, 2]);
            assert_eq!(flown(), [vec![7, 8], vec![7]]);
        });
    }

    #[test]
    fn an_idle_writer_waits_for_nobody_and_a_flush_is_bounded_in_bytes() {
        let limits = WriteLimits {
            outcomes_max: 10,
            bytes_max: 1_000,
            flights_max: 2,
            group_commit_age_max: Some(Duration::from_secs(3_600)),
        };
        let outcomes = vec![found(1, 600), found(2, 600), found(3, 600)];
        through_a_gate(Lane::Fast, limits, outcomes, |worker, gate, returned| {
            let flown = || gate.flushes.lock().unwrap().clone();
            step_until(worker, || !flown().is_empty());
            for _ in 0..10 {
                worker.step(); // the third would leave now
            }
            assert_eq!(flown(), [[1, 2]], "beside a flight it waits for the end of its epoch");
            gate.permits.add_permits(1);
            step_until(worker, || 2 <= flown().len());
            assert_eq!(flown(), [vec![1, 2], vec![3]]);
            gate.permits.add_permits(1);
            step_until(worker, || 3 <= returned().len());
        });
    }
}
