//! A change of cadence, while everything goes on.

use super::Agenda;
use super::plans::PlanId;
use super::ring::Ring;
use super::terms::Terms;
use crate::model::{Lane, UnixTime};
use crate::schedule::Cadences;

impl Agenda {
    /// Gives every plan its cadence of `cadences`. What was promised is kept, and the new promise begins
    /// with the next scan; of n assets the oldest go out first, all within one new period.
    ///
    /// Nothing moves, unless a cadence below a day asks for narrower slots.
    pub fn set_cadences(&mut self, cadences: Cadences, now: UnixTime) {
        let now = self.calendar.tick(now);
        for id in self.plans.ids() {
            let cadence = cadences.of(self.plans.name(id));
            if self.plans.terms(id).cadence() == cadence {
                continue;
            }
            let terms = self.plans.terms_mut(id);
            let before = *terms;
            terms.change(cadence, now);
            let after = *terms;
            if before.slot() != after.slot() {
                self.follow_slots(id, &before, &after);
            }
        }
        self.cadences = cadences;
        self.pace_from = None;
    }

    fn follow_slots(&mut self, plan: PlanId, before: &Terms, after: &Terms) {
        let follow = |ring: &mut Ring| {
            for (slot, entries) in ring.drain() {
                let slot = after.slot_of(before.start_of(slot));
                entries.into_iter().for_each(|entry| ring.push(slot, entry));
            }
        };
        for lane in Lane::ALL {
            let number = super::FlowId { plan, lane }.number() as usize;
            if let Some(flow) = self.flows.get_mut(number) {
                follow(&mut flow.ring);
                follow(&mut flow.held);
            }
        }
    }
}
