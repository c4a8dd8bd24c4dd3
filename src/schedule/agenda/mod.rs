//! When each asset of the fleet is scanned next. Pure: the same calls give the same schedule.
//!
//! ```text
//!  insert --> a ring for each plan and lane, in slots of a minute, oldest first --+--> first, take
//!    |          +-- its account is ahead of its own rate: held ------------------>+      |
//!    +--> never scanned: newcomers, behind all that is due ---------------------->+      |
//!             ^------------------------- scanned <-------------------- under way <-------+
//! ```
//! Rings are keyed by the time of the *last* scan: all assets of a plan have one cadence, so that
//! first in, first out is earliest deadline first, and a change of cadence moves nothing. The pace of
//! a flow is the smallest constant rate that keeps every promise, between its nominal rate and what
//! the buffer allows; for that to be even *and* in time a scan may go out a little early.

use std::time::Duration;

use self::asset::{Asset, Assets, State};
use self::fill::Arrival;
use self::flow::{Flow, FlowId};
use self::plans::Plans;
use self::ticks::{Calendar, Ticks};
use super::Cadences;
use crate::lanes::{Border, CostModel, Lanes};
use crate::model::{AssetId, Lane, UnixTime};

mod accounts;
mod asset;
mod cadence;
mod costs;
mod count;
mod expected;
mod fill;
mod flow;
mod listed;
mod next;
mod pace;
mod plans;
mod request;
mod ring;
mod size;
mod spread;
mod stamps;
mod terms;
mod ticks;

pub use costs::LaneSplit;
pub use expected::{Expectation, LaneExpected};
pub use fill::Filling;
pub use listed::{AssetChange, Listed};
pub use next::{First, Taken};
pub use pace::Backlog;
pub use plans::PlanProgress;
pub use request::Standing;

/// What holds back scans that may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// The rates that the promises need.
    ByNeed,
    /// Nothing: whoever asks has a rate of their own.
    Open,
}

/// From when on a scan may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// A little early, so that the pace is even.
    Early,
    /// When it has to.
    Due,
    /// At once.
    All,
}

/// Every asset of a fleet, in 26 bytes each.
#[derive(Debug)]
pub struct Agenda {
    cadences: Cadences,
    lanes: Lanes,
    border: Border,
    model: CostModel,
    calendar: Calendar,
    assets: Assets,
    count: usize,
    plans: Plans,
    /// By their numbers.
    flows: Vec<Flow>,
    pacing: Pacing,
    front: Front,
    buffer: f64,
    throttle: f64,
    /// What the cadences need goes out however low the throttle is.
    has_floor: bool,
    /// When assets that were never scanned shall be; None: behind all others, as fast as they may.
    first_within: Option<Duration>,
    /// Rates are set anew from then on; None: at once.
    pace_from: Option<UnixTime>,
    /// The latest time that was told.
    now: UnixTime,
}

impl Agenda {
    pub fn new(cadences: Cadences, lanes: Lanes, now: UnixTime) -> Agenda {
        Agenda {
            cadences,
            lanes,
            border: lanes.border(),
            model: CostModel::default(),
            calendar: Calendar::around(now),
            assets: Assets::default(),
            count: 0,
            plans: Plans::default(),
            flows: Vec::new(),
            pacing: Pacing::ByNeed,
            front: Front::Early,
            buffer: 1.2,
            throttle: 1.0,
            has_floor: true,
            first_within: None,
            pace_from: None,
            now,
        }
    }

    /// What holds back scans, and from when on they may go out.
    pub fn paced(&mut self, pacing: Pacing, front: Front) {
        (self.pacing, self.front) = (pacing, front);
    }

    /// No more scans a second than this times what the cadences need; 1.2 if nothing is said.
    pub fn set_buffer(&mut self, buffer: f64) {
        (self.buffer, self.pace_from) = (buffer, None);
    }

