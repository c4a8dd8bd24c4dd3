//! How much is asked of a database at once: less when its answers take longer, more again little by
//! little.
//!
//! Additive increase, multiplicative decrease on latency (as TCP Vegas, Brakmo and Peterson, IEEE JSAC
//! 13(8), 1995).

use std::time::Duration;

use crate::model::UnixTime;

/// Answers are compared with those of their size: by powers of two of what they weigh.
const SIZES: usize = 16;
/// So many times as long as usual means that too much is asked ...
const SLOW: f64 = 3.0;
/// ... unless an answer takes less than this, which noise does.
const SLOW_MIN: Duration = Duration::from_millis(20);
const DECREASE: f64 = 0.7;
/// Of the most, for all that is asked at once.
const INCREASE: f64 = 1.0 / 64.0;
const LEAST: f64 = 1.0 / 8.0;
/// What is usual follows answers that came faster soon, ...
const FASTER: f64 = 0.2;
/// ... and slower ones within some ten minutes: that is how the database is from then on.
const SLOWER_PER_SECOND: f64 = 1.0 / 600.0;

/// A limit on what is under way, between 1/8 of the most and the most.
#[derive(Clone, Debug)]
pub struct Concurrency {
    max: f64,
    limit: f64,
    /// What an answer of each size takes mostly, in seconds, and when one came last.
    usual: [Option<(f64, UnixTime)>; SIZES],
    /// What was asked before the limit was lowered says nothing about the lower one.
    lowered_at: Option<UnixTime>,
}

impl Concurrency {
    /// Of at most this weight.
    pub fn new(weight_max: u32) -> Concurrency {
        let max = f64::from(weight_max);
        Concurrency { max, limit: max, usual: [None; SIZES], lowered_at: None }
    }

    /// The weight that may be under way.
    pub fn limit(&self) -> u64 {
        self.limit as u64
    }

    /// Something of this weight that was asked for then was answered now.
    pub fn answered(&mut self, weight: u64, asked_at: UnixTime, now: UnixTime) {
        let took = now.since(asked_at);
        let is_slow = self.is_slow(weight, took, now);
        if !is_slow {
            let share = weight as f64 / self.limit;
            self.limit = (self.limit + self.max * INCREASE * share).min(self.max);
        } else if self.lowered_at.is_none_or(|at| at <= asked_at) {
            self.limit = (self.limit * DECREASE).max(self.max * LEAST);
            self.lowered_at = Some(now);
        }
    }

    /// Compares an answer with those before it, and remembers it.
    fn is_slow(&mut self, weight: u64, took: Duration, now: UnixTime) -> bool {
        let size = (weight.max(1).ilog2() as usize).min(SIZES - 1);
        let seconds = took.as_secs_f64();
        let (usual, at) = *self.usual[size].get_or_insert((seconds, now));
        let follow = match seconds < usual {
            true => FASTER,
            false => (now.since(at).as_secs_f64() * SLOWER_PER_SECOND).min(1.0),
        };
        self.usual[size] = Some((usual + (seconds - usual) * follow, now));
        SLOW_MIN < took && SLOW * usual < seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Keeps asking for as much as it may, in parts of one weight, for so many rounds.
    fn ask(concurrency: &mut Concurrency, now: &mut UnixTime, took: Duration, rounds: usize) {
        for _ in 0..rounds {
            let asked_at = *now;
            *now = *now + took;
            for _ in 0..(concurrency.limit() / 64).max(1) {
                concurrency.answered(64, asked_at, *now);
            }
        }
    }

    #[test]
    fn asks_for_less_of_a_database_that_takes_longer_and_for_more_again_afterwards() {
        let (mut concurrency, mut now) = (Concurrency::new(2_048), UnixTime::from_micros(0));
        ask(&mut concurrency, &mut now, 5 * MS, 100);
        assert_eq!(concurrency.limit(), 2_048);
        ask(&mut concurrency, &mut now, 205 * MS, 3);
        let after_three = concurrency.limit();
        assert!((500..1_000).contains(&after_three), "{after_three}");
        ask(&mut concurrency, &mut now, 205 * MS, 20);
        assert_eq!(concurrency.limit(), 256, "but never for nothing");
        ask(&mut concurrency, &mut now, 5 * MS, 200);
        assert_eq!(concurrency.limit(), 2_048);
    }

    #[test]
    fn what_is_slow_for_ten_minutes_is_usual() {
        let (mut concurrency, mut now) = (Concurrency::new(2_048), UnixTime::from_micros(0));
        ask(&mut concurrency, &mut now, 5 * MS, 100);
        ask(&mut concurrency, &mut now, 205 * MS, 6_000);
        assert_eq!(concurrency.limit(), 2_048);
    }

    #[test]
    fn noise_of_short_answers_and_large_ones_lower_nothing() {
        let (mut concurrency, mut now) = (Concurrency::new(2_048), UnixTime::from_micros(0));
        ask(&mut concurrency, &mut now, MS, 100);
        ask(&mut concurrency, &mut now, 19 * MS, 10);
        concurrency.answered(2_048, now, now + 300 * MS);
        assert_eq!(concurrency.limit(), 2_048);
    }
}
