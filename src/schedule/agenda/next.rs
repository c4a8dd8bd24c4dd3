//! Which asset of a lane goes out next, and when.

use std::time::Duration;

use super::asset::State;
use super::flow::FlowId;
use super::ring::Entry;
use super::terms::Terms;
use super::ticks::Ticks;
use super::{Agenda, Front, Pacing};
use crate::model::{AssetId, Cost, Lane, UnixTime};

/// An asset that may go out now; good until the agenda changes.
#[derive(Clone, Copy, Debug)]
pub struct First {
    pub asset: AssetId,
    pub cost: Cost,
    /// It was never scanned, and goes behind all others, without a pace.
    pub is_new: bool,
    /// How many cadences its last scan is ago, about, as it was spread; none for a new one, which comes
    /// after the others.
    pub age_in_cadences: f64,
    /// The part of its promise that is over: above 1 it is late. 0 for one that was never scanned.
    pub over_promise: f64,
    /// Since when it may go out; None: since nobody holds it back, as for one that was never scanned.
    pub due_at: Option<UnixTime>,
    flow: FlowId,
    waits: Waits,
    slot: u32,
    entry: Entry,
}

/// An asset whose scan is under way, by its place in the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Taken(pub(super) u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Ring,
    Held,
    Newcomers,
}

/// Where the oldest of a flow waits: of several flows one alone becomes a [`First`].
#[derive(Clone, Copy, Debug)]
struct Scanned {
    flow: FlowId,
    waits: Waits,
    slot: u32,
    entry: Entry,
    age_in_cadences: f64,
}

impl Agenda {
    /// The asset of the lane that goes out next, if one may go out now: of the flows whose pace allows
    /// it the one that is oldest by its cadence; else one that was never scanned.
    pub fn first(&mut self, lane: Lane, now: UnixTime) -> Option<First> {
        let mut first: Option<Scanned> = None;
        for flow in self.flows_of(lane) {
            let older_than = first.map_or(f64::NEG_INFINITY, |first| first.age_in_cadences);
            if self.has_token(flow, now) {
                first = self.first_scanned(flow, older_than, now).or(first);
            }
        }
        let first = first.map(|first| self.describe(first, now));
        first.or_else(|| self.flows_of(lane).find_map(|flow| self.first_newcomer(flow)))
    }

    /// Takes an asset out of those that wait, until [`Agenda::scanned`].
    pub fn take(&mut self, first: &First, now: UnixTime) -> Taken {
        let First { flow: id, entry, .. } = *first;
        let index = entry.index();
        let mut asset = self.assets.get(index);
        match first.waits {
            Waits::Ring => {
                if self.flow(id).accounts.is_large(asset.account()) {
                    let (due, period) = (self.start_of(id, first.slot), self.account_period(id));
                    self.flow_mut(id).accounts.charge(asset.account(), due, period);
                }
                self.flow_mut(id).ring.pop(true);
                self.touch_soon(id);
            }
            Waits::Held => {
                let flow = self.flow_mut(id);
                flow.held.pop(true);
                flow.held_count -= 1;
            }
            Waits::Newcomers => {
                let flow = self.flow_mut(id);
                flow.newcomers.pop_front();
                flow.newcomers_count -= 1;
            }
        }
        if first.waits != Waits::Newcomers && self.pacing == Pacing::ByNeed {
            self.flow_mut(id).bucket.take(now);
        }
        asset.set_state(State::Flight);
        self.assets.set(index, asset);
        Taken(index)
    }

    /// Brings near what [`Agenda::scanned`] asks for.
    pub fn touch(&self, taken: Taken) {
        self.assets.touch(taken.0);
    }

    fn touch_soon(&self, id: FlowId) {
        self.flow(id).ring.soon().iter().for_each(|entry| self.assets.touch(entry.index()));
    }

    /// How long until [`Agenda::first`] has one; None if nothing waits.
    pub fn until_first(&mut self, lane: Lane, now: UnixTime) -> Option<Duration> {
        let mut least: Option<Duration> = None;
        for flow in self.flows_of(lane) {
            let wait = match self.first_newcomer(flow) {
                Some(_) => Some(Duration::ZERO),
                None => self.until_first_scanned(flow, now),
            };
            least = [least, wait].into_iter().flatten().min();
        }
        least
    }

    fn until_first_scanned(&mut self, id: FlowId, now: UnixTime) -> Option<Duration> {
        let from = match self.flow(id).held_count {
            0 => {
                let slot = self.front_slot(id)?;
                self.slot_opens_at(self.plans.terms(id.plan), slot)
            }
            _ => now,
        };
        let token = match self.pacing {
            Pacing::ByNeed => self.flow(id).bucket.until_next(now),
            Pacing::Open => Duration::ZERO,
        };
        Some(from.since(now).max(token))
    }

