//! A whole fleet at once, in less time than one by one.

use super::asset::Asset;
use super::flow::FlowId;
use super::ring::Entry;
use super::{Agenda, Listed};
use crate::model::{CostClass, Measured, UnixTime};

/// What lies anywhere in memory is asked for together: the counts of so many accounts, and the slots of
/// so many assets in their order. Slots of a minute of a week are ten thousand.
const ARRIVALS_MAX: usize = 1 << 16;

/// An agenda that is being filled.
#[derive(Debug)]
pub struct Filling {
    agenda: Agenda,
    arrivals: Vec<Arrival>,
    /// Numbers of arrivals by their flows and slots, as one number each, which sorts in less time than the
    /// arrivals do.
    order: Vec<u64>,
}

/// An asset that waits nowhere yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) flow: FlowId,
    pub(super) account: u32,
    /// None: it was never scanned.
    pub(super) slot: Option<u32>,
    pub(super) entry: Entry,
}

impl Filling {
    pub fn new(agenda: Agenda) -> Filling {
        Filling { agenda, arrivals: Vec::new(), order: Vec::new() }
    }

    /// As [`Agenda::insert`].
    pub fn insert(&mut self, listed: &Listed, now: UnixTime) {
        if self.agenda.assets.find(listed.asset).is_some() {
            // It may be one of those.
            self.arrive();
            return self.agenda.insert(listed, now);
        }
        let agenda = &mut self.agenda;
        agenda.now = agenda.now.max(now);
        let asset = agenda.asset_of(listed);
        if asset.history().is_known() {
            agenda.model.observe_time(listed.records, 0, asset.history().us());
        }
        let (index, position) = agenda.enlist(asset, None, listed.scheduled_at, now);
        self.arrivals.push(agenda.arrival(index, position));
        if self.arrivals.len() == ARRIVALS_MAX {
            self.arrive();
        }
    }

    fn arrive(&mut self) {
        for Arrival { flow, account, .. } in &self.arrivals {
            self.agenda.flow_mut(*flow).accounts.add(*account);
        }
        self.agenda.flow_ids().for_each(|id| self.agenda.grow_accounts(id));
        let place = |(n, arrival): (u64, &Arrival)| {
            let flow = u64::from(arrival.flow.number());
            flow << 48 | u64::from(arrival.slot.unwrap_or_default()) << 16 | n
        };
        self.order.extend((0..).zip(&self.arrivals).map(place));
        self.order.sort_unstable();
        for place in self.order.drain(..) {
            let Arrival { flow, slot, entry, .. } = self.arrivals[place as usize % ARRIVALS_MAX];
            self.agenda.flow_mut(flow).arrive(slot, entry);
        }
        self.arrivals.clear();
    }

    /// With all of them, each in its lane.
    pub fn filled(mut self) -> Agenda {
        self.arrive();
        self.agenda.settle();
        self.agenda
    }
}

impl Agenda {
    /// Accounts are told apart better, once there are twice as many assets.
    pub(super) fn grow_accounts(&mut self, id: FlowId) {
        let flow = &mut self.flows[id.number() as usize];
        if flow.accounts.are_few_for(flow.assets) {
            let listed = self.assets.listed().filter(|asset| asset.flow() == id);
            flow.accounts.grow(flow.assets, listed.map(Asset::account));
        }
    }

    pub(super) fn asset_of(&mut self, listed: &Listed) -> Asset {
        let plan = self.plans.id(&listed.plan, &self.cadences);
        let (cost, lane) = match listed.measured {
            Some(Measured { cost, lane }) => (cost, self.lane_again(lane, cost)),
            None => {
                let prior_us = self.model.prior_us(listed.records, 0);
                (CostClass::of_us(prior_us), self.border.choose(prior_us, 0))
            }
        };
        let account = (listed.account.route() >> 20) as u32;
        let flow = FlowId { plan, lane };
        let mut asset = Asset::new(listed.asset, account, flow, listed.records);
        asset.set_cost(cost, listed.measured.is_some());
        asset
    }
}
