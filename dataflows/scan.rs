//! Scans what is due and stores what it finds, in two lanes that never meet again: a slow scan
//! that never ends stands in nobody's way.
//!
//! ```text
//!    +------------ tickets of the fast lane <----+-----------------+
//!    v                                           |                 |
//!  schedule --> partition_by_cost --> fast --> load --> check --> write
//!    ^                   |
//!    |                   |               +--------- shards done <------------+
//!    |                   |               v                                   |
//!    |                   +---> slow --> plan --> load_range --> check --> assemble --> write
//!    |                                   |                                               |
//!    +----- tickets of the slow lane <---+-----------------------------------------------+
//! ```
//! The tickets that `load` and `plan` return are of assets that have vanished. What each operator
//! holds: `schedule` one capability and the open tickets; the others one capability a message, `plan`
//! until the shards of a scan are done. A ticket returns when its outcome is durable, and only that
//! gives credits back: the frontier of a lane acknowledges nothing.
//!
//! In the slow lane a zone with many records is read in shards, by all workers, a few at a time; what
//! they find is put together where they were planned, and written in one transaction.

use std::rc::Rc;

use scanflow::clock::Clock;
use scanflow::model::{Epoch, Lane, PerLane, ScanEvent, Ticket};
use scanflow::operators::{
    PlanLimits, RangeLimits, Reader, Source, Turns, assemble, check, load, load_range,
    partition_by_cost, plan, schedule, write,
};
use timely::dataflow::operators::{Concat, ConnectLoop, Feedback};
use timely::dataflow::{Scope, StreamVec};
use tokio::runtime::Handle;

use crate::Job;

type Events<'s> = StreamVec<'s, Epoch, (Ticket, ScanEvent)>;
type Tickets<'s> = StreamVec<'s, Epoch, Ticket>;

/// Builds the graph on one worker. `source` is Some on the worker that schedules.
pub(crate) fn scan(
    scope: Scope<'_, Epoch>,
    job: &Job,
    clock: &Clock,
    runtime: &Handle,
    source: Option<Rc<Source>>,
) {
    // Inputs that no output depends on: `feedback(0)` closes no cycle of times.
    let (fast_acked, fast_acks) = scope.feedback(0);
    let (slow_acked, slow_acks) = scope.feedback(0);
    let acks = PerLane { fast: fast_acks, slow: slow_acks };

    let events = schedule(scope, job.config.epoch, clock.clone(), source, acks);

    let (fast, slow) = partition_by_cost(events);

    let turns = Turns::new(job.config.slice, job.config.lanes.slow_share);
    let [fast_lane, slow_lane] =
        Lane::ALL.map(|lane| LaneParts { lane, job, clock, runtime, turns: turns.clone() });
    fast_lane.fast(fast).connect_loop(fast_acked);
    slow_lane.slow(slow).connect_loop(slow_acked);
}

/// What a lane is built of.
struct LaneParts<'j> {
    lane: Lane,
    job: &'j Job,
    clock: &'j Clock,
    runtime: &'j Handle,
    turns: Turns,
}

impl LaneParts<'_> {
    fn reader(&self) -> Reader {
        Reader { store: self.job.stores[self.lane].clone(), checks: self.job.checks }
    }

    /// From events to the tickets of what is durable.
    fn fast<'s>(self, events: Events<'s>) -> Tickets<'s> {
        let reader = self.reader();
        let LaneParts { lane, job, clock, runtime, turns } = self;
        let limits = job.config.lane[lane];
        let meter = job.telemetry.lane(lane, clock.clone());

        let (loading, taking) = (job.feed.loading(), turns.clone());
        let (loaded, vanished) =
            load(events, meter.clone(), runtime, reader, loading, limits.load, taking);

        let outcomes = check(loaded, meter.clone(), job.checks, job.policy.clone(), turns);

        let (sink, pressure) = (job.sinks[lane].clone(), job.feed.pressure());
        write(outcomes, meter, runtime, sink, pressure, limits.write).concat(vanished)
    }

    /// From events to the tickets of what is durable, by shards.
    fn slow<'s>(self, events: Events<'s>) -> Tickets<'s> {
        let reader = self.reader();
        let LaneParts { lane, job, clock, runtime, turns } = self;
        let limits = job.config.lane[lane];
        let meter = job.telemetry.lane(lane, clock.clone());
        let (shards_done, shard_acks) = events.scope().feedback(0);

        let shard_records = job.config.shard_records;
        let cuts = PlanLimits { shard_records, ..PlanLimits::default() };
        let (store, loading) = (reader.store.clone(), job.feed.loading());
        let (parts, vanished) =
            plan(events, shard_acks, meter.clone(), runtime, store, loading, cuts);

        let ranges = RangeLimits { load: limits.load, shard_records };
        let loaded = load_range(parts, meter.clone(), runtime, reader, ranges, turns.clone());

        let policy = job.policy.clone();
        let chunks = check(loaded, meter.clone(), job.checks, policy, turns.clone());

        let (outcomes, done) = assemble(chunks, meter.clone(), job.checks, turns);
        done.connect_loop(shards_done);

        let (sink, pressure) = (job.sinks[lane].clone(), job.feed.pressure());
        write(outcomes, meter, runtime, sink, pressure, limits.write).concat(vanished)
    }
}
