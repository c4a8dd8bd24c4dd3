//! Cuts giants into shards, and lets shards and smaller zones out as there is room for them.
//!
//! ```text
//!  (ticket, event) --Exchange(asset)--> [plan] --> Part, in turns of the scans
//!  PartAck ----------Exchange(home)--->        +-> ticket, if the asset has vanished
//! ```
//! The acks are an input that no output depends on, so a `feedback(0)` closes no cycle of times.

use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::emit::{Held, Output, emit};
use super::flights::Flights;
use super::line::Line;
use super::loading::Loading;
use super::part::{Attempt, Part, PartAck};
use super::persist::persist;
use super::planning::{Planning, Unplanned};
use crate::lanes;
use crate::model::{Epoch, ScanEvent, Ticket};
use crate::store::SnapshotStore;
use crate::telemetry::{End, LaneMeter, Stage};

/// How giants are cut.
#[derive(Clone, Copy, Debug)]
pub struct PlanLimits {
    /// About so many records make a shard. What is predicted to have no more is not planned.
    pub shard_records: usize,
    /// Scans of one worker that are being planned at once.
    pub flights_max: usize,
    /// Shards of one worker's scans that are out, for each worker of the job, or smaller zones of the same
    /// weight.
    pub window_per_worker: u64,
}

impl Default for PlanLimits {
    fn default() -> PlanLimits {
        PlanLimits { shard_records: 10_000, flights_max: 4, window_per_worker: 2 }
    }
}

/// Promise: each event leaves as all parts of one plan, or of two if its configuration changed meanwhile,
/// after one part that was not planned if it was predicted to be small; or as a ticket.
pub fn plan<'s>(
    events: StreamVec<'s, Epoch, (Ticket, ScanEvent)>,
    acks: StreamVec<'s, Epoch, PartAck>,
    meter: LaneMeter,
    runtime: &Handle,
    store: Arc<dyn SnapshotStore>,
    loading: Loading,
    limits: PlanLimits,
) -> (StreamVec<'s, Epoch, Part>, StreamVec<'s, Epoch, Ticket>) {
    let scope = events.scope();
    let mut builder = OperatorBuilder::new(format!("plan({})", meter.lane), scope);
    let by_asset = Exchange::new(|(_, event): &(Ticket, ScanEvent)| event.asset.route());
    let mut input = builder.new_input(events, by_asset);
    let (output, parts) = builder.new_output();
    let mut output = Output::from(output);
    let mut acks = builder.new_input_connection(acks, Exchange::new(|ack: &PartAck| ack.home), []);
    (0..2).for_each(|input| builder.set_notify_for(input, FrontierInterest::Never));
    let mut flights = Flights::new(scope, &builder.operator_info(), runtime);
    let shard_weight = u64::from(lanes::weight(limits.shard_records as u64));
    let window = limits.window_per_worker * scope.peers() as u64 * shard_weight;
    let home = scope.index() as u64;

    builder.build(move |_capabilities| {
        let mut unplanned: Line<Unplanned<Held>> = Line::default();
        let mut planning = Planning::new(home, window);
        let mut done = Vec::new();
        move |_frontiers| {
            let now = meter.clock.now();
            input.for_each(|capability, events| {
                let held = Rc::new(capability.retain(0));
                for (ticket, event) in events.drain(..) {
                    let (held, attempt) = (Rc::clone(&held), first_attempt(&event, limits));
                    let scan = Unplanned { held, ticket, event, attempt };
                    match attempt {
                        Attempt::Whole => planning.begin_whole(scan),
                        Attempt::InShards | Attempt::Again => unplanned.push(&ticket, scan),
                    }
                }
            });
            acks.for_each(|_, acks| {
                for again in acks.drain(..).filter_map(|ack| planning.landed(&ack)) {
                    let ticket = again.ticket;
                    unplanned.push(&ticket, again);
                }
            });
            loop {
                while flights.len() < limits.flights_max
                    && let Some(mut scan) = unplanned.pop_front()
                {
                    loading.begins(&scan.ticket);
                    if scan.attempt != Attempt::Again {
                        meter.lap(Stage::LoadWait, &mut scan.ticket, now);
                    }
                    let (store, asset) = (Arc::clone(&store), scan.event.asset);
                    let cut = persist(meter.loads.clone(), move || {
                        let store = Arc::clone(&store);
                        async move { store.cut(asset, limits.shard_records).await }
                    });
                    let span = tracing::info_span!("plan", asset = asset.0);
                    flights.launch(scan, cut.instrument(span));
                }
                let Some((mut scan, shards)) = flights.land() else { break };
                if scan.attempt != Attempt::Again {
                    meter.lap(Stage::Load, &mut scan.ticket, now);
                }
                match shards {
                    Some(shards) => planning.begin(scan, &shards),
                    None => {
                        meter.ended(End::Vanished);
                        done.push((scan.held, Err(scan.ticket)));
                    }
                }
            }
            let begins = |ticket: &mut Ticket, attempt| {
                if attempt == Attempt::Whole {
                    loading.begins(ticket);
                    meter.lap(Stage::LoadWait, ticket, now);
                } else {
                    meter.lap(Stage::CheckWait, ticket, now);
                }
            };
            while let Some((held, part)) = planning.next(begins) {
                done.push((held, Ok(part)));
            }
            emit(&mut output, &mut done);
        }
    });
    parts.ok_err(|part| part)
}

fn first_attempt(event: &ScanEvent, limits: PlanLimits) -> Attempt {
    let predicted = u64::from(event.cost.weight) * lanes::RECORDS_PER_CREDIT;
    match predicted <= limits.shard_records as u64 {
        true => Attempt::Whole,
        false => Attempt::InShards,
    }
}
