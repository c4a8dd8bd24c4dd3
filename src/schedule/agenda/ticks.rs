//! Time in tenths of a second, which fits 32 bits for 13 years.

use std::time::Duration;

use crate::model::UnixTime;

/// A moment, or a length of time.
pub(super) type Ticks = u32;

const TICK_US: u64 = 100_000;

/// Gives moments their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    origin_us: u64,
}

impl Calendar {
    /// Half of the ticks are earlier than `now`; what is earlier or later than all of them counts as
    /// the first or the last one.
    pub(super) fn around(now: UnixTime) -> Calendar {
        let half_us = u64::from(Ticks::MAX / 2) * TICK_US;
        Calendar { origin_us: now.as_micros().saturating_sub(half_us) / TICK_US * TICK_US }
    }

    pub(super) fn tick(self, at: UnixTime) -> Ticks {
        let ticks = at.as_micros().saturating_sub(self.origin_us) / TICK_US;
        Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
    }

    /// Whether there are ticks after it.
    pub(super) fn knows(self, at: UnixTime) -> bool {
        self.tick(at) < Ticks::MAX
    }

    /// From the beginning of a tick on; 0 if that is not over.
    pub(super) fn ticks_since(self, tick: Ticks, now: UnixTime) -> f64 {
        let since_us = now.as_micros().saturating_sub(self.time(tick).as_micros());
        since_us as f64 / TICK_US as f64
    }

    /// When the tick begins.
    pub(super) fn time(self, tick: Ticks) -> UnixTime {
        UnixTime::from_micros(self.origin_us + u64::from(tick) * TICK_US)
    }
}

/// At least one.
pub(super) fn ticks(length: Duration) -> Ticks {
    let ticks = length.as_micros() / u128::from(TICK_US);
    Ticks::try_from(ticks).unwrap_or(Ticks::MAX).max(1)
}

pub(super) fn length(ticks: Ticks) -> Duration {
    Duration::from_micros(u64::from(ticks) * TICK_US)
}

pub(super) fn seconds(ticks: f64) -> f64 {
    ticks * TICK_US as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_order_and_their_tenth() {
        let now = UnixTime::from_micros(1_800_000_000_123_456);
        let calendar = Calendar::around(now);
        assert_eq!(calendar.time(calendar.tick(now)).as_micros(), 1_800_000_000_100_000);
        let years = Duration::from_secs(6 * 365 * 86_400);
        let later = calendar.tick(now + years) - calendar.tick(now);
        assert_eq!(length(later), years);
        assert!(calendar.knows(now + years) && !calendar.knows(now + years * 2));
        assert_eq!(calendar.tick(UnixTime::from_micros(0)), 0);
        assert_eq!(calendar.tick(UnixTime::from_micros(u64::MAX)), Ticks::MAX);
        assert_eq!(Calendar::around(UnixTime::from_micros(5)).tick(UnixTime::from_micros(5)), 0);
    }
}
