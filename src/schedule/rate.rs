//! How fast due scans go out.

use std::time::Duration;

use crate::model::UnixTime;

/// How many scans a second may go out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// What the promises of all plans need, with a buffer; assets that were never scanned follow as
    /// fast as credits allow.
    Auto,
    /// Held back by credits only.
    Max,
    PerSecond(f64),
}

/// Tokens that accrue with time, up to what a pause may earn.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    per_second: f64,
    burst: Duration,
    tokens: f64,
    filled_at: Option<UnixTime>,
}

impl TokenBucket {
    /// What a pause may earn at most, if nothing else is said.
    pub const BURST: Duration = Duration::from_secs(2);

    pub fn new(per_second: f64) -> TokenBucket {
        TokenBucket::with_burst(per_second, Self::BURST)
    }

    /// A pause earns what `burst` does at most.
    pub fn with_burst(per_second: f64, burst: Duration) -> TokenBucket {
        TokenBucket { per_second, burst, tokens: 0.0, filled_at: None }
    }

    /// Changes the rate; tokens that were earned stay.
    pub fn set_rate(&mut self, per_second: f64, now: UnixTime) {
        self.fill(now);
        self.per_second = per_second;
    }

    pub fn per_second(&self) -> f64 {
        self.per_second
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, now: UnixTime) -> bool {
        self.fill(now);
        let has_one = 1.0 <= self.tokens;
        if has_one {
            self.tokens -= 1.0;
        }
        has_one
    }

    /// Whether there is a token to take.
    pub fn has_one(&self, now: UnixTime) -> bool {
        1.0 <= self.tokens || (self.filled_at != Some(now) && 1.0 <= self.tokens_at(now))
    }

    /// Gives back a token that was not needed.
    pub fn put_back(&mut self) {
        self.tokens += 1.0;
    }

    /// How long until there is a token; zero only if there is one.
    pub fn until_next(&self, now: UnixTime) -> Duration {
        if 1.0 <= self.tokens {
            return Duration::ZERO;
        }
        let lacking = 1.0 - self.tokens_at(now);
        if lacking <= 0.0 {
            return Duration::ZERO;
        }
        let wait = Duration::try_from_secs_f64(lacking / self.per_second);
        wait.unwrap_or(Duration::MAX).max(Duration::from_micros(1))
    }

    fn fill(&mut self, now: UnixTime) {
        if self.filled_at == Some(now) {
            return;
        }
        self.tokens = match self.filled_at {
            Some(_) => self.tokens_at(now),
            None => 1.0,
        };
        self.filled_at = Some(now);
    }

    fn tokens_at(&self, now: UnixTime) -> f64 {
        let earned = self.filled_at.map_or(0.0, |at| now.since(at).as_secs_f64() * self.per_second);
        let tokens_max = (self.burst.as_secs_f64() * self.per_second).max(1.0);
        (self.tokens + earned).min(tokens_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_micros(1_000_000_000);

    fn taken(bucket: &mut TokenBucket, now: UnixTime) -> usize {
        std::iter::from_fn(|| bucket.take(now).then_some(())).count()
    }

    #[test]
    fn tokens_accrue_with_time_and_a_pause_earns_two_seconds() {
        let mut bucket = TokenBucket::new(10.0);
        assert_eq!(taken(&mut bucket, START), 1, "the first is free");
        assert_eq!(bucket.until_next(START), Duration::from_millis(100));
        assert_eq!(taken(&mut bucket, START + Duration::from_millis(350)), 3);
        assert_eq!(taken(&mut bucket, START + Duration::from_secs(3_600)), 20);
    }

    #[test]
    fn a_slow_rate_still_lets_one_through() {
        let mut bucket = TokenBucket::new(0.1);
        assert!(bucket.take(START) && !bucket.take(START + Duration::from_secs(9)));
        assert!(bucket.take(START + Duration::from_secs(10)));
    }
}
