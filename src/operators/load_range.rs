//! Reads shards, each on any worker. Beside the fast lane one after the other, with pauses: the
//! database is what the lanes share most.
//!
//! ```text
//!  Part --Exchange(scan, number)--> [load_range] --> LoadedPart, in the order of completion
//! ```

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::alarm::Alarm;
use super::emit::{Held, Output, emit};
use super::flights::Flights;
use super::part::{LoadedPart, Part, Read};
use super::persist::persist_at_most;
use super::turns::{self, Turns};
use crate::checks::Checks;
use crate::lanes::Concurrency;
use crate::model::{AssetId, Epoch, Snapshot, UnixTime};
use crate::store::{SnapshotStore, load_shard_with_references};
use crate::telemetry::{LaneMeter, ShardEnd};

/// A shard that could not be read so often, by a store that could be reached, is given up.
const TRIES_MAX: u32 = 5;

/// Promise: each part leaves once, read or not.
pub fn load_range<'s>(
    parts: StreamVec<'s, Epoch, Part>,
    meter: LaneMeter,
    runtime: &Handle,
    store: Arc<dyn SnapshotStore>,
    checks: Checks,
    weight_max: u32, // adapts to what the database takes
    turns: Turns,
) -> StreamVec<'s, Epoch, LoadedPart> {
    let scope = parts.scope();
    let mut builder = OperatorBuilder::new(format!("load_range({})", meter.lane), scope);
    let by_part = Exchange::new(|part: &Part| {
        AssetId(part.event.asset.0.wrapping_mul(31).wrapping_add(i64::from(part.number))).route()
    });
    let mut input = builder.new_input(parts, by_part);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (output, loaded) = builder.new_output();
    let mut output = Output::from(output);
    let mut flights = Flights::new(scope, &builder.operator_info(), runtime);
    let mut alarm = Alarm::new(scope.activator_for(builder.operator_info().address));
    let workers = scope.peers();

    builder.build(move |_capabilities| {
        // They come in turns.
        let mut waiting: VecDeque<(Held, Part)> = VecDeque::new();
        let mut flying_weight = 0;
        let mut concurrency = Concurrency::new(weight_max);
        let mut resumes_at: Option<UnixTime> = None;
        let mut gauge = meter.load_weight();
        let mut done = Vec::new();
        move |_frontiers| {
            let now = meter.clock.now();
            input.for_each(|capability, parts| {
                let held = Rc::new(capability.retain(0));
                waiting.extend(parts.drain(..).map(|part| (Rc::clone(&held), part)));
            });
            loop {
                let is_shared = turns.is_shared(now);
                let waits =
                    resumes_at.filter(|_| is_shared).map_or(Duration::ZERO, |at| at.since(now));
                let weight_max = if is_shared { 0 } else { concurrency.limit() };
                while let Some((held, part)) = waiting.pop_front_if(|(_, part)| {
                    let fits = flying_weight + u64::from(part.weight) <= weight_max;
                    part.is_skipped || (waits.is_zero() && (flying_weight == 0 || fits))
                }) {
                    if part.is_skipped {
                        meter.shard_ended(ShardEnd::Skipped);
                        let (read, snapshot) = (Read::Skipped, None);
                        done.push((
                            held,
                            LoadedPart { part, read, snapshot, load: Duration::ZERO },
                        ));
                        continue;
                    }
                    flying_weight += u64::from(part.weight);
                    let span = tracing::info_span!(
                        "load_range",
                        asset = part.event.asset.0,
                        part = part.number,
                        of = part.of
                    );
                    let loading = read(Arc::clone(&store), checks, part.clone(), meter.clone());
                    flights.launch((held, part, now), loading.instrument(span));
                }
                let Some(((held, part, asked_at), (read, snapshot))) = flights.land() else {
                    break;
                };
                flying_weight -= u64::from(part.weight);
                concurrency.answered(u64::from(part.weight), asked_at, now);
                meter.shard_ended(match read {
                    Read::Whole => ShardEnd::Read,
                    Read::Changed => ShardEnd::Changed,
                    Read::Failed => ShardEnd::Failed,
                    Read::Skipped => ShardEnd::Skipped,
                });
                let load = now.since(asked_at);
                resumes_at = turns.slow_pause(load, workers, now).map(|pause| now + pause);
                done.push((held, LoadedPart { part, read, snapshot, load }));
            }
            gauge.set(concurrency.limit());
            emit(&mut output, &mut done);
            if let Some(at) = resumes_at
                && now < at
                && !waiting.is_empty()
            {
                // The fast lane may have nothing to do before that.
                alarm.ring_within(at.since(now).min(turns::LOOK), now);
            }
        }
    });
    loaded
}

async fn read(
    store: Arc<dyn SnapshotStore>,
    checks: Checks,
    part: Part,
    meter: LaneMeter,
) -> (Read, Option<Snapshot>) {
    let (asset, number) = (part.event.asset, part.number);
    let read = persist_at_most(TRIES_MAX, meter.loads, || async {
        let (owners, config_version) = (&part.owners, part.config_version);
        load_shard_with_references(&*store, checks, asset, owners, config_version).await
    });
    match read.await {
        Ok(Some(snapshot)) => (Read::Whole, Some(snapshot)),
        Ok(None) => (Read::Changed, None),
        Err(err) => {
            let error = &err as &dyn std::error::Error;
            tracing::error!(asset = asset.0, number, error, "a shard is given up");
            (Read::Failed, None)
        }
    }
}