    fn has_token(&self, id: FlowId, now: UnixTime) -> bool {
        let flow = self.flow(id);
        let waits = 0 < flow.ring.live() + flow.held_count;
        waits && (self.pacing == Pacing::Open || flow.bucket.has_one(now))
    }

    /// The oldest of the flow that may go out, if it is older than that. One whose account is ahead of its
    /// own rate is held until the front of the ring has come to its tag, or until nothing else may go.
    fn first_scanned(&mut self, id: FlowId, older_than: f64, now: UnixTime) -> Option<Scanned> {
        let terms = *self.plans.terms(id.plan);
        loop {
            let ring = self.flow_mut(id).ring.first();
            let ring = ring.filter(|(slot, _)| self.slot_opens_at(&terms, *slot) <= now);
            let held = self.flow_mut(id).held.first();
            let (tag, entry, waits) = match (ring, held) {
                (None, None) => return None,
                (Some((slot, entry)), held) if held.is_none_or(|(tag, _)| slot < tag) => {
                    (slot, entry, Waits::Ring)
                }
                (_, Some((tag, entry))) => (tag, entry, Waits::Held),
                (Some(_), None) => unreachable!("taken by the case before"),
            };
            let age = self.calendar.ticks_since(terms.start_of(tag), now);
            let age_in_cadences = age / f64::from(terms.cadence_ticks());
            // Those behind it are younger.
            if age_in_cadences <= older_than {
                return None;
            }
            let index = entry.index();
            let mut asset = self.assets.get(index);
            let state = if waits == Waits::Ring { State::Waiting } else { State::Held };
            if !asset.is_at(entry, state, id) {
                let flow = self.flow_mut(id);
                if waits == Waits::Ring {
                    flow.ring.pop(false)
                } else {
                    flow.held.pop(false)
                }
                continue;
            }
            if waits == Waits::Ring && self.flow(id).accounts.is_large(asset.account()) {
                let (due, period) = (f64::from(terms.start_of(tag)), self.account_period(id));
                let flow = self.flow_mut(id);
                let may_go = flow.accounts.tag(asset.account(), due, period);
                let slot = terms.slot_of(may_go as Ticks);
                if tag < slot {
                    flow.accounts.charge(asset.account(), due, period);
                    asset.set_state(State::Held);
                    flow.ring.pop(true);
                    flow.held.push(slot, entry);
                    flow.held_count += 1;
                    self.assets.set(index, asset);
                    continue;
                }
            }
            return Some(Scanned { flow: id, waits, slot: tag, entry, age_in_cadences });
        }
    }

    fn describe(&self, scanned: Scanned, now: UnixTime) -> First {
        let Scanned { flow, waits, slot, entry, age_in_cadences } = scanned;
        let (asset, terms) = (self.assets.get(entry.index()), self.plans.terms(flow.plan));
        let over_promise = asset.stamp().map(|stamp| {
            let promised = f64::from(terms.promise(stamp) - stamp);
            self.calendar.ticks_since(stamp, now) / promised
        });
        First {
            asset: asset.id(),
            cost: asset.predict(&self.model),
            is_new: waits == Waits::Newcomers,
            age_in_cadences,
            over_promise: over_promise.unwrap_or_default(),
            due_at: (waits == Waits::Ring).then(|| self.slot_opens_at(terms, slot)),
            flow,
            waits,
            slot,
            entry,
        }
    }

    fn first_newcomer(&mut self, id: FlowId) -> Option<First> {
        loop {
            let entry = *self.flow(id).newcomers.front()?;
            let asset = self.assets.get(entry.index());
            if !asset.is_at(entry, State::Waiting, id) {
                self.flow_mut(id).newcomers.pop_front();
                continue;
            }
            return Some(First {
                asset: asset.id(),
                cost: asset.predict(&self.model),
                is_new: true,
                age_in_cadences: f64::NEG_INFINITY,
                over_promise: 0.0,
                due_at: None,
                flow: id,
                waits: Waits::Newcomers,
                slot: 0,
                entry,
            });
        }
    }

    fn front_slot(&mut self, id: FlowId) -> Option<u32> {
        self.flow_mut(id).ring.first().map(|(slot, _)| slot)
    }

    fn start_of(&self, id: FlowId, slot: u32) -> f64 {
        f64::from(self.plans.terms(id.plan).start_of(slot))
    }

    /// From when on all of a slot may go out.
    fn slot_opens_at(&self, terms: &Terms, slot: u32) -> UnixTime {
        let end = terms.start_of(slot.saturating_add(1)).saturating_sub(1);
        self.calendar.time(match self.front {
            Front::Early => terms.earliest(end),
            Front::Due => terms.target(end),
            Front::All => 0,
        })
    }

    /// The time between two scans of an account with one asset.
    fn account_period(&self, id: FlowId) -> f64 {
        self.plans.terms(id.plan).period() / self.buffer
    }
}
