//! A whole fleet at once, in less time than one by one.

use super::asset::Asset;
use super::flow::FlowId;
use super::ring::Entry;
use super::{Agenda, Listed};
use crate::lanes::{Expected, predict};
use crate::model::{Lane, UnixTime};

/// Those of a whole slot together take as long as one of them alone: it lies anywhere in memory. With
/// slots of a minute of a week there are ten thousand.
const ARRIVALS_MAX: usize = 1 << 16;

/// An agenda that is being filled.
#[derive(Debug)]
pub struct Filling {
    agenda: Agenda,
    arrivals: Vec<Arrival>,
}

/// An asset that waits nowhere yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) flow: FlowId,
    /// None: it was never scanned.
    pub(super) slot: Option<u32>,
    pub(super) entry: Entry,
}

impl Filling {
    pub fn new(agenda: Agenda) -> Filling {
        Filling { agenda, arrivals: Vec::with_capacity(ARRIVALS_MAX) }
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
        let (index, position) = agenda.enlist(asset, None, listed.scheduled_at, now);
        self.arrivals.push(agenda.arrival(index, position));
        if self.arrivals.len() == ARRIVALS_MAX {
            self.arrive();
        }
    }

    fn arrive(&mut self) {
        self.arrivals.sort_by_key(|arrival| (arrival.flow.number(), arrival.slot));
        for arrival in self.arrivals.drain(..) {
            self.agenda.flow_mut(arrival.flow).arrive(arrival.slot, arrival.entry);
        }
    }

    /// With all of them.
    pub fn filled(mut self) -> Agenda {
        self.arrive();
        self.agenda
    }
}

impl Agenda {
    pub(super) fn asset_of(&mut self, listed: &Listed) -> Asset {
        let plan = self.plans.id(&listed.plan, &self.cadences);
        let expected = Expected { records: listed.records, probes: 0 };
        let lane: Lane = self.lanes.choose(predict(expected), expected.probes);
        let account = (listed.account.route() >> 20) as u32;
        Asset::new(listed.asset, account, FlowId { plan, lane }, listed.records)
    }
}
