//! A random sequence that stays what it is.

/// What a sequence is for: sequences of one account or zone with different uses are independent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    AccountSize = 1,
    Account = 2,
    Draft = 3,
    Records = 4,
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014):
/// small, and the same for ever, which a crate's default generator does not promise.
#[derive(Clone, Debug)]
pub struct Random(u64);

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The sequence of an account, or of its zone with this index.
    pub(super) fn of(seed: u64, what: Use, account: u64, zone: u64) -> Random {
        let parts = [what as u64, account, zone];
        Random(parts.into_iter().fold(mix(seed.wrapping_add(GAMMA)), |state, part| {
            mix(state.wrapping_add(GAMMA) ^ mix(part.wrapping_add(GAMMA)))
        }))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// From 0 to just below 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// From 0 to just below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// # Panics
    /// If there is nothing to pick.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// The index of one of the weights, each as often as it is heavy.
    ///
    /// # Panics
    /// If all weights are 0.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        unreachable!("what is drawn is below the sum of the weights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_paper() {
        // The first numbers from 1234567, as the reference implementation in C prints them.
        let mut random = Random(1_234_567);
        let first = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([random.next(), random.next()], first);
    }

    #[test]
    fn sequences_of_neighbours_differ() {
        let first = |seed, what, account, zone| Random::of(seed, what, account, zone).next();
        let all = [
            first(1, Use::Draft, 1, 0),
            first(2, Use::Draft, 1, 0),
            first(1, Use::Records, 1, 0),
            first(1, Use::Draft, 0, 1),
            first(1, Use::Draft, 2, 0),
        ];
        let different: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn draws_follow_their_weights() {
        let mut random = Random(7);
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[random.weighted([1, 0, 3].into_iter())] += 1);
        assert_eq!(counts[1], 0);
        assert!((2_300..2_700).contains(&counts[0]), "{counts:?}");
        assert!((0..1_000).all(|_| random.below(3) < 3 && random.share() < 1.0));
    }
}
