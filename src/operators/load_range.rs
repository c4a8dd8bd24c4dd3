//! Reads shards, each on any worker, and zones that were not cut, some of them together. Beside the fast
//! lane one after the other, with pauses: the database is what the lanes share most.
//!
//! ```text
//!  Part --Exchange(scan, number)--> [load_range] --> LoadedPart, in the order of completion
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
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
use super::load::{FLIGHTS_MIN, LoadLimits, records_max};
use super::part::{Attempt, LoadedPart, Part, Plan, Read};
use super::persist::persist_at_most;
use super::reader::Reader;
use super::turns::{self, Pause, Turns};
use crate::lanes::Concurrency;
use crate::model::{AssetId, Epoch, Origin, Snapshot};
use crate::store::Found;
use crate::telemetry::{LaneMeter, ShardEnd, Stage};

/// A shard that could not be read so often, by a store that could be reached, is given up.
const TRIES_MAX: u32 = 5;

/// How much one worker reads at once.
#[derive(Clone, Copy, Debug)]
pub struct RangeLimits {
    /// Of a query: zones that are not cut.
    pub load: LoadLimits,
    /// A zone with more has to be cut, as one with four times the records that were predicted.
    pub shard_records: usize,
}

/// Promise: each part leaves once, read or not.
pub fn load_range<'s>(
    parts: StreamVec<'s, Epoch, Part>,
    meter: LaneMeter,
    runtime: &Handle,
    reader: Reader,
    limits: RangeLimits,
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
    turns.slow_reads(scope.activator_for(builder.operator_info().address));
    let workers = scope.peers();

    builder.build(move |_capabilities| {
        // They come in turns.
        let mut waiting: VecDeque<(Held, Part)> = VecDeque::new();
        let mut flying_weight = 0;
        let mut concurrency = Concurrency::new(limits.load.weight_max);
        let mut pause: Option<Pause> = None;
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
                let rest = pause.filter(|_| is_shared);
                let rest = rest.map_or(Duration::ZERO, |pause| turns.rest(pause, now));
                let weight_max = if is_shared { 0 } else { concurrency.limit() };
                loop {
                    while let Some((held, part)) = waiting.pop_front_if(|(_, part)| part.is_skipped)
                    {
                        meter.shard_ended(ShardEnd::Skipped);
                        let (read, snapshot, load) = (Read::Skipped, None, Duration::ZERO);
                        done.push((held, LoadedPart { part, read, snapshot, load }));
                    }
                    let room = Room { flying_weight, weight_max, flights: flights.len() };
                    let batch_len = room.next_batch(&waiting, limits.load.assets_max);
                    if batch_len == 0 || !rest.is_zero() {
                        break;
                    }
                    let batch: Vec<(Held, Part)> = waiting.drain(..batch_len).collect();
                    flying_weight += weight(&batch);
                    let parts = batch.iter().map(|(_, part)| part.clone()).collect();
                    let reading = read(reader.clone(), parts, limits, meter.clone());
                    flights.launch((batch, now), reading);
                }
                let Some(((batch, asked_at), answers)) = flights.land() else { break };
                let (all, took) = (weight(&batch), now.since(asked_at));
                flying_weight -= all;
                concurrency.answered(all, asked_at, now);
                pause = turns.slow_pause(took, workers, now);
                for ((held, mut part), (read, snapshot)) in batch.into_iter().zip(answers) {
                    meter.shard_ended(match read {
                        Read::Whole => ShardEnd::Read,
                        Read::Changed => ShardEnd::Changed,
                        Read::Failed => ShardEnd::Failed,
                        Read::Skipped => ShardEnd::Skipped,
                    });
                    if part.attempt == Attempt::Whole
                        && let Some(found) = &snapshot
                    {
                        let (kind, config_version) = (found.kind(), found.config_version());
                        part.plan = Some(Plan { kind, config_version });
                        meter.lap(Stage::Load, &mut part.ticket, now);
                    }
                    let load = took.mul_f64(f64::from(part.weight) / all as f64);
                    done.push((held, LoadedPart { part, read, snapshot, load }));
                }
            }
            gauge.set(concurrency.limit());
            emit(&mut output, &mut done);
            if let Some(pause) = pause
                && !waiting.is_empty()
                && let rest = turns.rest(pause, now)
                && !rest.is_zero()
            {
                // The fast lane may have nothing to do before that.
                alarm.ring_within(rest.min(turns::LOOK), now);
            }
        }
    });
    loaded
}

