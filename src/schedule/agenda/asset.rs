//! All assets of a fleet, in 20 bytes each.

use std::collections::HashMap;

use bitfield_struct::bitfield;

use super::flow::FlowId;
use super::plans::PlanId;
use super::ring::{ASSETS_MAX, Entry};
use super::size::{records_of_size, size_of_records};
use super::ticks::Ticks;
use crate::lanes::{CostModel, Expected};
use crate::model::{AssetId, Cost, CostClass, Lane};

/// Assets lie anywhere in memory: to wait for so many at once takes about as long as to wait for one.
pub(super) const TOGETHER: usize = 16;

/// Where an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// It waits, in the ring of its flow or among its newcomers.
    Waiting,
    /// It is due, and its account is ahead of its own rate.
    Held,
    /// A scan of it is under way.
    Flight,
    /// There is no such asset any more.
    Gone,
}

impl State {
    const fn into_bits(self) -> u8 {
        self as u8
    }

    const fn from_bits(bits: u8) -> State {
        match bits {
            0 => State::Waiting,
            1 => State::Held,
            2 => State::Flight,
            _ => State::Gone,
        }
    }
}

#[bitfield(u16)]
struct Place {
    plan: u8,
    #[bits(2)]
    state: State,
    /// Its cost was measured, and is not only what one of its size costs.
    is_measured: bool,
    #[bits(5)]
    _free: u8,
}

#[bitfield(u16)]
struct Facts {
    /// Of its records, see [`size_of_records`].
    size: u8,
    is_slow: bool,
    /// It was never scanned.
    is_new: bool,
    /// It waits at another place than its stamp says.
    is_moved: bool,
    /// It was removed while a scan of it was under way.
    is_removed: bool,
    #[bits(3)]
    version: u8,
    /// It was scanned by a run with an end, and is in no line any more.
    is_done: bool,
}

/// What is packed has no references, so everything is asked for by value.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(2))]
pub(super) struct Asset {
    /// The id has 48 bits: one who draws a million a second needs four years for them.
    id_low: u32,
    id_high: i16,
    stamp: Ticks,
    /// A hash of its account: of 60 million assets none has by chance that of a given other account.
    account: u32,
    place: Place,
    /// Of a scan of it.
    cost: CostClass,
    facts: Facts,
}

impl Asset {
    /// One of an account with that hash.
    ///
    /// # Panics
    /// If its id needs more than 48 bits.
    pub(super) fn new(id: AssetId, account: u32, flow: FlowId, records: u64) -> Asset {
        let id_high = i16::try_from(id.0 >> u32::BITS).expect("ids are drawn one after another");
        let place = Place::new().with_state(State::Waiting);
        let (id_low, facts) = (id.0 as u32, Facts::new());
        let cost = CostClass::NONE;
        let mut asset = Asset { id_low, id_high, stamp: 0, account, place, cost, facts };
        asset.set_flow(flow);
        asset.set_records(records);
        asset
    }

    pub(super) fn id(self) -> AssetId {
        AssetId(i64::from(self.id_high) << u32::BITS | i64::from(self.id_low))
    }

    /// When the last completed scan was emitted; None if there was none.
    pub(super) fn stamp(self) -> Option<Ticks> {
        (!self.facts.is_new()).then_some(self.stamp)
    }

    pub(super) fn set_stamp(&mut self, stamp: Option<Ticks>) {
        self.stamp = stamp.unwrap_or_default();
        self.facts = self.facts.with_is_new(stamp.is_none());
    }

    pub(super) fn account(self) -> u32 {
        self.account
    }

    pub(super) fn set_account(&mut self, account: u32) {
        self.account = account;
    }

    pub(super) fn flow(self) -> FlowId {
        FlowId { plan: PlanId({ self.place }.plan()), lane: self.lane() }
    }

    pub(super) fn lane(self) -> Lane {
        if self.facts.is_slow() { Lane::Slow } else { Lane::Fast }
    }

    pub(super) fn set_flow(&mut self, flow: FlowId) {
        self.place = self.place.with_plan(flow.plan.0);
        self.facts = self.facts.with_is_slow(flow.lane == Lane::Slow);
    }

