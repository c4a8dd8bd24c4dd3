//! Scans what is due and stores what it finds, in two lanes that never meet again: a slow scan
//! that never ends stands in nobody's way.
//!
//! ```text
//!    +------------------- tickets of the fast lane <-----------------+
//!    v                                                               |
//!  schedule --> partition_by_cost --> fast --> load --> check --> write
//!    ^                   |
//!    |                   +---------> slow --> load --> check --> write
//!    |                                                               |
//!    +------------------- tickets of the slow lane <-----------------+
//! ```
//! `load` returns tickets too, of assets that have vanished. What each operator holds: `schedule`
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

    let (loaded, vanished) =
        load(events, lane, runtime, job.stores[lane].clone(), job.checks, limits.load);

    let outcomes = check(loaded, lane, clock.clone(), job.checks, job.policy.clone());

    let sink = job.sinks[lane].clone();
    let durable = write(outcomes, lane, clock.clone(), runtime, sink, limits.write);

    durable.concat(vanished)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use scanflow::checks;
    use scanflow::config::JobConfig;
    use scanflow::operators::Feed;
    use scanflow::stop::Stop;
    use scanflow::store::SnapshotStore;
    use scanflow::{sinks, store};
    use timely::logging::{TimelyEvent, TimelyEventBuilder};

    use super::*;

    /// An operator of the graph by its index, and a channel from an (operator, port) to an operator.
    #[derive(Default)]
    struct Shape {
        names: BTreeMap<usize, String>,
        channels: Vec<((usize, usize), usize)>,
    }

    impl Shape {
        /// What is reached from one output, not passing through the source.
        fn reached_from(&self, output: (usize, usize)) -> BTreeSet<usize> {
            let mut reached = BTreeSet::new();
            let mut ahead: Vec<usize> = self.targets(|from| from == output).collect();
            while let Some(operator) = ahead.pop() {
                if self.names[&operator] != "Schedule" && reached.insert(operator) {
                    ahead.extend(self.targets(|(from, _port)| from == operator));
                }
            }
            reached
        }

        fn targets(&self, is_from: impl Fn((usize, usize)) -> bool) -> impl Iterator<Item = usize> {
            self.channels.iter().filter(move |(from, _)| is_from(*from)).map(|(_, to)| *to)
        }
    }

    /// Builds the graph and reads its shape from timely's own log.
    fn shape() -> Shape {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let handle = runtime.handle().clone();
        timely::execute_directly(move |worker| {
            let shape: Rc<RefCell<Shape>> = Rc::default();
            let seen = Rc::clone(&shape);
            let mut log = worker.log_register().expect("a log");
            log.insert::<TimelyEventBuilder, _>("timely", move |_time, events| {
                let mut shape = seen.borrow_mut();
                for (_, event) in events.iter().flat_map(|events| events.iter()) {
                    match event {
                        // An address is the dataflow, then the operator.
                        TimelyEvent::Operates(operator) if operator.addr.len() == 2 => {
                            shape.names.insert(operator.addr[1], operator.name.clone());
                        }
                        TimelyEvent::Channels(channel) => {
                            shape.channels.push((channel.source, channel.target.0));
                        }
                        _ => {}
                    }
                }
            });
            drop(log);
            let index = worker.next_dataflow_index();
            worker.dataflow(|scope| scan(scope, &job(), &Clock::system(), &handle, None));
            worker.drop_dataflow(index);
            worker.log_register().expect("a log").flush();
            std::mem::take(&mut *shape.borrow_mut())
        })
    }

    fn job() -> Job {
        let store = || -> Arc<dyn SnapshotStore> { Arc::new(store::memory::Memory::default()) };
        let sink = || -> Arc<dyn sinks::Sink> { Arc::new(sinks::memory::Memory::default()) };
        Job {
            config: JobConfig::default(),
            stores: PerLane::from_fn(|_| store()),
            sinks: PerLane::from_fn(|_| sink()),
            checks: checks::ALL,
            policy: Arc::default(),
            dispatcher: Arc::default(),
            feed: Feed::default(),
            stop: Stop::default(),
        }
    }

    #[test]
    fn no_operator_but_the_source_is_reached_by_both_lanes() {
        let shape = shape();
        let named = |name| shape.names.iter().find(|(_, n)| *n == name).map(|(index, _)| *index);
        let parting = named("Branch").expect("the operator that parts the lanes");
        let [fast, slow] = [0, 1].map(|port| shape.reached_from((parting, port)));
        let of = |lane: &BTreeSet<usize>, name| lane.contains(&named(name).expect(name));
        assert!(of(&fast, "Write(fast)") && of(&slow, "Write(slow)"));
        let both: Vec<_> = fast.intersection(&slow).map(|index| &shape.names[index]).collect();
        assert!(both.is_empty(), "{both:?}");
    }
}
