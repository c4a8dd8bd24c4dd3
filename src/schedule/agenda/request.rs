//! Scans out of turn: somebody asks for them.

use super::asset::State;
use super::{Agenda, Taken};
use crate::model::{AssetId, Cost, Lane, UnixTime};

/// Where an asset is that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No scan of it is under way; with what one is predicted to cost.
    Idle(Lane, Cost),
    UnderWay(Taken),
    Unknown,
}

impl Agenda {
    pub fn standing(&self, asset: AssetId) -> Standing {
        let Some(index) = self.assets.find(asset) else { return Standing::Unknown };
        let asset = self.assets.get(index);
        match asset.state() {
            _ if !asset.is_listed() => Standing::Unknown,
            State::Flight => Standing::UnderWay(Taken(index)),
            _ => Standing::Idle(asset.lane(), asset.predict(&self.model)),
        }
    }

    /// Takes an idle asset, wherever it waits, until [`Agenda::scanned`] or [`Agenda::put_back`].
    pub fn take_out_of_turn(&mut self, asset: AssetId) -> Option<Taken> {
        let index = self.assets.find(asset)?;
        if !matches!(self.standing(asset), Standing::Idle(..)) {
            return None;
        }
        let mut asset = self.assets.get(index);
        self.leave(asset);
        asset.set_state(State::Flight);
        // What is left of it in its line does not count when it is back.
        let _ = asset.next_entry(index);
        self.assets.set(index, asset);
        Some(Taken(index))
    }

    /// A scan was lost, again and again: the asset waits for its next period, and is as stale as before.
    pub fn skip(&mut self, taken: Taken, now: UnixTime) {
        let Taken(index) = taken;
        let mut asset = self.assets.get(index);
        if asset.is_removed() {
            self.assets.release(index);
            return;
        }
        asset.set_state(State::Waiting);
        asset.set_moved(true);
        self.assets.set(index, asset);
        if !asset.is_done() {
            let terms = self.plans.terms(asset.flow().plan);
            let due = f64::from(self.calendar.tick(now)) + terms.period();
            self.wait(index, Some(terms.position_due(due)));
        }
    }

    /// A scan of some checks only is complete, or one was lost: the asset waits as it did before. One that
    /// was parted from others stays so, at another place.
    pub fn put_back(&mut self, taken: Taken) {
        let Taken(index) = taken;
        let mut asset = self.assets.get(index);
        if asset.is_removed() {
            self.assets.release(index);
            return;
        }
        let id = asset.flow();
        asset.set_state(State::Waiting);
        self.assets.set(index, asset);
        if asset.is_done() {
            return;
        }
        let position = match asset.stamp() {
            Some(stamp) => {
                let own = self.plans.terms(id.plan).position(asset.id(), stamp);
                Some(if asset.is_moved() { self.position_before(id, own) } else { own })
            }
            None => self.first_within.map(|within| self.position_within(id, asset, within)),
        };
        self.wait(index, position);
    }
}
