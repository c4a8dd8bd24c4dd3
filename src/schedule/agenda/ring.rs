//! Assets by time, in slots: the oldest first.
//!
//! An asset that leaves before its turn leaves its entry behind, which is dropped when it comes up:
//! no slot is ever searched.

use std::collections::VecDeque;

use super::asset::TOGETHER;

const VERSION_BITS: u32 = 3;
const VERSION_SHIFT: u32 = u32::BITS - VERSION_BITS;

/// Assets that an agenda can hold: an entry has to name each of them.
pub(super) const ASSETS_MAX: usize = 1 << VERSION_SHIFT;

/// An asset, and which of its entries this is: those before it do not count. After eight an old one
/// that is still there would be taken for the new one, and its asset goes out a little early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    pub(super) fn new(index: u32, version: u8) -> Entry {
        debug_assert!((index as usize) < ASSETS_MAX);
        Entry(index | u32::from(version) << VERSION_SHIFT)
    }

    pub(super) fn index(self) -> u32 {
        self.0 & (ASSETS_MAX as u32 - 1)
    }

    pub(super) fn version(self) -> u8 {
        (self.0 >> VERSION_SHIFT) as u8
    }
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) entries: Vec<Entry>,
    /// Entries that count, as far as that is known.
    pub(super) live: u32,
}

impl Slot {
    /// Grows by an eighth, in place of doubling: there are ten thousand slots.
    fn push(&mut self, entry: Entry) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / 8).max(16));
        }
        self.entries.push(entry);
        self.live += 1;
    }
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    first: u32,
    slots: VecDeque<Slot>,
    live: usize,
}

impl Ring {
    pub(super) fn push(&mut self, slot: u32, entry: Entry) {
        if self.slots.is_empty() {
            self.first = slot;
        }
        while slot < self.first {
            self.slots.push_front(Slot::default());
            self.first -= 1;
        }
        let place = (slot - self.first) as usize;
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, Slot::default);
        }
        self.slots[place].push(entry);
        self.live += 1;
    }

    /// An entry of the slot counts no longer.
    pub(super) fn forget(&mut self, slot: u32) {
        let place = slot.checked_sub(self.first).map(|place| place as usize);
        let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) else { return };
        let forgotten = slot.live.min(1);
        slot.live -= forgotten;
        self.live -= forgotten as usize;
    }

    /// Entries that count, as far as that is known.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The first slot with an entry, and that entry.
    pub(super) fn first(&mut self) -> Option<(u32, Entry)> {
        loop {
            let slot = self.slots.front()?;
            if let Some(entry) = slot.entries.last() {
                return Some((self.first, *entry));
            }
            self.live -= slot.live as usize;
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Every so many entries: those that come up next.
    pub(super) fn soon(&self) -> &[Entry] {
        let entries = self.slots.front().map_or(&[][..], |slot| &slot.entries);
        if entries.len().is_multiple_of(TOGETHER) {
            entries.last_chunk::<TOGETHER>().map_or(&[], |soon| soon)
        } else {
            &[]
        }
    }

    /// Takes [`Ring::first`] away, if there is one; `counts`: it is not one that was left behind.
    pub(super) fn pop(&mut self, counts: bool) {
        let Some(slot) = self.slots.front_mut() else { return };
        slot.entries.pop();
        if counts && 0 < slot.live {
            slot.live -= 1;
            self.live -= 1;
        }
    }

    /// Slots by their numbers, with how many entries of them count.
    pub(super) fn live_by_slot(&self) -> impl Iterator<Item = (u32, u32)> {
        (self.first..).zip(self.slots.iter().map(|slot| slot.live))
    }

    /// All entries by their slots, the oldest first; nothing is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u32, Vec<Entry>)> + use<> {
        self.drain_slots().map(|(number, slot)| (number, slot.entries))
    }

    /// As [`Ring::drain`], with how many entries count.
    pub(super) fn drain_slots(&mut self) -> impl Iterator<Item = (u32, Slot)> + use<> {
        let Ring { first, slots, .. } = std::mem::take(self);
        (first..).zip(slots)
    }

    /// Bytes held, by capacity.
    pub(super) fn bytes(&self) -> usize {
        let entries: usize = self.slots.iter().map(|slot| slot.entries.capacity()).sum();
        self.slots.capacity() * size_of::<Slot>() + entries * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popped(ring: &mut Ring) -> Vec<u32> {
        let next = || {
            let (_, entry) = ring.first()?;
            ring.pop(true);
            Some(entry.index())
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_oldest_slot_comes_first_in_whatever_order_slots_came() {
        let mut ring = Ring::default();
        for (slot, index) in [(7, 1), (3, 2), (9, 3), (5, 4)] {
            ring.push(slot, Entry::new(index, 0));
        }
        ring.forget(9);
        assert_eq!(ring.live(), 3);
        assert_eq!(popped(&mut ring), [2, 4, 1, 3]);
        assert_eq!(ring.live(), 0);
        assert!(ring.first().is_none());
    }

    #[test]
    fn an_entry_names_its_asset_and_its_version() {
        let last = ASSETS_MAX as u32 - 1;
        for (index, version) in [(0, 0), (last, 7), (5, 3)] {
            let entry = Entry::new(index, version);
            assert_eq!((entry.index(), entry.version()), (index, version));
        }
    }
}