    pub(super) fn state(self) -> State {
        { self.place }.state()
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.place = self.place.with_state(state);
    }

    pub(super) fn is_moved(self) -> bool {
        self.facts.is_moved()
    }

    pub(super) fn set_moved(&mut self, is_moved: bool) {
        self.facts = self.facts.with_is_moved(is_moved);
    }

    pub(super) fn is_removed(self) -> bool {
        self.facts.is_removed()
    }

    pub(super) fn set_removed(&mut self, is_removed: bool) {
        self.facts = self.facts.with_is_removed(is_removed);
    }

    pub(super) fn is_done(self) -> bool {
        self.facts.is_done()
    }

    pub(super) fn set_done(&mut self, is_done: bool) {
        self.facts = self.facts.with_is_done(is_done);
    }

    /// Whether it counts as one of the fleet.
    pub(super) fn is_listed(self) -> bool {
        self.state() != State::Gone && !self.is_removed()
    }

    pub(super) fn set_records(&mut self, records: u64) {
        self.facts = self.facts.with_size(size_of_records(records));
    }

    pub(super) fn set_size_of(&mut self, other: Asset) {
        self.facts = self.facts.with_size(other.facts.size());
    }

    /// Up to 4.5 percent.
    pub(super) fn records(self) -> u64 {
        records_of_size(self.facts.size())
    }

    /// As its lane was decided by.
    pub(super) fn cost_class(self) -> CostClass {
        self.cost
    }

    /// None if no scan of it was measured.
    pub(super) fn history(self) -> CostClass {
        if { self.place }.is_measured() { self.cost } else { CostClass::NONE }
    }

    pub(super) fn set_cost(&mut self, cost: CostClass, is_measured: bool) {
        self.cost = cost;
        self.place = self.place.with_is_measured(is_measured);
    }

    pub(super) fn expected(self) -> Expected {
        Expected { records: self.records(), probes: 0, history: self.history() }
    }

    /// What a scan of it is predicted to cost.
    pub(super) fn predict(self, model: &CostModel) -> Cost {
        model.predict(self.expected())
    }

    /// The entry that counts from now on.
    pub(super) fn next_entry(&mut self, index: u32) -> Entry {
        self.facts = self.facts.with_version((self.facts.version() + 1) % 8);
        Entry::new(index, self.facts.version())
    }

    /// Whether this is the entry that counts, of an asset that is in that state and flow.
    pub(super) fn is_at(self, entry: Entry, state: State, flow: FlowId) -> bool {
        self.facts.version() == entry.version() && self.state() == state && self.flow() == flow
    }
}

/// Assets by their ids and by their places, which never change as long as they are listed.
#[derive(Debug, Default)]
pub(super) struct Assets {
    assets: Vec<Asset>,
    /// So many at the front are in the order of their ids; the places of the others are in `late`.
    sorted: usize,
    late: HashMap<i64, u32>,
    /// Places of late ones that are gone.
    free: Vec<u32>,
}

impl Assets {
    /// Makes room for so many more, and not for twice as many.
    pub(super) fn reserve(&mut self, assets: usize) {
        self.assets.reserve_exact(assets);
    }

    /// Also if it is gone, as long as its place is kept.
    pub(super) fn find(&self, id: AssetId) -> Option<u32> {
        let sorted = &self.assets[..self.sorted];
        // Whoever reads a fleet in the order of ids asks for each of them.
        if sorted.last().is_none_or(|last| last.id() < id) {
            return self.late.get(&id.0).copied();
        }
        match sorted.binary_search_by_key(&id, |asset| asset.id()) {
            Ok(index) => Some(index as u32),
            Err(_) => self.late.get(&id.0).copied(),
        }
    }

    /// So many places there are; those of assets that are gone are some of them.
    pub(super) fn places(&self) -> u32 {
        self.assets.len() as u32
    }

    pub(super) fn get(&self, index: u32) -> Asset {
        self.assets[index as usize]
    }

    /// Brings an asset near, its first and its last bytes: it may lie on two cache lines.
    pub(super) fn touch(&self, index: u32) {
        let Asset { id_low, facts, .. } = self.assets[index as usize];
        std::hint::black_box((id_low, facts));
    }

