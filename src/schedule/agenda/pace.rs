//! How fast scans go out: what the promises need, within what the buffer allows.

use std::time::Duration;

use super::asset::State;
use super::flow::{Due, FlowId, Pace};
use super::plans::PlanProgress;
use super::{Agenda, Front, ticks};
use crate::model::UnixTime;

/// Below so many scans a second no fleet is scanned, times the buffer.
const PER_SECOND_MIN: f64 = 1.0;
/// Rates are set anew as often as slots come, but not more often than this.
const PACE_MIN: Duration = Duration::from_millis(500);

/// What waits and is due.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    pub never_scanned: usize,
    /// Scanned before, and due.
    pub due: usize,
    /// The cadence is over; also those that are under way.
    pub overdue: usize,
    /// The smallest constant rate that keeps every promise; infinite if one is broken.
    pub need_per_second: f64,
}

impl Agenda {
    /// Sets the rates anew, if it is time: looks at every slot, some 10,000 for a plan.
    ///
    /// # Panics
    /// When the clock has moved by six years since the agenda was made: another one can tell the time.
    pub fn pace(&mut self, now: UnixTime) {
        assert!(self.calendar.knows(now), "the clock has moved by years since this process began");
        self.now = self.now.max(now);
        if self.pace_from.is_some_and(|from| now < from) {
            return;
        }
        self.set_border();
        let tick = self.calendar.tick(now);
        let mut paces: Vec<(FlowId, Pace)> = Vec::new();
        let mut slot = ticks::ticks(Duration::from_secs(60));
        for id in self.flow_ids() {
            let terms = self.plans.terms(id.plan);
            slot = slot.min(terms.slot());
            paces.push((id, self.flow(id).pace(terms, tick)));
        }
        self.pace_from = Some(now + ticks::length(slot).max(PACE_MIN));
        // What the buffer adds goes to the shortest cadence first.
        let nominal: f64 = paces.iter().map(|(_, pace)| pace.nominal).sum();
        let mut spare = (self.per_second_max() - nominal).max(0.0);
        paces.sort_by_key(|(id, _)| self.plans.terms(id.plan).cadence());
        for (id, Pace { nominal, need }) in paces {
            let more = (need - nominal).clamp(0.0, spare);
            spare -= more;
            let floor = if self.has_floor { nominal } else { 0.0 };
            let per_second = ((nominal + more) * self.throttle).max(floor);
            let flow = self.flow_mut(id);
            flow.need = need;
            flow.bucket.set_rate(per_second, now);
        }
    }

    /// The buffer times what the cadences need in the long run: nothing is promised beyond that.
    pub fn per_second_max(&self) -> f64 {
        self.buffer * self.plans.nominal_per_second().max(PER_SECOND_MIN)
    }

    /// Scans a second that go out at present, as of the last [`Agenda::pace`].
    pub fn per_second(&self) -> f64 {
        self.flow_ids().map(|id| self.flow(id).bucket.per_second()).sum()
    }

    /// What a plan needs, in scans a second, and what it gets, as of the last [`Agenda::pace`].
    pub fn rates_of(&self, plan: &str) -> (f64, f64) {
        let of = self.flow_ids().filter(|id| self.plans.name(id.plan) == plan);
        of.map(|id| (self.flow(id).need, self.flow(id).bucket.per_second()))
            .fold((0.0, 0.0), |sum, rates| (sum.0 + rates.0, sum.1 + rates.1))
    }

    /// A factor for all rates, between 0 and 1: what sinks and lanes can take. What keeps assets from
    /// becoming overdue goes out all the same, unless the database is away.
    pub fn throttle(&mut self, factor: f64, is_down: bool) {
        let before = (self.throttle, self.has_floor);
        (self.throttle, self.has_floor) = (factor.clamp(0.0, 1.0), !is_down);
        if before != (self.throttle, self.has_floor) {
            self.pace_from = None;
        }
    }

    pub fn backlog(&self, now: UnixTime) -> Backlog {
        let tick = self.calendar.tick(now);
        let mut backlog = Backlog {
            overdue: self.plans.overdue(now, self.calendar) as usize,
            ..Backlog::default()
        };
        for id in self.flow_ids() {
            let Due { due, newcomers } = self.flow(id).due(self.plans.terms(id.plan), tick);
            backlog.never_scanned += newcomers;
            backlog.due += due;
            backlog.need_per_second += self.flow(id).need;
        }
        backlog
    }

    /// How fresh the assets of each plan are, by name.
    pub fn plans(&self, now: UnixTime) -> Vec<PlanProgress> {
        self.plans.progress(now, self.calendar)
    }

    /// Makes every waiting asset go out now.
    pub fn make_all_due(&mut self) {
        self.front = Front::All;
    }

    /// Forgets what is due after `now`, and makes the rest go out.
    pub fn keep_due(&mut self, now: UnixTime) {
        self.front = Front::All;
        let now = self.calendar.tick(now);
        for id in self.flow_ids() {
            let terms = *self.plans.terms(id.plan);
            let assets = &mut self.assets;
            let flow = &mut self.flows[id.number() as usize];
            for (slot, entries) in flow.ring.drain() {
                for entry in entries {
                    let mut asset = assets.get(entry.index());
                    let stamp = asset.stamp().filter(|_| !asset.is_moved());
                    let position = stamp.map(|stamp| terms.position(asset.id(), stamp));
                    if terms.target(position.unwrap_or(terms.start_of(slot))) <= now {
                        flow.ring.push(slot, entry);
                    } else if asset.is_at(entry, State::Waiting, id) {
                        asset.set_done(true);
                        assets.set(entry.index(), asset);
                    }
                }
            }
        }
    }
}
