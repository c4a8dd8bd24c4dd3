//! Judges snapshots.
//!
//! ```text
//!  Loaded --> [check] --> (ticket, outcome)
//!  LoadedPart --> [check] --> chunks of findings, the last one with the verdicts
//! ```
//! One check on one snapshot is the smallest piece of work, which is why giants come in shards.

use std::iter::Enumerate;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use super::alarm::Alarm;
use super::emit::{Held, Output, emit};
use super::line::Line;
use super::load::Loaded;
use super::share;
use super::turns::Turns;
use crate::checks::{self, About, Check, Checks, Policy};
use crate::model::{
    Asked, Epoch, Fence, Judged, Lane, Outcome, Scan, Snapshot, Ticket, UnixTime, UnknownReason,
    Verdict,
};
use crate::panics;
use crate::telemetry::{LaneMeter, Stage};

/// What is judged, and what becomes of it.
pub trait Case: Clone + 'static {
    type Done: Clone + 'static;
    type AllDone: IntoIterator<Item = Self::Done>;

    fn ticket(&self) -> &Ticket;

    /// Its turn has come.
    fn begins(&mut self, meter: &LaneMeter, now: UnixTime);

    /// None: there is nothing to judge.
    fn snapshot(&self) -> Option<&Snapshot>;

    fn is_asked(&self, check: &dyn Check) -> bool;

    /// `verdicts` with the places of their checks in `checks`.
    fn end(
        self,
        checks: Checks,
        verdicts: Vec<(usize, Verdict)>,
        took: Duration,
        meter: &LaneMeter,
        now: UnixTime,
    ) -> Self::AllDone;
}

/// Promise: each snapshot is judged once, as the policy says. A check that panics is `unknown` and harms
/// nothing else. After a slice the other operators of the worker get a turn: the median latency of
/// others is about one slice, and 1 ms costs no throughput (measured before).
pub fn check<'s, C: Case>(
    cases: StreamVec<'s, Epoch, C>,
    meter: LaneMeter,
    checks: Checks,
    policy: Arc<Policy>,
    turns: Turns,
) -> StreamVec<'s, Epoch, C::Done> {
    let scope = cases.scope();
    let mut builder = OperatorBuilder::new(format!("check({})", meter.lane), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut alarm = Alarm::new(activator.clone());
    let mut input = builder.new_input(cases, Pipeline);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (output, judged) = builder.new_output();
    let mut output = Output::from(output);

    builder.build(move |_capabilities| {
        // One case after the other: taking turns would make all of them late.
        let mut waiting: Line<(Held, Judging<C>)> = Line::default();
        let mut done = Vec::new();
        move |_frontiers| {
            input.for_each(|capability, cases| {
                let held = Rc::new(capability.retain(0));
                for case in cases.drain(..) {
                    let ticket = *case.ticket();
                    let judging = (Rc::clone(&held), Judging::new(case, checks));
                    match meter.lane {
                        Lane::Fast => waiting.push(&ticket, judging),
                        // Shards come in turns.
                        Lane::Slow => waiting.push_in_order(judging),
                    }
                }
            });
            let mut now = meter.clock.now();
            if waiting.is_empty() {
                return;
            }
            match meter.lane {
                Lane::Fast => turns.fast_works(now),
                Lane::Slow => {
                    let wait = turns.slow_waits(now);
                    if !wait.is_zero() {
                        alarm.ring_within(wait, now);
                        return;
                    }
                }
            }
            let started = now;
            let slice_end = now + turns.slice();
            while let Some((_, judging)) = waiting.front_mut() {
                judging.begin(&meter, now);
                let is_done = !judging.step(&policy, &meter);
                let then = std::mem::replace(&mut now, meter.clock.now());
                judging.took += now.since(then);
                if is_done && let Some((held, judging)) = waiting.pop_front() {
                    let all_done = judging.end(checks, &meter, now);
                    done.extend(all_done.into_iter().map(|done| (Rc::clone(&held), done)));
                }
                if slice_end <= now {
                    break;
                }
            }
            emit(&mut output, &mut done);
            if meter.lane == Lane::Slow {
                turns.slow_worked(now.since(started), now);
            }
            if !waiting.is_empty() {
                match meter.lane {
                    Lane::Slow if !turns.slow_waits(now).is_zero() => {
                        alarm.ring_within(turns.slow_waits(now), now);
                    }
                    _ => activator.activate(),
                }
            }
        }
    });
    judged
}

