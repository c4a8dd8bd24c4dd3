//! Judges snapshots.
//!
//! ```text
//!  Loaded --> [check] --> (ticket, outcome)
//! ```
//! One check on one asset is the smallest piece of work. Until giant zones come in shards of 10,000
//! records, a check on one of them overruns its slice.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use super::emit::{Held, Output, emit};
use super::line::Line;
use super::load::Loaded;
use super::share;
use crate::checks::{self, About, Check, Checks, Policy};
use crate::model::{
    Asked, Epoch, Fence, Judged, Outcome, Scan, Snapshot, Ticket, UnixTime, UnknownReason, Verdict,
};
use crate::panics;
use crate::telemetry::{LaneMeter, Stage};

/// After so long the other operators of the worker get a turn. Measured before: the median latency
/// of others is about one slice, and 1 ms costs no throughput.
const SLICE: Duration = Duration::from_millis(1);

/// Promise: each snapshot yields one outcome, as the policy says. A check that panics is `unknown` in it and harms
/// nothing else.
pub fn check<'s>(
    loaded: StreamVec<'s, Epoch, Loaded>,
    meter: LaneMeter,
    checks: Checks,
    policy: Arc<Policy>,
) -> StreamVec<'s, Epoch, (Ticket, Outcome)> {
    let scope = loaded.scope();
    let mut builder = OperatorBuilder::new(format!("check({})", meter.lane), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut input = builder.new_input(loaded, Pipeline);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (output, outcomes) = builder.new_output();
    let mut output = Output::from(output);

    builder.build(move |_capabilities| {
        // One asset after the other: taking turns would make all of them late.
        let mut waiting: Line<(Held, Judging)> = Line::default();
        let mut done = Vec::new();
        move |_frontiers| {
            input.for_each(|capability, loaded| {
                let held = Rc::new(capability.retain(0));
                for loaded in loaded.drain(..) {
                    let ticket = loaded.ticket;
                    waiting.push(&ticket, (Rc::clone(&held), Judging::new(loaded, checks)));
                }
            });
            let mut now = meter.clock.now();
            let slice_end = now + SLICE;
            while let Some((_, judging)) = waiting.front_mut() {
                judging.begin(&meter, now);
                let is_done = !judging.step(&policy, &meter);
                let then = std::mem::replace(&mut now, meter.clock.now());
                judging.duration += now.since(then);
                if is_done {
                    let judged = waiting.pop_front();
                    done.extend(judged.map(|(held, judging)| (held, judging.end(&meter, now))));
                }
                if slice_end <= now {
                    break;
                }
            }
            emit(&mut output, &mut done);
            if !waiting.is_empty() {
                activator.activate();
            }
        }
    });
    outcomes
}

/// An asset that was asked some of its checks.
struct Judging {
    loaded: Loaded,
    rest: std::slice::Iter<'static, &'static dyn Check>,
    judged: Vec<Judged>,
    has_begun: bool,
    duration: Duration,
}

impl Judging {
    fn new(loaded: Loaded, checks: Checks) -> Judging {
        let (rest, judged) = (checks.iter(), Vec::new());
        Judging { loaded, rest, judged, has_begun: false, duration: Duration::ZERO }
    }

    fn begin(&mut self, meter: &LaneMeter, now: UnixTime) {
        if !self.has_begun {
            self.has_begun = true;
            meter.lap(Stage::CheckWait, &mut self.loaded.ticket, now);
        }
    }

    /// Asks the next check; false if there is none.
    fn step(&mut self, policy: &Policy, meter: &LaneMeter) -> bool {
        let (asked, kind) = (&self.loaded.event.checks, self.loaded.snapshot.kind());
        let is_asked = |check: &&&dyn Check| {
            checks::concerns(**check, kind) && asked.contains(&check.about().id)
        };
        let Some(check) = self.rest.find(is_asked) else {
            return false;
        };
        let verdict = verdict(policy, *check, &self.loaded.snapshot, meter);
        let About { id, version, .. } = check.about();
        self.judged.push(Judged { check: id.clone(), version: *version, verdict });
        true
    }