    /// Assets that were never scanned are scanned evenly within that time, from their insertion on.
    #[must_use]
    pub fn with_first_within(mut self, first_within: Option<Duration>) -> Agenda {
        self.first_within = first_within;
        self
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, assets: usize) {
        self.assets.reserve(assets);
    }

    /// Adds an asset, or tells what has changed about one; the stamp of a known one is kept.
    ///
    /// A stamp from the future was made before a clock was set back: it says that there was a scan,
    /// not when. So the next one is due at once, at the rate that the cadences need.
    ///
    /// # Panics
    /// If the id needs more than 48 bits, or above 536,870,912 assets.
    pub fn insert(&mut self, listed: &Listed, now: UnixTime) {
        self.now = self.now.max(now);
        let listed_as = self.asset_of(listed);
        let known = self.assets.find(listed.asset);
        let flying = known.filter(|index| self.assets.get(*index).state() == State::Flight);
        match (known.filter(|index| self.assets.get(*index).is_listed()), flying, known) {
            (Some(index), ..) => self.relist(index, listed_as),
            // Removed and added again before its scan has come back.
            (None, Some(index), _) => {
                let mut asset = self.assets.get(index);
                asset.set_removed(false);
                self.assets.set(index, asset);
                self.count_in(asset);
                self.relist(index, listed_as);
            }
            (None, None, gone) => {
                let (index, position) = self.enlist(listed_as, gone, listed.scheduled_at, now);
                let id = listed_as.flow();
                self.flow_mut(id).accounts.add(listed_as.account());
                self.grow_accounts(id);
                self.wait(index, position);
            }
        }
    }

    /// Adds an asset, which waits nowhere yet and whose account is not counted; returns its index and where it shall wait.
    fn enlist(
        &mut self,
        mut asset: Asset,
        gone: Option<u32>,
        scheduled_at: Option<UnixTime>,
        now: UnixTime,
    ) -> (u32, Option<Ticks>) {
        let id = asset.flow();
        asset.set_stamp(scheduled_at.map(|at| self.calendar.tick(at.min(now))));
        let is_ahead = scheduled_at.is_some_and(|at| now < at);
        asset.set_moved(is_ahead);
        self.count_asset(asset);
        let index = match gone {
            Some(index) => {
                self.assets.set(index, asset);
                index
            }
            None => self.assets.add(asset),
        };
        let position = match asset.stamp() {
            Some(_) if is_ahead => {
                let terms = self.plans.terms(id.plan);
                Some(terms.position_due(f64::from(self.calendar.tick(now))))
            }
            Some(stamp) => Some(self.plans.terms(id.plan).position(asset.id(), stamp)),
            None => self.first_within.map(|within| self.position_within(id, asset, within)),
        };
        (index, position)
    }

    /// A known asset has another account, plan or number of records.
    fn relist(&mut self, index: u32, listed_as: Asset) {
        let mut asset = self.assets.get(index);
        let resized = self.resized(asset, listed_as);
        let id = FlowId { lane: resized.lane(), ..listed_as.flow() };
        let moves = asset.flow() != id || asset.account() != listed_as.account();
        if !moves {
            let work = &mut self.flow_mut(id).work;
            work.remove(asset.cost_class());
            work.add(resized.cost_class());
            return self.assets.set(index, resized);
        }
        self.leave(asset);
        self.count_out(asset);
        asset = resized;
        asset.set_flow(id);
        asset.set_account(listed_as.account());
        self.count_in(asset);
        self.assets.set(index, asset);
        if asset.state() != State::Flight {
            self.wait_anew(index);
        }
    }

    /// Puts an asset that has left its place where its stamp says.
    fn wait_anew(&mut self, index: u32) {
        let mut asset = self.assets.get(index);
        asset.set_state(State::Waiting);
        asset.set_moved(false);
        self.assets.set(index, asset);
        let id = asset.flow();
        let terms = self.plans.terms(id.plan);
        let position = match asset.stamp() {
            Some(stamp) => Some(terms.position(asset.id(), stamp)),
            None => self.first_within.map(|within| self.position_within(id, asset, within)),
        };
        self.wait(index, position);
    }

