//! How much of the rate sinks and lanes can take: less within seconds, more again little by little.
//!
//! Additive increase, multiplicative decrease (Chiu and Jain, Computer Networks 17, 1989), as TCP does it
//! with its window.

use std::time::Duration;

use crate::model::UnixTime;

/// Flushes are compared with those of their size: by powers of two of their outcomes.
const SIZES: usize = 16;

/// What sinks and lanes have seen since they were asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// By powers of two of their outcomes: how many flushes there were, and how long they took together.
    pub flushes: [(u32, Duration); SIZES],
    /// For how long a scan was due and had no credits.
    pub without_credits: Duration,
    /// Something is tried again, and nothing has succeeded: the database is away.
    pub is_down: bool,
}

fn size(outcomes: usize) -> usize {
    (outcomes.max(1).ilog2() as usize).min(SIZES - 1)
}

impl Load {
    /// A flush of so many outcomes took so long.
    pub fn flushed(&mut self, outcomes: usize, took: Duration) {
        let (count, sum) = &mut self.flushes[size(outcomes)];
        *count += 1;
        *sum += took;
    }
}

/// A look is taken as often as this, not more.
const LOOK: Duration = Duration::from_secs(1);
/// So many times as long as they did before means that the sink is under pressure ...
const SLOW: f64 = 3.0;
/// ... unless a flush takes less than this, which noise does.
const SLOW_MIN: Duration = Duration::from_millis(20);
/// Without credits for this part of the time: the lanes are full.
const FULL: f64 = 0.5;
const DECREASE: f64 = 0.7;
const INCREASE: f64 = 0.05;
const FACTOR_MIN: f64 = 1.0 / 16.0;
/// A baseline follows flushes that became faster soon, ...
const FASTER: f64 = 0.2;
/// ... and slower ones within some ten minutes: that is how the sink is from then on.
const SLOWER: f64 = 1.0 / 600.0;

#[derive(Clone, Debug)]
pub(super) struct Throttle {
    factor: f64,
    is_down: bool,
    /// What a flush of each size takes mostly, in seconds.
    baselines: [Option<f64>; SIZES],
    looked_at: Option<UnixTime>,
    since_then: Load,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle {
            factor: 1.0,
            is_down: false,
            baselines: [None; SIZES],
            looked_at: None,
            since_then: Load::default(),
        }
    }
}

impl Throttle {
    /// Between 1/16 and 1.
    pub(super) fn factor(&self) -> f64 {
        self.factor
    }

    /// Whether the database is away: then no promise needs scans.
    pub(super) fn is_down(&self) -> bool {
        self.is_down
    }

    /// Hears what was seen; true if the factor may be another one now.
    pub(super) fn hear(&mut self, load: &Load, now: UnixTime) -> bool {
        self.add(load);
        let looked_at = *self.looked_at.get_or_insert(now);
        let length = now.since(looked_at);
        if length < LOOK {
            return false;
        }
        let seen = std::mem::take(&mut self.since_then);
        self.looked_at = Some(now);
        self.is_down = seen.is_down;
        let is_full = FULL * length.as_secs_f64() <= seen.without_credits.as_secs_f64();
        let is_slow = self.is_slow(&seen);
        self.factor = match is_slow || is_full || seen.is_down {
            true => (self.factor * DECREASE).max(FACTOR_MIN),
            false => (self.factor + INCREASE * length.as_secs_f64()).min(1.0),
        };
        true
    }

    fn add(&mut self, load: &Load) {
        let sum = &mut self.since_then;
        for ((count, took), (of_count, of_took)) in sum.flushes.iter_mut().zip(load.flushes) {
            *count += of_count;
            *took += of_took;
        }
        sum.without_credits += load.without_credits;
        sum.is_down = load.is_down;
    }

    /// Compares the flushes with those before them, and remembers them.
    fn is_slow(&mut self, seen: &Load) -> bool {
        let (mut took, mut usual) = (0.0, 0.0);
        let mut flushes = 0;
        for (baseline, (count, sum)) in self.baselines.iter_mut().zip(seen.flushes) {
            if count == 0 {
                continue;
            }
            let mean = sum.as_secs_f64() / f64::from(count);
            let known = baseline.get_or_insert(mean);
            flushes += count;
            took += sum.as_secs_f64();
            usual += *known * f64::from(count);
            let step = if mean < *known { FASTER } else { SLOWER };
            *known += step * (mean - *known);
        }
        SLOW * usual < took && SLOW_MIN.as_secs_f64() * f64::from(flushes) < took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_micros(1_000_000_000);

    /// A throttle, told of a second after the other.
    struct Seconds(Throttle, UnixTime);

    impl Seconds {
        fn start() -> Seconds {
            let mut throttle = Throttle::default();
            throttle.hear(&Load::default(), START);
            Seconds(throttle, START)
        }

        fn pass(&mut self, seconds: usize, load: &Load) -> f64 {
            for _ in 0..seconds {
                self.1 = self.1 + Duration::from_secs(1);
                self.0.hear(load, self.1);
            }
            self.0.factor()
        }
    }

    fn flushes(outcomes: usize, ms: u64) -> Load {
        let mut load = Load::default();
        (0..10).for_each(|_| load.flushed(outcomes, Duration::from_millis(ms)));
        load
    }

    #[test]
    fn falls_within_seconds_when_flushes_are_slower_than_before_and_recovers() {
        let mut seconds = Seconds::start();
        assert_eq!(seconds.pass(60, &flushes(500, 30)), 1.0);
        assert_eq!(seconds.pass(60, &flushes(2_000, 100)), 1.0, "larger ones take longer");
        assert_eq!(seconds.pass(60, &flushes(500, 80)), 1.0, "somewhat slower");
        assert!(seconds.pass(3, &flushes(500, 300)) < 0.4);
        assert!(seconds.pass(10, &flushes(500, 300)) <= FACTOR_MIN);
        assert!(seconds.pass(10, &flushes(500, 30)) < 1.0, "little by little");
        assert_eq!(seconds.pass(10, &flushes(500, 30)), 1.0);
    }

    #[test]
    fn what_lasts_becomes_usual() {
        let mut seconds = Seconds::start();
        seconds.pass(60, &flushes(500, 30));
        assert!(seconds.pass(60, &flushes(500, 120)) < 0.1);
        assert_eq!(seconds.pass(1_200, &flushes(500, 120)), 1.0);
    }

    #[test]
    fn noise_of_short_flushes_and_idle_times_change_nothing() {
        let mut seconds = Seconds::start();
        seconds.pass(60, &flushes(1, 1));
        assert_eq!(seconds.pass(10, &flushes(1, 15)), 1.0);
        assert_eq!(seconds.pass(3_600, &Load::default()), 1.0);
    }

    #[test]
    fn full_lanes_and_a_database_that_is_away_lower_it_at_once() {
        let full = Load { without_credits: Duration::from_millis(600), ..Load::default() };
        let down = Load { is_down: true, ..Load::default() };
        for load in [full, down] {
            let mut seconds = Seconds::start();
            assert!(seconds.pass(3, &load) < 0.4, "{load:?}");
            assert_eq!(seconds.0.is_down(), load.is_down);
            assert_eq!(seconds.pass(20, &Load::default()), 1.0);
            assert!(!seconds.0.is_down());
        }
    }
}
