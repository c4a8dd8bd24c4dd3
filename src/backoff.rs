//! The pauses between the tries of something that failed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use siphasher::sip::SipHasher13;

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(5);

/// Each pause is twice as long as the one before, up to 5 s, and then by chance between half of that
/// and all of it: those who failed together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    longest: Duration,
    seed: u64,
    pauses: u64,
}

impl Backoff {
    pub fn new() -> Backoff {
        Backoff::starting_at(FIRST)
    }

    /// With a first pause of at most this.
    pub fn starting_at(longest: Duration) -> Backoff {
        // A new state has new keys.
        Backoff::seeded(longest, RandomState::new().build_hasher().finish())
    }

    /// The same pauses for the same seed.
    pub fn seeded(longest: Duration, seed: u64) -> Backoff {
        Backoff { longest, seed, pauses: 0 }
    }

    /// How long to wait before the next try.
    pub fn next_pause(&mut self) -> Duration {
        let (half, chance) = (self.longest / 2, SipHasher13::new_with_keys(self.seed, self.pauses));
        self.pauses += 1;
        self.longest = LAST.min(self.longest * 2);
        half + half.mul_f64(chance.finish() as f64 / u64::MAX as f64)
    }

    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next_pause()).await;
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_last_and_lie_between_half_and_whole() {
        for seed in 0..100 {
            let mut backoff = Backoff::seeded(FIRST, seed);
            let mut longest = FIRST;
            for _ in 0..12 {
                let pause = backoff.next_pause();
                assert!(longest / 2 <= pause && pause <= longest, "{seed}: {pause:?}");
                longest = LAST.min(longest * 2);
            }
        }
        let of = |seed| {
            let mut backoff = Backoff::seeded(FIRST, seed);
            (0..12).map(|_| backoff.next_pause()).collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
