//! Scans what is due and stores what it finds, in two lanes that never meet again: a slow scan
//! that never ends stands in nobody's way.
//!
//! ```text
//!    +------------ tickets of the fast lane <----+-----------------+
//!    v                                           |                 |
//!  schedule --> partition_by_cost --> fast --> load --> check --> write
//!    ^                   |
//!    |                   +---------> slow --> load --> check --> write
//!    |                                           |                 |
//!    +------------ tickets of the slow lane <----+-----------------+
//! ```
//! The tickets that `load` returns are of assets that have vanished. What each operator holds: `schedule`
//! one capability and the open tickets; `load`, `check` and `write` one capability a message. A
//! ticket returns when its outcome is durable, and only that gives credits back: the frontier of a
//! lane acknowledges nothing.
//!
//! The slow lane has no sharding yet: `plan`, `load_range` and `assemble` will take the place of
//! `load` in it, for zones above 10,000 records.

use std::rc::Rc;

use scanflow::clock::Clock;
use scanflow::model::{Epoch, Lane, PerLane, ScanEvent, Ticket};
use scanflow::operators::{Source, check, load, partition_by_cost, schedule, write};
use timely::dataflow::operators::{Concat, ConnectLoop, Feedback};
use timely::dataflow::{Scope, StreamVec};
use tokio::runtime::Handle;

use crate::Job;

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

    lane(fast, Lane::Fast, job, clock, runtime).connect_loop(fast_acked);
    lane(slow, Lane::Slow, job, clock, runtime).connect_loop(slow_acked);
}

/// From events to the tickets of what is durable.
fn lane<'s>(
    events: StreamVec<'s, Epoch, (Ticket, ScanEvent)>,
    lane: Lane,
    job: &Job,
    clock: &Clock,
    runtime: &Handle,
) -> StreamVec<'s, Epoch, Ticket> {
    let limits = job.config.lane[lane];
    let meter = job.telemetry.lane(lane, clock.clone());
    let (store, sink) = (job.stores[lane].clone(), job.sinks[lane].clone());

    let (loaded, vanished) =
        load(events, meter.clone(), runtime, store, job.checks, job.feed.loading(), limits.load);

    let outcomes = check(loaded, meter.clone(), job.checks, job.policy.clone());

    let durable = write(outcomes, meter, runtime, sink, job.feed.pressure(), limits.write);

    durable.concat(vanished)
}
