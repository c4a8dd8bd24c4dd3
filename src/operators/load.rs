//! Loads the snapshot of each asset that is asked for.
//!
//! ```text
//!  (ticket, event) --Exchange(asset)--> [load] --> Loaded, in the order of completion
//!                                          +-----> ticket, if the asset has vanished, or was handed over
//! ```

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::alarm::Alarm;
use super::emit::{Held, Output, emit};
use super::flights::Flights;
use super::line::Line;
use super::loading::Loading;
use super::persist::persist;
use super::reader::Reader;
use super::share::share;
use super::turns::Turns;
use crate::lanes::{self, Concurrency};
use crate::model::{AssetId, Epoch, HandedOver, ScanEvent, Snapshot, Ticket, UnixTime};
use crate::store::Found;
use crate::telemetry::{End, LaneMeter, Stage, Tries};

/// A scan that can be judged.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub ticket: Ticket,
    pub event: ScanEvent,
    pub snapshot: Snapshot,
}

/// How much one worker loads at once. The weight is the most: it adapts to what the database takes.
#[derive(Clone, Copy, Debug)]
pub struct LoadLimits {
    /// Assets of one query.
    pub assets_max: usize,
    /// Weight of all queries that fly; a heavier scan flies alone.
    pub weight_max: u32,
}

/// While a worker has so many queries in the air, the next one waits until it is full: small ones would make
/// room for small ones.
pub(super) const FLIGHTS_MIN: usize = 2;
/// But no longer: those that fly may be tried again and again.
const FILLS_FOR_MAX: Duration = Duration::from_millis(5);

/// A scan that meets so many times the records that were predicted is handed over.
const TOO_LARGE: u64 = 4;

struct Waiting {
    held: Held,
    ticket: Ticket,
    event: ScanEvent,
}

/// What is known of assets that have not vanished.
type Answers = BTreeMap<AssetId, Result<Snapshot, HandedOver>>;

/// Promise: each event leaves once, as a snapshot or as a ticket, however often the store fails. One whose
/// asset has more than four times the records that were predicted is handed over durably, in place of
/// being loaded.
pub fn load<'s>(
    events: StreamVec<'s, Epoch, (Ticket, ScanEvent)>,
    meter: LaneMeter,
    runtime: &Handle,
    reader: Reader,
    loading: Loading,
    limits: LoadLimits,
    turns: Turns,
) -> (StreamVec<'s, Epoch, Loaded>, StreamVec<'s, Epoch, Ticket>) {
    let (scope, lane) = (events.scope(), meter.lane);
    let mut builder = OperatorBuilder::new(format!("load({lane})"), scope);
    let by_asset = Exchange::new(|(_, event): &(Ticket, ScanEvent)| event.asset.route());
    let mut input = builder.new_input(events, by_asset);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (output, loaded) = builder.new_output();
    let mut output = Output::from(output);
    let mut flights = Flights::new(scope, &builder.operator_info(), runtime);
    let mut alarm = Alarm::new(scope.activator_for(builder.operator_info().address));

    builder.build(move |_capabilities| {
        let mut waiting = Line::default();
        let mut flying_weight = 0u64;
        let mut concurrency = Concurrency::new(limits.weight_max);
        let mut gauge = meter.load_weight();
        let mut done = Vec::new();
        let mut fills_since: Option<UnixTime> = None;
        move |_frontiers| {
            let now = meter.clock.now();
            input.for_each(|capability, events| {
                let held = Rc::new(capability.retain(0));
                for (ticket, event) in events.drain(..) {
                    let held = Rc::clone(&held);
                    waiting.push(&ticket, Waiting { held, ticket, event });
                }
            });
            loop {
                let (assets_max, weight_max) = (limits.assets_max, concurrency.limit());
                let has_filled = fills_since.is_some_and(|since| FILLS_FOR_MAX <= now.since(since));
                while (flights.len() < FLIGHTS_MIN
                    || has_filled
                    || assets_max <= waiting.len()
                    || 0 < waiting.requested())
                    && let Some(mut batch) =
                        next_batch(&mut waiting, flying_weight, assets_max, weight_max)
                {
                    fills_since = None;
                    flying_weight += weight(&batch);
                    for waiting in &mut batch {
                        loading.begins(&waiting.ticket);
                        meter.lap(Stage::LoadWait, &mut waiting.ticket, now);
                    }
                    let assets: Vec<(AssetId, u64)> = batch.iter().map(bounded).collect();
                    let span = tracing::info_span!("load", %lane, assets = assets.len());
                    let query = query(reader.clone(), assets, meter.loads.clone());
                    flights.launch((batch, now), query.instrument(span));
                }
                let Some(((batch, asked_at), mut found)) = flights.land() else { break };
                let landed_weight = weight(&batch);
                flying_weight -= landed_weight;
                concurrency.answered(landed_weight, asked_at, now);
                let all = batch.iter().map(|waiting| size(waiting, &found)).sum();
                for mut waiting in batch {
                    let (took, size) = (now.since(asked_at), size(&waiting, &found));
                    waiting.ticket.spent.load_us = share(lane, took, size, all, SMALL_SIZE);
                    meter.lap(Stage::Load, &mut waiting.ticket, now);
                    let (held, joined) = join(waiting, &mut found);
                    if let Err(ticket) = &joined {
                        let is_handed_over = ticket.handed_over.is_some();
                        meter.ended(if is_handed_over { End::HandedOver } else { End::Vanished });
                    }
                    done.push((held, joined));
                }
            }
            if !waiting.is_empty() {
                let since = *fills_since.get_or_insert(now);
                let rest = (since + FILLS_FOR_MAX).since(now);
                if !rest.is_zero() {
                    alarm.ring_within(rest, now);
                }
            }
            gauge.set(concurrency.limit());
            turns.fast_reads(flights.len() != 0);
            emit(&mut output, &mut done);
        }
    });
    loaded.ok_err(|loaded| loaded)
}

