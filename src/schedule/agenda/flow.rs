//! The assets of one plan in one lane: a flow with a pace of its own.

use std::collections::VecDeque;

use super::accounts::Accounts;
use super::plans::PlanId;
use super::ring::{Entry, Ring};
use super::terms::Terms;
use super::ticks::{Ticks, seconds};
use crate::lanes::Work;
use crate::model::Lane;
use crate::schedule::TokenBucket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlowId {
    pub(super) plan: PlanId,
    pub(super) lane: Lane,
}

impl FlowId {
    pub(super) fn number(self) -> u32 {
        u32::from(self.plan.0) * Lane::ALL.len() as u32 + self.lane as u32
    }
}

#[derive(Debug)]
pub(super) struct Flow {
    /// By when they were scanned last, each slot a minute or less.
    pub(super) ring: Ring,
    /// Due, while their accounts are ahead of their own rates: by the tags of these.
    pub(super) held: Ring,
    pub(super) held_count: usize,
    /// Never scanned.
    pub(super) newcomers: VecDeque<Entry>,
    pub(super) newcomers_count: usize,
    /// Assets that have been scanned for the first time.
    pub(super) first_scans: u64,
    /// Of the plan in this lane, wherever they are.
    pub(super) assets: usize,
    pub(super) accounts: Accounts,
    /// What a scan of each of them costs.
    pub(super) work: Work,
    /// What its promises need, as of the last look.
    pub(super) need: f64,
    pub(super) bucket: TokenBucket,
}

impl Default for Flow {
    fn default() -> Flow {
        Flow {
            ring: Ring::default(),
            held: Ring::default(),
            held_count: 0,
            newcomers: VecDeque::new(),
            newcomers_count: 0,
            first_scans: 0,
            assets: 0,
            accounts: Accounts::default(),
            work: Work::default(),
            need: 0.0,
            bucket: TokenBucket::new(0.0),
        }
    }
}

/// Scans a second of one flow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pace {
    /// Keeps every promise of an even fleet, each scan going out a little before.
    pub(super) nominal: f64,
    /// The smallest constant rate that keeps every promise from now on; infinite if one is broken.
    pub(super) need: f64,
}

/// What waits of a flow and is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) due: usize,
    pub(super) newcomers: usize,
}

impl Flow {
    /// An asset waits in that slot, or, without one, among the newcomers.
    pub(super) fn arrive(&mut self, slot: Option<u32>, entry: Entry) {
        match slot {
            Some(slot) => self.ring.push(slot, entry),
            None => {
                self.newcomers.push_back(entry);
                self.newcomers_count += 1;
            }
        }
    }

    /// Looks at every slot: the greatest `assets due by then / time until then`.
    pub(super) fn pace(&self, terms: &Terms, now: Ticks) -> Pace {
        // What is due at once may take half of the time until its promise is broken.
        let at_once = terms.slack() / 2.0;
        let mut due = self.held_count as f64;
        let mut need = due / at_once;
        for (slot, live) in self.ring.live_by_slot().filter(|(_, live)| *live != 0) {
            due += f64::from(live);
            let position = terms.start_of(slot);
            if terms.promise(position) <= now {
                need = f64::INFINITY;
                break;
            }
            let left = f64::from(terms.target(position)) - f64::from(now);
            need = need.max(due / left.max(at_once));
        }
        Pace { nominal: self.assets as f64 / seconds(terms.period()), need: need / seconds(1.0) }
    }

    pub(super) fn due(&self, terms: &Terms, now: Ticks) -> Due {
        let slots = self.ring.live_by_slot();
        let due = slots.take_while(|(slot, _)| terms.target(terms.start_of(*slot)) <= now);
        let due: usize = due.map(|(_, live)| live as usize).sum();
        Due { due: due + self.held_count, newcomers: self.newcomers_count }
    }

    pub(super) fn waiting(&self) -> usize {
        self.ring.live() + self.held_count + self.newcomers_count
    }

    /// Bytes held, by capacity.
    pub(super) fn bytes(&self) -> usize {
        self.ring.bytes()
            + self.held.bytes()
            + self.accounts.bytes()
            + self.work.bytes()
            + self.newcomers.capacity() * size_of::<Entry>()
            + size_of::<Flow>()
    }
}
