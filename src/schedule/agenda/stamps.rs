//! Counts of assets by when they were scanned last: dense where nearly all of them are.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// More stamps than this are not kept in a row: eight cadences and more.
const ROW_MAX: u64 = 8_192;

/// Numbers of stamps, each with how many assets have it.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// From `first` on; the first one is none of 0.
    row: VecDeque<u64>,
    first: u64,
    /// Those that are long before.
    early: BTreeMap<u64, u64>,
}

impl Stamps {
    fn end(&self) -> u64 {
        self.first + self.row.len() as u64
    }

    pub(super) fn add(&mut self, stamp: u64) {
        if self.row.is_empty() {
            self.begin_again(stamp);
        }
        if stamp < self.first && ROW_MAX < self.end() - stamp {
            *self.early.entry(stamp).or_default() += 1;
            return;
        }
        self.begin_by(stamp);
        self.end_after(stamp);
        self.row[(stamp - self.first) as usize] += 1;
    }

    /// All early ones are before the row, also when it begins with another stamp.
    fn begin_again(&mut self, stamp: u64) {
        self.first = stamp;
        if let Some(last) = self.early.last_entry().filter(|last| stamp < *last.key()) {
            self.first = *last.key();
            self.row.push_back(last.remove());
        }
    }

    fn begin_by(&mut self, stamp: u64) {
        if self.first <= stamp {
            return;
        }
        for stamp in (stamp..self.first).rev() {
            self.row.push_front(self.early.remove(&stamp).unwrap_or_default());
        }
        self.first = stamp;
    }

    fn end_after(&mut self, stamp: u64) {
        while self.end() <= stamp && ROW_MAX <= stamp - self.first {
            match self.row.pop_front() {
                Some(0) => self.first += 1,
                Some(count) => {
                    self.early.insert(self.first, count);
                    self.first += 1;
                }
                None => self.first = stamp,
            }
        }
        if self.end() <= stamp {
            self.row.resize((stamp - self.first + 1) as usize, 0);
        }
    }

    /// Whether there was one with that stamp, which is taken away.
    pub(super) fn remove(&mut self, stamp: u64) -> bool {
        let Some(place) = stamp.checked_sub(self.first) else {
            let Some(count) = self.early.get_mut(&stamp) else { return false };
            *count -= 1;
            if *count == 0 {
                self.early.remove(&stamp);
            }
            return true;
        };
        let Some(count) = self.row.get_mut(place as usize).filter(|count| **count != 0) else {
            return false;
        };
        *count -= 1;
        while self.row.front() == Some(&0) {
            self.row.pop_front();
            self.first += 1;
        }
        true
    }

    /// Assets with one of these stamps.
    pub(super) fn count(&self, stamps: Range<u64>) -> u64 {
        if stamps.is_empty() {
            return 0;
        }
        let early: u64 = self.early.range(stamps.clone()).map(|(_, count)| count).sum();
        let place = |stamp: u64| (stamp.clamp(self.first, self.end()) - self.first) as usize;
        early + self.row.range(place(stamps.start)..place(stamps.end)).sum::<u64>()
    }

    /// The earliest one that some asset has.
    pub(super) fn oldest(&self) -> Option<u64> {
        let early = self.early.first_key_value().map(|(stamp, _)| *stamp);
        early.or_else(|| (!self.row.is_empty()).then_some(self.first))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stamp_below_an_early_one_is_counted_when_the_row_is_empty() {
        let mut stamps = Stamps::default();
        for stamp in [20_000, 500] {
            stamps.add(stamp);
        }
        assert!(stamps.remove(20_000));
        stamps.add(400);
        assert_eq!((stamps.oldest(), stamps.count(0..1_000)), (Some(400), 2));
        assert!(stamps.remove(500) && stamps.remove(400) && stamps.oldest().is_none());
    }

    proptest! {
        #[test]
        fn counts_as_a_map_does(
            steps in prop::collection::vec((0..3_u8, prop_oneof![0..40_u64, 0..30_000_u64]), 1..200),
        ) {
            let (mut stamps, mut map) = (Stamps::default(), BTreeMap::<u64, u64>::new());
            for (step, stamp) in steps {
                if step == 0 {
                    let has_one = map.get(&stamp).is_some_and(|count| *count != 0);
                    prop_assert_eq!(stamps.remove(stamp), has_one);
                    if has_one {
                        *map.entry(stamp).or_default() -= 1;
                    }
                } else {
                    stamps.add(stamp);
                    *map.entry(stamp).or_default() += 1;
                }
                map.retain(|_, count| *count != 0);
                prop_assert_eq!(stamps.oldest(), map.keys().next().copied());
                for range in [0..20, 10..stamp, stamp..30_000, 0..30_000] {
                    let expected = if range.is_empty() { 0 } else { map.range(range.clone()).map(|(_, n)| n).sum() };
                    prop_assert_eq!(stamps.count(range), expected);
                }
                prop_assert!(stamps.row.len() as u64 <= ROW_MAX);
            }
        }
    }
}