    pub(super) fn set(&mut self, index: u32, asset: Asset) {
        self.assets[index as usize] = asset;
    }

    /// Adds an asset that is not found. In the order of ids it costs no more than its 20 bytes.
    ///
    /// # Panics
    /// Above 536,870,912 assets.
    pub(super) fn add(&mut self, mut asset: Asset) -> u32 {
        let id = asset.id();
        let in_order = self.sorted == self.assets.len()
            && self.assets.last().is_none_or(|last| last.id() < id);
        if !in_order && let Some(index) = self.free.pop() {
            asset.facts = asset.facts.with_version(self.get(index).facts.version());
            self.set(index, asset);
            self.late.insert(id.0, index);
            return index;
        }
        assert!(self.assets.len() < ASSETS_MAX, "an agenda holds {ASSETS_MAX} assets");
        let index = self.assets.len() as u32;
        if self.assets.len() == self.assets.capacity() {
            self.assets.reserve_exact((self.assets.len() / 8).max(16));
        }
        self.assets.push(asset);
        if in_order {
            self.sorted += 1;
        } else {
            self.late.insert(id.0, index);
        }
        index
    }

    /// An asset is gone; the place of a late one is given to another.
    pub(super) fn release(&mut self, index: u32) {
        let mut asset = self.get(index);
        asset.set_state(State::Gone);
        asset.set_removed(false);
        self.set(index, asset);
        if self.late.remove(&asset.id().0).is_some() {
            self.free.push(index);
        }
    }

    /// Those that are listed.
    pub(super) fn listed(&self) -> impl Iterator<Item = Asset> {
        self.assets.iter().copied().filter(|asset| asset.is_listed())
    }

    /// Bytes held, by capacity.
    pub(super) fn bytes(&self) -> usize {
        self.assets.capacity() * size_of::<Asset>()
            + self.late.capacity() * (size_of::<(i64, u32)>() + 1)
            + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(id: i64) -> Asset {
        let flow = FlowId { plan: PlanId(3), lane: Lane::Slow };
        Asset::new(AssetId(id), 77, flow, 640)
    }

    #[test]
    fn an_asset_is_20_bytes_and_keeps_what_it_is_told() {
        assert_eq!(size_of::<Asset>(), 20);
        let mut one = asset(-5);
        assert_eq!((one.id(), one.account(), one.stamp()), (AssetId(-5), 77, Some(0)));
        one.set_stamp(Some(9));
        one.set_state(State::Flight);
        one.set_removed(true);
        assert_eq!((one.stamp(), one.state(), one.is_removed()), (Some(9), State::Flight, true));
        assert_eq!(one.flow(), FlowId { plan: PlanId(3), lane: Lane::Slow });
        for id in [0, 1 << 31, 1 << 32, (1 << 47) - 1, -1, -(1 << 47)] {
            assert_eq!(asset(id).id(), AssetId(id));
        }
        assert!(!one.is_listed() && !one.is_moved());
    }

    #[test]
    fn only_the_last_entry_counts() {
        let mut one = asset(1);
        let old = one.next_entry(5);
        assert!(one.is_at(old, State::Waiting, one.flow()));
        let new = one.next_entry(5);
        assert!(!one.is_at(old, State::Waiting, one.flow()));
        assert!(one.is_at(new, State::Waiting, one.flow()));
        assert!(!one.is_at(new, State::Held, one.flow()));
    }

    #[test]
    fn assets_are_found_whether_they_came_in_order_or_late() {
        let mut assets = Assets::default();
        for id in [1, 4, 9, 3, 12] {
            let index = assets.add(asset(id));
            assert_eq!(assets.find(AssetId(id)), Some(index));
        }
        assert_eq!(assets.find(AssetId(5)), None);
        assets.release(1);
        assets.release(3);
        assert_eq!(assets.find(AssetId(4)), Some(1), "its place is kept");
        assert_eq!(assets.find(AssetId(3)), None);
        assert_eq!(assets.listed().count(), 3);
        assert_eq!(assets.add(asset(20)), 3, "the place of 3");
        assert_eq!(assets.find(AssetId(20)), Some(3));
    }
}
