//! Random numbers that a seed repeats.

use super::outcomes::mix;

#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn seeded(seed: u64) -> Dice {
        Dice(mix(seed))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = mix(self.0);
        // Of the high half, which all bits go into.
        ((self.0 >> 32) * limit) >> 32
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