/// A case that was asked some of its checks.
struct Judging<C> {
    case: C,
    rest: Enumerate<std::slice::Iter<'static, &'static dyn Check>>,
    verdicts: Vec<(usize, Verdict)>,
    has_begun: bool,
    took: Duration,
}

impl<C: Case> Judging<C> {
    fn new(case: C, checks: Checks) -> Judging<C> {
        let (rest, verdicts) = (checks.iter().enumerate(), Vec::new());
        Judging { case, rest, verdicts, has_begun: false, took: Duration::ZERO }
    }

    fn begin(&mut self, meter: &LaneMeter, now: UnixTime) {
        if !self.has_begun {
            self.has_begun = true;
            self.case.begins(meter, now);
        }
    }

    /// Asks the next check; false if there is none.
    fn step(&mut self, policy: &Policy, meter: &LaneMeter) -> bool {
        let Some(snapshot) = self.case.snapshot() else { return false };
        let Some((place, check)) = self.rest.find(|(_, check)| self.case.is_asked(**check)) else {
            return false;
        };
        self.verdicts.push((place, verdict(policy, *check, snapshot, meter)));
        true
    }

    fn end(self, checks: Checks, meter: &LaneMeter, now: UnixTime) -> C::AllDone {
        self.case.end(checks, self.verdicts, self.took, meter, now)
    }
}

impl Case for Loaded {
    type Done = (Ticket, Outcome);
    type AllDone = [(Ticket, Outcome); 1];

    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn begins(&mut self, meter: &LaneMeter, now: UnixTime) {
        meter.lap(Stage::CheckWait, &mut self.ticket, now);
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        Some(&self.snapshot)
    }

    fn is_asked(&self, check: &dyn Check) -> bool {
        checks::concerns(check, self.snapshot.kind())
            && self.event.checks.contains(&check.about().id)
    }

    fn end(
        self,
        checks: Checks,
        verdicts: Vec<(usize, Verdict)>,
        took: Duration,
        meter: &LaneMeter,
        now: UnixTime,
    ) -> [(Ticket, Outcome); 1] {
        let Loaded { mut ticket, event, snapshot } = self;
        meter.lap(Stage::Check, &mut ticket, now);
        ticket.spent.check_us = share::us(took);
        let config_version = snapshot.config_version();
        let scan = Scan {
            asset: snapshot.asset(),
            fence: Fence { config_version, sequence: event.sequence },
            scheduled_at: event.scheduled_at,
            duration: took,
            records: u32::try_from(snapshot.records()).unwrap_or(u32::MAX),
            measured: event.measured(ticket.spent),
        };
        let judged = verdicts.into_iter().map(|(place, verdict)| {
            let About { id, version, .. } = checks[place].about();
            Judged { check: id.clone(), version: *version, verdict }
        });
        [(ticket, Outcome::new(scan, judged.collect(), event.checks == Asked::All))]
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
    use crate::checks::Judges;
    use crate::clock::ManualClock;
    use crate::model::{
        AssetId, AssetKind, CheckId, Cost, Lane, Origin, Reason, ScanEvent, ScanSequence, Severity,
        Spent, ZoneSnapshot,
    };
    use crate::telemetry::Telemetry;

    const SLICE: Duration = Duration::from_millis(1);

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
        judges: Judges::Asset,
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
                handed_over: None,
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
                let turns = Turns::new(SLICE, 0.5);
                check(zones, meter, &[&Long, &Long], Arc::default(), turns)
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