/// What a scan costs of a query beside one record, and that of a small zone.
const SCAN_SIZE: u64 = 4;
const SMALL_SIZE: u64 = SCAN_SIZE + 12;

fn size(waiting: &Waiting, found: &Answers) -> u64 {
    let records = match found.get(&waiting.event.asset) {
        Some(Ok(snapshot)) => snapshot.records() as u64,
        Some(Err(_)) | None => 0,
    };
    SCAN_SIZE + records
}

/// What goes into one query now; None if nothing waits or enough is flying. As many as may fly are not put
/// into one query: the database would rest while its answer is taken in.
fn next_batch(
    waiting: &mut Line<Waiting>,
    flying_weight: u64,
    assets_max: usize,
    weight_max: u64,
) -> Option<Vec<Waiting>> {
    let room = weight_max.saturating_sub(flying_weight);
    let batch_weight_max = room.min(weight_max / FLIGHTS_MIN as u64);
    let (mut batch, mut batch_weight) = (Vec::new(), 0);
    // What somebody waits for does not wait for the others in its query.
    let assets_max = match waiting.requested() {
        0 => assets_max,
        requested => requested.min(assets_max),
    };
    while batch.len() < assets_max {
        let Some(first) = waiting.front() else { break };
        let weight = u64::from(first.event.cost.weight);
        let fits = match batch.is_empty() {
            true => weight <= room || flying_weight == 0,
            false => batch_weight + weight <= batch_weight_max,
        };
        if !fits {
            break;
        }
        batch_weight += weight;
        batch.extend(waiting.pop_front());
    }
    (!batch.is_empty()).then_some(batch)
}

fn weight(batch: &[Waiting]) -> u64 {
    batch.iter().map(|waiting| u64::from(waiting.event.cost.weight)).sum()
}

async fn query(reader: Reader, assets: Vec<(AssetId, u64)>, tries: Tries) -> Answers {
    let found = persist(tries.clone(), || reader.load_up_to(&assets)).await;
    let too_large = found.iter().filter(|(_, found)| matches!(found, Found::TooLarge(_)));
    let too_large: Vec<AssetId> = too_large.map(|(asset, _)| *asset).collect();
    let mut requests = BTreeMap::new();
    if !too_large.is_empty() {
        requests = persist(tries, || reader.store.hand_over(&too_large)).await;
    }
    let answer = |(asset, found)| {
        let answer = match found {
            Found::Snapshot(snapshot) => Ok(snapshot),
            Found::TooLarge(records) => {
                let records = u32::try_from(records).unwrap_or(u32::MAX);
                Err(HandedOver { records, request: requests.get(&asset).copied() })
            }
        };
        (asset, answer)
    };
    found.into_iter().map(answer).collect()
}

/// What a scan may load: its credits stand for no more.
fn bounded(waiting: &Waiting) -> (AssetId, u64) {
    let ScanEvent { asset, cost, .. } = waiting.event;
    // What weighs as much as anything can was known to be large.
    let is_giant = lanes::WEIGHT_MAX <= cost.weight;
    (asset, if is_giant { u64::MAX } else { records_max(cost.weight) })
}

/// More than so many records are not what was predicted.
pub(super) fn records_max(weight: u32) -> u64 {
    u64::from(weight) * lanes::RECORDS_PER_CREDIT * TOO_LARGE
}

fn join(waiting: Waiting, found: &mut Answers) -> (Held, Result<Loaded, Ticket>) {
    let Waiting { held, mut ticket, event } = waiting;
    match found.remove(&event.asset) {
        Some(Ok(snapshot)) => (held, Ok(Loaded { ticket, event, snapshot })),
        Some(Err(handed_over)) => {
            ticket.handed_over = Some(handed_over);
            (held, Err(ticket))
        }
        None => (held, Err(ticket)),
    }
}

#[cfg(test)]
pub(super) mod tests;
