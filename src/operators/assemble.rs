//! Puts the parts of scans together, each on the worker that planned it.
//!
//! ```text
//!  Chunk --Exchange(home)--> [assemble] --> (ticket, outcome), when all parts are there
//!                                      +--> PartAck, for each part
//! ```

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use super::alarm::Alarm;
use super::assembling::Assembling;
use super::emit::{Held, Output, emit};
use super::part::{Chunk, PartAck, Read};
use super::turns::Turns;
use crate::checks::Checks;
use crate::model::{Epoch, Ticket};
use crate::sinks::Finished;
use crate::telemetry::{LaneMeter, Stage};

/// Promise: each part is acknowledged once, and each scan whose parts are all there yields one outcome,
/// unless it is planned again.
pub fn assemble<'s>(
    chunks: StreamVec<'s, Epoch, Chunk>,
    meter: LaneMeter,
    checks: Checks,
    turns: Turns,
) -> (StreamVec<'s, Epoch, (Ticket, Finished)>, StreamVec<'s, Epoch, PartAck>) {
    let scope = chunks.scope();
    let mut builder = OperatorBuilder::new(format!("assemble({})", meter.lane), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut alarm = Alarm::new(activator.clone());
    let mut input = builder.new_input(chunks, Exchange::new(|chunk: &Chunk| chunk.part.home));
    builder.set_notify_for(0, FrontierInterest::Never);
    let (output, outcomes) = builder.new_output();
    let (acks_output, acks) = builder.new_output();
    let (mut output, mut acks_output) = (Output::from(output), Output::from(acks_output));

    builder.build(move |_capabilities| {
        let mut waiting: VecDeque<([Held; 2], Chunk)> = VecDeque::new();
        let mut scans: HashMap<(u64, u64), Assembling> = HashMap::new();
        let (mut done, mut acked) = (Vec::new(), Vec::new());
        move |_frontiers| {
            input.for_each(|capability, chunks| {
                let held = [0, 1].map(|output| Rc::new(capability.retain(output)));
                waiting.extend(chunks.drain(..).map(|chunk| (held.clone(), chunk)));
            });
            let started = meter.clock.now();
            if waiting.is_empty() {
                return;
            }
            let wait = turns.slow_waits(started);
            if !wait.is_zero() {
                alarm.ring_within(wait, started);
                return;
            }
            let (slice_end, mut now) = (started + turns.slice(), started);
            while now < slice_end
                && let Some(([held, ack_held], chunk)) = waiting.pop_front()
            {
                let Chunk { part, findings, end } = chunk;
                if let Some(end) = &end {
                    let is_changed = matches!(end.read, Read::Changed | Read::Skipped);
                    let ack = PartAck { ticket: part.ticket, home: part.home, is_changed };
                    acked.push((ack_held, ack));
                }
                let scan = part.scan();
                let assembling =
                    scans.entry(scan).or_insert_with(|| Assembling::new(checks, part.of));
                let is_whole = assembling.add(&part, findings, end);
                if is_whole
                    && let Some(assembling) = scans.remove(&scan)
                    && let Some((mut ticket, outcome)) = assembling.conclude(&part)
                {
                    meter.lap(Stage::Check, &mut ticket, meter.clock.now());
                    done.push((held, (ticket, outcome)));
                }
                now = meter.clock.now();
            }
            emit(&mut output, &mut done);
            emit(&mut acks_output, &mut acked);
            turns.slow_worked(now.since(started), now);
            if !waiting.is_empty() {
                match turns.slow_waits(now) {
                    wait if wait.is_zero() => activator.activate(),
                    wait => alarm.ring_within(wait, now),
                }
            }
        }
    });
    (outcomes, acks)
}
