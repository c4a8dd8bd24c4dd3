//! Many assets at once: a whole fleet, in less time than one by one.

use super::asset::TOGETHER;
use super::flow::FlowId;
use super::{Agenda, Listed};
use crate::lanes::{Expected, predict};
use crate::model::{Lane, UnixTime};

impl Agenda {
    /// [`Agenda::insert`] of each of them, faster if most are new.
    pub fn insert_all(&mut self, listed: &[Listed], now: UnixTime) {
        for together in listed.chunks(TOGETHER) {
            together.iter().for_each(|listed| self.touch(listed));
            together.iter().for_each(|listed| self.insert(listed, now));
        }
    }

    /// Brings near what an asset is inserted into: it lies anywhere in memory.
    fn touch(&self, listed: &Listed) {
        let Some(plan) = self.plans.find(&listed.plan) else { return };
        let Some(scheduled_at) = listed.scheduled_at else { return };
        let flow = FlowId { plan, lane: self.lane_of(listed) };
        let Some(flow) = self.flows.get(flow.number() as usize) else { return };
        let (terms, stamp) = (self.plans.terms(plan), self.calendar.tick(scheduled_at));
        flow.accounts.touch(hash_of_account(listed));
        flow.ring.touch(terms.slot_of(terms.position(listed.asset, stamp)));
    }

    pub(super) fn lane_of(&self, listed: &Listed) -> Lane {
        let expected = Expected { records: listed.records, probes: 0 };
        self.lanes.choose(predict(expected), expected.probes)
    }
}

pub(super) fn hash_of_account(listed: &Listed) -> u32 {
    (listed.account.route() >> 20) as u32
}
