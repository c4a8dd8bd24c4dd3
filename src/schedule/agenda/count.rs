//! What is counted of assets: how many, how fresh, and how much work they are.

use super::Agenda;
use super::asset::{Asset, State};

impl Agenda {
    /// An asset waits no longer where it does; its entry is left behind.
    pub(super) fn leave(&mut self, asset: Asset) {
        if asset.is_done() {
            return;
        }
        let id = asset.flow();
        let terms = *self.plans.terms(id.plan);
        let is_evenly_first = self.first_within.is_some();
        let flow = self.flow_mut(id);
        match (asset.state(), asset.stamp()) {
            (State::Held, _) => flow.held_count -= 1,
            // Where a moved one waits is not known: its slot counts one too many until it comes up.
            (State::Waiting, Some(stamp)) if !asset.is_moved() && terms.placed(stamp) => {
                flow.ring.forget(terms.slot_of(terms.position(asset.id(), stamp)));
            }
            (State::Waiting, None) if !is_evenly_first && !asset.is_moved() => {
                flow.newcomers_count -= 1;
            }
            (State::Waiting | State::Flight | State::Gone, _) => {}
        }
    }

    pub(super) fn count_in(&mut self, asset: Asset) {
        self.count_asset(asset);
        self.flow_mut(asset.flow()).accounts.add(asset.account());
    }

    pub(super) fn count_asset(&mut self, asset: Asset) {
        let id = asset.flow();
        self.plans.add(id.plan, asset.stamp().map(|stamp| self.calendar.time(stamp)));
        let flow = self.flow_mut(id);
        flow.assets += 1;
        flow.work.add(asset.cost_class());
        self.count += 1;
    }

    pub(super) fn count_out(&mut self, asset: Asset) {
        let id = asset.flow();
        self.plans.remove(id.plan, asset.stamp().map(|stamp| self.calendar.time(stamp)));
        let flow = self.flow_mut(id);
        flow.assets -= 1;
        flow.work.remove(asset.cost_class());
        flow.accounts.remove(asset.account());
        self.count -= 1;
    }
}