    /// One that is under way is forgotten when it comes back.
    pub fn remove(&mut self, asset: AssetId) {
        let Some(index) = self.assets.find(asset) else { return };
        let mut asset = self.assets.get(index);
        if !asset.is_listed() {
            return;
        }
        self.leave(asset);
        self.count_out(asset);
        if asset.state() == State::Flight {
            asset.set_removed(true);
            self.assets.set(index, asset);
        } else {
            self.assets.release(index);
        }
    }

    /// A scan that went out at `scheduled_at` is complete. The asset waits again, or, unless it `waits`,
    /// does not.
    pub fn scanned(&mut self, taken: Taken, scheduled_at: UnixTime, waits: bool) {
        let Taken(index) = taken;
        let mut asset = self.assets.get(index);
        if asset.is_removed() {
            self.assets.release(index);
            return;
        }
        let (id, before) = (asset.flow(), asset.stamp());
        let stamp = self.calendar.tick(scheduled_at);
        self.plans.remove(id.plan, before.map(|stamp| self.calendar.time(stamp)));
        self.plans.add(id.plan, Some(self.calendar.time(stamp)));
        asset.set_state(State::Waiting);
        asset.set_stamp(Some(stamp));
        asset.set_moved(before.is_none());
        asset.set_done(!waits);
        self.assets.set(index, asset);
        if waits {
            let position = match before {
                Some(_) => self.plans.terms(id.plan).position(asset.id(), stamp),
                None => self.position_after_first(id, stamp),
            };
            self.wait(index, Some(position));
        }
    }

    /// Puts an asset into the ring of its flow, or, without a position, among its newcomers.
    fn wait(&mut self, index: u32, position: Option<Ticks>) {
        let Arrival { flow, slot, entry, .. } = self.arrival(index, position);
        self.flow_mut(flow).arrive(slot, entry);
    }

    /// The entry of an asset that counts from now on, and where it belongs.
    fn arrival(&mut self, index: u32, position: Option<Ticks>) -> Arrival {
        let mut asset = self.assets.get(index);
        let (flow, account, entry) = (asset.flow(), asset.account(), asset.next_entry(index));
        self.assets.set(index, asset);
        let terms = self.plans.terms(flow.plan);
        let position_min = terms.position_min(self.calendar.tick(self.now));
        let slot = position.map(|position| terms.slot_of(position.max(position_min)));
        Arrival { flow, account, slot, entry }
    }

    fn flow(&self, id: FlowId) -> &Flow {
        &self.flows[id.number() as usize]
    }

    fn flow_mut(&mut self, id: FlowId) -> &mut Flow {
        let number = id.number() as usize;
        if self.flows.len() <= number {
            self.flows.resize_with(number + 1, Flow::default);
        }
        &mut self.flows[number]
    }

    fn flows_of(&self, lane: Lane) -> impl Iterator<Item = FlowId> + use<> {
        let flows = self.flows.len();
        let ids = self.plans.ids().map(move |plan| FlowId { plan, lane });
        ids.filter(move |id| (id.number() as usize) < flows)
    }

    fn flow_ids(&self) -> impl Iterator<Item = FlowId> + use<> {
        Lane::ALL.map(|lane| self.flows_of(lane)).into_iter().flatten()
    }

    pub fn waiting(&self, lane: Lane) -> usize {
        self.flows_of(lane).map(|id| self.flow(id).waiting()).sum()
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes held, by capacity.
    pub fn bytes(&self) -> usize {
        let flows: usize = self.flows.iter().map(Flow::bytes).sum();
        self.assets.bytes() + flows
    }
}

#[cfg(test)]
mod tests;
