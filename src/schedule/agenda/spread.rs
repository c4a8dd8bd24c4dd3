//! Makes due times even, and none of them later.

use std::time::Duration;

use super::Agenda;
use super::asset::{Asset, Assets, State, TOGETHER};
use super::flow::FlowId;
use super::ring::{Entry, Slot};
use super::ticks::Ticks;
use crate::model::UnixTime;

/// Multiples of this, without their whole parts, are spread more evenly than any random numbers: at
/// any moment no gap between them is more than 2.6 times another one. The golden ratio.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl Agenda {
    /// Parts assets that were scanned together: in the order of age the k-th of n is due no later than
    /// k / n of a period from now. Never later than before, and as even as it can be. Those that
    /// were never scanned go out in the order of a hash.
    pub fn spread(&mut self, now: UnixTime) {
        let now = self.calendar.tick(now);
        for id in self.flow_ids() {
            self.spread_flow(id, now);
        }
        self.pace_from = None;
    }

    fn spread_flow(&mut self, id: FlowId, now: Ticks) {
        let terms = *self.plans.terms(id.plan);
        let assets = &mut self.assets;
        let waits = |assets: &Assets, entry: Entry| {
            assets.get(entry.index()).is_at(entry, State::Waiting, id)
        };
        let flow = &mut self.flows[id.number() as usize];
        let mut newcomers = std::mem::take(&mut flow.newcomers);
        newcomers.retain(|entry| waits(assets, *entry));
        newcomers.make_contiguous().sort_unstable_by_key(|entry| shuffle(*entry));
        (flow.newcomers_count, flow.newcomers) = (newcomers.len(), newcomers);

        let every = terms.period() / flow.ring.live().max(1) as f64;
        let mut rank = 0.0;
        for (slot, Slot { mut entries, live }) in flow.ring.drain_slots() {
            // To look at all assets takes longer than all the rest.
            if (live as usize) < entries.len() {
                entries.retain(|entry| waits(assets, *entry));
            }
            entries.sort_unstable_by_key(|entry| shuffle(*entry));
            let latest =
                |rank: f64| terms.slot_of(terms.position_due(f64::from(now) + every * rank));
            for together in entries.chunks(TOGETHER) {
                if latest(rank) < slot {
                    together.iter().for_each(|entry| assets.touch(entry.index()));
                }
                for entry in together {
                    let latest = latest(rank);
                    rank += 1.0;
                    if latest < slot && waits(assets, *entry) {
                        let mut asset = assets.get(entry.index());
                        asset.set_moved(true);
                        assets.set(entry.index(), asset);
                    }
                    flow.ring.push(latest.min(slot), *entry);
                }
            }
        }
    }

    /// Where an asset waits after its first scan. Assets that were scanned for the first time one after
    /// another would come back together: each has its first period cut short, by another share.
    pub(super) fn position_after_first(&mut self, id: FlowId, scheduled_at: Ticks) -> Ticks {
        let share = self.next_share(id);
        let terms = self.plans.terms(id.plan);
        terms.position_due(f64::from(scheduled_at) + terms.period() * share)
    }

    /// Where an asset waits that was parted from others and has left its place: anywhere before it is
    /// due.
    pub(super) fn position_before(&mut self, id: FlowId, own: Ticks) -> Ticks {
        let share = self.next_share(id);
        let (terms, now) = (self.plans.terms(id.plan), f64::from(self.calendar.tick(self.now)));
        let left = (f64::from(terms.target(own)) - now).max(0.0);
        terms.position_due(now + left * share).min(own)
    }

    /// Of [0, 1), far from those before it.
    fn next_share(&mut self, id: FlowId) -> f64 {
        let flow = self.flow_mut(id);
        flow.first_scans += 1;
        (flow.first_scans as f64 * GOLDEN).fract()
    }

    /// Where an asset waits that was never scanned and shall be `within` that time.
    pub(super) fn position_within(&self, id: FlowId, asset: Asset, within: Duration) -> Ticks {
        let share = super::terms::unit(asset.id().route());
        let terms = self.plans.terms(id.plan);
        let within = f64::from(super::ticks::ticks(within)).min(terms.period());
        terms.position_due(f64::from(self.calendar.tick(self.now)) + within * share)
    }
}

/// Not the order of ids, nor of their hashes, in which rows are written: a full page would take away the
/// HOT updates of neighbours.
fn shuffle(entry: Entry) -> u32 {
    entry.index().wrapping_mul(0x9e37_79b1).swap_bytes()
}