    fn end(self, meter: &LaneMeter, now: UnixTime) -> (Ticket, Outcome) {
        let Loaded { mut ticket, event, snapshot } = self.loaded;
        meter.lap(Stage::Check, &mut ticket, now);
        ticket.spent.check_us = share::us(self.duration);
        let config_version = snapshot.config_version();
        let scan = Scan {
            asset: snapshot.asset(),
            fence: Fence { config_version, sequence: event.sequence },
            scheduled_at: event.scheduled_at,
            duration: self.duration,
            records: u32::try_from(snapshot.records()).unwrap_or(u32::MAX),
            measured: event.measured(ticket.spent),
        };
        (ticket, Outcome::new(scan, self.judged, event.checks == Asked::All))
    }
}

fn verdict(policy: &Policy, check: &dyn Check, snapshot: &Snapshot, meter: &LaneMeter) -> Verdict {
    panics::contain(|| policy.evaluate(check, snapshot)).unwrap_or_else(|panicked| {
        let (check_id, asset) = (&check.about().id, snapshot.asset().0);
        tracing::error!(%check_id, asset, %panicked, "check panicked");
        meter.check_panics.inc();
        Verdict::unknown(UnknownReason::Panicked)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::LazyLock;

    use timely::dataflow::InputHandle;
    use timely::dataflow::operators::{Input, Inspect};

    use super::*;
    use crate::clock::ManualClock;
    use crate::model::{
        AssetId, AssetKind, CheckId, Cost, Lane, Origin, Reason, ScanEvent, ScanSequence, Severity,
        Spent, ZoneSnapshot,
    };
    use crate::telemetry::Telemetry;

    static CLOCK: LazyLock<ManualClock> =
        LazyLock::new(|| ManualClock::at(UnixTime::from_micros(0)));

    /// Takes a whole slice.
    struct Long;

    static LONG: About = About {
        id: CheckId::new("test.long"),
        version: 1,
        title: "Takes a whole slice",
        severity: Severity::Info,
        asset: AssetKind::Zone,
        needs: &[],
        fires_on_absence: false,
        remediation: "",
        reference: "",
    };

    impl Check for Long {
        fn about(&self) -> &'static About {
            &LONG
        }

        fn judge(&self, _snapshot: &Snapshot) -> Verdict {
            CLOCK.advance(SLICE);
            Verdict::Pass
        }
    }

    fn loaded(number: u64) -> Loaded {
        let asset = AssetId(number.cast_signed());
        let event = ScanEvent {
            asset,
            sequence: ScanSequence(1),
            checks: Asked::All,
            reason: Reason::Scheduled,
            scheduled_at: UnixTime::from_micros(0),
            cost: Cost { weight: 1, ..Cost::default() },
            lane: Lane::Fast,
        };
        let zone = ZoneSnapshot::from_text(asset, "a.test", "@ A 192.0.2.1");
        let since = event.scheduled_at;
        Loaded {
            ticket: Ticket {
                number,
                owner: 0,
                weight: 1,
                emitted_at: since,
                since,
                spent: Spent::default(),
                origin: Origin::Agenda,
            },
            event,
            snapshot: Snapshot::Zone(zone),
        }
    }

    #[test]
    fn other_operators_get_a_turn_after_each_slice() {
        timely::execute_directly(|worker| {
            let done = Rc::new(Cell::new(0));
            let mut input = InputHandle::new();
            worker.dataflow::<Epoch, _, _>(|scope| {
                let (zones, done) = (scope.input_from(&mut input), Rc::clone(&done));
                let meter = Telemetry::default().lane(Lane::Fast, CLOCK.clock());
                check(zones, meter, &[&Long, &Long], Arc::default())
                    .inspect(move |_| done.set(done.get() + 1));
            });
            input.send_batch(&mut vec![loaded(1), loaded(2)]);
            input.close();
            let mut done_after_step = Vec::new();
            while worker.step() {
                done_after_step.push(done.get());
            }
            done_after_step.dedup();
            assert_eq!(done_after_step, [0, 1, 2], "two slices a zone, one zone after the other");
            assert_eq!(CLOCK.clock().now(), UnixTime::from_micros(0) + 4 * SLICE);
        });
    }
}