/// What flies, and how much may.
struct Room {
    flying_weight: u64,
    weight_max: u64,
    flights: usize,
}

impl Room {
    /// How many of those that wait make the next query: one shard, or zones that are not cut. 0: none may
    /// fly now.
    fn next_batch(&self, waiting: &VecDeque<(Held, Part)>, assets_max: usize) -> usize {
        let Some((_, first)) = waiting.front() else { return 0 };
        let mut weight = self.flying_weight + u64::from(first.weight);
        if 0 < self.flying_weight && self.weight_max < weight {
            return 0;
        }
        if first.attempt != Attempt::Whole {
            return 1;
        }
        let rest = waiting.iter().take(assets_max).skip(1).take_while(|(_, part)| {
            weight += u64::from(part.weight);
            part.attempt == Attempt::Whole && weight <= self.weight_max
        });
        let batch = 1 + rest.count();
        let is_awaited = first.ticket.origin == Origin::Request;
        match self.flights < FLIGHTS_MIN || is_awaited || batch == assets_max {
            true => batch,
            false => 0,
        }
    }
}

fn weight(batch: &[(Held, Part)]) -> u64 {
    batch.iter().map(|(_, part)| u64::from(part.weight)).sum()
}

/// In the order of the parts: one shard, or zones that are not cut.
async fn read(
    reader: Reader,
    parts: Vec<Part>,
    limits: RangeLimits,
    meter: LaneMeter,
) -> Vec<(Read, Option<Snapshot>)> {
    match &parts[..] {
        [part] if part.attempt != Attempt::Whole => {
            let span = tracing::info_span!(
                "load_range",
                asset = part.event.asset.0,
                part = part.number,
                of = part.of
            );
            vec![read_shard(reader, part, meter).instrument(span).await]
        }
        zones => {
            let span = tracing::info_span!("load", lane = %meter.lane, assets = zones.len());
            read_whole(reader, zones, limits, meter).instrument(span).await
        }
    }
}

async fn read_shard(reader: Reader, part: &Part, meter: LaneMeter) -> (Read, Option<Snapshot>) {
    let (asset, number) = (part.event.asset, part.number);
    let Some(Plan { config_version, .. }) = part.plan else { return (Read::Changed, None) };
    let read = persist_at_most(TRIES_MAX, meter.loads, || {
        reader.load_shard(asset, &part.owners, config_version)
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

/// What is too large, has vanished or cannot be read is left to be planned.
async fn read_whole(
    reader: Reader,
    zones: &[Part],
    limits: RangeLimits,
    meter: LaneMeter,
) -> Vec<(Read, Option<Snapshot>)> {
    // As in the fast lane: their credits stand for no more.
    let bounded =
        |part: &Part| (part.event.asset, records_max(part.weight).min(limits.shard_records as u64));
    let assets: Vec<(AssetId, u64)> = zones.iter().map(bounded).collect();
    let found = persist_at_most(TRIES_MAX, meter.loads, || reader.load_up_to(&assets));
    let mut found = match found.await {
        Ok(found) => found,
        Err(err) => {
            let error = &err as &dyn std::error::Error;
            tracing::error!(zones = zones.len(), error, "read shard by shard instead");
            BTreeMap::new()
        }
    };
    let answer = |asset| match found.remove(asset) {
        Some(Found::Snapshot(snapshot)) => (Read::Whole, Some(snapshot)),
        Some(Found::TooLarge(_)) | None => (Read::Changed, None),
    };
    assets.iter().map(|(asset, _)| asset).map(answer).collect()
}
